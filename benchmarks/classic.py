"""Rows of the classic dialect: one dataset a frame, durable before the next one comes, beside both peers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from benchmarks import servers
from benchmarks.figures import Bound, Figure, at_least, at_most
from benchmarks.load import Load
from benchmarks.trials import Bench, try_ours, try_peer

RATE_AT_MOST = 60_000  # more than a process can hand out in a second, to size the campaigns by
PEERS = {"naive": servers.run_naive_peer, "Tornado": servers.run_tornado_peer}
PEER_HELLO_S = 0.0015  # what a peer takes for one: all of them come first


@dataclasses.dataclass(frozen=True)
class ClassicRow:
    """What a row of the table asks for; `times` None: no peer is asked."""

    name: str
    kind: str
    connections: int
    rate: Bound
    p99_ms: Bound
    times: Bound | None = None
    workers: int = 1

    @property
    def title(self) -> str:
        """What the table calls it."""
        database = "SQLite FULL" if self.kind == "sqlite" else "PostgreSQL"
        workers = f", {self.workers} socket workers" if self.workers > 1 else ""
        return f"classic, {database}{workers}, {self.connections:,} connections"

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Measure ourselves, and right after it the peers."""
        asked = Load(self.connections, bench.seconds, warm_up_s=1.5)
        datasets = int(RATE_AT_MOST * (asked.warm_up_s + asked.seconds))
        (ours,) = try_ours(bench, self.kind, [asked], datasets, SOCKET_WORKERS=str(self.workers))
        share = ours.client_cpu_percent
        rate = Figure(
            self.name, self.title, ours.rate, "tasks/s", self.rate, client_cpu_percent=share, details=ours.as_json()
        )
        yield rate
        yield rate.part("p99", ours.p99_ms, "ms", self.p99_ms)
        yield rate.part("server CPU per task", ours.cpu_per_task_us, "µs")
        if self.times is not None and bench.with_peers:
            yield from self._compare(bench, rate, self.times)

    def _compare(self, bench: Bench, ours: Figure, times: Bound) -> Iterator[Figure]:
        asked = Load(self.connections, bench.seconds, warm_up_s=1.0 + PEER_HELLO_S * self.connections)
        for peer, run_peer in PEERS.items():
            theirs = try_peer(bench, self.kind, run_peer, asked)
            yield ours.part(
                f"{peer}, a transaction of the ORM per message",
                theirs.rate,
                "tasks/s",
                ratio=ours.measured / max(1.0, theirs.rate),
                ratio_of="× theirs",
                target_ratio=times,
                client_cpu_percent=theirs.client_cpu_percent,
                details=theirs.as_json(),
            )


ROWS = (
    ClassicRow("classic-sqlite-100", "sqlite", 100, at_least(22_000), at_most(15), at_least(25)),
    ClassicRow("classic-sqlite-1000", "sqlite", 1000, at_least(16_000), at_most(150), at_least(20)),
    ClassicRow("classic-postgresql-100", "postgresql", 100, at_least(20_000), at_most(15), at_least(25)),
    ClassicRow("classic-postgresql-2-1000", "postgresql", 1000, at_least(24_000), at_most(120), workers=2),
)
