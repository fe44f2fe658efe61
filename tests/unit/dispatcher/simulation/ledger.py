"""A ledger in memory that behaves as `app.ledger` does, and may be out of reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from app.dispatcher import Store
from app.records import Block, Outcome, ScheduleView
from app.states import Generation, Intent, ResultKind

BLOCK_MAX_BYTES = 24
POISON = b"poison"  # a result that the database does not take

Key = tuple[int, int, int]  # campaign, run, position


class Refused(Exception):
    """Something is wrong with what is to be stored."""


class Unavailable(Exception):
    """The database cannot be reached; what was asked may have been done."""


@dataclasses.dataclass(slots=True)
class Row:
    """A lease row: the positions from its low end up to `high`, held by a process or free."""

    high: int
    process: int | None
    reopened: bool = False  # a failed dataset in it was made pending again


@dataclasses.dataclass(slots=True)
class Schedule:
    """One campaign's schedule, with the lease rows, results and attempts of the run in force."""

    id: int
    total: int
    generated: int
    deadline_s: float
    run: int = 1
    kernel_version: int = 1
    generation: Generation = Generation.RUNNING
    intent: Intent = Intent.RUNNING
    cursor: int = 0
    deleted: bool = False
    rows: dict[int, Row] = dataclasses.field(default_factory=dict)
    results: dict[int, Outcome] = dataclasses.field(default_factory=dict)
    errors: dict[int, int] = dataclasses.field(default_factory=dict)
    blobs: list[bytes] = dataclasses.field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Nothing more comes of it."""
        return self.deleted or self.generation is Generation.FAILED

    @property
    def is_runnable(self) -> bool:
        """Ranges of it are leased."""
        return self.intent is Intent.RUNNING and not self.is_over

    def begin_run(self) -> None:
        """Begin anew: the fence."""
        self.run += 1
        self.cursor = 0
        self.rows, self.results, self.errors = {}, {}, {}

    def pending_in(self, low: int, high: int) -> list[int]:
        """Return the positions of a range that have no result."""
        return [position for position in range(low, high) if position not in self.results]

    def drop(self, low: int) -> None:
        """Take a finished range's row away, or free it when a retry reopened it."""
        row = self.rows.get(low)
        if row is None:
            return
        if row.reopened and self.pending_in(low, row.high):
            row.process = None
        else:
            del self.rows[low]

    def read(self, positions: Iterable[int]) -> list[tuple[int, bytes, int]]:
        """Return (position, data, attempts)."""
        return [(position, self.blobs[position], self.errors.get(position, 0)) for position in positions]


