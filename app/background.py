"""The background process: runs dataset generators in the sandbox and hands what they produce to the ledger.

A campaign that waits is claimed by one process; its datasets are committed in chunks, each together with their count,
and only while the claim holds. A process that dies loses its claims within its time to live; whoever claims the
campaign next replays the generator, which is deterministic, and goes on where the last one was.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

import worker_sandbox
from app import accounts, ledger
from app.database import UNAVAILABLE, Database
from app.models import Campaign
from app.pulse import Pulse
from app.records import GenerationClaim
from app.settings import Settings

log = logging.getLogger(__name__)

KIND = "background"
POLL_S = 0.2
RETRY_S = 1.0
SWEEP_S = 30.0
ROWS_PER_STEP = 2000


class ClaimLost(Exception):
    """Another process has this campaign now."""


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A claim and the process id that made it: a process that begins anew has lost what it claimed before."""

    claim: GenerationClaim
    process: int

    @property
    def campaign_id(self) -> int:
        """The campaign to generate."""
        return self.claim.campaign_id


@dataclasses.dataclass(frozen=True, slots=True)
class GeneratorSource:
    """What a generator is run from: the same every time, so that a replay gives the same datasets."""

    source: str
    seed: int
    now_ms: int


class Background:
    """One background process. `run` returns when `stop` is called."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._stopping = threading.Event()
        # Nothing is to be forgotten when it begins anew: whoever generates finds its claim lost.
        self._pulse = Pulse(settings, database, KIND, reborn=lambda: None)

    @property
    def _is_best_effort(self) -> bool:
        return self._settings.sandbox == "best-effort"

    def stop(self) -> None:
        """Finish what runs and return from `run`."""
        self._stopping.set()

    def run(self) -> None:
        """Generate until told to stop."""
        self._report_sandbox()
        self._pulse.enter()
        loops: list[tuple[Callable[[], bool], float]] = [(self._generate_next, POLL_S)]
        loops *= self._settings.generators_at_once
        loops += [(self._beat, self._settings.heartbeat_s), (self._sweep, SWEEP_S)]
        threads = [threading.Thread(target=self._repeat, args=loop) for loop in loops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._pulse.leave()

    def _report_sandbox(self) -> None:
        """Tell the operator once what the sandbox lacks here, before an owner finds out."""
        for layer in worker_sandbox.check(best_effort=self._is_best_effort):
            if layer.state == "absent" and self._is_best_effort:
                log.warning("SANDBOX=best-effort: generators run without %s: %s", layer.name, layer.detail)
            elif layer.state != "holds":
                log.error("no dataset generator can run here: %s: %s; see docs/operations.md", layer.name, layer.detail)

    def _repeat(self, act: Callable[[], bool], pause_s: float) -> None:
        """Act again and again, at once when there may be more to do, else after a pause."""
        while not self._stopping.is_set():
            try:
                if act():
                    continue
            except UNAVAILABLE as error:
                log.warning("the database cannot be reached, trying again: %s", error)
            except Exception:
                log.exception("%s failed, and goes on", act)
            self._stopping.wait(pause_s)

    def _beat(self) -> bool:
        self._pulse.beat()
        return False

    # --- generating --------------------------------------------------------------------------------------------------

    def _generate_next(self) -> bool:
        """Run one waiting generator; False when none waits."""
        process = self._pulse.process
        claim = self._database.write(lambda connection: ledger.claim_generation(connection, process))
        if claim is None:
            return False
        task, started_at = Task(claim, process), time.monotonic()
        try:
            self._attempt(task)
        except ClaimLost:
            log.warning("campaign %d: another process generates it now", task.campaign_id)
        except Exception:
            log.exception("campaign %d: its generation was interrupted, and is tried again", task.campaign_id)
            self._release(task)
        log.info("campaign %d: its generator ended after %.2f s", task.campaign_id, time.monotonic() - started_at)
        return True

    def _attempt(self, task: Task) -> None:
        try:
            self._generate(task)
        except worker_sandbox.GeneratorFailed as error:
            self._fail(task, str(error), error.line)
        except worker_sandbox.SandboxUnavailable as error:
            log.exception("the sandbox cannot be used")
            self._fail(task, f"The server's sandbox cannot be used: {error} Tell the operator.", None)

    def _release(self, task: Task) -> None:
        while not self._stopping.wait(RETRY_S):
            try:
                self._database.write(
                    lambda connection: ledger.release_generation(connection, task.campaign_id, task.process)
                )
                return
            except UNAVAILABLE as error:
                log.warning("campaign %d cannot be given back, trying again: %s", task.campaign_id, error)

    def _generate(self, task: Task) -> None:
        source = self._database.read(lambda connection: _read_source(connection, task.campaign_id))
        position = task.claim.generated
        with worker_sandbox.generate(
            source.source,
            seed=source.seed,
            now_ms=source.now_ms,
            skip=position,
            limits=self._limits(),
            best_effort=self._is_best_effort,
        ) as chunks:
            for blobs in _steps(chunks):
                self._store(task, position, blobs)
                position += len(blobs)
        if position == 0:
            raise worker_sandbox.GeneratorFailed("main() returned no datasets: there is nothing to compute.")
        self._database.write(lambda connection: ledger.finish_generation(connection, task.campaign_id, task.process))

    def _store(self, task: Task, position: int, blobs: list[bytes]) -> None:
        stored = self._database.write(
            lambda connection: ledger.add_datasets(connection, task.campaign_id, task.process, position, blobs)
        )
        if not stored:
            raise ClaimLost

    def _limits(self) -> worker_sandbox.Limits:
        settings = self._settings
        return worker_sandbox.Limits(
            wall_s=settings.generator_wall_s,
            datasets=settings.datasets_max,
            total_bytes=settings.datasets_max_bytes,
            dataset_bytes=settings.dataset_max_bytes,
        )

    def _fail(self, task: Task, message: str, line: int | None) -> None:
        generated = self._database.write(
            lambda connection: ledger.fail_generation(connection, task.campaign_id, task.process, message, line)
        )
        for first in range(0, generated, ROWS_PER_STEP):
            self._database.write(
                lambda connection, first=first: ledger.forget_datasets(  # type: ignore[misc]
                    connection, task.campaign_id, first, ROWS_PER_STEP
                )
            )

    # --- housekeeping ------------------------------------------------------------------------------------------------

    def _sweep(self) -> bool:
        """Delete sign-ins that ended, and some results of runs that are over; True when there may be more of them."""
        self._database.write(_purge_sessions)
        return self._database.write(lambda connection: ledger.forget_old_results(connection, ROWS_PER_STEP)) > 0


def _read_source(connection: sa.Connection, campaign_id: int) -> GeneratorSource:
    columns = (Campaign.dataset_gen, Campaign.seed, Campaign.date_added)
    row = connection.execute(sa.select(*columns).where(Campaign.id == campaign_id)).one()
    return GeneratorSource(row.dataset_gen.decode(), row.seed, int(row.date_added.timestamp() * 1000))


def _purge_sessions(connection: sa.Connection) -> None:
    with Session(bind=connection) as session:
        accounts.purge_sessions(session, dt.datetime.now(dt.UTC))
        session.flush()


def _steps(chunks: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """Cut chunks so that each is stored in milliseconds: on SQLite the others wait meanwhile."""
    for chunk in chunks:
        for first in range(0, len(chunk), ROWS_PER_STEP):
            yield chunk[first : first + ROWS_PER_STEP]
