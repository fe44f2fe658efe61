"""Campaigns put straight into the database, for tests that begin where the upload ends."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import time
from collections.abc import Sequence
from typing import Any

import msgpack
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import campaigns, ledger
from app.database import Database
from app.models import User
from app.records import Progress
from app.settings import Settings

GENERATING_PROCESS = 1
KERNEL = "({main: function (dataset) { return dataset.n * 2; }, loadStaticDataset: function (text) {}})"

PUT_KERNEL = sa.text(
    "update campaign set kernel = :kernel, kernel_hash = :hash, kernel_version = kernel_version + 1 where id = :id"
)
MOVE_VERSION = sa.text("update schedule set kernel_version = kernel_version + 1 where campaign_id = :id")
READ_RUN = sa.text("select run from schedule where campaign_id = :id")


def make_owner(database: Database, email: str = "owner@example.org") -> int:
    """Store an account and return its id."""
    with database.transaction() as connection, Session(bind=connection) as session:
        now = dt.datetime.now(dt.UTC)
        user = User(first_name="Olive", last_name="Owner", email=email, email_verified_at=now, date_added=now)
        session.add(user)
        session.flush()
        return user.id


def make_campaign(
    database: Database, datasets: Sequence[Any], *, owner_id: int | None = None, name: str = "A test", **options: Any
) -> int:
    """Store a campaign whose datasets are generated already, listed unless told otherwise, and return its id."""
    owner_id = owner_id or make_owner(database, f"owner{secrets.token_hex(8)}@example.org")
    said = {"description": "Doubles numbers", "beneficiary": "The tests", "listed": True}
    upload = campaigns.Upload(
        name=name,
        kernel=options.pop("kernel", KERNEL).encode(),
        static_dataset=options.pop("static_dataset", "{}").encode(),
        dataset_gen=b"({main: function () { return []; }})",
        **{**said, **options},
    )
    settings = Settings(database_url="sqlite://", campaigns_per_user=1_000_000)
    with database.transaction() as connection, Session(bind=connection) as session:
        owner = session.get_one(User, owner_id)
        campaign = campaigns.create_campaign(session, owner, upload, settings, dt.datetime.now(dt.UTC))
        session.flush()
        campaign_id = campaign.id
        claim = sa.text("update schedule set generation = 'running', generator = :p where campaign_id = :c")
        connection.execute(claim, {"p": GENERATING_PROCESS, "c": campaign_id})
        ledger.add_datasets(connection, campaign_id, GENERATING_PROCESS, 0, [msgpack.packb(d) for d in datasets])
        ledger.finish_generation(connection, campaign_id, GENERATING_PROCESS)
    return campaign_id


def read_progress(database: Database, campaign_id: int) -> Progress:
    """Return the counters of a campaign's present run."""

    def read(connection: sa.Connection) -> Progress:
        run = connection.execute(
            sa.text("select run from schedule where campaign_id = :c"), {"c": campaign_id}
        ).scalar_one()
        return ledger.sum_progress(connection, [(campaign_id, run)])[campaign_id]

    return database.read(read)


def read_results(database: Database, campaign_id: int) -> dict[int, Any]:
    """Return the values of a campaign's present run by position, straight from the table."""
    query = sa.text(
        "select r.position, r.data from result r join schedule s on s.campaign_id = r.campaign_id and s.run = r.run"
        " where r.campaign_id = :c order by r.position"
    )
    rows = database.read(lambda connection: connection.execute(query, {"c": campaign_id}).all())
    return {row.position: None if row.data is None else msgpack.unpackb(row.data) for row in rows}


def change_kernel(connection: sa.Connection, campaign_id: int) -> None:
    """Give a campaign a new kernel, which says what run it is given for: classic clients have no other way to know."""
    run = connection.execute(READ_RUN, {"id": campaign_id}).scalar_one()
    kernel = f"// run {run}, {time.monotonic_ns()}\n{KERNEL}".encode()
    changed = {"id": campaign_id, "kernel": kernel, "hash": hashlib.sha256(kernel).hexdigest()}
    connection.execute(PUT_KERNEL, changed)
    connection.execute(MOVE_VERSION, {"id": campaign_id})
