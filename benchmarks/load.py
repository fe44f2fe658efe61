"""Drives the load client: starts it, follows what it says, reads what it counted."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable
from typing import Any

from benchmarks import paths
from benchmarks.usage import Meter, Spent

GRACE_S = 120.0
QUIET_PERCENT = 15.0


class LoadFailed(Exception):
    """The load client could not do what it was asked to."""


@dataclasses.dataclass(frozen=True)
class Load:
    """What the client is asked to do; see benchmarks/load/options.h."""

    connections: int
    seconds: float
    warm_up_s: float = 1.0
    batch: int = 0  # 0: the classic dialect
    think_ms: float = 0.0
    hold_s: float = 0.0
    sources: int = 1
    threads: int = 4
    result_bytes: int = 100

    def as_arguments(self, port: int, campaign_id: int) -> list[str]:
        """Return the command line."""
        options = {
            "port": port,
            "campaign": campaign_id,
            "connections": self.connections,
            "seconds": self.seconds,
            "warm-up": self.warm_up_s,
            "batch": self.batch,
            "think-ms": self.think_ms,
            "hold": self.hold_s,
            "sources": self.sources,
            "threads": self.threads,
            "result-bytes": self.result_bytes,
        }
        return [str(paths.LOAD_CLIENT), *(f"--{name}={value}" for name, value in options.items())]


@dataclasses.dataclass(frozen=True)
class Run:
    """What the client counted, and what the server spent meanwhile."""

    load: Load
    told: dict[str, Any]
    spent: Spent

    @property
    def rate(self) -> float:
        """Datasets acknowledged in a second."""
        return float(self.told["rate"])

    @property
    def p99_ms(self) -> float:
        """Within which 99 of 100 answers were followed by the next dataset."""
        return float(self.told["p99_ms"])

    @property
    def client_cpu_percent(self) -> float:
        """The client's share of one core."""
        return float(self.told["client_cpu_percent"])

    @property
    def cpu_per_task_us(self) -> float:
        """The server's time for each acknowledged dataset."""
        return 1e6 * self.spent.server_s / max(1, self.told["measured"])

    @property
    def others_cpu_percent(self) -> float:
        """What everything else on the machine took, of one core: if that is not little, these are not our figures."""
        elapsed_s = float(self.told["elapsed_s"])
        ours_s = self.spent.server_s + self.spent.database_s + self.client_cpu_percent / 100 * elapsed_s
        return max(0.0, 100 * (self.spent.machine_s - ours_s) / elapsed_s)

    def as_json(self) -> dict[str, Any]:
        """Return everything, as results.json keeps it."""
        return {
            "load": dataclasses.asdict(self.load),
            **self.told,
            "server_cpu_us_per_task": self.cpu_per_task_us,
            "database_cpu_us_per_task": 1e6 * self.spent.database_s / max(1, self.told["measured"]),
            "server_cpu_percent": 100 * self.spent.server_s / self.told["elapsed_s"],
            "others_cpu_percent": self.others_cpu_percent,
            "server_memory_bytes": self.spent.server_bytes,
        }


def drive(
    load: Load, port: int, campaign_id: int, meter: Meter, while_measuring: Callable[[], None] = lambda: None
) -> Run:
    """Run the client to its end.

    Raises:
        LoadFailed: it did not end well, connections failed or closed, or the server broke the protocol.
    """
    # Unbuffered: a reader of lines would keep what came right behind the last one, where nobody finds it any more.
    process = subprocess.Popen(
        load.as_arguments(port, campaign_id), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    try:
        errors = _follow(process, meter, while_measuring)
        assert process.stdout is not None
        line = process.stdout.readline()
        spent = meter.stop()
        errors += process.communicate(timeout=GRACE_S)[1].decode().splitlines()
    finally:
        process.kill()
        process.wait()
    if process.returncode or not line:
        raise LoadFailed(f"the load client failed: {' '.join(errors) or 'it said nothing'}")
    run = _check(Run(load, json.loads(line), spent), errors)
    if run.others_cpu_percent > QUIET_PERCENT:
        print(f"    not quiet: other processes took {run.others_cpu_percent:.0f} % of a core meanwhile", flush=True)
    return run


def _follow(process: subprocess.Popen[bytes], meter: Meter, while_measuring: Callable[[], None]) -> list[str]:
    """Read what the client says until it measures; the server is metered from that line on."""
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line.decode().strip())
        if said[-1] in ("measuring", "holding"):
            meter.start()
            while_measuring()
            break
    return said


def _check(run: Run, said: list[str]) -> Run:
    told = run.told
    if told["failed"] or told["closed"] or told["errors"]:
        raise LoadFailed(
            f"{told['failed']} connections failed, {told['closed']} closed {told['close_codes']}, "
            f"{told['errors']} errors: {' '.join(said)}. A campaign that ran out of datasets closes with 1000."
        )
    return run
