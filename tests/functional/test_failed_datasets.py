"""A campaign's failed datasets: their owner sees why they failed, and has them tried again."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from websockets.exceptions import ConnectionClosed
from werkzeug.test import TestResponse

from app.database import Database
from app.ledger.failures import STEP
from app.models import KernelError, Progress, Result, User, Volunteer
from app.states import ResultKind
from tests import cast
from tests.campaigns import make_campaign, read_progress, read_results
from tests.functional.pages import text
from tests.functional.test_results_pages import cells, links
from tests.processes import Site, run_site
from tests.volunteers import Batched, close_code, finish

MOMENT = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
Error = tuple[str, str]  # name, message
X_UNDEFINED = ("TypeError", "x is <undefined>")
BAD = msgpack.packb({"name": "TypeError", "message": "this one is bad", "stack": "at main (kernel.js:1:1)"})


def make(
    database: Database, owner: cast.Person, total: int, failed: dict[int, list[Error]], name: str = "Squares <b>"
) -> int:
    """Store Alice's campaign, all of whose datasets are done, some of them failed with these errors."""
    find = sa.select(User.id).where(User.email == owner.email)
    owner_id = database.read(lambda connection: connection.execute(find).scalar_one())
    campaign = make_campaign(database, [{"n": n} for n in range(total)], owner_id=owner_id, name=name)
    results = [_result(campaign, position, position in failed) for position in range(total)]
    errors = [_error(campaign, p, v, error) for p, met in failed.items() for v, error in enumerate(met, 1)]
    progress = {
        "campaign_id": campaign, "run": 1, "process": 0, "value_count": total - len(failed), "nothing_count": 0,
        "failed_count": len(failed), "compute_ms": 0, "result_bytes": 0,
    }  # fmt: skip
    with database.transaction() as connection:
        connection.execute(sa.insert(Result), results)
        connection.execute(sa.insert(Progress).values(**progress))
        connection.execute(sa.text("update schedule set cursor = generated where campaign_id = :c"), {"c": campaign})
        if errors:
            connection.execute(sa.insert(KernelError), errors)
    return campaign


def _result(campaign: int, position: int, is_failed: bool) -> dict[str, Any]:
    return {
        "campaign_id": campaign, "run": 1, "position": position, "kind": int(ResultKind.FAILED) if is_failed else 0,
        "data": None if is_failed else b"\x01", "date_added": MOMENT, "compute_ms": 0, "volunteer_id": 1,
        "kernel_version": 1,
    }  # fmt: skip


def _error(campaign: int, position: int, volunteer: int, error: Error) -> dict[str, Any]:
    return {
        "campaign_id": campaign, "run": 1, "position": position, "volunteer_id": volunteer, "kernel_version": 1,
        "name": error[0], "message": error[1], "stack": f"at main (kernel.js:{volunteer}:7)", "date_added": MOMENT,
    }  # fmt: skip


def add_volunteers(database: Database) -> None:
    """Volunteers 1 and 2 gave a name, 3 did not."""
    rows = [
        {"id": number, "device": device, "agent": "", "address_hash": "", "first_seen": MOMENT, "last_seen": MOMENT}
        for number, device in ((1, "Bob's <i>laptop"), (2, "phone"), (3, ""))
    ]
    database.write(lambda connection: connection.execute(sa.insert(Volunteer), rows))


