"""Runs the dataset generators of campaigns, and stores what they make.

Promises, cited by the tests:

N1  Datasets are stored in the generator's order, each once: a claim, the count of what is stored and the rows move
    in one transaction (`ledger.add_datasets`). Whoever goes on where another was replays the generator first, and
    the replay must have the digest of what is stored, else nothing more is: two sequences are never mixed.
N2  A generator whose `main` returns an array is run once; of one that fails nothing counts.
N3  A lock-step generator (`function*`, or anything that iterates) is pulled up to a high-water mark of pending
    datasets, and again when they have fallen to half of it. Of a pull that fails nothing is stored; what earlier
    pulls made stays, and is all that the campaign will have.
N4  At its quota of datasets or bytes, or its owner's, a lock-step generator waits for its owner; it does not fail.
N5  At most `generators_alive` generators live at once in a process; the least recently needed one ends first.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence

import sqlalchemy as sa

import worker_sandbox
from app import ledger, quotas
from app.database import Database
from app.models import Campaign
from app.records import GenerationClaim
from app.settings import Settings
from worker_sandbox import GeneratorFailed, GeneratorKilled, SandboxUnavailable

log = logging.getLogger(__name__)

ROWS_PER_STEP = 2000
PULL_UNITS = 8 << 20  # of JSON text, after which a pull ends early: it is held in memory until it has succeeded
KILLS_FORGIVEN = 8  # in a row; a generator that takes the machine's memory is killed each time
NO_DATASETS = "main() returned no datasets: there is nothing to compute."
NO_ROOM = "the datasets do not fit beside those of your other campaigns: the page “Use” of your account says what may."
NOT_THE_SAME = (
    "the dataset generator did not make the same datasets again when it was repeated, as it is after its process has"
    " ended: nothing more was stored. A generator may depend on nothing but its own code."
)


class ClaimLost(Exception):
    """Another process has this campaign now."""


class Stopped(Exception):
    """This process ends: somebody else goes on."""


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A claim and the process id that made it: a process that begins anew has lost what it claimed before."""

    claim: GenerationClaim
    process: int

    @property
    def campaign_id(self) -> int:
        """The campaign to generate."""
        return self.claim.campaign_id


class Run:
    """A generator in the sandbox, and the digest of what it has made."""

    def __init__(self, campaign_id: int, session: worker_sandbox.Session) -> None:
        self.campaign_id = campaign_id
        self.session = session
        self.position = 0
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of all datasets taken, in order, in hexadecimal digits."""
        return self._hash.hexdigest()

    def take(self, blobs: Sequence[bytes]) -> None:
        """Count datasets as made."""
        self._hash.update(b"".join(blobs))
        self.position += len(blobs)

    def stands_at(self, claim: GenerationClaim) -> bool:
        """Whether this run has made exactly what is stored."""
        same = claim.digest is None or claim.digest == self.digest
        return same and self.position == self.session.position == claim.generated


class Kept:
    """The runs that are alive: those at work, and those at rest until somebody needs them again (N5)."""

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._lock = threading.Lock()
        self._at_work: set[Run] = set()
        self._at_rest: OrderedDict[int, Run] = OrderedDict()  # by campaign, the least recently needed first

    def find(self, claim: GenerationClaim) -> Run | None:
        """Put the campaign's run to work, if there is one and it is where the claim says."""
        with self._lock:
            run = self._at_rest.pop(claim.campaign_id, None)
            if run is not None and run.stands_at(claim):
                self._at_work.add(run)
                return run
        if run is not None:
            run.session.end()  # another process went on in the meantime
        return None

    def start(self, make: Callable[[], Run]) -> Run:
        """Put a new run to work; others that rest make room for it."""
        with self._lock:
            too_many = 1 + len(self._at_work) + len(self._at_rest) - self._most
            leaving = [self._at_rest.popitem(last=False)[1] for _ in range(min(too_many, len(self._at_rest)))]
            for run in leaving:
                run.session.end()
            run = make()
            self._at_work.add(run)
        return run

    def rest(self, run: Run) -> None:
        """Let a run rest, to be found later."""
        with self._lock:
            self._at_work.discard(run)
            self._at_rest[run.campaign_id] = run

    def end(self, run: Run) -> None:
        """End a run at work."""
        with self._lock:
            self._at_work.discard(run)
        run.session.end()

    def retain(self, campaign_ids: Collection[int]) -> None:
        """End the runs at rest but those of some campaigns."""
        with self._lock:
            leaving = [self._at_rest.pop(key) for key in list(self._at_rest) if key not in campaign_ids]
        for run in leaving:
            run.session.end()


