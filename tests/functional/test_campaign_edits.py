"""Editing a campaign: what may change when, what becomes of its results, and two who edit at once."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from app import ledger
from app.database import Database
from app.models import Campaign, KernelError, Schedule, User
from app.states import Intent
from tests import cast
from tests.campaigns import make_campaign
from tests.functional.pages import error_of, file, insert, make, problem, read, text, update_schedule

NEW = "({main: function (d) { return 'new'; }})"
FIELDS = (Campaign.name, Campaign.description, Campaign.beneficiary, Campaign.listed, Campaign.results_public)


def find_user(database: Database, person: cast.Person) -> int:
    query = sa.select(User.id).where(User.email == person.email)
    return database.read(lambda c: c.execute(query).scalar_one())


def form_of(page: TestResponse) -> dict[str, object]:
    """Return what a browser would send of the edit page as it stands."""
    html = text(page)
    fields: dict[str, object] = {
        name: "\r\n".join(re.split("\r\n|\r|\n", body.removeprefix("\r\n")))
        for name, body in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', html, re.DOTALL)
    }
    for tag in re.findall(r"<input[^>]*>", html):
        kind, name, value = (re.search(rf'{key}="([^"]*)"', tag) for key in ("type", "name", "value"))
        if name and (not kind or kind[1] not in ("checkbox", "radio", "file") or "checked" in tag):
            fields[name[1]] = value[1] if value else ""
    return fields


def edit(person: cast.Person, campaign_id: int, **changed: object) -> TestResponse:
    """Open the page, change something, and save."""
    return person.post(
        f"/campaign/{campaign_id}/edit", {**form_of(person.get(f"/campaign/{campaign_id}/edit")), **changed}
    )


@pytest.fixture
def paused(alice: cast.Person, database: Database) -> int:
    """Alice's campaign, paused by her with two of its three datasets done."""
    campaign_id = make_campaign(database, [{"n": n} for n in range(3)], owner_id=find_user(database, alice))
    now_ms = 1_700_000_000_000
    rows = [ledger_outcome(campaign_id, position) for position in (0, 1)]
    database.write(lambda c: ledger.store(c, 1, ledger.Batch(outcomes=rows), now_ms))
    update_schedule(database, campaign_id, intent=Intent.PAUSED, cursor=2)
    return campaign_id


