"""How large a test runs: short with `make test`, at full size with `make soak`."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")


def scaled(short: T, full: T) -> T:
    """Return `full` where SOAK is set in the environment, else `short`."""
    return full if os.environ.get("SOAK") else short
