"""One trial: a fresh database, a server on it, the load client's runs, and the count of what was really stored."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa

from benchmarks import filling, load, servers
from benchmarks.databases import Databases, FreshDatabase
from benchmarks.load import Load, Run
from benchmarks.peers import schema
from benchmarks.usage import Meter

PEER_DATASETS = 40_000  # a peer's rate is in the hundreds
Peer = Callable[[FreshDatabase], AbstractContextManager[servers.Server]]


class Broken(Exception):
    """What was measured did not do what it is for, so that its speed says nothing."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """What every row is given.

    Args:
        seconds: how long a run measures.
        with_peers: without them no ratio against them is taken, which saves most of the time.
        is_whole: False leaves out what takes longest (10,000,000 datasets).
    """

    databases: Databases
    seconds: float
    with_peers: bool = True
    is_whole: bool = True


@dataclasses.dataclass(frozen=True)
class Trial:
    """A running server with a campaign."""

    fresh: FreshDatabase
    server: servers.Server
    campaign_id: int

    @functools.cached_property
    def meter(self) -> Meter:
        """Meters this server and its database."""
        return Meter(self.server.group, self.fresh.server)

    def drive(self, asked: Load, while_measuring: Callable[[], None] = lambda: None) -> Run:
        """Run the load client."""
        return load.drive(asked, self.server.port, self.campaign_id, self.meter, while_measuring)


@contextlib.contextmanager
def run_trial(
    bench: Bench, kind: str, datasets: int, *, is_generating: bool = False, **settings: str
) -> Iterator[Trial]:
    """Run our socket process beside a campaign of so many datasets."""
    with bench.databases.make(kind) as fresh:
        campaign_id = filling.fill_campaign(fresh, datasets, is_generating=is_generating)
        with servers.run_ours("socket", fresh, **settings) as server:
            yield Trial(fresh, server, campaign_id)


def try_ours(bench: Bench, kind: str, loads: Sequence[Load], datasets: int, **settings: str) -> list[Run]:
    """Run loads one after the other against our socket process; the results stored must be those acknowledged."""
    with run_trial(bench, kind, datasets, **settings) as trial:
        runs = [trial.drive(asked) for asked in loads]
        trial.server.stop()
        check_stored(trial.fresh, runs)
    return runs


def try_peer(bench: Bench, kind: str, run_peer: Peer, asked: Load) -> Run:
    """Run a load against a peer; its results are counted just as ours are."""
    with bench.databases.make(kind, migrated=False) as fresh:
        fill_peer(fresh)
        with run_peer(fresh) as server:
            run = load.drive(asked, server.port, 1, Meter(server.group, fresh.server))
        check_stored(fresh, [run])
    return run


def check_stored(fresh: FreshDatabase, runs: Sequence[Run]) -> None:
    """Compare the database with what the client counted.

    Raises:
        Broken: an acknowledged result is not there, or there are more than were sent.
    """
    acknowledged = sum(run.told["acknowledged"] for run in runs)
    answered = sum(run.told["answered"] for run in runs)
    stored = fresh.ask("select count(*) from result")
    if not acknowledged <= stored <= answered:
        raise Broken(f"{acknowledged:,} results acknowledged, {stored:,} stored, {answered:,} sent")
    print(f"    {acknowledged:,} acknowledged ≤ {stored:,} stored ≤ {answered:,} sent", flush=True)


def fill_peer(fresh: FreshDatabase) -> None:
    """Give a peer its tables, and a campaign with as many datasets as it could get done."""
    sessions = schema.open_database(fresh.url)
    schema.Base.metadata.create_all(sessions.kw["bind"])
    with sessions.begin() as session:
        session.add(schema.Campaign(id=1, kernel=filling.KERNEL, static_dataset="{}"))
    with sessions.begin() as session:
        session.execute(sa.insert(schema.Dataset), [{"campaign_id": 1, "data": filling.BLOB}] * PEER_DATASETS)
    with sessions.begin() as session:
        session.execute(sa.text("analyze"))
    sessions.kw["bind"].dispose()
    fresh.settle()
