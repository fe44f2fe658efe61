"""What this process holds of datasets, counted against its byte budget (D9)."""

from __future__ import annotations

from app.budget import Budget


class Holding:
    """Datasets may take half of the budget: they only go when their answers come, and answers need room to be read.

    Args:
        budget: of everything that the process holds.
        block_bytes: what a block may take, for which room is kept from its fetch on.
    """

    __slots__ = ("_block_bytes", "_budget", "_expected_bytes", "used_bytes")

    def __init__(self, budget: Budget, block_bytes: int) -> None:
        self.used_bytes = 0
        self._budget = budget
        self._block_bytes = block_bytes
        self._expected_bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether a block may be fetched. One may always be, when there is no other."""
        held = self.used_bytes + self._expected_bytes
        return not self._budget.is_full and (not held or held + self._block_bytes <= self._budget.limit_bytes // 2)

    def expect(self) -> None:
        """Keep room for a block that is being fetched."""
        self._expected_bytes += self._block_bytes

    def stop_expecting(self) -> None:
        """A fetch is over; what it brought is for `take`."""
        self._expected_bytes -= self._block_bytes

    def take(self, count: int) -> None:
        """Count bytes that are held from now on."""
        self.used_bytes += count
        self._budget.take(count)

    def give(self, count: int) -> None:
        """Count bytes that are held no longer."""
        self.used_bytes -= count
        self._budget.give(count)