class Generators:
    """Runs generators for one background process, in any number of its threads.

    Args:
        is_stopping: whether the process ends, so that long work is given up.
    """

    def __init__(self, settings: Settings, database: Database, is_stopping: Callable[[], bool]) -> None:
        self._settings = settings
        self._database = database
        self._is_stopping = is_stopping
        self._kept = Kept(settings.generators_alive)
        self._kills: Counter[int] = Counter()  # by campaign, since it last got on

    def claim(self, process: int) -> Task | None:
        """Take the next campaign whose generator is to be run."""
        high_water = self._settings.pending_high_water
        claim = self._database.write(lambda connection: ledger.claim_generation(connection, process, high_water))
        return None if claim is None else Task(claim, process)

    def work(self, task: Task) -> None:
        """Run a generator to its end, or to where enough is pending; whatever comes of it is in the ledger.

        Raises:
            ClaimLost: another process has the campaign.
            SandboxUnavailable: a generator that had run before cannot now; it may be tried again.
            Stopped: it was given up because this process ends.
        """
        try:
            self._generate(task)
        except GeneratorKilled as error:
            self._forgive(task, error)
        except GeneratorFailed as error:
            self._fail(task, str(error), error.line)
        except SandboxUnavailable as error:
            if task.claim.generated:
                raise  # what runs already goes on when the operator has mended it
            log.exception("the sandbox cannot be used")
            self._fail(task, f"The server's sandbox cannot be used: {error} Tell the operator.", None)

    def release(self, task: Task) -> None:
        """Give a claim back."""
        self._database.write(lambda connection: ledger.release_generation(connection, task.campaign_id, task.process))

    def reopen_full(self) -> None:
        """Let generators go on that were at a quota which has been raised since."""
        limits = (self._settings.datasets_max, self._settings.datasets_max_bytes)
        self._database.write(lambda connection: ledger.reopen_full(connection, *limits))

    def sweep(self, process: int) -> None:
        """End the generators at rest that this process has lost, or whose campaigns were deleted."""
        self._kept.retain(self._database.read(lambda connection: ledger.find_kept(connection, process)))

    def end(self) -> None:
        """End every generator at rest."""
        self._kept.retain(())

    # --- one run -----------------------------------------------------------------------------------------------------

    def _generate(self, task: Task) -> None:
        claim, high_water = task.claim, self._settings.pending_high_water
        if claim.is_lockstep and 2 * claim.pending > high_water:
            self._rest(task)  # it was interrupted when it had made enough
            return
        run = self._kept.find(claim) or self._replay(task)
        try:
            goes_on = self._pull(task, run) if run.session.is_lockstep else self._take_all(task, run)
        except BaseException:
            self._kept.end(run)
            raise
        self._kills.pop(task.campaign_id, None)
        if goes_on:
            self._kept.rest(run)  # first, so that who claims the campaign next finds it
            self._rest(task)
        else:
            self._kept.end(run)

    def _replay(self, task: Task) -> Run:
        """Start a generator, and let it make again what is stored (N1)."""
        run = self._start(task.campaign_id)
        try:
            run.session.open()
            for blobs in run.session.pull(task.claim.generated, budget_s=self._settings.generator_replay_s):
                run.take(blobs)
                if self._is_stopping():
                    raise Stopped
            if not run.stands_at(task.claim):
                raise GeneratorFailed(NOT_THE_SAME)
        except BaseException:
            self._kept.end(run)
            raise
        return run

    def _start(self, campaign_id: int) -> Run:
        columns = (Campaign.dataset_gen, Campaign.seed, Campaign.date_added)
        query = sa.select(*columns).where(Campaign.id == campaign_id)
        row = self._database.read(lambda connection: connection.execute(query).one())
        # The same every time, so that a replay gives the same datasets.
        given = {"seed": row.seed, "now_ms": int(row.date_added.timestamp() * 1000)}
        source, limits = row.dataset_gen.decode(), self.limits()
        return self._kept.start(
            lambda: Run(campaign_id, worker_sandbox.Session(source, **given, limits=limits, in_steps=True))
        )

    def limits(self) -> worker_sandbox.Limits:
        """Return what a generator may use."""
        settings = self._settings
        return worker_sandbox.Limits(
            wall_s=settings.generator_wall_s,
            datasets=settings.datasets_max,
            total_bytes=settings.datasets_max_bytes,
            dataset_bytes=settings.dataset_max_bytes,
            best_effort=settings.sandbox == "best-effort",
        )

    def _take_all(self, task: Task, run: Run) -> bool:
        """Store an array's datasets as they come (N2). Returns False: nothing more is to come."""
        room = self._find_room(task)
        for blobs in run.session.pull(self._settings.datasets_max + 1 - run.position):
            room = _take_room(room, blobs)
            self._store(task, run, blobs)
        self._finish(task, run)
        return False

    def _find_room(self, task: Task) -> quotas.Room:
        """Return what the owner's campaigns leave for this one."""
        return self._database.read(lambda connection: quotas.find_room(connection, task.campaign_id, self._settings))

    def _pull(self, task: Task, run: Run) -> bool:
        """Pull up to the high-water mark (N3) or the quota (N4), and say whether the generator goes on."""
        claim = task.claim
        left = self._find_room(task)
        room = min(left.datasets, self._settings.datasets_max - claim.generated)
        room_bytes = min(left.size_bytes, self._settings.datasets_max_bytes - claim.generated_bytes)
        # One more than there is room for tells a generator that has ended from one that is too long.
        wanted = min(self._settings.pending_high_water - claim.pending, room + 1)
        pulled = [blob for blobs in run.session.pull(wanted, units=PULL_UNITS) for blob in blobs]
        fitting = pulled[: _count_fitting(pulled, room, room_bytes)]
        self._store(task, run, fitting)
        if len(fitting) < len(pulled):
            self._database.write(lambda c: ledger.fill_generation(c, task.campaign_id, task.process))
            return False
        if run.session.has_ended:
            self._finish(task, run)
        return not run.session.has_ended

    def _store(self, task: Task, run: Run, blobs: Sequence[bytes]) -> None:
        for step in _steps(blobs):
            first = run.position
            run.take(step)
            about = {"digest": run.digest, "is_lockstep": run.session.is_lockstep}
            stored = self._database.write(
                lambda connection, first=first, step=step, about=about: ledger.add_datasets(  # type: ignore[misc]
                    connection, task.campaign_id, task.process, first, step, **about
                )
            )
            if not stored:
                raise ClaimLost

    def _rest(self, task: Task) -> None:
        self._database.write(lambda connection: ledger.rest_generation(connection, task.campaign_id, task.process))

    def _finish(self, task: Task, run: Run) -> None:
        if run.position == 0:
            raise GeneratorFailed(NO_DATASETS)
        self._database.write(lambda connection: ledger.finish_generation(connection, task.campaign_id, task.process))

    def _forgive(self, task: Task, error: GeneratorKilled) -> None:
        """Have a generator replayed whose process was killed, unless that happens again and again."""
        self._kills[task.campaign_id] += 1
        if self._kills[task.campaign_id] > KILLS_FORGIVEN:
            del self._kills[task.campaign_id]
            self._fail(task, str(error), None)
            return
        log.warning("campaign %d: its generator was killed, and is replayed", task.campaign_id)
        self.release(task)

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


def _take_room(room: quotas.Room, blobs: Sequence[bytes]) -> quotas.Room:
    """Return what is left of the owner's room after some datasets.

    Raises:
        GeneratorFailed: they do not fit.
    """
    left = quotas.Room(room.datasets - len(blobs), room.size_bytes - sum(map(len, blobs)))
    if left.datasets < 0 or left.size_bytes < 0:
        raise GeneratorFailed(NO_ROOM)
    return left


def _count_fitting(blobs: Sequence[bytes], room: int, room_bytes: int) -> int:
    for number, blob in enumerate(blobs[:room]):
        room_bytes -= len(blob)
        if room_bytes < 0:
            return number
    return min(len(blobs), room)


def _steps(blobs: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut datasets so that each step is stored in milliseconds: on SQLite the others wait meanwhile."""
    for first in range(0, len(blobs), ROWS_PER_STEP):
        yield blobs[first : first + ROWS_PER_STEP]
