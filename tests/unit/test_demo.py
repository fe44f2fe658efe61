"""The demo account."""

from __future__ import annotations

import stat
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import accounts, demo
from app.database import Database
from app.settings import Settings


def count_campaigns(database: Database) -> int:
    return int(database.read(lambda c: c.execute(sa.text("select count(*) from campaign")).scalar_one()))


def test_it_has_the_examples_and_its_password_works(database: Database, settings: Settings) -> None:
    line = demo.make_demo(database, settings)
    assert count_campaigns(database) == 3
    listed = sa.text("select count(*) from campaign where listed and description <> '' and beneficiary <> ''")
    assert database.read(lambda c: c.execute(listed).scalar_one()) == 3
    with Session(database.engine) as session:
        assert accounts.authenticate(session, demo.EMAIL, line.rsplit(" ", 1)[1]).first_name == "Demo"
    mode = stat.S_IMODE((Path(settings.instance_dir) / "demo_password").stat().st_mode)
    assert mode == 0o600


def test_a_second_start_makes_nothing_new_and_says_the_same(database: Database, settings: Settings) -> None:
    assert demo.make_demo(database, settings) == demo.make_demo(database, settings)
    assert count_campaigns(database) == 3
