"""The demo account with the example campaigns, made once; its password is drawn at random and kept in a file."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import accounts, campaigns, examples
from app.database import Database
from app.models import User
from app.settings import Settings

EMAIL = "demo@example.org"


def make_demo(database: Database, settings: Settings) -> str:
    """Make the demo account and its campaigns unless they are there, and return a line that says how to sign in.

    An account that somebody made under the demo's address is left alone.
    """
    path = Path(settings.instance_dir) / "demo_password"
    if not database.read(_has_demo):
        password = secrets.token_urlsafe(9)
        account = accounts.prepare_account("Demo", "Owner", EMAIL, password)
        _write_private(path, password)
        with database.transaction() as connection, Session(bind=connection) as session:
            owner = accounts.create_account(session, account, _now())
            owner.email_verified_at = _now()
            for example in examples.list_examples():
                campaigns.create_campaign(session, owner, _upload(example), settings, _now())
            session.flush()
    if not path.exists():
        return f"The demo account is {EMAIL}; its password was not kept here."
    return f"Sign in as {EMAIL} with the password {path.read_text()}"


def _has_demo(connection: sa.Connection) -> bool:
    return connection.execute(sa.select(User.id).where(User.email == EMAIL)).first() is not None


def _upload(example: examples.Example) -> campaigns.Upload:
    return campaigns.Upload(
        name=example.name,
        description=example.description,
        beneficiary=example.beneficiary,
        listed=True,
        autostart=example.about.autostart,
        sloppy=example.about.sloppy,
        deadline_s=example.about.deadline_s,
        kernel=example.kernel.encode(),
        static_dataset=example.static_dataset.encode(),
        dataset_gen=example.dataset_gen.encode(),
    )


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
