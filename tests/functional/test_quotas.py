"""What one user may use: refused in words when it is full, shown on a page, and never at a result's cost."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import ledger, quotas
from app.background import Background
from app.database import Database
from app.generators import Generators
from app.models import AT_ONCE, Campaign, Schedule, User
from app.records import Outcome
from app.settings import Settings
from app.states import Generation, Intent
from tests import cast
from tests.campaigns import KERNEL, make_campaign, make_owner
from tests.functional.pages import FORM, file, make, read, text, update_schedule

ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SOURCES_BYTES = sum(len(str(FORM[name])) for name in ("kernel_text", "dataset_gen_text"))


@pytest.fixture
def limit(app: Flask, settings: Settings) -> Iterator[object]:
    """Put other limits in force: limit(campaigns_per_user=2)."""

    def change(**limits: int) -> Settings:
        app.extensions["settings"] = dataclasses.replace(settings, **limits)
        return app.extensions["settings"]

    return change


def find_user(database: Database, person: cast.Person) -> int:
    return database.read(lambda c: c.execute(sa.select(User.id).where(User.email == person.email)).scalar_one())


def store(database: Database, campaign_id: int, size_bytes: int, run: int = 1) -> None:
    rows = [Outcome(campaign_id, run, 0, 0, b"\xc4" + bytes(size_bytes - 1), 5, 1, 1)]
    database.write(lambda c: ledger.store(c, 1, ledger.Batch(outcomes=rows), 1_700_000_000_000))


class TestUse:
    def test_it_is_the_sum_of_what_every_table_has(self, database: Database) -> None:
        owner, other = make_owner(database), make_owner(database, "other@example.org")
        small = make_campaign(database, [1, 2], owner_id=owner, kernel="k" * 100, static_dataset="")
        large = make_campaign(database, [1], owner_id=owner, kernel="k" * 100, static_dataset="é" * 5000)
        make_campaign(database, [1, 2, 3], owner_id=other)
        store(database, small, 50)
        store(database, small, 30, run=2)
        use = database.read(lambda c: quotas.find_use(c, owner))
        generator = len("({main: function () { return []; }})")
        assert [campaign.campaign_id for campaign in use.campaigns] == [large, small]
        assert use.campaigns[0].source_bytes == 10_100 + generator
        second = use.campaigns[1]
        assert (second.source_bytes, second.dataset_count, second.dataset_bytes) == (100 + generator, 2, 2)
        assert (second.result_bytes, second.stored_bytes) == (80, 182 + generator)
        assert (use.dataset_count, use.stored_bytes) == (3, 10_100 + 182 + 2 * generator + 1)

    def test_a_deleted_campaign_counts_until_it_is_to_be_erased(self, database: Database) -> None:
        owner = make_owner(database)
        campaign_id = make_campaign(database, [1], owner_id=owner)
        with database.transaction() as connection, Session(bind=connection) as session:
            session.get_one(Campaign, campaign_id).deleted = True
            session.get_one(Campaign, campaign_id).deleted_at = session.get_one(User, owner).date_added
            session.flush()
        (found,) = database.read(lambda c: quotas.find_use(c, owner)).campaigns
        assert found.is_deleted
        with database.transaction() as connection, Session(bind=connection) as session:
            session.get_one(Campaign, campaign_id).deleted_at = AT_ONCE
            session.flush()
        assert database.read(lambda c: quotas.find_use(c, owner)).campaigns == []


@ONLY_SQLITE
class TestRefusals:
    WAYS = ("new", "import", "duplicate")

    def _try(self, person: cast.Person, way: str, campaign_id: int) -> tuple[int, str]:
        if way == "new":
            answer = person.post("/campaign/new", dict(FORM))
        elif way == "import":
            answer = person.post("/campaign/import", {"file": file(self._exported, "c.zip")})
        else:
            answer = person.post(f"/campaign/{campaign_id}/duplicate", {"name": "Copy"})
        return answer.status_code, text(answer)

    @pytest.mark.parametrize("way", WAYS)
    def test_nothing_more_is_made_where_a_quota_has_no_room_and_the_page_says_why(
        self, alice: cast.Person, bob: cast.Person, database: Database, limit: object, way: str
    ) -> None:
        campaign_id = make(alice)
        self._exported = alice.get(f"/campaign/{campaign_id}/export").data
        update_schedule(database, campaign_id, generated=10, generated_bytes=100)
        for limits, said in (
            ({"campaigns_per_user": 1}, "You have 1 campaign, with deleted ones that can be restored, and may have 1."),
            ({"stored_bytes_per_user": 2 * SOURCES_BYTES + 99}, "this one would add"),
            ({"datasets_per_user": 10}, "Your campaigns have 10 datasets, and all together may have 10."),
        ):
            limit(**limits)
            status, page = self._try(alice, way, campaign_id)
            assert status == 422, limits
            assert said in page
            assert database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(Campaign))) == 1
        limit(campaigns_per_user=2, stored_bytes_per_user=2 * SOURCES_BYTES + 100, datasets_per_user=11)
        assert self._try(alice, way, campaign_id)[0] == 303

    def test_a_campaign_does_not_grow_beyond_the_quota_by_an_edit(
        self, alice: cast.Person, database: Database, limit: object
    ) -> None:
        campaign_id = make(alice)
        update_schedule(database, campaign_id, intent=Intent.PAUSED)
        limit(stored_bytes_per_user=SOURCES_BYTES + 99)
        refused = alice.post(f"/campaign/{campaign_id}/edit", {"static_dataset_text": "s" * 100})
        assert refused.status_code == 422
        assert "this would add 100 bytes" in text(refused)
        assert read(database, campaign_id, Campaign.static_dataset) == (b"",)
        assert alice.post(f"/campaign/{campaign_id}/edit", {"static_dataset_text": "s" * 99}).status_code == 303
        limit(stored_bytes_per_user=10)
        smaller = alice.post(f"/campaign/{campaign_id}/edit", {"static_dataset_text": "s" * 50})
        assert smaller.status_code == 303, "what takes less is possible where there is too much"

    def test_what_was_typed_stays(self, alice: cast.Person, limit: object) -> None:
        limit(campaigns_per_user=0)
        page = text(alice.post("/campaign/new", {**FORM, "name": "Typed by hand"}))
        assert "Typed by hand" in page
        assert str(FORM["kernel_text"]) in page

    def test_somebody_elses_use_is_no_matter(self, alice: cast.Person, bob: cast.Person, limit: object) -> None:
        make(alice)
        limit(campaigns_per_user=1)
        make(bob)

    def test_nothing_resumes_while_there_is_more_than_the_quota_allows(
        self, alice: cast.Person, database: Database, limit: object
    ) -> None:
        campaign_id = make(alice)
        update_schedule(database, campaign_id, intent=Intent.PAUSED)
        limit(stored_bytes_per_user=10)
        answers = [
            alice.post(f"/campaign/{campaign_id}/resume"),
            alice.post(f"/campaign/{campaign_id}/edit", {"then": "resume"}),
        ]
        for answer in answers:
            assert answer.status_code == 409
            assert "and may have 10 bytes" in text(answer)
        assert read(database, campaign_id, Schedule.intent) == (Intent.PAUSED,)
        limit(stored_bytes_per_user=10_000)
        assert alice.post(f"/campaign/{campaign_id}/resume").status_code == 303


class TestFullOfResults:
    def test_what_runs_is_paused_with_the_reason_and_no_result_is_refused(
        self, database: Database, settings: Settings
    ) -> None:
        owner, other = make_owner(database), make_owner(database, "other@example.org")
        one, two = (make_campaign(database, [1, 2], owner_id=owner) for _ in range(2))
        theirs = make_campaign(database, [1, 2], owner_id=other)
        small = dataclasses.replace(settings, stored_bytes_per_user=5000)
        background = Background(small, database)
        background._sweep()
        assert read(database, one, Schedule.intent) == (Intent.RUNNING,)
        store(database, one, 6000)
        store(database, theirs, 3000)
        background._sweep()
        for campaign_id in (one, two):
            intent, reason = read(database, campaign_id, Schedule.intent, Schedule.pause_reason)
            assert intent is Intent.PAUSED
            assert "Your campaigns have 6.12 KB, and may have 4.88 KB." in reason
        assert read(database, theirs, Schedule.intent) == (Intent.RUNNING,)
        store(database, two, 500)
        assert read(database, two, Schedule.intent) == (Intent.PAUSED,)
        sums = database.read(lambda c: ledger.sum_progress(c, [(one, 1), (two, 1)]))
        assert [sums[campaign_id].value_count for campaign_id in (one, two)] == [1, 1]


@ONLY_SQLITE
class TestGeneration:
    ARRAY = "({main: () => Array.from({length: 30}, (_, n) => ({n}))})"
    STEPS = "({main: function* () { for (let n = 0; ; n++) yield {n}; }})"

    def _generate(self, database: Database, settings: Settings, generator: str) -> int:
        from app import campaigns

        owner_id = make_owner(database)
        make_campaign(database, [{"n": n} for n in range(20)], owner_id=owner_id)
        with database.transaction() as connection, Session(bind=connection) as session:
            owner = session.get_one(User, owner_id)
            upload = campaigns.Upload("A test", b"({})", b"", generator.encode())
            campaign_id = campaigns.create_campaign(session, owner, upload, settings, owner.date_added).id
        generators = Generators(settings, database, lambda: False)
        database.write(lambda c: ledger.enter_process(c, 5, "background", 60))
        task = generators.claim(5)
        assert task is not None
        generators.work(task)
        generators.end()
        return campaign_id

    @pytest.mark.parametrize("limits", [{"datasets_per_user": 49}, {"stored_bytes_per_user": -1}])
    def test_an_array_that_does_not_fit_fails_and_says_so(
        self, database: Database, settings: Settings, limits: dict[str, int]
    ) -> None:
        exact = self._sizes(self.ARRAY)
        limits = {name: exact + limit if limit < 0 else limit for name, limit in limits.items()}
        small = dataclasses.replace(settings, sandbox="best-effort", **limits)
        campaign_id = self._generate(database, small, self.ARRAY)
        row = read(database, campaign_id, Schedule.generation, Schedule.generated, Schedule.generation_error)
        assert row[:2] == (Generation.FAILED, 0)
        assert "do not fit beside those of your other campaigns" in row[2]

    def _sizes(self, generator: str) -> int:
        """Return the bytes of both campaigns when everything is stored."""
        first = len(KERNEL) + len("{}") + len("({main: function () { return []; }})") + 20 * len(b"\x81\xa1n\x00")
        return first + len("({})") + len(generator) + 30 * len(b"\x81\xa1n\x00")

    def test_an_array_that_just_fits_is_stored(self, database: Database, settings: Settings) -> None:
        small = dataclasses.replace(settings, sandbox="best-effort", datasets_per_user=50)
        small = dataclasses.replace(small, stored_bytes_per_user=self._sizes(self.ARRAY))
        campaign_id = self._generate(database, small, self.ARRAY)
        assert read(database, campaign_id, Schedule.generation, Schedule.generated) == (Generation.DONE, 30)

    def test_a_generator_in_steps_makes_what_fits_and_waits(self, database: Database, settings: Settings) -> None:
        small = dataclasses.replace(settings, sandbox="best-effort", datasets_per_user=50)
        campaign_id = self._generate(database, small, self.STEPS)
        assert read(database, campaign_id, Schedule.generation, Schedule.generated) == (Generation.FULL, 30)


@ONLY_SQLITE
class TestPage:
    def test_it_shows_the_use_beside_each_quota_and_the_largest_campaign_first(
        self, alice: cast.Person, bob: cast.Person, database: Database
    ) -> None:
        make(bob, name="Bob's")
        small, large = make(alice, name="Small"), make(alice, name="Large", static_dataset_text="x" * 3000)
        update_schedule(database, small, generated=1234, generated_bytes=100)
        alice.post(f"/campaign/{large}/delete")
        page = text(alice.get("/account/usage"))
        assert "Bob's" not in page
        assert 0 < page.index("Large") < page.index("Small")
        assert "1,234</strong> of 10,000,000" in page
        assert "<strong>2</strong> of 100" in page
        assert re.search(r"KB</strong> of 4 GB", page)
        assert f'href="/campaign/{small}"' in page
        assert f'href="/campaign/{large}"' not in page  # it is deleted

    def test_it_says_what_to_do_while_there_is_none(self, alice: cast.Person) -> None:
        assert "You have no campaign yet" in text(alice.get("/account/usage"))
