"""What an owner's browser needs to try a campaign's kernel: the very texts and bytes that volunteers get."""

from __future__ import annotations

import dataclasses
import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import campaigns, results
from app.models import Campaign, Dataset
from app.settings import Settings

# What ends a line for a JavaScript engine, which counts them for its errors.
_LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A kernel with all that it is run with; the names are those of the volunteers' protocol."""

    kernel: str
    kernel_hash: str  # SHA-256
    static_dataset: str
    sloppy: bool
    deadline_ms: int
    max_result_bytes: int


def describe_task(campaign: Campaign, settings: Settings) -> Task:
    """Return what a campaign's kernel is run with."""
    return Task(
        kernel=campaign.kernel.decode(),
        kernel_hash=campaign.kernel_hash,
        static_dataset=campaign.static_dataset.decode(),
        sloppy=campaign.sloppy,
        deadline_ms=campaigns.get_deadline_ms(campaign, settings),
        max_result_bytes=settings.result_max_bytes,
    )


def get_dataset(session: Session, campaign: Campaign, position: int) -> bytes:
    """Return one dataset of a campaign: one msgpack value.

    Raises:
        NotFound: there is none of this number; says how many there are.
    """
    if position <= results.MAX_POSITION:
        query = sa.select(Dataset.data).where(Dataset.campaign_id == campaign.id, Dataset.position == position)
        data = session.scalars(query).one_or_none()
        if data is not None:
            return data
    raise results.say_missing(campaign, position)


def split_lines(source: bytes) -> list[str]:
    """Return the lines of a source text, as a JavaScript engine numbers them."""
    return _LINE_END.split(source.decode())
