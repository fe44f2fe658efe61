"""What an owner changes of a campaign after it was made.

Promises, cited by the tests:

E1  Kernel and static dataset change only while nothing is handed out; the rest at any time. The generator never does.
E2  What volunteers are given has a version (`kernel_version`): it grows with every change of it, in the campaign's row
    and in its schedule at once, and every result says under which one it was handed out.
E3  Results so far are kept, or deleted by a new run, as the owner says with the change that makes a new version.
E4  Who edits what somebody else, or another tab, has changed since is told, and nothing is stored.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger, quotas
from app.campaigns.overviews import Overview, State, get_overview
from app.campaigns.uploads import check_file, hash_source, iter_about_problems
from app.errors import Conflict, InvalidInput
from app.models import Campaign
from app.settings import Settings
from app.states import Intent

CHANGED_MEANWHILE = (
    "The campaign was changed after you opened this page, in another tab perhaps, so nothing of yours was stored. "
    "Look at what it is now before you save yours."
)
RUNS = "Volunteers compute with it now: pause the campaign, then change its {title}."


@dataclasses.dataclass(frozen=True)
class Edit:
    """A campaign as its owner wants it from now on."""

    name: str
    description: str
    beneficiary: str
    listed: bool
    results_public: bool
    autostart: bool
    sloppy: bool
    deadline_s: float | None  # what one dataset may take; None: the setting
    kernel: bytes | None = None  # None: as it is
    static_dataset: bytes | None = None  # None: as it is
    keeps_results: bool = True
    resumes: bool = False
    marker: str | None = None  # of what the owner saw (`make_marker`); None: whatever is there is overwritten


@dataclasses.dataclass(frozen=True)
class Edited:
    """What came of an edit. version: the new one, None where volunteers get what they got; deleted: results gone."""

    version: int | None = None
    deleted: int | None = None


def make_marker(campaign: Campaign) -> str:
    """Return what tells whether a campaign is still what somebody saw."""
    seen = [getattr(campaign, name) for name in (*_PLAIN, "deadline_ms", "kernel_hash", "static_hash")]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


_PLAIN = ("name", "description", "beneficiary", "listed", "results_public", "autostart", "sloppy")


def may_change_sources(overview: Overview) -> bool:
    """Say whether kernel and static dataset can be changed now (E1)."""
    return overview.state not in (State.RUNNING, State.GENERATING)


def find_edit_problems(campaign: Campaign, edit: Edit, settings: Settings) -> list[InvalidInput]:
    """Return everything in an edit that cannot be accepted, whatever the campaign is doing."""
    return list(_iter_problems(campaign, edit, settings))


def _iter_problems(campaign: Campaign, edit: Edit, settings: Settings) -> Iterator[InvalidInput]:
    yield from iter_about_problems(edit, campaign.owner)
    for title, field, limit_bytes in (
        ("kernel", "kernel", settings.kernel_max_bytes),
        ("static dataset", "static_dataset", settings.static_dataset_max_bytes),
    ):
        data = getattr(edit, field)
        if data is not None:
            try:
                check_file(title, field, data, limit_bytes, required=field == "kernel")
            except InvalidInput as problem:
                yield problem


def edit_campaign(session: Session, campaign: Campaign, edit: Edit, settings: Settings) -> Edited:
    """Store an edit.

    Raises:
        Conflict: the campaign is not what the owner saw when they began (E4).
        InvalidInput: something cannot be accepted, or not while the campaign runs (E1); names the field. Or the owner
            has no room for it; names none.
    """
    _read_alone(session, campaign)
    if edit.marker is not None and edit.marker != make_marker(campaign):
        raise Conflict(CHANGED_MEANWHILE)
    for problem in find_edit_problems(campaign, edit, settings):
        raise problem
    quotas.reserve_growth(session, campaign.user_id, _count_added_bytes(campaign, edit), settings)
    overview = get_overview(session, campaign)
    may_change = may_change_sources(overview)
    new = _change_given(campaign, edit, may_change=may_change)
    for name in _PLAIN:
        value = getattr(edit, name)
        setattr(campaign, name, value.strip() if isinstance(value, str) else value)
    session.flush()
    is_reset = bool(new) and may_change and not edit.keeps_results  # E3
    if new:  # E2
        campaign.kernel_version = ledger.renew_kernel(session.connection(), campaign.id)
        session.flush()
    if is_reset:
        ledger.reset(session.connection(), campaign.id)
    _set_intent(session, campaign, edit, is_stale=is_reset or bool(new & {"kernel", "static_dataset"}))
    return Edited(campaign.kernel_version if new else None, overview.progress.value_count if is_reset else None)


def _read_alone(session: Session, campaign: Campaign) -> None:
    """Read the campaign again when no other edit can change it any more."""
    session.execute(sa.select(Campaign.id).where(Campaign.id == campaign.id).with_for_update())
    session.refresh(campaign)
    session.refresh(campaign.schedule)


def _count_added_bytes(campaign: Campaign, edit: Edit) -> int:
    sources = ((edit.kernel, campaign.kernel), (edit.static_dataset, campaign.static_dataset))
    return sum(len(new) - len(old) for new, old in sources if new is not None)


def _change_given(campaign: Campaign, edit: Edit, *, may_change: bool) -> set[str]:
    """Put what volunteers are given into the row, and return what of it is new."""
    new = set()
    for field, title, of_hash in (
        ("kernel", "kernel", "kernel_hash"),
        ("static_dataset", "static dataset", "static_hash"),
    ):
        data = getattr(edit, field)
        if data is None or hash_source(data) == getattr(campaign, of_hash):
            continue
        if not may_change:
            raise InvalidInput(RUNS.format(title=title), field)
        setattr(campaign, field, data)
        setattr(campaign, of_hash, hash_source(data))
        new.add(field)
    deadline_ms = None if edit.deadline_s is None else round(edit.deadline_s * 1000)
    if deadline_ms != campaign.deadline_ms:
        campaign.deadline_ms = deadline_ms
        new.add("deadline_ms")
    return new | ({"sloppy"} if edit.sloppy != campaign.sloppy else set())


def _set_intent(session: Session, campaign: Campaign, edit: Edit, *, is_stale: bool) -> None:
    if edit.resumes:
        ledger.set_intent(session.connection(), campaign.id, Intent.RUNNING)
    elif is_stale:  # why the system paused it was about what it gave volunteers before
        ledger.set_intent(session.connection(), campaign.id, Intent.PAUSED)
    session.expire(campaign.schedule)
