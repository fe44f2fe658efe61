"""Generators whose processes are killed at random moments, and the background processes with them: nothing is repeated,
nothing is lost, nothing is mixed, while somebody takes the datasets all the time."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database import UNAVAILABLE, Database
from app.generators import KILLS_FORGIVEN
from app.states import Generation
from tests.durability.verdict import Record
from tests.functional.test_background import upload
from tests.lockstep import Consumer, assert_exact, find_children, read_schedule, wait_until
from tests.processes import Site, run_site
from tests.scale import scaled

pytestmark = pytest.mark.slow
ENVIRON = {"PROCESS_TTL_S": "1", "HEARTBEAT_S": "0.2", "PENDING_HIGH_WATER": "1000", "GENERATORS_ALIVE": "2"}
# Slow enough that kills meet it at work, and of sizes that vary, so that chunks and steps end anywhere.
GENERATOR = """({ *main() {
  for (let n = 0; ; n++) {
    for (let i = 0; i < 500; i++);
    yield { n, r: Math.random(), text: 'x'.repeat(n % 97), at: Date.now() };
  }
} })"""
# An array is made in one go; it is stored as it comes.
ARRAY = "({ main: () => Array.from({ length: 60000 }, (_, n) => ({ n, r: Math.random(), x: 'x'.repeat(n % 97) })) })"


class Taker(threading.Thread):
    """Takes a campaign's datasets at a pace of its own until it is told to stop."""

    def __init__(self, database: Database, campaign_id: int, seed: int) -> None:
        super().__init__()
        self.consumer = Consumer(database, campaign_id)
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        """Take."""
        while not self._stopping.wait(self._random.uniform(0, 0.1)):
            try:
                self.consumer.take(self._random.randrange(1, 150))
            except Exception as error:
                self.failure = error
                return

    def stop(self) -> None:
        """Stop; fails where it failed."""
        self._stopping.set()
        self.join()
        assert self.failure is None


@contextlib.contextmanager
def taking(database: Database, campaigns: list[int], seed: int) -> Iterator[list[Taker]]:
    """Let somebody take the datasets of each campaign."""
    takers = [Taker(database, campaign, seed + campaign) for campaign in campaigns]
    for taker in takers:
        taker.start()
    try:
        yield takers
    finally:
        for taker in takers:
            taker.stop()


class Killer:
    """Kills generators and background processes at random moments."""

    def __init__(self, site: Site, names: list[str], seed: int) -> None:
        self._site = site
        self._names = names
        self._random = random.Random(seed)
        self.children = self.processes = 0

    def strike(self) -> None:
        """Wait a little, then kill a generator or, now and then, a background process, which is started anew."""
        time.sleep(self._random.expovariate(2.5))
        name = self._random.choice(self._names)
        if self._random.random() < 0.15:
            self._site.kill(name)
            self._site.start(name)
            self.processes += 1
            return
        if children := find_children(self._site.pid(name)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(children), signal.SIGKILL)
                self.children += 1


def draw_seed() -> int:
    seed = int(os.environ.get("SEED", "") or secrets.randbelow(10**6))
    print(f"repeat with SEED={seed}")
    return seed


def test_generators_killed_at_random_moments_go_on_where_they_were(
    tmp_path: Path, database_url: str, database: Database, record_property: Record
) -> None:
    seed, strikes = draw_seed(), scaled(18, 100)
    names = ["background", "background.2"]
    environ = {**ENVIRON, "DATASETS_MAX": "100000000", "DATASETS_MAX_BYTES": str(1 << 32)}
    with run_site(tmp_path / "instance", database_url, *names, **environ) as site:
        campaigns, killer = [upload(database, GENERATOR) for _ in range(3)], Killer(site, names, seed)
        with taking(database, campaigns, seed) as takers:
            while killer.children + killer.processes < strikes:
                killer.strike()
            # Left alone, every one of them gets on: none failed, and none is stuck.
            assert [read_schedule(database, campaign).generation_error for campaign in campaigns] == [None] * 3
            for campaign in campaigns:
                goal = read_schedule(database, campaign).generated + 2000
                wait_until(lambda c=campaign, g=goal: read_schedule(database, c).generated >= g, 60)  # type: ignore[misc]
        for campaign in campaigns:
            wait_until(lambda c=campaign: read_schedule(database, c).generation is Generation.RESTING)  # type: ignore[misc]
        for name in names:
            assert site.terminate(name) == 0
    stored = [assert_exact(database, campaign) for campaign in campaigns]
    assert [read_schedule(database, campaign).generation_error for campaign in campaigns] == [None] * 3
    for taker, count in zip(takers, stored, strict=True):
        assert sorted(taker.consumer.got) == list(range(len(taker.consumer.got)))
        assert len(taker.consumer.got) <= count
    record_property("seed", seed)
    record_property("killed", f"{killer.children} generators, {killer.processes} processes")
    record_property("datasets", sum(stored))


def test_an_array_whose_generator_is_killed_at_random_moments_is_stored_once(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    seed = draw_seed()
    draw = random.Random(seed)
    with run_site(tmp_path / "instance", database_url, "background", **ENVIRON) as site:
        for _ in range(scaled(2, 20)):
            campaign = upload(database, ARRAY)
            wait_until(lambda c=campaign: read_schedule(database, c).generated > 0)  # type: ignore[misc]
            for _ in range(2):
                time.sleep(draw.uniform(0, 0.3))
                for child in find_children(site.pid("background")):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
            wait_until(lambda c=campaign: read_schedule(database, c).generation is Generation.DONE, 60)  # type: ignore[misc]
            assert assert_exact(database, campaign) == 60_000


def test_a_generator_that_is_killed_each_time_fails_in_the_end(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    endless_loop = "({ *main() { for (let n = 0; n < 100; n++) yield { n }; for (;;); } })"
    with run_site(tmp_path / "instance", database_url, "background", **ENVIRON) as site:
        campaign, killed = upload(database, endless_loop), 0

        def has_failed() -> bool:
            nonlocal killed
            with contextlib.suppress(*UNAVAILABLE, ProcessLookupError):
                for child in find_children(site.pid("background")):
                    os.kill(child, signal.SIGKILL)
                    killed += 1
            return read_schedule(database, campaign).generation is Generation.FAILED

        wait_until(has_failed)
    assert killed > KILLS_FORGIVEN
    assert "killed by the system" in str(read_schedule(database, campaign).generation_error)
