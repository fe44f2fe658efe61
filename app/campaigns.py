"""Campaigns as their owners see them: store, load, list, pause, reset, delete.

A campaign is reached through `get_campaign` alone, so that a stranger's request ends in NotFound.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import re
import secrets
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import ledger
from app.errors import InvalidInput, NotFound, NotSignedIn
from app.models import Campaign, KernelError, User
from app.records import Progress
from app.settings import Settings
from app.states import Generation, Intent

NAME_MAX = 100
DESCRIPTION_MAX = 4000
# Below a second a slow or busy device fails datasets that are right; beyond an hour a closed tab loses too much.
DEADLINE_MIN_S = 1.0
DEADLINE_MAX_S = 3600.0
ID_MAX = 2**31 - 1  # a number beyond it in an address is no id; the databases would refuse to compare with it
NO_CAMPAIGN = "There is no such campaign, or it is not yours."
# Errors that a page looks through to group them: a kernel that throws for every dataset leaves millions.
ERRORS_LOOKED_AT = 1000
EXCERPT_LINE_MAX = 300


class State(enum.StrEnum):
    """What a campaign is doing, as its page says it."""

    GENERATING = "generating"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"  # for its owner: everything is done, and the generator has more than the quota allows
    DONE = "done"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Upload:
    """What an owner hands in. The three files are bytes as they came; name and description are text."""

    name: str
    kernel: bytes
    static_dataset: bytes
    dataset_gen: bytes
    description: str = ""
    autostart: bool = False
    listed: bool = True
    sloppy: bool = False
    deadline_s: float | None = None  # what one dataset may take; None: the setting


@dataclasses.dataclass(frozen=True)
class Overview:
    """A campaign with its state and counts, as lists and its page show it."""

    campaign: Campaign
    state: State
    progress: Progress

    @property
    def makes_more(self) -> bool:
        """Whether datasets are made in steps, as volunteers need them, and more are to come."""
        schedule = self.campaign.schedule
        return schedule.lockstep and not schedule.generation.is_over and schedule.generation is not Generation.FAILED

    @property
    def is_full(self) -> bool:
        """Whether the generator has more datasets than a campaign may have."""
        return self.campaign.schedule.generation is Generation.FULL

    @property
    def percent(self) -> float:
        """Share of the generated datasets that are done, 0 to 100."""
        total = self.campaign.schedule.generated
        return 100.0 * self.progress.done / total if total else 0.0


@dataclasses.dataclass(frozen=True)
class ErrorGroup:
    """Equal errors of a kernel: the newest of them, and how many there were."""

    newest: KernelError
    count: int


@dataclasses.dataclass(frozen=True)
class ExcerptLine:
    """A numbered line of source text around an error."""

    number: int  # from 1
    text: str
    is_marked: bool


def create_campaign(session: Session, owner: User, upload: Upload, settings: Settings, now: dt.datetime) -> Campaign:
    """Store a new campaign, whose datasets the background process will generate.

    Raises:
        InvalidInput: a file is missing, too large or not UTF-8; names the field.
    """
    check_upload(upload, settings)
    campaign = Campaign(
        owner=owner,
        date_added=now,
        name=upload.name.strip(),
        description=upload.description.strip(),
        autostart=upload.autostart,
        listed=upload.listed,
        sloppy=upload.sloppy,
        deadline_ms=None if upload.deadline_s is None else round(upload.deadline_s * 1000),
        kernel=upload.kernel,
        kernel_hash=_hash(upload.kernel),
        static_dataset=upload.static_dataset,
        static_hash=_hash(upload.static_dataset),
        dataset_gen=upload.dataset_gen,
        dataset_gen_hash=_hash(upload.dataset_gen),
        seed=secrets.randbits(52),
    )
    session.add(campaign)
    session.flush()
    ledger.open_schedule(session.connection(), campaign.id)
    return campaign


def check_upload(upload: Upload, settings: Settings) -> None:
    """Raise InvalidInput for the first thing in an upload that cannot be accepted."""
    problem = next(iter_problems(upload, settings), None)
    if problem:
        raise problem


def iter_problems(upload: Upload, settings: Settings) -> Iterator[InvalidInput]:
    """Yield everything in an upload that cannot be accepted, at most one problem for each field."""
    if not upload.name.strip():
        yield InvalidInput("Give the campaign a name: volunteers see it.", "name")
    else:
        yield from _iter_text_problems("name", upload.name, NAME_MAX)
    yield from _iter_text_problems("description", upload.description, DESCRIPTION_MAX)
    for title, field, limit_bytes, required in (
        ("kernel", "kernel", settings.kernel_max_bytes, True),
        ("static dataset", "static_dataset", settings.static_dataset_max_bytes, False),
        ("dataset generator", "dataset_gen", settings.generator_max_bytes, True),
    ):
        try:
            check_file(title, field, getattr(upload, field), limit_bytes, required=required)
        except InvalidInput as problem:
            yield problem
    if upload.deadline_s is not None and not DEADLINE_MIN_S <= upload.deadline_s <= DEADLINE_MAX_S:
        yield InvalidInput(
            f"The time limit is {upload.deadline_s:,g} seconds; it must be from {DEADLINE_MIN_S:g} to "
            f"{DEADLINE_MAX_S:,g}, or empty.",
            "deadline_s",
        )


def get_deadline_ms(campaign: Campaign, settings: Settings) -> int:
    """Return how many milliseconds one dataset of a campaign may take."""
    return campaign.deadline_ms or int(settings.dataset_deadline_s * 1000)


def _iter_text_problems(field: str, text: str, limit: int) -> Iterator[InvalidInput]:
    if len(text.strip()) > limit:
        yield InvalidInput(f"The {field} has {len(text.strip()):,} characters; the limit is {limit:,}.", field)
    elif "\0" in text:
        yield InvalidInput(f"The {field} holds a null character. Type it anew.", field)


def check_file(title: str, field: str, data: bytes, limit_bytes: int, *, required: bool) -> None:
    """Raise InvalidInput, naming the form's field, for a file that is missing, too large or not UTF-8."""
    if required and not data.strip():
        raise InvalidInput(f"The {title} is missing: choose a JavaScript file or paste its text.", field)
    if len(data) > limit_bytes:
        raise InvalidInput(f"The {title} has {len(data):,} bytes; the limit is {limit_bytes:,}.", field)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The {title} is not UTF-8 text: byte {error.start:,} (0x{data[error.start]:02x}) does not belong there. "
            "Save the file as UTF-8; binary data fits in as base64.",
            field,
        ) from error


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def get_campaign(session: Session, owner: User, campaign_id: int) -> Campaign:
    """Return the owner's campaign with its schedule. The access loader of this table.

    Raises:
        NotFound: there is none, it was deleted, or it is somebody else's.
    """
    if campaign_id > ID_MAX:
        raise NotFound(NO_CAMPAIGN)
    query = sa.select(Campaign).options(joinedload(Campaign.schedule)).where(Campaign.id == campaign_id)
    campaign = session.scalars(query.where(Campaign.user_id == owner.id, ~Campaign.deleted)).one_or_none()
    if campaign is None:
        raise NotFound(NO_CAMPAIGN)
    return campaign


