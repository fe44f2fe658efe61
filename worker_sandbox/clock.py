"""How long the parent has been at a request: all of its time, waiting and reading, but not the consumer's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from worker_sandbox.failures import ran_too_long


class Clock:
    """Runs only inside `running`, and stands still inside `paused`. Times are in seconds."""

    def __init__(self, budget_s: float) -> None:
        self.restart(budget_s)

    def restart(self, budget_s: float) -> None:
        """Give the whole budget anew. To be called while the clock stands still."""
        self._budget_s = self._left_s = budget_s
        self._ends_at = 0.0

    def left_s(self) -> float:
        """How much is left, while the clock runs. Raises GeneratorFailed when nothing is."""
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise ran_too_long(self._budget_s)
        return left_s

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Let the clock run."""
        self._ends_at = time.monotonic() + self._left_s
        try:
            yield
        finally:
            self._left_s = self._ends_at - time.monotonic()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the running clock for as long as the consumer takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._ends_at += time.monotonic() - began
