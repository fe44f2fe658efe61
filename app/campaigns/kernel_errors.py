"""What kernels threw in volunteers' browsers, for a campaign's page, and the source around an error."""

from __future__ import annotations

import dataclasses
import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Campaign, KernelError

# Errors that a page looks through to group them: a kernel that throws for every dataset leaves millions.
ERRORS_LOOKED_AT = 1000
EXCERPT_LINE_MAX = 300


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


def list_kernel_errors(session: Session, campaign: Campaign, limit: int = 20) -> list[ErrorGroup]:
    """Return the errors of the campaign's present run and kernel, equal ones together, newest first.

    Only the newest ERRORS_LOOKED_AT errors are counted.
    """
    newest = (
        sa.select(KernelError.id, KernelError.name, KernelError.message)
        .where(
            KernelError.campaign_id == campaign.id,
            KernelError.run == campaign.schedule.run,
            KernelError.kernel_version == campaign.schedule.kernel_version,
        )
        .order_by(KernelError.id.desc())
        .limit(ERRORS_LOOKED_AT)
        .subquery()
    )
    groups = sa.select(sa.func.max(newest.c.id).label("last_id"), sa.func.count().label("times"))
    groups = groups.group_by(newest.c.name, newest.c.message).order_by(sa.desc("last_id")).limit(limit)
    counted = groups.subquery()
    query = sa.select(KernelError, counted.c.times).join(counted, KernelError.id == counted.c.last_id)
    return [ErrorGroup(error, times) for error, times in session.execute(query.order_by(KernelError.id.desc()))]


def count_load_errors(session: Session, campaign: Campaign) -> int:
    """Return in how many browsers the campaign's present kernel did not load: few, so that a page may ask often."""
    query = sa.select(sa.func.count()).where(
        KernelError.campaign_id == campaign.id,
        KernelError.run == campaign.schedule.run,
        KernelError.position.is_(None),
        KernelError.kernel_version == campaign.schedule.kernel_version,
    )
    return session.scalar(query) or 0


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
