"""Who may read results: their owner, and everyone where the owner made them public. Nothing else opens with them."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.blueprints import results
from app.database import Database
from app.models import KernelError, Volunteer
from app.turns import Turns
from tests import cast
from tests.functional.outcomes import FAILED, MOMENT, make, publish
from tests.functional.pages import text

PAGES = ["", "/0", "/raw", "/raw.jsonl", "/raw.csv", "/0/raw", "/0/raw.json", "/0/dataset/raw", "/0/dataset/raw.json"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def less_chance(response: TestResponse) -> str:
    """Return a page without what is drawn for each: its CSRF token and its scripts' nonce."""
    return re.sub(r'(value|nonce)="[^"]*"', "", text(response))


@pytest.fixture
def private_id(database: Database, alice: cast.Person) -> int:
    return make(database, alice.email, 3, {0: "secret", 1: FAILED})


@pytest.fixture
def public_id(database: Database, private_id: int) -> int:
    publish(database, private_id)
    return private_id


def test_everyone_reads_public_results_signed_in_or_not(
    client: FlaskClient, alice: cast.Person, bob: cast.Person, public_id: int
) -> None:
    for page in PAGES:
        answers = [who.get(f"/campaign/{public_id}/results{page}") for who in (client, bob.browser, alice.browser)]
        assert [answer.status_code for answer in answers] == [200, 200, 200], page
        assert len({answer.data for answer in answers}) == 1 or "raw" not in page
        for answer in answers:
            answer.close()


def test_nothing_else_of_a_campaign_opens_with_its_results(
    app: Flask, client: FlaskClient, bob: cast.Person, public_id: int
) -> None:
    adapter = app.url_map.bind("localhost")
    others = [
        rule
        for rule in app.url_map.iter_rules()
        if "campaign_id" in rule.arguments
        and not rule.endpoint.startswith("results.")
        and rule.endpoint not in ("pages.show_contribute",)
    ]
    assert len(others) > 5
    for rule in others:
        extra = {name: 0 for name in rule.arguments if name != "campaign_id"}
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        path = adapter.build(rule.endpoint, {"campaign_id": public_id, **extra}, method=method)
        assert client.open(path, method=method).status_code in (303, 401, 400, 403), path
        if method == "GET":
            assert bob.get(path).status_code == 404, path


def test_a_private_campaign_and_one_that_never_was_are_answered_alike(
    client: FlaskClient, bob: cast.Person, private_id: int
) -> None:
    for page in PAGES:
        for who, accept in ((client, "text/html"), (client, "application/json"), (bob.browser, "text/html")):
            theirs, missing, large = (
                who.get(f"/campaign/{number}/results{page}", headers={"Accept": accept})
                for number in (private_id, private_id + 1000, 2**40)
            )
            assert theirs.status_code == missing.status_code == large.status_code, page
            if who is client:
                assert theirs.status_code == (303 if accept == "text/html" and "raw" not in page else 401)
            else:
                assert theirs.status_code == 404
            if theirs.status_code != 303:
                assert less_chance(theirs) == less_chance(missing)


def test_a_deleted_campaign_s_public_results_are_gone_for_everybody(
    database: Database, client: FlaskClient, alice: cast.Person, public_id: int
) -> None:
    database.write(lambda connection: connection.execute(sa.text("update campaign set deleted = true")))
    for page in PAGES:
        assert alice.get(f"/campaign/{public_id}/results{page}").status_code == 404
        assert client.get(f"/campaign/{public_id}/results{page}").status_code in (303, 401)