def get_readable(session: Session, viewer: User | None, campaign_id: int) -> Campaign:
    """Return a campaign whose results somebody may read: their own, or anybody's whose results are public.

    Raises:
        NotSignedIn: nobody is signed in, and it is private or not there; the two cannot be told apart.
        NotFound: there is none, it was deleted, or it is somebody else's and private.
    """
    campaign = _find_readable(session, viewer, campaign_id) if campaign_id <= ID_MAX else None
    if campaign is None:
        raise NotSignedIn() if viewer is None else NotFound(NO_CAMPAIGN)
    return campaign


def _find_readable(session: Session, viewer: User | None, campaign_id: int) -> Campaign | None:
    query = sa.select(Campaign).options(joinedload(Campaign.schedule)).where(Campaign.id == campaign_id)
    is_own = sa.false() if viewer is None else Campaign.user_id == viewer.id
    query = query.where(~Campaign.deleted, sa.or_(Campaign.results_public, is_own))
    return session.scalars(query).one_or_none()


def list_campaigns(session: Session, owner: User) -> list[Overview]:
    """Return the owner's campaigns, newest first."""
    query = (
        sa.select(Campaign)
        .options(joinedload(Campaign.schedule))
        .where(Campaign.user_id == owner.id, ~Campaign.deleted)
        .order_by(Campaign.id.desc())
    )
    campaigns = session.scalars(query).all()
    progress = ledger.sum_progress(session.connection(), [(c.id, c.schedule.run) for c in campaigns])
    return [_overview(campaign, progress[campaign.id]) for campaign in campaigns]


