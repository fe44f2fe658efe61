"""The pick of the next block from campaigns of ten thousand to ten million datasets: it must cost the same."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Iterator, Sequence

from app import ledger
from app.database import Database
from app.ledger import Appetite
from benchmarks import filling
from benchmarks.figures import Figure, at_most
from benchmarks.trials import Bench, Broken

SIZES = (10_000, 1_000_000, 10_000_000)
PICKS = 40  # of each campaign's beginning, of its middle, and of its end
APPETITE = Appetite(datasets=64, max_bytes=4 << 20)
PROCESS = 7
TTL_S = 3600


@dataclasses.dataclass
class Picker:
    """One campaign in a database of its own, and how long its blocks took."""

    database: Database
    campaign_id: int
    size: int
    fresh_us: list[float] = dataclasses.field(default_factory=list)
    given_back_us: list[float] = dataclasses.field(default_factory=list)

    def move(self, share: float) -> None:
        """Go on from somewhere in the campaign."""
        room = PICKS * APPETITE.datasets
        filling.set_cursor(self.database, self.campaign_id, int(share * (self.size - room)))

    def pick(self, times: list[float]) -> None:
        """Take the next block, and add its time; the commit, which waits for the disk, is not part of it."""
        with self.database.transaction() as connection:
            begin = time.perf_counter()
            block = ledger.take_block(connection, PROCESS, self.campaign_id, 1, APPETITE)
            times.append(1e6 * (time.perf_counter() - begin))
        if block is None or len(block.datasets) != APPETITE.datasets:
            raise Broken(f"a pick from {self.size:,} datasets did not give {APPETITE.datasets}")

    def give_back(self) -> None:
        """Make every block that was picked pending again."""
        self.database.write(lambda connection: ledger.free_leases(connection, PROCESS))


@dataclasses.dataclass(frozen=True)
class PickRow:
    """The row on one kind of database."""

    name: str
    kind: str

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Pick from all campaigns in turn."""
        sizes = SIZES if bench.is_whole else SIZES[:-1]
        with contextlib.ExitStack() as stack:
            pickers = [stack.enter_context(self._open(bench, size)) for size in sizes]
            _pick_in_turn(pickers)
            yield self._describe("fresh", [picker.fresh_us for picker in pickers], sizes)
            yield self._describe("given back", [picker.given_back_us for picker in pickers], sizes)

    @contextlib.contextmanager
    def _open(self, bench: Bench, size: int) -> Iterator[Picker]:
        with bench.databases.make(self.kind) as fresh:
            campaign_id = filling.fill_campaign(fresh, size)
            with fresh.open() as database:
                database.write(lambda connection: ledger.enter_process(connection, PROCESS, "socket", TTL_S))
                yield Picker(database, campaign_id, size)

    def _describe(self, which: str, times: Sequence[list[float]], sizes: Sequence[int]) -> Figure:
        medians = [statistics.median(each) for each in times]
        database = "SQLite" if self.kind == "sqlite" else "PostgreSQL"
        return Figure(
            self.name,
            f"pick of {APPETITE.datasets} {which} of {sizes[-1]:,} datasets, {database}",
            medians[-1],
            "µs",
            ratio=medians[-1] / medians[0],
            ratio_of=f"× of {sizes[0]:,}",
            target_ratio=at_most(1.5),
            details={"medians_us": dict(zip(map(str, sizes), medians, strict=True))},
        )


def _pick_in_turn(pickers: Sequence[Picker]) -> None:
    """Take blocks from all of them by turns, so that whatever else goes on hits each alike."""
    for share in (0.0, 0.5, 1.0):
        for picker in pickers:
            picker.move(share)
        for _ in range(PICKS):
            for picker in pickers:
                picker.pick(picker.fresh_us)
    for picker in pickers:
        picker.give_back()
    for _ in range(PICKS):
        for picker in pickers:
            picker.pick(picker.given_back_us)


ROWS = (PickRow("pick-sqlite", "sqlite"), PickRow("pick-postgresql", "postgresql"))
