"""The background process: its threads, which run dataset generators (`generators.py`) and keep house.

A campaign whose generator is to be run is claimed by one process. One that dies loses its claims within its time to
live; whoever claims the campaign next replays the generator and goes on where the last one was.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

import worker_sandbox
from app import accounts, ledger, mail, previews, purge, quotas, throttling
from app.database import UNAVAILABLE, Database
from app.generators import ROWS_PER_STEP, ClaimLost, Generators, Stopped, Task
from app.pulse import Pulse
from app.settings import Settings

log = logging.getLogger(__name__)

KIND = "background"
POLL_S = 0.2
PREVIEW_POLL_S = 0.1
MAIL_POLL_S = 1.0
RETRY_S = 1.0
SWEEP_S = 30.0
PURGE_S = 60.0


class Background:
    """One background process. `run` returns when `stop` is called."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._stopping = threading.Event()
        # Nothing is to be forgotten when it begins anew: whoever generates finds its claim lost.
        self._pulse = Pulse(settings, database, KIND, reborn=lambda: None)
        self._generators = Generators(settings, database, self._stopping.is_set)

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
        self._generators.reopen_full()
        loops: list[tuple[Callable[[], bool], float]] = [(self._generate_next, POLL_S)]
        loops *= self._settings.generators_at_once
        loops.append((self._preview_next, PREVIEW_POLL_S))
        loops += [(self._beat, self._settings.heartbeat_s), (self._sweep, SWEEP_S), (self._purge, PURGE_S)]
        threads = [threading.Thread(target=self._repeat, args=loop) for loop in loops]
        # A daemon, for which nobody waits: a mail server may take a minute to answer. What it was sending is sent by
        # another process, or after the next start.
        mailer = threading.Thread(target=self._repeat, args=(self._send_next_mail, MAIL_POLL_S), daemon=True)
        for thread in (*threads, mailer):
            thread.start()
        for thread in threads:
            thread.join()
        self._generators.end()
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
        """Run one generator that waits, or pull one; False when there is none."""
        task = self._generators.claim(self._pulse.process)
        if task is None:
            return False
        started_at = time.monotonic()
        try:
            self._generators.work(task)
        except ClaimLost:
            log.warning("campaign %d: another process generates it now", task.campaign_id)
        except Stopped:
            log.info("campaign %d: its generator is left to another process", task.campaign_id)
        except Exception:
            log.exception("campaign %d: its generation was interrupted, and is tried again", task.campaign_id)
            self._release(task)
        log.info("campaign %d: its generator ran for %.2f s", task.campaign_id, time.monotonic() - started_at)
        return True

    def _preview_next(self) -> bool:
        return previews.serve_next(self._database, self._generators.limits(), _now)

    def _send_next_mail(self) -> bool:
        return mail.send_next(self._database, self._settings, _now)

    def _release(self, task: Task) -> None:
        while not self._stopping.wait(RETRY_S):
            try:
                self._generators.release(task)
                return
            except UNAVAILABLE as error:
                log.warning("campaign %d cannot be given back, trying again: %s", task.campaign_id, error)

    # --- housekeeping ------------------------------------------------------------------------------------------------

    def _sweep(self) -> bool:
        """Take away what nobody needs any more; True when there may be more of it."""
        self._database.write(_purge_accounts)
        self._database.write(self._sweep_previews)
        self._generators.sweep(self._pulse.process)
        if self._database.read(lambda connection: quotas.is_any_full(connection, self._settings)):
            paused = self._database.write(lambda connection: quotas.pause_full(connection, self._settings))
            log.info("%d campaigns are paused, since their owners have no room left", paused)
        return self._database.write(lambda connection: ledger.forget_old_results(connection, ROWS_PER_STEP)) > 0

    def _purge(self) -> bool:
        """Erase what was deleted long enough ago, until this process ends."""
        for step in purge.iter_steps(self._database, self._settings, _now, self._stopping.wait):
            if step.table == "campaign":
                log.info("campaign %s was deleted long enough ago, and is erased", step.campaign_id)
            if self._stopping.is_set():
                break
        return False

    def _sweep_previews(self, connection: sa.Connection) -> None:
        previews.give_up(connection, self._settings.generator_wall_s, _now())
        previews.forget_old(connection, self._settings.preview_ttl_s, _now())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _purge_accounts(connection: sa.Connection) -> None:
    with Session(bind=connection) as session:
        accounts.purge_sessions(session, _now())
        throttling.purge(session, _now())
        session.flush()
