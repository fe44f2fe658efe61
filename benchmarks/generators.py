"""Dataset generators in the real background process: a million datasets at once, and pulls of an endless generator."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import campaigns
from app.database import Database
from app.models import User
from app.settings import Settings
from benchmarks import servers
from benchmarks.databases import FreshDatabase
from benchmarks.figures import Figure, at_least, at_most
from benchmarks.filling import KERNEL
from benchmarks.servers import Server
from benchmarks.trials import Bench, Broken
from benchmarks.usage import find_children, read_memory, read_peak_memory
from tests.campaigns import make_owner

DATASETS = 1_000_000
ARRAY = f"({{ main: () => Array.from({{ length: {DATASETS} }}, (_, n) => ({{ min: n * 100, max: n * 100 + 100 }})) }})"
ENDLESS = "({ *main() { for (let n = 0; ; n += 100) yield { min: n, max: n + 100 }; } })"
MEGABYTE = 1_000_000
LOOK_S = 0.01
GIVE_UP_S = 120.0
BOUNDLESS = {"DATASETS_MAX": "1000000000", "DATASETS_MAX_BYTES": "100000000000"}
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_STATE = sa.text("select generation, generated from schedule where campaign_id = :campaign")
_TAKE_ALL = sa.text("update schedule set cursor = generated where campaign_id = :campaign")


def upload(database: Database, generator: str) -> int:
    """Store a campaign as the site does, and return its id."""
    owner_id = make_owner(database)
    files = campaigns.Upload("A benchmark", KERNEL.encode(), b"", generator.encode())
    with database.transaction() as connection, Session(bind=connection) as session:
        owner = session.get_one(User, owner_id)
        settings = Settings(database_url="sqlite://")
        return campaigns.create_campaign(session, owner, files, settings, dt.datetime.now(dt.UTC)).id


def read_state(database: Database, campaign_id: int) -> tuple[str, int]:
    """Return how far a generation has come, and how many datasets it has stored."""
    row = database.read(lambda connection: connection.execute(_STATE, {"campaign": campaign_id}).one())
    return row.generation, row.generated


@dataclasses.dataclass(frozen=True)
class Uploaded:
    """What one upload took: seconds from its commit to the last dataset's, and memory in bytes."""

    seconds: float
    child_bytes: int
    before_bytes: int
    parent_bytes: int


@dataclasses.dataclass(frozen=True)
class UploadRow:
    """A million datasets from one upload."""

    name: str
    kind: str

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Upload a generator, and watch until its last dataset is stored."""
        with bench.databases.make(self.kind) as fresh, servers.run_background(fresh) as server:
            told = self._upload(fresh, server)
            stored = fresh.ask("select count(*) from dataset")
        if stored != DATASETS:
            raise Broken(f"{stored:,} datasets are stored")
        title = f"{DATASETS:,} datasets from one upload, {TITLES[self.kind]}"
        details = dataclasses.asdict(told)
        speed = Figure(self.name, title, DATASETS / told.seconds, "datasets/s", at_least(100_000), details=details)
        yield speed
        yield speed.part("peak memory of the generator's process", told.child_bytes / MEGABYTE, "MB")
        yield speed.part("peak memory of the background process", told.parent_bytes / MEGABYTE, "MB")
        grown = told.parent_bytes - told.before_bytes
        yield speed.part("of which this upload took", grown / MEGABYTE, "MB", at_most(64))

    @staticmethod
    def _upload(fresh: FreshDatabase, server: Server) -> Uploaded:
        child_bytes, before = 0, read_memory(server.group)
        with fresh.open() as database:
            campaign_id = upload(database, ARRAY)
            begin = time.perf_counter()
            while (state := read_state(database, campaign_id))[0] != "done":
                if state[0] == "failed" or time.perf_counter() - begin > GIVE_UP_S:
                    raise Broken(f"the generation is {state[0]} after {state[1]:,} datasets")
                child_bytes = max(child_bytes, _peak_of_children(server))
                time.sleep(LOOK_S)
            seconds = time.perf_counter() - begin
        return Uploaded(seconds, child_bytes, before, read_peak_memory(server.group))


def _peak_of_children(server: Server) -> int:
    peak = 0
    for child in find_children(server.group):
        with contextlib.suppress(OSError, IndexError):  # it has just ended
            peak = max(peak, read_peak_memory(child))
    return peak


@dataclasses.dataclass(frozen=True)
class PullRow:
    """An endless generator whose datasets are taken as soon as they are there."""

    name: str
    kind: str

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Pull with the mark that it ships with, which is for datasets, and with a low one, which is for pulls."""
        database = TITLES[self.kind]
        for high_water, title in ((50_000, "an endless generator"), (1000, "the same, 1,000 datasets a pull")):
            settings = {**BOUNDLESS, "PENDING_HIGH_WATER": str(high_water)}
            with bench.databases.make(self.kind) as fresh, servers.run_background(fresh, **settings) as server:
                seconds, datasets = self._take(fresh, bench.seconds)
                pulls = server.read_log().count("its generator ran for")
                peak = read_peak_memory(server.group)
            details = {"seconds": seconds, "datasets": datasets, "pulls": pulls, "high_water": high_water}
            rate = Figure(self.name, f"{title}, {database}", datasets / seconds, "datasets/s", details=details)
            yield rate
            yield rate.part("pulls", pulls / seconds, "pulls/s")
            yield rate.part("peak memory of the background process", peak / MEGABYTE, "MB")

    @staticmethod
    def _take(fresh: FreshDatabase, seconds: float) -> tuple[float, int]:
        with fresh.open() as database:
            campaign_id = upload(database, ENDLESS)
            begin = time.perf_counter()
            while (elapsed_s := time.perf_counter() - begin) < seconds:
                database.write(lambda connection: connection.execute(_TAKE_ALL, {"campaign": campaign_id}))
                time.sleep(LOOK_S)
            generation, datasets = read_state(database, campaign_id)
        if generation not in ("running", "resting") or not datasets:
            raise Broken(f"the generation is {generation} after {datasets:,} datasets")
        return elapsed_s, datasets


ROWS = (
    UploadRow("generator-sqlite", "sqlite"),
    UploadRow("generator-postgresql", "postgresql"),
    PullRow("generator-pulls-sqlite", "sqlite"),
    PullRow("generator-pulls-postgresql", "postgresql"),
)