def spaced(response: TestResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", response.get_data(as_text=True).split("<main", 1)[1]))


def reasons(response: TestResponse) -> list[str]:
    html = re.search(r'<ul class="reasons">(.*?)</ul>', response.get_data(as_text=True), re.DOTALL)
    items = re.findall(r"<li>(.*?)</li>", html[1], re.DOTALL) if html else []
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", item)).strip() for item in items]


def numbers(response: TestResponse) -> list[int]:
    return [int(row[0].replace(",", "")) for row in cells(response)]


class TestPage:
    def test_each_failed_dataset_is_shown_with_its_attempts_its_errors_and_who_met_them(
        self, database: Database, alice: cast.Person
    ) -> None:
        add_volunteers(database)
        campaign = make(database, alice, 6, {1: [X_UNDEFINED, X_UNDEFINED, ("Timeout", "")], 4: [X_UNDEFINED] * 3})
        page = alice.get(f"/campaign/{campaign}/failed")
        assert page.status_code == 200
        assert [row[:3] for row in cells(page)] == [["1", '{"n": 1}', "3"], ["4", '{"n": 4}', "3"]]
        errors = re.sub(r"\s+", " ", cells(page)[0][3])
        assert "TypeError: x is <undefined> × 2" in errors
        assert "On phone, Bob's <i>laptop at main (kernel.js:2:7)" in errors
        assert "Timeout Stack of dataset 1: Timeout at main (kernel.js:3:7)" in errors
        assert "<undefined>" not in page.get_data(as_text=True)
        assert "<i>laptop" not in page.get_data(as_text=True)
        assert "2 datasets of 6 failed each time they were tried" in spaced(page)

    def test_the_reasons_come_first_with_the_number_of_datasets_that_met_them(
        self, database: Database, alice: cast.Person
    ) -> None:
        failed: dict[int, list[Error]] = {n: [X_UNDEFINED] * 3 for n in range(5)} | {7: [("Timeout", ""), X_UNDEFINED]}
        page = alice.get(f"/campaign/{make(database, alice, 9, failed)}/failed")
        assert reasons(page) == ["TypeError: x is &lt;undefined&gt; 6 datasets", "Timeout 1 dataset"]

    def test_volunteers_that_vanished_are_no_attempt(self, database: Database, alice: cast.Person) -> None:
        campaign = make(database, alice, 1, {0: [X_UNDEFINED, ("VolunteersVanished", "10 volunteers in a row")]})
        assert cells(alice.get(f"/campaign/{campaign}/failed"))[0][2] == "1"

    def test_of_many_reasons_the_most_frequent_are_shown(self, database: Database, alice: cast.Person) -> None:
        failed = {n: [("E", f"message {min(n, 11)}")] for n in range(14)}
        page = alice.get(f"/campaign/{make(database, alice, 14, failed)}/failed")
        assert reasons(page)[0] == "E: message 11 3 datasets"
        assert len(reasons(page)) == 8
        assert "4 other errors were rarer." in spaced(page)
        assert "Counted over" not in spaced(page)

    def test_the_reasons_of_very_many_failures_are_those_of_the_last_thousand(
        self, database: Database, alice: cast.Person
    ) -> None:
        failed = {n: [("Old", "") if n < 5 else ("New", "")] for n in range(1005)}
        page = alice.get(f"/campaign/{make(database, alice, 1005, failed)}/failed")
        assert reasons(page) == ["New 1,000 datasets"]
        assert "Counted over the last 1,000 of them." in spaced(page)

    def test_the_pages_lead_from_one_to_the_next_and_back(self, database: Database, alice: cast.Person) -> None:
        failed = {n: [X_UNDEFINED] for n in range(0, 360, 3)}
        address = f"/campaign/{make(database, alice, 360, failed)}/failed"
        first = alice.get(address)
        assert numbers(first) == list(range(0, 150, 3))
        assert links(first, "prev") == []
        second = alice.get(links(first, "next")[0])
        third = alice.get(links(second, "next")[0])
        assert numbers(third) == list(range(300, 360, 3))
        assert links(third, "next") == []
        assert numbers(alice.get(links(third, "prev")[0])) == numbers(second)
        assert links(second, "prev") == [address]
        behind = alice.get(f"{address}?after=2147483647")
        assert "There is nothing on this page" in text(behind)

    @pytest.mark.parametrize("after", ["x", "-2", "1e3", "9" * 30, ""])
    def test_a_page_key_that_is_no_number_is_refused(self, database: Database, alice: cast.Person, after: str) -> None:
        campaign = make(database, alice, 2, {0: [X_UNDEFINED]})
        assert alice.get(f"/campaign/{campaign}/failed", query_string={"after": after}).status_code == 422
        assert alice.post(f"/campaign/{campaign}/failed/retry?after={after}").status_code == 422
        assert read_progress(database, campaign).failed_count == 1

    def test_where_nothing_failed_the_page_says_so_and_the_campaigns_page_has_no_link(
        self, database: Database, alice: cast.Person
    ) -> None:
        campaign = make(database, alice, 2, {})
        page = alice.get(f"/campaign/{campaign}/failed")
        assert "Nothing failed" in text(page)
        assert "<table" not in text(page)
        assert "/retry" not in text(page)
        assert f"/campaign/{campaign}/failed" not in text(alice.get(f"/campaign/{campaign}"))

    def test_the_campaigns_page_leads_there_with_the_count(self, database: Database, alice: cast.Person) -> None:
        campaign = make(database, alice, 5, {n: [X_UNDEFINED] for n in range(3)})
        assert f'href="/campaign/{campaign}/failed">3 datasets failed</a>' in text(alice.get(f"/campaign/{campaign}"))
        assert f'href="/campaign/{campaign}/failed"' in text(alice.get(f"/campaign/{campaign}/results/0"))
        assert f'href="/campaign/{campaign}/failed?after=1"' in text(alice.get(f"/campaign/{campaign}/results/2"))

    def test_long_errors_and_large_datasets_make_a_small_page(self, database: Database, alice: cast.Person) -> None:
        campaign = make(database, alice, 60, {n: [("E" * 100, "m" * 100_000 + str(n))] for n in range(60)})
        large = sa.text("update dataset set data = :data where campaign_id = :c and position = 0")
        data = msgpack.packb("x" * 1_000_000)
        database.write(lambda connection: connection.execute(large, {"data": data, "c": campaign}))
        database.write(lambda connection: connection.execute(sa.update(KernelError).values(stack="s" * 1_000_000)))
        page = alice.get(f"/campaign/{campaign}/failed")
        assert page.status_code == 200
        assert len(page.data) < 400_000


class TestRetry:
    def test_one_dataset_is_tried_again_and_the_page_says_so_once(self, database: Database, alice: cast.Person) -> None:
        campaign = make(database, alice, 9, {3: [X_UNDEFINED] * 3, 5: [X_UNDEFINED] * 3})
        answer = alice.post(f"/campaign/{campaign}/failed/3/retry")
        assert (answer.status_code, answer.location) == (303, f"/campaign/{campaign}/failed")
        page = alice.get(answer.location)
        assert "Dataset 3 is tried again." in text(page)
        assert numbers(page) == [5]
        assert "is tried again" not in text(alice.get(answer.location))
        status = alice.get(f"/campaign/{campaign}/status").get_json()
        assert (status["state"], status["done"], status["failed_count"]) == ("running", 8, 1)

    def test_all_are_tried_again_however_many_they_are(self, database: Database, alice: cast.Person) -> None:
        failed = {n: [X_UNDEFINED] for n in range(STEP + 50)}
        campaign = make(database, alice, STEP + 60, failed)
        answer = alice.post(f"/campaign/{campaign}/failed/retry")
        assert (answer.status_code, answer.location) == (303, f"/campaign/{campaign}/failed")
        page = text(alice.get(answer.location))
        assert f"{STEP + 50} datasets are tried again." in page
        assert "No failed dataset is left" in page
        assert read_progress(database, campaign).done == 10

    def test_a_long_retry_says_how_far_it_came_and_goes_on_with_the_next_press(
        self, database: Database, alice: cast.Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.blueprints.failures.RETRY_LIMIT_S", -1.0)  # the clock: no time is left after a step
        campaign = make(database, alice, STEP + 60, {n: [X_UNDEFINED] for n in range(STEP + 50)})
        alice.post(f"/campaign/{campaign}/failed/retry")
        said = text(alice.get(f"/campaign/{campaign}/failed"))
        assert f"{STEP} datasets are tried again. There are more" in said
        alice.post(f"/campaign/{campaign}/failed/retry")
        assert "50 datasets are tried again." in text(alice.get(f"/campaign/{campaign}/failed"))

    def test_the_page_that_it_was_pressed_on_comes_back(self, database: Database, alice: cast.Person) -> None:
        campaign = make(database, alice, 100, {n: [X_UNDEFINED] for n in range(100)})
        page = text(alice.get(f"/campaign/{campaign}/failed?after=49"))
        (action,) = re.findall(rf'action="(/campaign/{campaign}/failed/60/retry[^"]*)"', page)
        answer = alice.post(action)
        assert answer.location == f"/campaign/{campaign}/failed?after=49"
        assert 60 not in numbers(alice.get(answer.location))

    @pytest.mark.parametrize("which", ["3/retry", "0/retry", "77/retry", f"{2**31}/retry", f"{10**30}/retry"])
    def test_what_did_not_fail_or_was_retried_already_is_left_alone(
        self, database: Database, alice: cast.Person, which: str
    ) -> None:
        campaign = make(database, alice, 9, {3: [X_UNDEFINED] * 3, 5: [X_UNDEFINED] * 3})
        alice.post(f"/campaign/{campaign}/failed/3/retry")
        assert alice.post(f"/campaign/{campaign}/failed/{which}").status_code == 303
        assert "There was nothing to retry" in text(alice.get(f"/campaign/{campaign}/failed"))
        assert read_progress(database, campaign).done == 8

    def test_errors_from_before_a_retry_are_counted_apart(self, database: Database, alice: cast.Person) -> None:
        campaign = make(database, alice, 3, {1: [X_UNDEFINED] * 3})
        alice.post(f"/campaign/{campaign}/failed/retry")
        again = [_error(campaign, 1, volunteer, ("RangeError", "too large")) for volunteer in (1, 2)]
        with database.transaction() as connection:
            connection.execute(sa.insert(KernelError), again)
            connection.execute(sa.insert(Result), [_result(campaign, 1, is_failed=True)])
            connection.execute(sa.text("update progress set failed_count = 1 where campaign_id = :c"), {"c": campaign})
        page = alice.get(f"/campaign/{campaign}/failed")
        assert reasons(page) == ["RangeError: too large 1 dataset"]
        assert cells(page)[0][2] == "2"
        assert "TypeError" not in text(page)
        assert "3 errors before an earlier retry" in spaced(page)
        assert "TypeError" in text(alice.get(f"/campaign/{campaign}/results/1"))

    def test_a_paused_campaign_says_that_nothing_is_tried_before_it_is_resumed(
        self, database: Database, alice: cast.Person
    ) -> None:
        campaign = make(database, alice, 9, {3: [X_UNDEFINED], 5: [X_UNDEFINED]})
        alice.post(f"/campaign/{campaign}/pause")
        alice.post(f"/campaign/{campaign}/failed/3/retry")
        assert "nothing is tried before you resume it" in spaced(alice.get(f"/campaign/{campaign}/failed"))

    def test_a_retry_without_a_token_or_by_a_stranger_or_by_reading_changes_nothing(
        self, database: Database, alice: cast.Person, bob: cast.Person, client: FlaskClient
    ) -> None:
        campaign = make(database, alice, 9, {3: [X_UNDEFINED]})
        for path in (f"/campaign/{campaign}/failed/retry", f"/campaign/{campaign}/failed/3/retry"):
            assert alice.browser.post(path).status_code == 400
            assert alice.get(path).status_code == 405
            assert bob.post(path).status_code == 404
            anonymous = client.post(path, data={"csrf_token": cast.csrf_token(client)})
            assert (anonymous.status_code, anonymous.location) == (303, "/signin")
        assert read_progress(database, campaign).failed_count == 1


@pytest.mark.slow
class TestRunning:
    @pytest.fixture
    def site(self, tmp_path: Path, database_url: str) -> Iterator[Site]:
        with run_site(
            tmp_path / "instance", database_url, "socket", LEASE_GRACE_S="1", DATASET_DEADLINE_S="20"
        ) as site:
            yield site

    def make(self, database: Database, alice: cast.Person, total: int) -> int:
        find = sa.select(User.id).where(User.email == alice.email)
        owner_id = database.read(lambda connection: connection.execute(find).scalar_one())
        return make_campaign(database, [{"n": n} for n in range(total)], owner_id=owner_id)

    def test_a_failed_dataset_is_computed_after_its_retry_and_the_results_are_complete(
        self, site: Site, database: Database, alice: cast.Person
    ) -> None:
        campaign = self.make(database, alice, 6)
        fail_at(site, database, campaign, bad=3, total=6)
        assert alice.get(f"/campaign/{campaign}/status").get_json()["state"] == "done"
        page = alice.get(f"/campaign/{campaign}/failed")
        assert numbers(page) == [3]
        assert reasons(page) == ["TypeError: this one is bad 1 dataset"]
        alice.post(f"/campaign/{campaign}/failed/retry")
        assert alice.get(f"/campaign/{campaign}/status").get_json()["state"] == "running"
        assert work_until_done(site, campaign, database, total=6) == [{"n": 3}]
        assert read_results(database, campaign) == {n: n * 2 for n in range(6)}
        status = alice.get(f"/campaign/{campaign}/status").get_json()
        assert (status["state"], status["failed_count"]) == ("done", 0)

    def test_a_dataset_that_keeps_failing_fails_again_after_as_many_attempts(
        self, site: Site, database: Database, alice: cast.Person
    ) -> None:
        campaign = self.make(database, alice, 2)
        for _ in range(2):
            fail_at(site, database, campaign, bad=1, total=2)
            assert read_progress(database, campaign).failed_count == 1
            alice.post(f"/campaign/{campaign}/failed/1/retry")
            assert read_progress(database, campaign).failed_count == 0
        count = sa.text("select count(*) from kernel_error where position = 1")
        assert database.read(lambda connection: connection.execute(count).scalar_one()) == 6

    def test_a_dataset_whose_block_is_still_being_computed_is_tried_again_after_it(
        self, site: Site, database: Database, alice: cast.Person
    ) -> None:
        """The running process holds the range and knows the first dataset of it as failed."""
        campaign = self.make(database, alice, 40)
        for _ in range(3):
            client = Batched.open(site.socket_url, campaign)
            client.send(40, [])
            first = next(number for number, dataset in client.receive_some() if dataset == {"n": 0})
            client.send(0, [[first, 2, 1, BAD]])
            client.receive()
            client.socket.close()
        assert read_progress(database, campaign).failed_count == 1
        # Somebody holds the rest of the block when the owner presses the button.
        holder = Batched.open(site.socket_url, campaign)
        holder.send(39, [])
        granted = holder.receive_some()
        leases = sa.text("select count(*) from lease where process is not null and low = 0")
        assert database.read(lambda connection: connection.execute(leases).scalar_one()) == 1
        alice.post(f"/campaign/{campaign}/failed/0/retry")
        computed = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                computed += [dataset["n"] for _lease, dataset in granted]
                holder.send(40, [[lease, 1, 1, msgpack.packb(dataset["n"] * 2)] for lease, dataset in granted])
                granted = holder.receive_some()
        assert close_code(holder.socket) == 1000
        assert sorted(computed) == list(range(40))  # dataset 0 too, and each once
        assert read_results(database, campaign) == {n: n * 2 for n in range(40)}


def fail_at(site: Site, database: Database, campaign: int, *, bad: int, total: int) -> None:
    """Compute a campaign to its end as one volunteer after the other; the kernel throws at one dataset."""
    while read_progress(database, campaign).done < total:
        # Closed: nothing is left, or the process has not heard of the retry yet.
        with contextlib.suppress(ConnectionClosed):
            client = Batched.open(site.socket_url, campaign)
            client.send(4, [])
            answers = [answer_or_fail(*granted, bad) for granted in client.receive_some()]
            client.send(0, answers)
            client.receive()
            client.socket.close()


def answer_or_fail(lease: int, dataset: dict[str, int], bad: int) -> list[Any]:
    return [lease, 2, 1, BAD] if dataset["n"] == bad else [lease, 1, 1, msgpack.packb(dataset["n"] * 2)]


def work_until_done(site: Site, campaign: int, database: Database, total: int) -> list[Any]:
    """Work as a new volunteer until everything is done, and return what there was to do."""
    computed: list[Any] = []
    while read_progress(database, campaign).done < total:
        datasets, _code = finish(site.socket_url, campaign, lambda dataset: dataset["n"] * 2)
        computed += datasets
    return computed