class Ledger:
    """All campaigns and processes. `committed` is every outcome that a transaction ever held."""

    def __init__(self) -> None:
        self.schedules: dict[int, Schedule] = {}
        self.processes: dict[int, float] = {}  # id → alive until
        self.committed: set[Key] = set()
        self.is_reachable = True

    def reach(self) -> None:
        """Raise when the database is away."""
        if not self.is_reachable:
            raise Unavailable

    # --- ranges ------------------------------------------------------------------------------------------------------

    def take_block(self, process: int, campaign: int, run: int, datasets: int, peers: int) -> Block | None:
        """Lease a range: a free one first, then a fresh one."""
        schedule = self.schedules[campaign]
        if process not in self.processes or schedule.run != run or not schedule.is_runnable:
            return None
        for low in sorted(schedule.rows):
            row = schedule.rows[low]
            if row.process is None:
                if found := schedule.read(schedule.pending_in(low, row.high)):
                    row.process = process
                    return Block(campaign, run, low, row.high, found)
                del schedule.rows[low]
        return self._take_fresh(process, schedule, datasets, peers)

    def _take_fresh(self, process: int, schedule: Schedule, datasets: int, peers: int) -> Block | None:
        left = schedule.generated - schedule.cursor
        if left <= 0:
            return None
        fair = -(-left // (2 * peers)) if peers > 1 else left
        affordable = BLOCK_MAX_BYTES // len(schedule.blobs[0])
        low = schedule.cursor
        high = low + max(1, min(datasets, left, fair, affordable))
        schedule.cursor = high
        schedule.rows[low] = Row(high, process)
        return Block(schedule.id, schedule.run, low, high, schedule.read(range(low, high)))

    def release(self, process: int, campaign: int, run: int, lows: Sequence[int]) -> None:
        """Free some ranges of a process."""
        self._free(campaign, run, process, lambda low: low in lows)

    def release_unknown(self, process: int, campaign: int, run: int, known_lows: Sequence[int]) -> None:
        """Free the ranges of a process that it does not know it holds."""
        self._free(campaign, run, process, lambda low: low not in known_lows)

    def _free(self, campaign: int, run: int, process: int, chosen: object) -> None:
        schedule = self.schedules[campaign]
        if schedule.run == run:
            for low, row in schedule.rows.items():
                if row.process == process and chosen(low):  # type: ignore[operator]
                    row.process = None

    def find_held_elsewhere(self, process: int, campaign: int, run: int, count: int) -> list[tuple[int, bytes, int]]:
        """Return what other processes hold without a result."""
        schedule = self.schedules[campaign]
        rows = sorted(schedule.rows.items()) if schedule.run == run else []
        others = [(low, row.high) for low, row in rows if row.process not in (None, process)]
        return schedule.read([p for low, high in others for p in schedule.pending_in(low, high)][:count])

    # --- outcomes ----------------------------------------------------------------------------------------------------

    def store(self, stores: Sequence[Store]) -> None:
        """Commit stores together, or none of them."""
        if any(outcome.data == POISON for store in stores for outcome in store.outcomes):
            raise Refused
        for store in stores:
            for outcome in store.outcomes:
                self._insert(outcome)
        for store in stores:
            for campaign, run, low in store.finished_blocks:
                if self.schedules[campaign].run == run:
                    self.schedules[campaign].drop(low)
            for failure in store.failures:
                errors = self.schedules[failure.campaign_id].errors
                if failure.position is not None and failure.run == self.schedules[failure.campaign_id].run:
                    errors[failure.position] = errors.get(failure.position, 0) + 1

    def _insert(self, outcome: Outcome) -> None:
        schedule = self.schedules[outcome.campaign_id]
        self.committed.add((outcome.campaign_id, outcome.run, outcome.position))
        if outcome.run == schedule.run:
            schedule.results.setdefault(outcome.position, outcome)

    # --- processes ---------------------------------------------------------------------------------------------------

    def leave_process(self, process: int) -> None:
        """End a process: its ranges are free."""
        self.processes.pop(process, None)
        for schedule in self.schedules.values():
            for row in schedule.rows.values():
                if row.process == process:
                    row.process = None

    def bury_dead(self, now: float) -> None:
        """End every process whose time ran out."""
        for process in [process for process, until in self.processes.items() if until < now]:
            self.leave_process(process)

    def count_alive(self, now: float) -> int:
        """Return how many processes are there."""
        return sum(until >= now for until in self.processes.values())

    # --- schedules ---------------------------------------------------------------------------------------------------

    def view(self, campaign: int) -> ScheduleView:
        """Return how a campaign stands."""
        s = self.schedules[campaign]
        done = len(s.results)
        return ScheduleView(s.id, s.run, s.kernel_version, s.generation, s.intent, s.generated, done, s.deleted)

    def find_offers(self) -> dict[int, int]:
        """Return campaigns with datasets that nobody holds."""
        return dict(self._iter_offers())

    def _iter_offers(self) -> Iterator[tuple[int, int]]:
        for s in self.schedules.values():
            pending = s.generated - s.cursor + sum(row.high - low for low, row in s.rows.items() if row.process is None)
            if pending > 0 and s.is_runnable and not self.view(s.id).is_done:
                yield s.id, pending

    def retry_failed(self, campaign: int) -> list[int]:
        """Make failed datasets pending again, each in exactly one range, with attempts anew; return their positions."""
        schedule = self.schedules[campaign]
        failed = [p for p, outcome in schedule.results.items() if outcome.kind == ResultKind.FAILED]
        for position in failed:
            del schedule.results[position]
            schedule.errors.pop(position, None)
            covering = [row for low, row in schedule.rows.items() if low <= position < row.high]
            for row in covering:
                row.reopened = True
            if not covering:
                schedule.rows[position] = Row(position + 1, None, True)
        return failed
