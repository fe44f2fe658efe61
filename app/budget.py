"""How much memory a socket process lends to what is on its way through it (the dispatcher's promise D9)."""

from __future__ import annotations

import sys

# Half-received messages may use this share of it: what is whole always has room left to go on its way.
HALF_RECEIVED_SHARE = 0.5


class Budget:
    """One count of bytes for a whole socket process; whoever holds bytes takes them, and gives them back exactly.

    It knows no waiting: who finds it full stops reading, looks again, and gives up after a while.

    Args:
        limit_bytes: from here on it is full. What is there already may still be finished, so a little more can be used.
    """

    __slots__ = ("_turn", "limit_bytes", "scarce_bytes", "used_bytes")

    def __init__(self, limit_bytes: int = sys.maxsize) -> None:
        self.limit_bytes = limit_bytes
        self.scarce_bytes = int(limit_bytes * HALF_RECEIVED_SHARE)
        self.used_bytes = 0
        self._turn: object | None = None

    @property
    def is_full(self) -> bool:
        """Whether nobody should read anything now."""
        return self.used_bytes >= self.limit_bytes

    @property
    def is_scarce(self) -> bool:
        """Whether long messages should be read one at a time now."""
        return self.used_bytes >= self.scarce_bytes

    def take(self, n: int) -> None:
        """Count n bytes as held."""
        self.used_bytes += n

    def give(self, n: int) -> None:
        """Count n bytes as let go."""
        self.used_bytes -= n

    def take_turn(self, who: object) -> bool:
        """Say whether it is this one's turn to finish a long message while memory is scarce.

        Without turns, many half-received messages would wait for one another until all of them are given up.
        """
        if self._turn is None:
            self._turn = who
        return self._turn is who

    def end_turn(self, who: object) -> None:
        """Let another have the turn."""
        if self._turn is who:
            self._turn = None
