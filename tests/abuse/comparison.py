"""Does a bad client harm the honest ones? Their latencies are compared within one run: alone, and beside it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.database import Database
from tests.campaigns import make_campaign, read_results
from tests.processes import ROOT, Site
from tests.scale import scaled

CLIENTS = 10
THINK_S = 0.008
DATASETS = scaled(100_000, 1_000_000)  # more than the honest clients compute
WINDOW_S = scaled(0.4, 3.0)
# The median over the rounds counts: what else the machine does falls into few of them, and an abuse into each.
ROUNDS, MORE_ROUNDS = 7, 14
NEAR_RATIO, MAX_RATIO = 1.5, 2.0
LEAST_SAMPLES, GIVE_UP_S = 200, 20.0  # a busy machine gets the time it needs
MAX_GROWTH_BYTES = 64 << 20
PAGE_BYTES = 4096
ALONE, BESIDE = "alone", "beside"

Abuse = Callable[[], contextlib.AbstractContextManager[None]]


@dataclasses.dataclass
class Figures:
    """What a comparison found, for the message when it fails and for who wants to know."""

    alone_p99_ms: list[float]
    beside_p99_ms: list[float]
    growth_bytes: int

    @property
    def ratio(self) -> float:
        """By how much the honest clients' p99 grows: the median over the rounds."""
        return statistics.median(b / a for a, b in zip(self.alone_p99_ms, self.beside_p99_ms, strict=True))

    def __str__(self) -> str:
        alone, beside = statistics.median(self.alone_p99_ms), statistics.median(self.beside_p99_ms)
        growth_mb = self.growth_bytes / 1e6
        return f"p99 {alone} ms alone, {beside} ms beside, ratio {self.ratio:.2f}, +{growth_mb:.0f} MB"


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
        give_up_at = time.monotonic() + GIVE_UP_S
        while self._ask("count") < LEAST_SAMPLES:
            assert time.monotonic() < give_up_at, "too few answers to tell"
            time.sleep(WINDOW_S / 4)
        self.say("")
        time.sleep(0.05)

    def tell(self) -> dict[str, dict[str, list[float]]]:
        """Return its latencies in seconds by label, and the datasets acknowledged to it."""
        told: dict[str, dict[str, list[float]]] = self._ask("tell")
        return told

    def _ask(self, question: str) -> Any:
        assert self._process.stdout is not None
        self.say(question)
        return json.loads(self._process.stdout.readline())

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

    Two cores carry the server, the honest clients, the abuse and whatever else the machine does: near the limit more
    rounds are taken, and all of them count.
    """
    database = Database(site.environ["DATABASE_URL"])
    campaign = make_campaign(database, range(DATASETS))
    with run_honest(site, campaign) as honest:
        time.sleep(0.7)
        memory = Memory(site)
        _take_rounds(honest, abuse, range(ROUNDS))
        if _figures(honest, 0).ratio > NEAR_RATIO:
            _take_rounds(honest, abuse, range(ROUNDS, ROUNDS + MORE_ROUNDS))
        figures = _figures(honest, memory.end())
        acknowledged = honest.tell()["acknowledged"]
        honest.end()
    print(figures)
    assert figures.ratio < MAX_RATIO, figures
    assert figures.growth_bytes < MAX_GROWTH_BYTES, figures
    _expect_kept(database, campaign, acknowledged)
    return figures


def _take_rounds(honest: Honest, abuse: Abuse, rounds: range) -> None:
    for round_ in rounds:
        honest.measure(f"{ALONE} {round_}")
        with abuse():
            honest.measure(f"{BESIDE} {round_}")


def _figures(honest: Honest, growth_bytes: int) -> Figures:
    latencies = honest.tell()["latencies"]
    alone, beside = ([_p99(values) for label, values in latencies.items() if what in label] for what in (ALONE, BESIDE))
    return Figures(alone, beside, growth_bytes)


def _p99(latencies: list[float]) -> float:
    return round(1000 * sorted(latencies)[int(len(latencies) * 0.99)], 2)


def _expect_kept(database: Database, campaign: int, acknowledged: list[float]) -> None:
    results = read_results(database, campaign)
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= results.keys()
    assert all(value == 2 * number for number, value in results.items())
    database.dispose()
