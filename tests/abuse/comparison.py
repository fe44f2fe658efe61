"""Does a bad client harm the honest ones? Their latencies are compared within one run: alone, and beside it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.database import Database
from tests.campaigns import make_campaign, read_results
from tests.processes import ROOT, Site
from tests.scale import scaled

CLIENTS = 10
THINK_S = 0.008
DATASETS = scaled(20_000, 200_000)
WINDOW_S = scaled(0.4, 5.0)
ROUNDS, MORE_ROUNDS = 3, 6
MAX_RATIO = 2.0
MAX_GROWTH_BYTES = 64 << 20
PAGE_BYTES = 4096
ALONE, BESIDE = "alone", "beside"

Abuse = Callable[[], contextlib.AbstractContextManager[None]]


@dataclasses.dataclass
class Figures:
    """What a comparison found, for the message when it fails and for who wants to know."""

    alone_p99_ms: float
    beside_p99_ms: float
    samples: tuple[int, int]
    growth_bytes: int

    @property
    def is_fine(self) -> bool:
        """Whether the honest clients hardly noticed."""
        return self.beside_p99_ms < MAX_RATIO * self.alone_p99_ms


class Honest:
    """The honest clients' process."""

    def __init__(self, site: Site, campaign_id: int) -> None:
        command = [sys.executable, "-m", "tests.abuse.honest", str(site.socket_port), str(campaign_id)]
        self._process = subprocess.Popen(
            [*command, str(CLIENTS), str(THINK_S)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, line: str) -> None:
        """Give it a label, or a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def measure(self, label: str) -> None:
        """Let a window of latencies count for a label."""
        self.say(label)
        time.sleep(WINDOW_S)
        self.say("")
        time.sleep(0.05)

    def tell(self) -> dict[str, dict[str, list[float]]]:
        """Return its latencies in seconds by label, and the datasets acknowledged to it."""
        assert self._process.stdout is not None
        self.say("tell")
        told: dict[str, dict[str, list[float]]] = json.loads(self._process.stdout.readline())
        return told

    def end(self) -> None:
        """End it. It must have ended well."""
        self.say("end")
        assert self._process.wait(10) == 0

    def kill(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def run_honest(site: Site, campaign_id: int) -> Iterator[Honest]:
    honest = Honest(site, campaign_id)
    try:
        yield honest
    finally:
        honest.kill()


class Memory:
    """The resident memory of a site's socket workers; its largest value is sampled by a thread."""

    def __init__(self, site: Site) -> None:
        self._paths = [Path(f"/proc/{pid}/statm") for pid in site.worker_pids("socket")]
        self._stop = threading.Event()
        self._at_start = self.largest = self._read()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Stop watching; return by how many bytes it grew at most."""
        self._stop.set()
        self._thread.join()
        return self.largest - self._at_start

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.largest = max(self.largest, self._read())

    def _read(self) -> int:
        return sum(int(path.read_text().split()[1]) for path in self._paths) * PAGE_BYTES


def compare(site: Site, abuse: Abuse) -> Figures:
    """Run honest clients alone and beside an abuse, turn about; assert that they notice little and lose nothing.

    Two cores carry the server, the honest clients, the abuse and whatever else the machine does: when the ratio is too
    high, more rounds are taken before it counts.
    """
    database = Database(site.environ["DATABASE_URL"])
    campaign = make_campaign(database, range(DATASETS))
    with run_honest(site, campaign) as honest:
        time.sleep(0.7)
        memory = Memory(site)
        for round_ in range(ROUNDS + MORE_ROUNDS):
            honest.measure(ALONE)
            with abuse():
                honest.measure(BESIDE)
            if round_ + 1 >= ROUNDS and _figures(honest, 0).is_fine:
                break
        figures = _figures(honest, memory.end())
        acknowledged = honest.tell()["acknowledged"]
        honest.end()
    print(figures)
    assert figures.is_fine, figures
    assert figures.growth_bytes < MAX_GROWTH_BYTES, figures
    _expect_kept(database, campaign, acknowledged)
    return figures


def _figures(honest: Honest, growth_bytes: int) -> Figures:
    latencies = honest.tell()["latencies"]
    alone, beside = sorted(latencies[ALONE]), sorted(latencies[BESIDE])
    assert min(len(alone), len(beside)) >= 100, "too few answers to tell"
    return Figures(_p99(alone), _p99(beside), (len(alone), len(beside)), growth_bytes)


def _p99(latencies: list[float]) -> float:
    return round(1000 * latencies[int(len(latencies) * 0.99)], 2)


def _expect_kept(database: Database, campaign: int, acknowledged: list[float]) -> None:
    results = read_results(database, campaign)
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= results.keys()
    assert all(value == 2 * number for number, value in results.items())
    database.dispose()
