"""One count of the bytes that a socket process holds for others, against one limit (D9)."""

from __future__ import annotations


class Budget:
    """Bytes of messages under assembly, of output that waits, of results on their way to the disk, and of datasets.

    Taking never fails: whoever takes looks at `is_full` first, and stops reading or fetching while it is.
    """

    __slots__ = ("limit_bytes", "used_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be taken."""
        return self.used_bytes >= self.limit_bytes

    def take(self, count: int) -> None:
        """Count bytes that are held from now on."""
        self.used_bytes += count

    def give(self, count: int) -> None:
        """Count bytes that are held no longer."""
        self.used_bytes -= count
