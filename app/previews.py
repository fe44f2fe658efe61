"""Previews: what a generator would make, for somebody who still writes it. The `background` process runs them.

Promises, cited by the tests:

V1  A preview runs in the same sandbox within the same limits as a campaign's generator, and waits for none of those:
    it has a thread of its own. It holds none of them up either.
V2  It belongs to the user who asked, and is NotFound for everybody else.
V3  A user has at most `previews_per_user` of them: a new one takes the place of the oldest, whose answer nobody wants
    any more. One of them runs at a time. All are gone `preview_ttl_s` after they were asked for.
V4  It is answered once, with figures or with an error; one whose process died is run again, once,
    and is an error when that one dies, too.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from collections import deque
from collections.abc import Callable

import msgpack
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

import worker_sandbox
from app import campaigns
from app.database import Database
from app.errors import NotFound
from app.generators import NO_DATASETS
from app.models import Preview, User
from app.settings import Settings
from app.states import PreviewState

FIRST = 10  # datasets that are shown
STEP = 10_000  # datasets that a lock-step generator is asked for
STEP_UNITS = 8 << 20  # of their JSON text, after which no more are asked for
SHOWN_BYTES = 1 << 20  # of datasets that are shown, in all
LAPSE_S = 30.0  # beyond a generator's time, after which a preview's process counts as dead
TRIES = 2
SEED_MAX = 2**52


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A preview to be run."""

    id: int
    source: str
    seed: int
    asked_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a generator makes, or why it does not.

    Args:
        count: datasets made; where `is_whole` is false there are more, perhaps without end.
        size_bytes: of all of them, as msgpack.
        first: the first ones, a msgpack blob each; `last`: the last one made. Fewer, where they are large.
        is_lockstep: `main` is a generator function, or something else that is asked for one dataset after the other.
    """

    count: int = 0
    size_bytes: int = 0
    first: tuple[bytes, ...] = ()
    last: bytes | None = None
    is_lockstep: bool = False
    is_whole: bool = True
    error: str | None = None
    line: int | None = None
    column: int | None = None


def ask(
    session: Session, owner: User, source: bytes, settings: Settings, now: dt.datetime, seed: int | None = None
) -> int:
    """Have a generator previewed, and return the preview's id (V3).

    Raises:
        InvalidInput: the source is missing, too large or not UTF-8.
    """
    campaigns.check_file("dataset generator", "dataset_gen", source, settings.generator_max_bytes, required=True)
    # Asked for at the same moment, two would both find room: the user's row makes one wait for the other.
    session.execute(sa.select(User.id).where(User.id == owner.id).with_for_update())
    newest = ((Preview.state == PreviewState.RUNNING).desc(), Preview.asked_at.desc(), Preview.id.desc())
    found = sa.select(Preview.id).where(Preview.user_id == owner.id).order_by(*newest)
    superseded = session.scalars(found.offset(max(1, settings.previews_per_user) - 1)).all()
    session.execute(sa.delete(Preview).where(Preview.id.in_(superseded)))
    drawn = secrets.randbelow(SEED_MAX) if seed is None else seed
    preview = Preview(user_id=owner.id, asked_at=now, source=source, seed=drawn)
    session.add(preview)
    session.flush()
    return preview.id


def find_answer(session: Session, owner: User, preview_id: int) -> Answer | None:
    """Return a preview's answer; None: not yet. The access loader of this table (V2).

    Raises:
        NotFound: there is none, a newer one took its place, its time is over, or it is somebody else's.
    """
    query = sa.select(Preview).where(Preview.id == preview_id, Preview.user_id == owner.id)
    row = session.scalars(query).one_or_none() if abs(preview_id) < 2**63 else None
    if row is None:
        raise NotFound("There is no such preview any more.")
    if row.state is not PreviewState.DONE:
        return None
    return Answer(
        count=row.count,
        size_bytes=row.size_bytes,
        first=tuple(msgpack.unpackb(row.first)) if row.first else (),
        last=row.last,
        is_lockstep=row.is_lockstep,
        is_whole=row.is_whole,
        error=row.error,
        line=row.line,
        column=row.column,
    )


def claim(connection: sa.Connection, wall_s: float, now: dt.datetime) -> Job | None:
    """Take the preview that has waited longest, or one whose process gave no answer in time (V4)."""
    query = _find_claimable(wall_s, now)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True, of=Preview)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    update = sa.update(Preview).where(Preview.id == row.id)
    connection.execute(update.values(state=PreviewState.RUNNING, claimed_at=now, tries=Preview.tries + 1))
    return Job(row.id, row.source.decode(), row.seed, row.asked_at)


def _find_claimable(wall_s: float, now: dt.datetime) -> sa.Select[int, bytes, int, dt.datetime]:
    lapsed_at = now - dt.timedelta(seconds=wall_s + LAPSE_S)
    waits = Preview.state == PreviewState.WAITING
    lapsed = (Preview.state == PreviewState.RUNNING) & (Preview.claimed_at < lapsed_at) & (Preview.tries < TRIES)
    other = aliased(Preview)
    runs = (other.state == PreviewState.RUNNING) & (other.claimed_at >= lapsed_at)
    busy = sa.exists().where(other.user_id == Preview.user_id, runs)
    columns = (Preview.id, Preview.source, Preview.seed, Preview.asked_at)
    return sa.select(*columns).where(waits & ~busy | lapsed).order_by(Preview.asked_at, Preview.id).limit(1)


def answer(connection: sa.Connection, preview_id: int, found: Answer) -> None:
    """Store what came of a preview, unless nobody wants it any more."""
    values = dataclasses.asdict(found) | {"first": msgpack.packb(found.first), "state": PreviewState.DONE}
    connection.execute(sa.update(Preview).where(Preview.id == preview_id).values(**values))


def give_up(connection: sa.Connection, wall_s: float, now: dt.datetime) -> None:
    """Answer previews whose processes ended each time."""
    lapsed_at = now - dt.timedelta(seconds=wall_s + LAPSE_S)
    running = sa.update(Preview).where(Preview.state == PreviewState.RUNNING, Preview.tries >= TRIES)
    failed = {
        "state": PreviewState.DONE,
        "error": "The preview could not be run: the server was interrupted each time.",
    }
    connection.execute(running.where(Preview.claimed_at < lapsed_at).values(**failed))


def forget_old(connection: sa.Connection, ttl_s: float, now: dt.datetime) -> None:
    """Take away previews whose time is over (V3)."""
    connection.execute(sa.delete(Preview).where(Preview.asked_at < now - dt.timedelta(seconds=ttl_s)))


def forget_all_of(session: Session, owner: User) -> None:
    """Take away what somebody had previewed."""
    session.execute(sa.delete(Preview).where(Preview.user_id == owner.id))


def run(job: Job, limits: worker_sandbox.Limits) -> Answer:
    """Run a generator, and sum up what it makes (V1)."""
    try:
        with worker_sandbox.Session(
            job.source, seed=job.seed, now_ms=int(job.asked_at.timestamp() * 1000), limits=limits, in_steps=True
        ) as session:
            return _sum_up(session)
    except worker_sandbox.GeneratorFailed as error:
        return Answer(error=error.message, line=_storable(error.line), column=_storable(error.column))
    except worker_sandbox.SandboxUnavailable as error:
        return Answer(error=f"The server's sandbox cannot be used: {error} Tell the operator.")


def _sum_up(session: worker_sandbox.Session) -> Answer:
    session.open()
    first: list[bytes] = []
    last: deque[bytes] = deque(maxlen=1)
    size_bytes = 0
    asked = {"count": STEP, "units": STEP_UNITS} if session.is_lockstep else {"count": session.limits.datasets + 1}
    for blobs in session.pull(**asked):
        size_bytes += sum(map(len, blobs))
        first += blobs[: FIRST - len(first)]
        last.extend(blobs)
    if session.position == 0:
        return Answer(is_lockstep=session.is_lockstep, error=NO_DATASETS)
    shown, newest = _fit(first), last[0] if len(last[0]) <= SHOWN_BYTES else None
    return Answer(
        session.position, size_bytes, shown, newest, is_lockstep=session.is_lockstep, is_whole=session.has_ended
    )


def _fit(blobs: list[bytes]) -> tuple[bytes, ...]:
    size = 0
    for number, blob in enumerate(blobs):
        size += len(blob)
        if size > SHOWN_BYTES:
            return tuple(blobs[:number])
    return tuple(blobs)


def _storable(number: int | None) -> int | None:
    # It comes from a stack that the user's code may write as it likes.
    return number if number is not None and 1 <= number < 2**31 else None


def serve_next(database: Database, limits: worker_sandbox.Limits, clock: Callable[[], dt.datetime]) -> bool:
    """Run the next preview; False when none waits."""
    waiting = _find_claimable(limits.wall_s, clock()).with_only_columns(Preview.id)
    if database.read(lambda connection: connection.execute(waiting).first()) is None:
        return False  # Looked at first, because a transaction that writes holds up others.
    job = database.write(lambda connection: claim(connection, limits.wall_s, clock()))
    if job is None:
        return False
    found = run(job, limits)
    database.write(lambda connection: answer(connection, job.id, found))
    return True
