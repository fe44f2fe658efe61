"""Deleting, restoring, erasing: what goes, when, and what stays."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import accounts, ledger, purge
from app.database import Database
from app.models import AT_ONCE, Base, Campaign, KernelError, Lease, Presence, Schedule, User, UserSession
from app.records import Outcome
from app.settings import Settings
from app.states import Generation, Intent
from tests import cast
from tests.campaigns import make_campaign, make_owner
from tests.functional.pages import insert, make, read, text, update_schedule

NOW = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
ROWS_OF_CAMPAIGN = ("result", "dataset", "lease", "presence", "progress", "kernel_error", "schedule", "campaign")


def _sign_up(database: Database, email: str) -> int:
    with database.transaction() as connection, Session(bind=connection) as session:
        user = accounts.create_account(session, accounts.NewAccount("A", "B", email, "hash"), NOW)
        user.email_verified_at = NOW
        session.flush()
        return user.id


def days_ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


def fill(database: Database, datasets: int = 5, **options: object) -> int:
    """Make a campaign with something in every table."""
    campaign_id = make_campaign(database, [{"n": n} for n in range(datasets)], **options)
    rows = [Outcome(campaign_id, run, position, 0, b"\x07", 5, 1, 1) for run in (1, 2) for position in range(datasets)]
    for process in (1, 2):
        batch = ledger.Batch(outcomes=rows[process - 1 :: 2])
        database.write(lambda c, process=process, batch=batch: ledger.store(c, process, batch, 1_700_000_000_000))
    insert(database, Lease, campaign_id=campaign_id, run=1, low=0, high=2)
    insert(database, Presence, campaign_id=campaign_id, process=1, volunteer_count=1, thread_count=1)
    error = {"volunteer_id": 1, "kernel_version": 1, "name": "Error", "message": "no", "stack": "", "date_added": NOW}
    for position in (None, 3):
        insert(database, KernelError, campaign_id=campaign_id, run=1, position=position, **error)
    return campaign_id


def delete(database: Database, campaign_id: int, deleted_at: dt.datetime | None) -> int:
    update = sa.update(Campaign).where(Campaign.id == campaign_id).values(deleted=True, deleted_at=deleted_at)
    database.write(lambda c: c.execute(update))
    update_schedule(database, campaign_id, deleted=True)
    return campaign_id


class RestoredBeforeWriting:
    """A database in which an owner restores a campaign between a reading and the writing that follows it."""

    def __init__(self, database: Database, campaign_id: int) -> None:
        self.read, self._database, self._campaign_id = database.read, database, campaign_id

    def write(self, work: Callable[[sa.Connection], purge.Step]) -> purge.Step:
        update = sa.update(Campaign).where(Campaign.id == self._campaign_id).values(deleted=False, deleted_at=None)
        self._database.write(lambda c: c.execute(update))
        update_schedule(self._database, self._campaign_id, deleted=False)
        return self._database.write(work)


def count_rows(database: Database, campaign_id: int) -> dict[str, int]:
    """Return how many rows a campaign has in each table."""

    def count(connection: sa.Connection, name: str) -> int:
        column = "id" if name == "campaign" else "campaign_id"
        query = sa.text(f"select count(*) from {name} where {column} = :c")
        return int(connection.execute(query, {"c": campaign_id}).scalar_one())

    return {name: database.read(lambda c, name=name: count(c, name)) for name in ROWS_OF_CAMPAIGN}


def erase(database: Database, settings: Settings, most: int | None = None) -> list[purge.Step]:
    """Take all steps that are due, or the first ones."""
    steps: Iterator[purge.Step] = purge.iter_steps(database, settings, lambda: NOW, rest=lambda _s: None)
    return list(itertools.islice(steps, most))


class TestPurge:
    def test_what_was_deleted_long_enough_ago_goes_from_every_table_and_all_else_stays(
        self, database: Database, settings: Settings
    ) -> None:
        owner = make_owner(database)
        due, fresh, alive = (fill(database, owner_id=owner) for _ in range(3))
        at_once = delete(database, fill(database), AT_ONCE)
        delete(database, due, days_ago(30.01))
        delete(database, fresh, days_ago(29.99))
        before = {kept: count_rows(database, kept) for kept in (fresh, alive)}
        assert all(before[alive].values())
        steps = erase(database, settings)
        for gone in (due, at_once):
            assert not any(count_rows(database, gone).values())
            assert {step.table for step in steps if step.campaign_id == gone} == {*ROWS_OF_CAMPAIGN} - {"schedule"}
        assert {kept: count_rows(database, kept) for kept in (fresh, alive)} == before
        assert erase(database, settings) == []

    def test_a_purge_that_is_ended_at_any_step_is_followed_by_one_that_goes_on(
        self, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(purge, "ROWS_PER_STEP", 2)
        due = delete(database, fill(database), days_ago(31))
        taken = 0
        while erase(database, settings, most=1):
            taken += 1
            assert read_deleted_at(database, due) in (AT_ONCE, None)
        assert taken > 10
        assert not any(count_rows(database, due).values())

    def test_one_that_is_restored_after_it_was_found_stays(self, database: Database, settings: Settings) -> None:
        campaign_id = delete(database, fill(database), days_ago(31))
        before = count_rows(database, campaign_id)
        meanwhile = RestoredBeforeWriting(database, campaign_id)
        step = purge.purge_next(meanwhile, settings, days_ago(30))  # type: ignore[arg-type]
        assert step == purge.Step("campaign", 0, campaign_id)
        assert count_rows(database, campaign_id) == before
        assert purge.purge_next(database, settings, days_ago(30)) is None

    def test_a_step_takes_few_large_rows(
        self, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.ledger.forgetting.STEP_BYTES", 100)
        due = delete(database, make_campaign(database, ["x" * 60] * 4 + [""] * 4), AT_ONCE)
        steps = [step.count for step in erase(database, settings) if step.table == "dataset"]
        assert sum(steps) == 8
        assert max(steps[:3]) == 1
        assert not any(count_rows(database, due).values())

    def test_results_that_came_after_the_last_step_go_with_the_next_purge(
        self, database: Database, settings: Settings
    ) -> None:
        due = delete(database, fill(database), AT_ONCE)
        erase(database, settings)
        late = ledger.Batch(outcomes=[Outcome(due, 1, 0, 0, b"\x07", 5, 1, 1)])
        database.write(lambda c: ledger.store(c, 1, late, 1_700_000_000_000))
        erase(database, settings)
        assert not any(count_rows(database, due).values())

    def test_accounts_that_are_gone_go_when_their_last_campaign_has_gone(
        self, database: Database, settings: Settings
    ) -> None:
        gone, empty, alive = (make_owner(database, email) for email in ("1@invalid", "2@invalid", "a@invalid.org"))
        with database.transaction() as connection, Session(bind=connection) as session:
            user = session.get_one(User, empty)
            accounts.open_session(session, user, accounts.Browser(), NOW, days=1)
        kept = delete(database, fill(database, owner_id=gone), days_ago(1))
        steps = erase(database, settings)
        assert [(step.table, step.count) for step in steps] == [("user", 1)]
        assert list_ids(database, User) == sorted([gone, alive])
        assert list_ids(database, UserSession) == []
        delete(database, kept, AT_ONCE)
        erase(database, settings)
        assert list_ids(database, User) == [alive]

    def test_the_number_of_an_erased_campaign_or_account_is_given_to_no_other(
        self, database: Database, settings: Settings
    ) -> None:
        kept, gone = make_owner(database, "a@example.org"), _sign_up(database, "b@example.org")
        older = fill(database, owner_id=kept)
        newest = delete(database, fill(database, owner_id=gone), AT_ONCE)
        database.write(lambda c: c.execute(sa.update(User).where(User.id == gone).values(email="1@invalid")))
        erase(database, settings)
        assert (list_ids(database, Campaign), list_ids(database, User)) == ([older], [kept])
        assert fill(database, owner_id=kept) > newest
        assert _sign_up(database, "c@example.org") > gone

    def test_what_was_made_in_the_moment_of_its_owners_deletion_goes_too(
        self, database: Database, settings: Settings
    ) -> None:
        stray = fill(database, owner_id=make_owner(database, "1@invalid"))
        kept = fill(database, owner_id=make_owner(database, "a@invalid.org"))
        (first,) = erase(database, settings, 1)
        assert first.campaign_id == stray
        assert read(database, stray, Campaign.deleted, Schedule.deleted) == (True, True)
        erase(database, settings)
        assert list_ids(database, Campaign) == [kept]
        assert len(list_ids(database, User)) == 1

    def test_a_generator_that_had_no_room_for_more_goes_on_when_there_is_some(
        self, database: Database, settings: Settings
    ) -> None:
        waiting = fill(database)
        update_schedule(database, waiting, generation=Generation.FULL)
        assert erase(database, settings) == []
        assert read(database, waiting, Schedule.generation) == (Generation.FULL,)
        delete(database, fill(database), AT_ONCE)
        erase(database, settings)
        assert read(database, waiting, Schedule.generation) == (Generation.RESTING,)

    def test_the_command_says_what_it_took_away(self, database: Database, settings: Settings) -> None:
        due = delete(database, fill(database), AT_ONCE)
        environ = {"DATABASE_URL": settings.database_url, "INSTANCE_DIR": settings.instance_dir}
        command = [sys.executable, "-m", "app", "purge"]
        said = [
            subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=True).stdout
            for _ in range(2)
        ]
        assert (
            f"Erased campaign {due}: 10 results, 5 datasets, 1 lease, 1 presence, 4 counters, 2 kernel errors."
            in said[0]
        )
        assert said[0].endswith("1 campaign and 0 accounts erased.\n")
        assert said[1] == "0 campaigns and 0 accounts erased.\n"


def list_ids(database: Database, table: type[Base]) -> list[int]:
    query = sa.select(table.id).order_by(table.id)  # type: ignore[attr-defined]
    return list(database.read(lambda c: c.execute(query).scalars().all()))


def read_deleted_at(database: Database, campaign_id: int) -> dt.datetime | None:
    query = sa.select(Campaign.deleted_at).where(Campaign.id == campaign_id)
    return database.read(lambda c: c.execute(query).scalar_one_or_none())


def age(database: Database, campaign_id: int, days: float) -> None:
    """Move a deletion into the past."""
    deleted_at = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    update = sa.update(Campaign).where(Campaign.id == campaign_id).values(deleted_at=deleted_at)
    database.write(lambda c: c.execute(update))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestRestoring:
    def test_a_deleted_campaign_comes_back_paused_with_all_it_had(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice, name="Back <again>")
        update_schedule(database, campaign_id, pause_reason="why")
        before = count_rows(database, campaign_id)
        alice.post(f"/campaign/{campaign_id}/delete")
        assert "“Back <again>” is deleted. It can be restored for 30 days." in text(alice.get("/campaign/all"))
        page = text(alice.get("/campaign/deleted"))
        assert "Back <again>" in page
        assert f"/campaign/{campaign_id}/restore" in page
        ends_at = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
        assert f">{ends_at.day} {ends_at.strftime('%B %Y')}</time>" in page
        answer = alice.post(f"/campaign/{campaign_id}/restore")
        assert (answer.status_code, answer.location) == (303, f"/campaign/{campaign_id}")
        row = read(
            database, campaign_id, Campaign.deleted, Campaign.deleted_at, Schedule.deleted, Schedule.pause_reason
        )
        assert row == (False, None, False, None)
        assert read(database, campaign_id, Schedule.intent) == (Intent.PAUSED,)
        assert count_rows(database, campaign_id) == before
        assert "Back <again>" not in text(alice.get("/campaign/deleted"))

    def test_it_is_too_late_after_30_days_and_for_what_is_to_be_erased(
        self, alice: cast.Person, database: Database
    ) -> None:
        in_time, too_late, erased = (make(alice, name=f"Number {number}") for number in range(3))
        for campaign_id, days in ((in_time, 29.99), (too_late, 30.01)):
            alice.post(f"/campaign/{campaign_id}/delete")
            age(database, campaign_id, days)
        alice.post(f"/campaign/{erased}/erase")
        page = text(alice.get("/campaign/deleted"))
        assert [f"Number {number}" in page for number in range(3)] == [True, False, False]
        for campaign_id, status in ((in_time, 303), (too_late, 404), (erased, 404)):
            assert alice.post(f"/campaign/{campaign_id}/restore").status_code == status

    def test_one_that_is_not_deleted_or_somebody_elses_cannot_be_restored_or_erased(
        self, alice: cast.Person, bob: cast.Person, database: Database
    ) -> None:
        alive, deleted = make(alice), make(alice, name="Alice's")
        alice.post(f"/campaign/{deleted}/delete")
        assert alice.post(f"/campaign/{alive}/restore").status_code == 404
        for campaign_id in (alive, deleted, 2**40):
            assert bob.post(f"/campaign/{campaign_id}/restore").status_code == 404
            assert bob.get(f"/campaign/{campaign_id}/erase").status_code == 404
            assert bob.post(f"/campaign/{campaign_id}/erase").status_code == 404
        assert "Alice's" not in text(bob.get("/campaign/deleted"))
        assert read_deleted_at(database, alive) is None
        assert read(database, deleted, Campaign.deleted) == (True,)

    def test_erasing_asks_first_and_says_how_much_goes_whether_it_was_deleted_or_not(
        self, alice: cast.Person, database: Database
    ) -> None:
        campaign_id = make(alice)
        update_schedule(database, campaign_id, generated=7, generated_bytes=100)
        assert "7 datasets (100 bytes)" in text(alice.get(f"/campaign/{campaign_id}/erase"))
        assert "nobody can restore it" in text(alice.get(f"/campaign/{campaign_id}/erase"))
        alice.post(f"/campaign/{campaign_id}/delete")
        page = text(alice.get(f"/campaign/{campaign_id}/erase"))
        assert "is deleted already" in page
        assert "7 datasets (100 bytes)" in page
        assert alice.post(f"/campaign/{campaign_id}/erase").status_code == 303
        assert read(database, campaign_id, Campaign.deleted_at, Schedule.deleted) == (AT_ONCE, True)

    def test_deleting_says_until_when_it_can_be_restored(self, alice: cast.Person) -> None:
        page = " ".join(text(alice.get(f"/campaign/{make(alice)}/delete")).split())
        assert "restore it</a> for 30 days. After that all of it is erased for good." in page
