"""Rows of many connections: five thousand that work, ten thousand that wait, a thousand that take their time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.load import Load, Run
from benchmarks.trials import Bench, run_trial, try_ours

KILOBYTE = 1024
TITLES = {"sqlite": "SQLite FULL", "postgresql": "PostgreSQL"}


@dataclasses.dataclass(frozen=True)
class ActiveRow:
    """Five thousand connections that work, beside a hundred on the same server."""

    name: str = "active-5000"
    connections: int = 5000

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Measure a hundred connections, then all."""
        loads = [Load(100, bench.seconds), Load(self.connections, bench.seconds, warm_up_s=3.0)]
        few, many = try_ours(bench, "sqlite", loads, int(60_000 * (2 * bench.seconds + 4)))
        rate = Figure(
            self.name,
            f"classic, SQLite FULL, {self.connections:,} active connections",
            many.rate,
            "tasks/s",
            at_least(15_000),
            client_cpu_percent=many.client_cpu_percent,
            details={"few": few.as_json(), "many": many.as_json()},
        )
        yield rate
        yield rate.part("p99", many.p99_ms, "ms", at_most(600))
        yield rate.part(
            "server CPU per task",
            many.cpu_per_task_us,
            "µs",
            ratio=many.cpu_per_task_us / few.cpu_per_task_us,
            ratio_of="× at 100",
            target_ratio=at_most(2.2),
        )


@dataclasses.dataclass(frozen=True)
class IdleRow:
    """Ten thousand batched connections to a campaign that has nothing to hand out yet."""

    name: str = "idle-10000"
    connections: int = 10_000

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Hold them, long enough in a whole run for each to be pinged, and see what the server has grown by."""
        hold_s = 26.0 if bench.is_whole else 6.0
        with run_trial(bench, "sqlite", 0, is_generating=True) as trial:
            # What the first connections make the server load once is not theirs.
            trial.drive(Load(20, 1.0, hold_s=1.0, batch=1))
            before = trial.meter.read_memory()
            held: list[int] = []

            def look() -> None:
                time.sleep(hold_s - 2)
                held.append(trial.meter.read_memory())

            run = trial.drive(Load(self.connections, 1.0, hold_s=hold_s, batch=1, sources=4), look)
        each = (held[0] - before) / self.connections / KILOBYTE
        details = {**run.as_json(), "memory_before_bytes": before, "memory_held_bytes": held[0], "held_s": hold_s}
        number = int(run.told["connections"])
        title = "batched, idle connections held"
        holding = Figure(self.name, title, number, "", at_least(self.connections), details=details)
        yield holding
        yield holding.part("server memory each", each, "KB", at_most(25))
        yield holding.part("server CPU meanwhile", 100 * run.spent.server_s / run.told["elapsed_s"], "% of a core")


@dataclasses.dataclass(frozen=True)
class VolunteersRow:
    """A thousand volunteers whose tasks take a second each: what one costs."""

    name: str = "volunteers-1s-sqlite"
    kind: str = "sqlite"
    connections: int = 1000
    think_ms: float = 1000.0

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Measure the dialect that the harness speaks, and in a whole run the classic one on the same server."""
        patient = Load(
            self.connections, max(5.0, bench.seconds), warm_up_s=2.5, think_ms=self.think_ms, batch=1, threads=1
        )
        loads = [patient, dataclasses.replace(patient, batch=0)] if bench.is_whole else [patient]
        batched, *classic = try_ours(bench, self.kind, loads, 40 * self.connections)
        yield self._describe("batched", batched, has_target=True)
        for run in classic:
            yield self._describe("classic", run, has_target=False)

    def _describe(self, dialect: str, run: Run, *, has_target: bool) -> Figure:
        return Figure(
            self.name,
            f"{dialect}, {TITLES[self.kind]}, {self.connections:,} volunteers with 1 s tasks: server CPU per task",
            run.cpu_per_task_us,
            "µs",
            at_most(100) if has_target else None,
            client_cpu_percent=run.client_cpu_percent,
            details=run.as_json(),
        )


ROWS = (
    ActiveRow(),
    IdleRow(),
    VolunteersRow(),
    VolunteersRow("volunteers-1s-postgresql", "postgresql"),
)