def ledger_outcome(campaign_id: int, position: int, version: int = 1) -> object:
    from app.records import Outcome

    return Outcome(campaign_id, 1, position, 0, b"\x07", 5, 1, version)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestWhatMayChange:
    def test_saying_it_otherwise_is_possible_while_it_runs_and_gives_volunteers_nothing_new(
        self, alice: cast.Person, database: Database
    ) -> None:
        campaign_id = make(alice)
        changed = {
            "name": " Better ",
            "description": "Why",
            "beneficiary": "All",
            "listed": "on",
            "results_public": "on",
        }
        assert edit(alice, campaign_id, **changed).status_code == 303
        assert read(database, campaign_id, *FIELDS) == ("Better", "Why", "All", True, True)
        versions = read(database, campaign_id, Campaign.kernel_version, Schedule.kernel_version, Schedule.run)
        assert versions == (1, 1, 1)
        assert read(database, campaign_id, Schedule.intent) == (Intent.RUNNING,)

    def test_what_is_sent_back_as_it_was_changes_nothing(self, alice: cast.Person, database: Database) -> None:
        kernel = b"\n\r\n({main(d) {\r\n return d\r}})\n"
        campaign_id = make(alice, kernel_text="", kernel=file(kernel), static_dataset=file(b"a\r\nb\rc", "s.txt"))
        update_schedule(database, campaign_id, intent=Intent.PAUSED)
        assert edit(alice, campaign_id).status_code == 303
        assert read(database, campaign_id, Campaign.kernel, Campaign.static_dataset) == (kernel, b"a\r\nb\rc")
        assert read(database, campaign_id, Schedule.kernel_version, Schedule.intent) == (1, Intent.PAUSED)

    @pytest.mark.parametrize(
        ("stored", "sent", "kept"),
        [
            (b"a\r\nb\r\n", "a\r\nc\r\n", b"a\r\nc\r\n"),
            (b"a\nb\n", "a\r\nc\r\n", b"a\nc\n"),
            (b"a\r\nb\r\nc\n", "a\r\nc\r\n", b"a\r\nc\r\n"),  # what most lines have
            (b"a\rb\n", "a\r\nc", b"a\nc"),
            (b"a\r\nb\r\n", "a\nc\n", b"a\nc\n"),  # a program's own are never changed
        ],
    )
    def test_what_is_changed_keeps_the_line_ends_that_most_of_its_lines_have(
        self, alice: cast.Person, database: Database, stored: bytes, sent: str, kept: bytes
    ) -> None:
        campaign_id = make(alice, kernel_text="", kernel=file(stored), static_dataset=file(stored, "s.txt"))
        update_schedule(database, campaign_id, intent=Intent.PAUSED)
        assert edit(alice, campaign_id, kernel_text=sent, static_dataset_text=sent).status_code == 303
        assert read(database, campaign_id, Campaign.kernel, Campaign.static_dataset) == (kept, kept)
        copied = form_of(alice.get(f"/campaign/new?from={campaign_id}"))
        assert copied["kernel_line_ends"] == copied["static_dataset_line_ends"] == ("crlf" if b"\r" in kept else "")

    def test_a_kernel_and_a_static_dataset_stay_while_volunteers_compute_with_them(
        self, alice: cast.Person, database: Database
    ) -> None:
        campaign_id = make(alice)
        page = text(alice.get(f"/campaign/{campaign_id}/edit"))
        assert "pause the campaign first" in page
        for field in ("kernel", "static_dataset"):
            refused = alice.post(f"/campaign/{campaign_id}/edit", {"name": "Better", f"{field}_text": NEW})
            assert refused.status_code == 422
            assert "pause the campaign" in error_of(refused, field)
        assert read(database, campaign_id, Campaign.name, Schedule.kernel_version) == ("Squares", 1)

    def test_pausing_from_the_page_leads_back_to_it(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice)
        answer = alice.post(f"/campaign/{campaign_id}/pause?then=edit")
        assert answer.location == f"/campaign/{campaign_id}/edit"
        assert read(database, campaign_id, Schedule.intent) == (Intent.PAUSED,)

    def test_time_limit_and_mode_can_change_at_any_time_and_make_a_new_version(
        self, alice: cast.Person, database: Database
    ) -> None:
        campaign_id = make(alice)
        assert edit(alice, campaign_id, deadline_s="2.5").status_code == 303
        assert edit(alice, campaign_id, sloppy="on").status_code == 303
        row = read(database, campaign_id, Campaign.deadline_ms, Campaign.sloppy, Campaign.kernel_version)
        assert row == (2500, True, 3)
        assert read(database, campaign_id, Schedule.kernel_version, Schedule.intent) == (3, Intent.RUNNING)

    @pytest.mark.parametrize(
        ("fields", "field", "said"),
        [
            ({"name": " "}, "name", "Give the campaign a name"),
            ({"deadline_s": "0"}, "deadline_s", "must be from 1 to 3,600"),
            ({"deadline_s": "soon"}, "deadline_s", "as a number of seconds"),
            ({"description": "", "listed": "on"}, "description", "Say what it computes"),
            ({"beneficiary": " ", "listed": "on"}, "beneficiary", "Say for whom"),
            ({"kernel_text": " "}, "kernel", "The kernel is missing"),
            ({"kernel": (b"(\xff)", "k.js")}, "kernel", "byte 1 (0xff)"),
            ({"kernel": (NEW.encode(), "k.js"), "kernel_text": "typed"}, "kernel", "came twice"),
            ({"kernel": NEW}, "kernel", "came as plain text"),
        ],
    )
    def test_an_error_stands_next_to_its_field_what_was_typed_stays_and_nothing_is_stored(
        self, alice: cast.Person, database: Database, paused: int, fields: dict[str, object], field: str, said: str
    ) -> None:
        before = read(database, paused, *FIELDS, Campaign.kernel, Schedule.kernel_version)
        sent = {name: file(*value) if isinstance(value, tuple) else value for name, value in fields.items()}
        response = edit(alice, paused, **{"static_dataset_text": "typed anew", **sent})
        assert response.status_code == 422
        assert said in error_of(response, field)
        assert "typed anew" in text(response)
        assert read(database, paused, *FIELDS, Campaign.kernel, Schedule.kernel_version) == before

    def test_who_has_lost_the_verified_address_keeps_all_but_the_listing(
        self, alice: cast.Person, database: Database, paused: int
    ) -> None:
        database.write(lambda c: c.execute(sa.update(User).values(email_verified_at=None)))
        assert "verified" in error_of(edit(alice, paused), "listed")
        page = form_of(alice.get(f"/campaign/{paused}/edit"))
        assert alice.post(f"/campaign/{paused}/edit", {**page, "listed": "off"}).status_code == 303


