"""Campaigns whose outcomes are put straight into the table, for what reads them."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable
from typing import Any

import msgpack
import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import downloads
from app.database import Database
from app.downloads import Download, Format
from app.models import Campaign, Result
from app.states import ResultKind
from tests.campaigns import make_campaign

MOMENT = dt.datetime(2026, 1, 31, 12, 0, 0, 123_000, dt.UTC)
NOTHING, FAILED = object(), object()
KINDS = {id(NOTHING): ResultKind.NOTHING, id(FAILED): ResultKind.FAILED}


def store(database: Database, campaign_id: int, outcomes: Iterable[tuple[int, Any]], run: int = 1) -> None:
    """Put outcomes straight into the table. A value that is bytes already is kept as it is."""
    rows = [_row(campaign_id, run, position, value) for position, value in outcomes]
    for start in range(0, len(rows), 5000):
        database.write(lambda connection, s=start: connection.execute(sa.insert(Result), rows[s : s + 5000]))


def _row(campaign_id: int, run: int, position: int, value: Any) -> dict[str, Any]:
    kind = KINDS.get(id(value), ResultKind.VALUE)
    data = None if kind is not ResultKind.VALUE else value if isinstance(value, Packed) else msgpack.packb(value)
    return {
        "campaign_id": campaign_id, "run": run, "position": position, "kind": int(kind), "data": data,
        "date_added": MOMENT, "compute_ms": 7, "volunteer_id": 1, "kernel_version": 1,
    }  # fmt: skip


class Packed(bytes):
    """A value that is msgpack already."""


def make(database: Database, outcomes: Iterable[tuple[int, Any]], datasets: int = 10) -> int:
    campaign_id = make_campaign(database, [{"n": n} for n in range(datasets)])
    store(database, campaign_id, outcomes)
    return campaign_id


def load(session: Session, campaign_id: int) -> Campaign:
    return session.get_one(Campaign, campaign_id, options=[joinedload(Campaign.schedule)])


def download(
    database: Database,
    campaign_id: int,
    kind: Format = Format.MSGPACK,
    fields: str | None = None,
    folder: str = tempfile.gettempdir(),
) -> bytes:
    made = downloads.make_download(database.engine, campaign_id, kind, downloads.parse_fields(fields, kind), folder)
    return read(made)


def read(made: Download) -> bytes:
    content = b"".join(made.iter_chunks())
    made.close()
    assert made.size_bytes == len(content)
    return content