def test_the_public_page_says_whose_campaign_it_is_and_what_for_and_has_none_of_the_owner_s_links(
    database: Database, client: FlaskClient, alice: cast.Person, public_id: int
) -> None:
    update = "update campaign set description = 'Squares of <all> numbers', beneficiary = 'the School of Rust'"
    database.write(lambda connection: connection.execute(sa.text(update)))
    page = re.sub(r"\s+", " ", text(client.get(f"/campaign/{public_id}/results")))
    assert "A campaign of Alice Ames for the School of Rust" in page
    assert "Squares of <all> numbers" in page
    links = set(re.findall(rf'href="(/campaign/{public_id}[^"]*)"', page))
    links |= set(
        re.findall(rf'href="(/campaign/{public_id}[^"]*)"', text(client.get(f"/campaign/{public_id}/results/1")))
    )
    assert links
    assert {link for link in links if not link.startswith(f"/campaign/{public_id}/results")} == set()
    own = text(alice.get(f"/campaign/{public_id}/results"))
    assert "These results are public" in own
    assert f'href="/campaign/{public_id}"' in own


def test_the_device_and_the_errors_behind_a_result_are_for_its_owner_alone(
    database: Database, client: FlaskClient, alice: cast.Person, public_id: int
) -> None:
    volunteer = {"id": 1, "device": "Aunt Edna’s tablet", "first_seen": MOMENT, "last_seen": MOMENT}
    error = {
        "campaign_id": public_id, "run": 1, "position": 1, "volunteer_id": 1, "kernel_version": 1,
        "name": "TypeError", "message": "of a volunteer", "stack": "", "date_added": MOMENT,
    }  # fmt: skip
    database.write(lambda connection: connection.execute(sa.insert(Volunteer).values(**volunteer)))
    database.write(lambda connection: connection.execute(sa.insert(KernelError).values(**error)))
    for who, is_shown in ((alice.browser, True), (client, False)):
        page = text(who.get(f"/campaign/{public_id}/results/1"))
        assert ("Aunt Edna" in page, "of a volunteer" in page) == (is_shown, is_shown)


def test_only_public_downloads_may_be_read_by_pages_of_other_sites(
    database: Database, alice: cast.Person, private_id: int
) -> None:
    def find_headers() -> list[str | None]:
        headers = alice.get(f"/campaign/{private_id}/results/raw").headers
        return [headers.get(name) for name in ("Access-Control-Allow-Origin", "Cross-Origin-Resource-Policy")]

    assert find_headers() == [None, "same-origin"]
    publish(database, private_id)
    assert find_headers() == ["*", "cross-origin"]
    assert "Access-Control-Allow-Credentials" not in alice.get(f"/campaign/{private_id}/results/raw").headers


@pytest.fixture
def few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site on which two visitors at once are many, and nobody waits for a turn."""
    monkeypatch.setattr(results, "TURN_WAIT_S", 0)
    monkeypatch.setattr(results, "sending_to_visitors", Turns(2, per_address=2))
    monkeypatch.setattr(results, "making_for_visitors", Turns(1, per_address=1))


@pytest.mark.usefixtures("few_turns")
def test_visitors_read_a_few_downloads_at_once_and_never_keep_the_owner_from_hers(
    client: FlaskClient, alice: cast.Person, bob: cast.Person, public_id: int
) -> None:
    address = f"/campaign/{public_id}/results/raw.jsonl"
    slow = [client.get(address), bob.get(address)]
    for who in (client, bob.browser):
        refused = who.get(address)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert "Many download public results" in refused.get_json()["detail"]
    assert client.head(address).status_code == alice.get(address).status_code == 200
    assert client.get(f"{address}?fields=colour").status_code == 422
    assert len(slow[0].data) > 0
    slow[0].close()
    for response in (bob.get(address), slow[1]):
        assert response.status_code == 200
        response.close()


@pytest.mark.usefixtures("few_turns")
def test_a_visitor_who_reads_slowly_keeps_nobody_from_a_finished_campaign(
    database: Database, client: FlaskClient, alice: cast.Person, public_id: int
) -> None:
    finished = make(database, alice.email, 1, {0: 1})
    publish(database, finished)
    slow = [client.get(f"/campaign/{public_id}/results/raw") for _ in range(2)]
    for ending in ("", ".jsonl", ".csv"):
        assert client.get(f"/campaign/{finished}/results/raw{ending}").status_code == 200
    for response in slow:
        response.close()
