"""The socket process' runtime: connections, clock and group commit.

It asks the ledger, tells the dispatcher, and acts on the dispatcher's decisions. Nothing is decided here.
"""

from __future__ import annotations

from app.hub.connection import Visit
from app.hub.hub import Hub
from app.hub.patience import limit_read

__all__ = ["Hub", "Visit", "limit_read"]
