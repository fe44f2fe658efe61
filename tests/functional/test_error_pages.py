"""Every error is a page that helps people, and a problem that programs understand (S5 of app/security.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from app import create_app, errors
from app.settings import Settings
from tests import cast

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}
# What the code raises, what is answered, what the page is called, and what it tells people to do.
RAISED: dict[str, tuple[Callable[[], object], int, str, str, str]] = {
    "bad-request": (lambda: abort(400), 400, "bad-request", "That did not work", "Back button"),
    "forbidden": (lambda: abort(403), 403, "forbidden", "Refused", "Back button"),
    "method": (lambda: abort(405), 405, "method-not-allowed", "That did not work", "Back button"),
    "not-found": (lambda: abort(404), 404, "not-found", "Nothing here", "sign in"),
    "conflict": (lambda: abort(409), 409, "conflict", "Not now", "Back button"),
    "too-large": (lambda: abort(413), 413, "too-large", "Too large", "A kernel may have 1 MB"),
    "invalid": (lambda: abort(422), 422, "invalid-input", "That did not work", "Back button"),
    "too-many": (lambda: abort(429), 429, "too-many-requests", "Too many tries", "reload this page"),
    "fault": (lambda: 1 // 0, 500, "internal-error", "Something went wrong", "tell whoever runs this site"),
    "unavailable": (lambda: abort(503), 503, "unavailable", "One moment, please", "reload this page"),
    "teapot": (lambda: abort(418), 418, "http-error", "Something went wrong", "start page"),
    "our-conflict": (lambda: _raise(errors.Conflict("It is paused.")), 409, "conflict", "Not now", "It is paused."),
    "our-invalid": (
        lambda: _raise(errors.InvalidInput("No name.", "name")), 422, "invalid-input", "That did not work", "No name."
    ),
    "our-too-many": (
        lambda: _raise(errors.TooManyRequests("Try again in 5 minutes.", 300)), 429, "too-many-requests",
        "Too many tries", "Try again in 5 minutes.",
    ),
    "our-busy": (
        lambda: _raise(errors.DatabaseBusy()), 503, "database-busy", "One moment, please", "The database is busy."
    ),
}  # fmt: skip


def _raise(error: Exception) -> None:
    raise error


@pytest.fixture
def app(app: Flask) -> Flask:
    """The site with an address for every error."""
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for name, (act, *_rest) in RAISED.items():
        app.add_url_rule(f"/break/{name}", name, act)  # type: ignore[arg-type]
    return app


@pytest.mark.parametrize("name", RAISED)
def test_people_read_what_happened_what_to_do_and_where_to_go(client: FlaskClient, name: str) -> None:
    _act, status, kind, heading, advice = RAISED[name]
    page = client.get(f"/break/{name}", headers=HTML)
    html = page.get_data(as_text=True)
    main = html.split("<main", 1)[1].split("</main>", 1)[0]
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert f"<h1>{heading}</h1>" in main
    assert advice in main
    assert f'href="/docs/errors#{kind}"' in main
    assert 'href="/"' in main
    assert "Content-Security-Policy" in page.headers


@pytest.mark.parametrize("name", RAISED)
def test_programs_get_a_problem_of_a_kind_that_has_a_document(client: FlaskClient, name: str) -> None:
    _act, status, kind, _heading, _advice = RAISED[name]
    answer = client.get(f"/break/{name}", headers=JSON)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    problem = answer.get_json(force=True)
    assert problem["type"] == f"http://localhost:5000/docs/errors#{kind}"
    assert problem["status"] == status
    assert len(problem["detail"]) > 5
    assert f'id="{kind}"' in client.get("/docs/errors").get_data(as_text=True)


@pytest.mark.parametrize(("name", "seconds"), [("our-too-many", "300"), ("our-busy", "1")])
def test_who_may_come_again_hears_when(client: FlaskClient, name: str, seconds: str) -> None:
    for headers in (HTML, JSON):
        assert client.get(f"/break/{name}", headers=headers).headers["Retry-After"] == seconds


def test_somebody_not_signed_in_gets_a_problem_with_401_and_a_browser_the_sign_in_page(client: FlaskClient) -> None:
    answer = client.get("/campaign/all", headers=JSON)
    assert (answer.status_code, answer.get_json(force=True)["title"]) == (401, "Not signed in")
    assert client.get("/campaign/all", headers=HTML).location == "/signin?next=/campaign/all"


@pytest.mark.parametrize("path", ["/static/%00", "/badge/%00.svg", "/badge/a%00b.json", "/docs/%00"])
def test_an_address_with_a_null_character_is_one_at_which_there_is_nothing(client: FlaskClient, path: str) -> None:
    # Neither the file system nor PostgreSQL can look for it: that is not a fault of ours.
    assert client.get(path).status_code == 404


def test_a_lost_address_leads_on_from_where_one_is(client: FlaskClient, alice: cast.Person) -> None:
    assert 'href="/docs/"' in client.get("/docs/nothing", headers=HTML).get_data(as_text=True).split("<main", 1)[1]
    lost = client.get("/campaign/7?after=3", headers=HTML)
    assert lost.location == "/signin?next=/campaign/7?after%3D3"
    owner = alice.get("/campaign/7", headers=HTML).get_data(as_text=True).split("<main", 1)[1]
    assert 'href="/campaign/all"' in owner
    assert "sign in" not in owner


def test_the_page_of_a_fault_needs_no_database(settings: Settings) -> None:
    nowhere = "sqlite:////nowhere/at/all.sqlite3"
    app = create_app("web", Settings(instance_dir=settings.instance_dir, database_url=nowhere, captcha="off"))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    with client.session_transaction() as session:
        session["token"] = "a sign-in that would have to be looked up"
    page = client.get("/campaign/all", headers=HTML)
    assert page.status_code == 500
    assert "Something went wrong" in page.get_data(as_text=True)


def test_the_compute_origin_says_the_same_without_the_sites_frame(settings: Settings) -> None:
    client = create_app("socket", settings).test_client()
    page = client.get("/nothing", headers=HTML)
    html = page.get_data(as_text=True)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is no page at this address." in html
    assert f'href="{settings.site_url}/docs/errors#not-found"' in html
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "script" not in html
    answer = client.get("/nothing", headers=JSON)
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json(force=True)["title"] == "Not found"