class TestNewKernel:
    def test_it_makes_a_new_version_and_results_so_far_are_kept(
        self, alice: cast.Person, database: Database, paused: int
    ) -> None:
        answer = edit(alice, paused, kernel_text=NEW, then="save")
        assert answer.location == f"/campaign/{paused}"
        row = read(database, paused, Campaign.kernel, Campaign.kernel_version, Schedule.kernel_version, Schedule.run)
        assert row == (NEW.encode(), 2, 2, 1)
        assert read(database, paused, Schedule.intent) == (Intent.PAUSED,)
        assert "Volunteers now get version 2." in text(alice.get(f"/campaign/{paused}"))
        status = alice.get(f"/campaign/{paused}/status").json
        assert status is not None
        assert status["done"] == 2

    def test_results_are_deleted_where_the_owner_says_so_and_the_page_says_how_many(
        self, alice: cast.Person, database: Database, paused: int
    ) -> None:
        page = " ".join(text(alice.get(f"/campaign/{paused}/edit")).split())
        assert "Keep them: 2 results" in page
        assert "Delete 2 results (2 bytes), and compute all 3 datasets again" in page
        edit(alice, paused, kernel_text=NEW, results="reset", then="save")
        assert read(database, paused, Schedule.run, Schedule.cursor, Schedule.kernel_version) == (2, 0, 2)
        assert "2 results were deleted." in text(alice.get(f"/campaign/{paused}"))

    def test_nothing_is_deleted_with_a_change_that_gives_volunteers_nothing_new(
        self, alice: cast.Person, database: Database, paused: int
    ) -> None:
        edit(alice, paused, name="Better", results="reset", then="save")
        assert read(database, paused, Campaign.name, Schedule.run) == ("Better", 1)
        assert "Results were kept" in text(alice.get(f"/campaign/{paused}"))

    def test_saving_and_resuming_is_one_step(self, alice: cast.Person, database: Database, paused: int) -> None:
        edit(alice, paused, kernel_text=NEW, then="resume")
        assert read(database, paused, Schedule.intent, Schedule.kernel_version) == (Intent.RUNNING, 2)

    def test_a_file_takes_the_place_of_the_text_that_the_page_had_shown(
        self, alice: cast.Person, database: Database, paused: int
    ) -> None:
        assert edit(alice, paused, kernel=file(NEW.encode()), static_dataset=file(b"{}\n", "s.json")).status_code == 303
        row = read(database, paused, Campaign.kernel, Campaign.static_dataset, Schedule.kernel_version)
        assert row == (NEW.encode(), b"{}\n", 2)

    def test_a_static_dataset_too_large_for_a_page_stays_until_a_file_takes_its_place(
        self, alice: cast.Person, database: Database
    ) -> None:
        large = b"x" * 300_000
        campaign_id = make(alice, static_dataset=file(large, "s.txt"))
        update_schedule(database, campaign_id, intent=Intent.PAUSED)
        page = alice.get(f"/campaign/{campaign_id}/edit")
        assert "too much to be edited here" in text(page)
        assert len(page.data) < 100_000
        edit(alice, campaign_id, kernel_text=NEW)
        assert read(database, campaign_id, Campaign.static_dataset, Schedule.kernel_version) == (large, 2)
        edit(alice, campaign_id, static_dataset=file(b"", "empty.txt"))
        assert read(database, campaign_id, Campaign.static_dataset, Schedule.kernel_version) == (b"", 3)

    def test_what_the_system_paused_it_for_is_over_with_a_new_kernel(
        self, alice: cast.Person, database: Database, paused: int
    ) -> None:
        update_schedule(database, paused, pause_reason="The kernel does not load: SyntaxError: no luck")
        for volunteer in range(3):
            self._add_error(database, paused, None, volunteer)
        assert "The kernel does not load" in text(alice.get(f"/campaign/{paused}/edit"))
        edit(alice, paused, kernel_text=NEW, then="resume")
        assert read(database, paused, Schedule.intent, Schedule.pause_reason) == (Intent.RUNNING, None)
        assert not database.write(lambda c: ledger.pause_unloadable(c, paused, 1, 2))
        assert "no luck" not in text(alice.get(f"/campaign/{paused}"))

    def test_errors_of_an_older_version_are_no_attempts_of_a_dataset_any_more(
        self, alice: cast.Person, database: Database, paused: int
    ) -> None:
        update_schedule(database, paused, intent=Intent.RUNNING)
        for volunteer in range(2):
            self._add_error(database, paused, 2, volunteer)
        database.write(lambda c: ledger.enter_process(c, 7, "socket", 60))
        appetite = ledger.Appetite(10, 1000)
        low = sa.text("insert into lease (campaign_id, run, low, high) values (:c, 1, 2, 3)")
        database.write(lambda c: c.execute(low, {"c": paused}))
        update_schedule(database, paused, cursor=3)
        block = database.write(lambda c: ledger.take_block(c, 7, paused, 1, appetite))
        assert [(position, attempts) for position, _data, attempts in block.datasets] == [(2, 2)]
        database.write(lambda c: ledger.release(c, 7, paused, 1, [2]))
        alice.post(f"/campaign/{paused}/pause")
        edit(alice, paused, kernel_text=NEW, then="resume")
        block = database.write(lambda c: ledger.take_block(c, 7, paused, 1, appetite))
        assert [(position, attempts) for position, _data, attempts in block.datasets] == [(2, 0)]

    def _add_error(self, database: Database, campaign_id: int, position: int | None, volunteer: int) -> None:
        said = {"name": "SyntaxError", "message": "no luck", "stack": "", "date_added": None}
        import datetime as dt

        key = {"campaign_id": campaign_id, "run": 1, "position": position, "volunteer_id": volunteer}
        insert(database, KernelError, **key, kernel_version=1, **{**said, "date_added": dt.datetime.now(dt.UTC)})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestTwoAtOnce:
    def test_the_second_to_save_is_told_and_gets_back_what_they_typed(
        self, alice: cast.Person, database: Database, paused: int
    ) -> None:
        one, other = (form_of(alice.get(f"/campaign/{paused}/edit")) for _ in range(2))
        assert alice.post(f"/campaign/{paused}/edit", {**one, "name": "First"}).status_code == 303
        late = alice.post(f"/campaign/{paused}/edit", {**other, "name": "Second", "kernel_text": NEW})
        assert late.status_code == 409
        page = text(late)
        assert "Changed in the meantime" in page
        assert NEW in page
        assert read(database, paused, Campaign.name, Schedule.kernel_version) == ("First", 1)
        again = alice.post(f"/campaign/{paused}/edit", form_of(late))
        assert again.status_code == 303
        assert read(database, paused, Campaign.name, Campaign.kernel) == ("Second", NEW.encode())

    def test_a_program_is_told_as_a_program(self, alice: cast.Person, paused: int) -> None:
        answer = alice.post(
            f"/campaign/{paused}/edit", {"name": "Late", "marker": "of old"}, headers={"Accept": "application/json"}
        )
        assert answer.status_code == 409
        assert answer.json is not None
        assert answer.json == problem("conflict", 409, answer.json["detail"])

    def test_a_program_may_send_only_what_it_changes(self, alice: cast.Person, database: Database, paused: int) -> None:
        before = read(database, paused, Campaign.listed, Campaign.beneficiary, Campaign.kernel, Campaign.static_dataset)
        assert alice.post(f"/campaign/{paused}/edit", {"description": "Only this"}).status_code == 303
        assert read(database, paused, Campaign.description, Campaign.name) == ("Only this", "A test")
        after = read(database, paused, Campaign.listed, Campaign.beneficiary, Campaign.kernel, Campaign.static_dataset)
        assert after == before
