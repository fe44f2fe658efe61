"""Campaigns with outcomes, as somebody of the cast owns them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgpack
import sqlalchemy as sa

from app.database import Database
from app.models import Campaign, Progress, Result, User
from app.states import ResultKind
from tests.campaigns import make_campaign

MOMENT = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
NOTHING, FAILED = ResultKind.NOTHING, ResultKind.FAILED


def make(database: Database, email: str, datasets: int, outcomes: dict[int, Any]) -> int:
    """Store somebody's campaign of datasets {"n": 0}, {"n": 1} … with these outcomes: a ResultKind, or a value."""
    find = sa.select(User.id).where(User.email == email)
    owner_id = database.read(lambda connection: connection.execute(find).scalar_one())
    campaign_id = make_campaign(database, [{"n": n} for n in range(datasets)], owner_id=owner_id, name="Squares <b>")
    rows = [_row(campaign_id, position, outcome) for position, outcome in outcomes.items()]
    kinds = [row["kind"] for row in rows]
    result_bytes = sum(len(row["data"] or b"") for row in rows)
    progress = {
        "campaign_id": campaign_id, "run": 1, "process": 0, "value_count": kinds.count(0),
        "nothing_count": kinds.count(1), "failed_count": kinds.count(2), "compute_ms": 0, "result_bytes": result_bytes,
    }  # fmt: skip
    if rows:
        database.write(lambda connection: connection.execute(sa.insert(Result), rows))
        database.write(lambda connection: connection.execute(sa.insert(Progress).values(**progress)))
    return campaign_id


def _row(campaign_id: int, position: int, outcome: Any) -> dict[str, Any]:
    is_value = not isinstance(outcome, ResultKind)
    return {
        "campaign_id": campaign_id, "run": 1, "position": position, "kind": 0 if is_value else int(outcome),
        "data": msgpack.packb(outcome) if is_value else None, "date_added": MOMENT, "compute_ms": 1500,
        "volunteer_id": 1, "kernel_version": 1,
    }  # fmt: skip


def publish(database: Database, campaign_id: int) -> None:
    """Make a campaign's results public, as its owner does on its page."""
    update = sa.update(Campaign).where(Campaign.id == campaign_id).values(results_public=True)
    database.write(lambda connection: connection.execute(update))
