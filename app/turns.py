"""Turns at what only so many may do at once, and only so many of one address: nobody alone keeps the others from it."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Iterator

from app.errors import DatabaseBusy


class Turns:
    """Hands out turns, within one process.

    Args:
        count: how many there are.
        per_address: how many of them one address has at most.
    """

    def __init__(self, count: int, per_address: int) -> None:
        self._count, self._per_address = count, per_address
        self._taken: collections.Counter[str] = collections.Counter()
        self._given_back = threading.Condition()

    @contextlib.contextmanager
    def take(self, address: str, wait_s: float) -> Iterator[None]:
        """Have a turn for as long as the context lasts, which may end in another thread.

        Raises:
            DatabaseBusy: there was none for so many seconds.
        """
        with self._given_back:
            if not self._given_back.wait_for(lambda: self._is_free(address), wait_s):
                raise DatabaseBusy("Many download public results at the moment. Try again in a moment.")
            self._taken[address] += 1
        try:
            yield
        finally:
            self._give_back(address)

    def _is_free(self, address: str) -> bool:
        return self._taken.total() < self._count and self._taken[address] < self._per_address

    def _give_back(self, address: str) -> None:
        with self._given_back:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]
            self._given_back.notify_all()