def get_overview(session: Session, campaign: Campaign) -> Overview:
    """Return a campaign's state and counts."""
    progress = ledger.sum_progress(session.connection(), [(campaign.id, campaign.schedule.run)])
    return _overview(campaign, progress[campaign.id])


def _overview(campaign: Campaign, progress: Progress) -> Overview:
    return Overview(campaign, _state(campaign, progress), progress)


def _state(campaign: Campaign, progress: Progress) -> State:
    schedule = campaign.schedule
    if schedule.generation is Generation.FAILED:
        return State.FAILED
    if schedule.generation.is_over and progress.done >= schedule.generated:
        return State.WAITING if schedule.generation is Generation.FULL else State.DONE
    if schedule.intent is Intent.PAUSED:
        return State.PAUSED
    return State.RUNNING if schedule.generation.is_over or schedule.lockstep else State.GENERATING


def find_served(session: Session, campaign_id: int) -> Campaign | None:
    """Return the campaign that an embed page may show to anyone, or None."""
    if campaign_id > ID_MAX:
        return None
    query = sa.select(Campaign).options(joinedload(Campaign.owner)).where(Campaign.id == campaign_id, ~Campaign.deleted)
    return session.scalars(query).one_or_none()


def list_kernel_errors(session: Session, campaign: Campaign, limit: int = 20) -> list[ErrorGroup]:
    """Return the errors of the campaign's present run, equal ones together, newest first.

    Only the newest ERRORS_LOOKED_AT errors are counted.
    """
    newest = (
        sa.select(KernelError.id, KernelError.name, KernelError.message)
        .where(KernelError.campaign_id == campaign.id, KernelError.run == campaign.schedule.run)
        .order_by(KernelError.id.desc())
        .limit(ERRORS_LOOKED_AT)
        .subquery()
    )
    groups = sa.select(sa.func.max(newest.c.id).label("last_id"), sa.func.count().label("times"))
    groups = groups.group_by(newest.c.name, newest.c.message).order_by(sa.desc("last_id")).limit(limit)
    counted = groups.subquery()
    query = sa.select(KernelError, counted.c.times).join(counted, KernelError.id == counted.c.last_id)
    return [ErrorGroup(error, times) for error, times in session.execute(query.order_by(KernelError.id.desc()))]


def find_excerpt(source: bytes, line: int | None, around: int = 2) -> list[ExcerptLine]:
    """Return the lines around one of a source text, that one marked; none, when the text has no such line."""
    lines = re.split(r"\r?\n", source.decode("utf-8", "replace"))
    if line is None or not 1 <= line <= len(lines):
        return []
    low, high = max(1, line - around), min(len(lines), line + around)
    return [ExcerptLine(number, _shorten(lines[number - 1]), number == line) for number in range(low, high + 1)]


def _shorten(line: str) -> str:
    # Minified source is one line of a megabyte.
    return line if len(line) <= EXCERPT_LINE_MAX else line[:EXCERPT_LINE_MAX] + " …"


def pause_campaign(session: Session, campaign: Campaign) -> None:
    """Stop handing out datasets; volunteers are told within a second."""
    ledger.set_intent(session.connection(), campaign.id, Intent.PAUSED)


def resume_campaign(session: Session, campaign: Campaign) -> None:
    """Hand out datasets again."""
    ledger.set_intent(session.connection(), campaign.id, Intent.RUNNING)


def reset_campaign(session: Session, campaign: Campaign) -> None:
    """Delete the results and make every dataset pending again, in a new run."""
    ledger.reset(session.connection(), campaign.id)


def delete_campaign(session: Session, campaign: Campaign, now: dt.datetime) -> None:
    """Take a campaign out of everybody's sight (soft delete); volunteers are sent away within a second."""
    campaign.deleted = True
    campaign.deleted_at = now
    session.flush()
    ledger.close_schedule(session.connection(), campaign.id)
