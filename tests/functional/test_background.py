"""The background process: from an uploaded generator to stored datasets, or to an error that its owner can act on."""

from __future__ import annotations

import datetime as dt
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import campaigns, previews
from app.database import Database
from app.models import Schedule, User
from app.settings import Settings
from app.states import Generation
from tests.campaigns import KERNEL, make_owner
from tests.processes import Site, run_site

pytestmark = pytest.mark.slow


@pytest.fixture
def background_site(tmp_path: Any, database_url: str) -> Iterator[Site]:
    environ = {"PROCESS_TTL_S": "2", "HEARTBEAT_S": "0.5"}
    with run_site(tmp_path / "instance", database_url, "background", **environ) as site:
        yield site


def upload(database: Database, generator: str) -> int:
    """Store a campaign that waits for its generation."""
    owner_id = make_owner(database, f"{time.monotonic_ns()}@example.org")
    files = campaigns.Upload("A test", KERNEL.encode(), b"{}", generator.encode())
    with database.transaction() as connection, Session(bind=connection) as session:
        owner = session.get_one(User, owner_id)
        settings = Settings(database_url="sqlite://")
        return campaigns.create_campaign(session, owner, files, settings, dt.datetime.now(dt.UTC)).id


def wait_for_end(database: Database, campaign_id: int, timeout_s: float = 60.0) -> Schedule:
    """Wait until a generation is done or has failed."""
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        with Session(database.engine) as session:
            schedule = session.get_one(Schedule, campaign_id)
            if schedule.generation in (Generation.DONE, Generation.FAILED):
                return schedule
        time.sleep(0.05)
    raise AssertionError("the generation never ended")


def count_datasets(database: Database, campaign_id: int) -> int:
    query = sa.text("select count(*) from dataset where campaign_id = :c")
    return int(database.read(lambda c: c.execute(query, {"c": campaign_id}).scalar_one()))


def test_arrays_and_generator_functions_both_become_datasets(database: Database, background_site: Site) -> None:
    array = upload(database, "(function () { return {main: function () { return [{n: 1}, {n: 2}]; }}; })()")
    lazy = upload(database, "({main: function* () { for (let n = 0; n < 2500; n++) yield {n: n}; }})")
    assert wait_for_end(database, array).generated == 2
    assert wait_for_end(database, lazy).generated == 2500
    assert (count_datasets(database, array), count_datasets(database, lazy)) == (2, 2500)


@pytest.mark.parametrize(
    ("generator", "message", "line"),
    [
        ("({main: function () {\n  return [];\n}", "SyntaxError", 3),
        ("({\n main: function () {\n  throw new TypeError('no luck');\n}})", "TypeError: no luck", 3),
        ("({})", "main", None),
        ("({main: function () { return []; }})", "no datasets", None),
        ("42", "main", None),
        ("({main: function () { return 7; }})", "array", None),
        ("({main: function () { return new Array(1e9); }})", "1,000,000", None),
        ("({main: function () { return [{a: 1}, {f: function () {}}]; }})", "dataset 1", None),
        (
            "({main: function () { var d = {}; for (var i = 0; i < 100; i++) d = {d: d}; return [d]; }})",
            "dataset 0",
            None,
        ),
        ("({main: function () { for (;;); }})", "ran longer than 5 seconds", None),
    ],
)
def test_a_generator_that_cannot_finish_fails_with_its_reason_and_its_line(
    database: Database, background_site: Site, generator: str, message: str, line: int | None
) -> None:
    campaign = upload(database, generator)
    schedule = wait_for_end(database, campaign)
    assert schedule.generation is Generation.FAILED
    assert message in str(schedule.generation_error)
    assert line is None or schedule.generation_line == line
    assert count_datasets(database, campaign) == 0
    good = upload(database, "({main: function () { return [{n: 1}]; }})")
    assert wait_for_end(database, good).generation is Generation.DONE


def test_datasets_stored_before_a_generator_threw_are_taken_away(database: Database, background_site: Site) -> None:
    campaign = upload(
        database, "({main: function* () { for (let n = 0; n < 9000; n++) yield {n: n}; throw new Error('late'); }})"
    )
    schedule = wait_for_end(database, campaign)
    assert "Error: late" in str(schedule.generation_error)
    give_up_at = time.monotonic() + 10
    while count_datasets(database, campaign):
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    assert schedule.generated == 0


def test_a_process_that_is_killed_while_generating_is_followed_by_one_that_goes_on_where_it_was(
    database: Database, background_site: Site
) -> None:
    slow = "({main: () => Array.from({length: 300000}, (_, n) => ({n: n, r: Math.random()}))})"
    campaign = upload(database, slow)
    give_up_at = time.monotonic() + 30
    while count_datasets(database, campaign) < 3000:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    background_site.signal("background", signal.SIGKILL)
    background_site.kill("background")
    assert count_datasets(database, campaign) < 300_000
    background_site.start("background")
    assert wait_for_end(database, campaign).generated == 300_000
    assert count_datasets(database, campaign) == 300_000


def test_a_preview_waits_for_no_campaign_and_no_campaign_for_previews(
    database: Database, background_site: Site
) -> None:
    for _ in range(4):
        upload(database, "({main: function () { for (;;); }})")
    time.sleep(1)
    owner_id = make_owner(database)
    settings, now = Settings(database_url="sqlite://"), dt.datetime.now(dt.UTC)
    with database.transaction() as connection, Session(bind=connection) as session:
        owner = session.get_one(User, owner_id)
        asked = previews.ask(session, owner, b"({ main: () => [{ n: 1 }] })", settings, now)
    give_up_at = time.monotonic() + 5  # two generators at a time run, for 5 seconds each
    while True:
        with Session(database.engine) as session:
            answer = previews.find_answer(session, session.get_one(User, owner_id), asked)
        if answer is not None:
            break
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    assert (answer.count, answer.error) == (1, None)
    with Session(database.engine) as session:
        assert session.scalars(sa.select(Schedule.generation)).all().count(Generation.WAITING) >= 2
