"""What owners hand in: what of it can be accepted, and storing it as a campaign."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import secrets
from collections.abc import Iterator
from typing import Protocol

from sqlalchemy.orm import Session

from app import ledger, numbering, quotas
from app.errors import InvalidInput
from app.models import Campaign, User
from app.settings import Settings

NAME_MAX = 100
DESCRIPTION_MAX = 4000
BENEFICIARY_MAX = 200
# Below a second a slow or busy device fails datasets that are right; beyond an hour a closed tab loses too much.
DEADLINE_MIN_S = 1.0
DEADLINE_MAX_S = 3600.0


@dataclasses.dataclass(frozen=True)
class Upload:
    """What an owner hands in. The three files are bytes as they came; the rest is text."""

    name: str
    kernel: bytes
    static_dataset: bytes
    dataset_gen: bytes
    description: str = ""  # what it computes
    beneficiary: str = ""  # for whom
    autostart: bool = False
    listed: bool = False
    sloppy: bool = False
    deadline_s: float | None = None  # what one dataset may take; None: the setting


def create_campaign(session: Session, owner: User, upload: Upload, settings: Settings, now: dt.datetime) -> Campaign:
    """Store a new campaign, whose datasets the background process will generate.

    Raises:
        InvalidInput: a file is missing, too large or not UTF-8, or the campaign may not be listed; names the field. Or
            the owner has no room for it; names none.
    """
    check_upload(upload, owner, settings)
    sources = (upload.kernel, upload.static_dataset, upload.dataset_gen)
    quotas.reserve(session, owner, sum(map(len, sources)), settings)
    campaign = Campaign(
        id=numbering.find_next(session.connection(), Campaign),
        owner=owner,
        date_added=now,
        name=upload.name.strip(),
        description=upload.description.strip(),
        beneficiary=upload.beneficiary.strip(),
        autostart=upload.autostart,
        listed=upload.listed,
        sloppy=upload.sloppy,
        deadline_ms=None if upload.deadline_s is None else round(upload.deadline_s * 1000),
        kernel=upload.kernel,
        kernel_hash=hash_source(upload.kernel),
        static_dataset=upload.static_dataset,
        static_hash=hash_source(upload.static_dataset),
        dataset_gen=upload.dataset_gen,
        dataset_gen_hash=hash_source(upload.dataset_gen),
        seed=secrets.randbits(52),
    )
    session.add(campaign)
    session.flush()
    ledger.open_schedule(session.connection(), campaign.id)
    return campaign


def check_upload(upload: Upload, owner: User, settings: Settings) -> None:
    """Raise InvalidInput for the first thing in an upload that cannot be accepted."""
    problem = next(iter_problems(upload, owner, settings), None)
    if problem:
        raise problem


def iter_problems(upload: Upload, owner: User, settings: Settings) -> Iterator[InvalidInput]:
    """Yield everything in an upload that cannot be accepted, at most one problem for each field."""
    yield from iter_about_problems(upload, owner)
    for title, field, limit_bytes, required in (
        ("kernel", "kernel", settings.kernel_max_bytes, True),
        ("static dataset", "static_dataset", settings.static_dataset_max_bytes, False),
        ("dataset generator", "dataset_gen", settings.generator_max_bytes, True),
    ):
        try:
            check_file(title, field, getattr(upload, field), limit_bytes, required=required)
        except InvalidInput as problem:
            yield problem


class About(Protocol):
    """What an owner says of a campaign, when it is made and when it is edited."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def beneficiary(self) -> str: ...
    @property
    def listed(self) -> bool: ...
    @property
    def deadline_s(self) -> float | None: ...


def iter_about_problems(about: About, owner: User) -> Iterator[InvalidInput]:
    """Yield everything in what an owner says of a campaign that cannot be accepted."""
    if not about.name.strip():
        yield InvalidInput("Give the campaign a name: volunteers see it.", "name")
    else:
        yield from _iter_text_problems("name", about.name, NAME_MAX)
    yield from _iter_text_problems("description", about.description, DESCRIPTION_MAX)
    yield from _iter_text_problems("beneficiary", about.beneficiary, BENEFICIARY_MAX)
    if about.listed:
        yield from iter_listing_problems(about.description, about.beneficiary, owner)
    if about.deadline_s is not None and not DEADLINE_MIN_S <= about.deadline_s <= DEADLINE_MAX_S:
        yield InvalidInput(
            f"The time limit is {about.deadline_s:,g} seconds; it must be from {DEADLINE_MIN_S:g} to "
            f"{DEADLINE_MAX_S:,g}, or empty.",
            "deadline_s",
        )


def iter_listing_problems(description: str, beneficiary: str, owner: User) -> Iterator[InvalidInput]:
    """Yield why a campaign may not be listed: volunteers who help anybody must learn what it computes and for whom."""
    if not description.strip():
        yield InvalidInput("Say what it computes: a listed campaign needs a description.", "description")
    if not beneficiary.strip():
        yield InvalidInput("Say for whom it computes: a listed campaign needs it.", "beneficiary")
    if owner.email_verified_at is None:
        yield InvalidInput(
            "Only with a verified e-mail address can a campaign be listed. Verify yours, or leave this off for now.",
            "listed",
        )


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


def hash_source(data: bytes) -> str:
    """Return by what a source is known to volunteers who have it already: its SHA-256."""
    return hashlib.sha256(data).hexdigest()
