"""Tickets: what a volunteer shows after a lost connection, to hand in what it computed (D4).

A ticket names a connection of this process and is signed with a key of this process' own, so that nobody can name
another's. Another process, or this one after a restart, does not know the leases behind it and takes no notice of it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

SIGNATURE_HEX = 32


class Tickets:
    """Signs and reads tickets."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def sign(self, connection_id: int) -> str:
        """Return a connection's ticket."""
        return f"{connection_id}.{self._signature(connection_id)}"

    def find(self, ticket: str) -> int | None:
        """Return the connection that a ticket names; None: it is not one of ours."""
        number, _dot, signature = ticket.partition(".")
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            return None
        connection_id = int(number)
        good = hmac.compare_digest(signature.encode(), self._signature(connection_id).encode())
        return connection_id if good else None

    def _signature(self, connection_id: int) -> str:
        return hmac.new(self._key, str(connection_id).encode(), hashlib.sha256).hexdigest()[:SIGNATURE_HEX]
