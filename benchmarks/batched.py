"""Rows of the batched dialect, each beside the classic one on the same server."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from benchmarks.figures import Bound, Figure, at_least
from benchmarks.load import Load
from benchmarks.trials import Bench, try_ours

CONNECTIONS = 100
RATE_AT_MOST = 450_000


@dataclasses.dataclass(frozen=True)
class BatchedRow:
    """What a row of the table asks for, so many datasets to a frame."""

    name: str
    kind: str
    per_frame: int
    rate: Bound
    times: Bound

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Measure the classic dialect, then the batched one."""
        alone = Load(CONNECTIONS, bench.seconds)
        together = Load(CONNECTIONS, bench.seconds, batch=self.per_frame)
        datasets = int(RATE_AT_MOST * (together.warm_up_s + bench.seconds))
        one, many = try_ours(bench, self.kind, [alone, together], datasets)
        database = "SQLite FULL" if self.kind == "sqlite" else "PostgreSQL"
        yield Figure(
            self.name,
            f"batched, {database}, {self.per_frame} per frame, {CONNECTIONS} connections",
            many.rate,
            "datasets/s",
            self.rate,
            ratio=many.rate / max(1.0, one.rate),
            ratio_of="× classic",
            target_ratio=self.times,
            client_cpu_percent=many.client_cpu_percent,
            details={"batched": many.as_json(), "classic": one.as_json()},
        )
        yield Figure(self.name, "    p99", many.p99_ms, "ms")
        yield Figure(self.name, "    server CPU per dataset", many.cpu_per_task_us, "µs")
        yield Figure(self.name, "    datasets per frame", float(many.told["per_frame"]), "")


ROWS = (
    BatchedRow("batched-sqlite-16", "sqlite", 16, at_least(150_000), at_least(6)),
    BatchedRow("batched-sqlite-64", "sqlite", 64, at_least(200_000), at_least(6)),
    BatchedRow("batched-postgresql-16", "postgresql", 16, at_least(80_000), at_least(4)),
    BatchedRow("batched-postgresql-64", "postgresql", 64, at_least(90_000), at_least(4)),
)
