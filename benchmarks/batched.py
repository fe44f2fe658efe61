"""Rows of the batched dialect, beside the classic one on the same server."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from benchmarks.figures import Bound, Figure, at_least
from benchmarks.load import Load, Run
from benchmarks.trials import Bench, try_ours

CONNECTIONS = 100
CLASSIC_AT_MOST = 60_000  # a second, to size the campaign by


@dataclasses.dataclass(frozen=True)
class Size:
    """So many datasets to a frame, and how many a second are asked for."""

    per_frame: int
    rate: Bound


@dataclasses.dataclass(frozen=True)
class BatchedRow:
    """What a row of the table asks for.

    Args:
        rate_at_most: more datasets a second than a process can hand out, to size the campaign by.
        times: how much more than in the classic dialect.
    """

    name: str
    kind: str
    sizes: Sequence[Size]
    rate_at_most: int
    times: Bound

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Measure the classic dialect, then the batched one with each size of frame."""
        alone = Load(CONNECTIONS, bench.seconds)
        together = [dataclasses.replace(alone, batch=size.per_frame) for size in self.sizes]
        rates = CLASSIC_AT_MOST + self.rate_at_most * len(together)
        datasets = int(rates * (alone.warm_up_s + bench.seconds))
        classic, *batched = try_ours(bench, self.kind, [alone, *together], datasets)
        for size, run in zip(self.sizes, batched, strict=True):
            yield from self._describe(size, run, classic)

    def _describe(self, size: Size, run: Run, classic: Run) -> Iterator[Figure]:
        database = "SQLite FULL" if self.kind == "sqlite" else "PostgreSQL"
        rate = Figure(
            self.name,
            f"batched, {database}, {size.per_frame} per frame, {CONNECTIONS} connections",
            run.rate,
            "datasets/s",
            size.rate,
            ratio=run.rate / max(1.0, classic.rate),
            ratio_of="× classic",
            target_ratio=self.times,
            client_cpu_percent=run.client_cpu_percent,
            details={"batched": run.as_json(), "classic": classic.as_json()},
        )
        yield rate
        yield rate.part("p99", run.p99_ms, "ms")
        yield rate.part("server CPU per dataset", run.cpu_per_task_us, "µs")


ROWS = (
    BatchedRow(
        "batched-sqlite", "sqlite", (Size(16, at_least(150_000)), Size(64, at_least(200_000))), 400_000, at_least(6)
    ),
    BatchedRow(
        "batched-postgresql",
        "postgresql",
        (Size(16, at_least(80_000)), Size(64, at_least(90_000))),
        250_000,
        at_least(4),
    ),
)
