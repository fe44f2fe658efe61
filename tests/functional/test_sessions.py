"""The list of sign-ins: which browsers are in, and getting them out."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import devices
from app.database import Database
from app.models import User, UserSession
from tests import cast
from tests.functional.mailbag import copy_cookies, is_signed_in, on_sqlite, send
from tests.functional.pages import error_of, text

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
JSON = {"Accept": "application/json"}


OWN = {"current_password": cast.PASSWORD}


def sign_in(app: Flask, agent: str = FIREFOX, address: str = "") -> FlaskClient:
    """Sign Alice in with another browser."""
    browser = app.test_client()
    form = {"email": "alice@example.org", "password": cast.PASSWORD}
    headers = {"User-Agent": agent, **({"X-Forwarded-For": address} if address else {})}
    assert send(browser, "/signin", form, headers=headers).status_code == 303
    return browser


def confirm(database: Database, ago: dt.timedelta = dt.timedelta(0)) -> None:
    """Have everybody show who they are, a while ago."""
    update = sa.update(UserSession).values(confirmed_at=dt.datetime.now(dt.UTC) - ago)
    database.write(lambda connection: connection.execute(update))


def find_id(database: Database, agent: str) -> int:
    query = sa.select(UserSession.id).where(UserSession.agent == agent)
    return database.read(lambda connection: connection.scalars(query).one())


@on_sqlite
def test_every_browser_that_is_in_is_listed_in_words(app: Flask, alice: cast.Person, database: Database) -> None:
    sign_in(app, FIREFOX, "192.0.2.7")
    sign_in(app, CHROME, "2001:db8::7")
    confirm(database)
    page = text(alice.get("/account/sessions"))
    assert page.index("Chrome on Windows") < page.index("Firefox on Linux"), "the one last seen comes first"
    assert "192.0.2.7" in page
    assert "2001:db8::7" in page
    assert page.count("this browser") == 1
    assert len(re.findall(r"/account/sessions/\d+/end", page)) == 2, "this browser has a button elsewhere"


def test_one_browser_is_signed_out_and_the_others_stay(app: Flask, alice: cast.Person, database: Database) -> None:
    firefox, chrome = sign_in(app, FIREFOX), sign_in(app, CHROME)
    thief = copy_cookies(app, firefox)
    response = alice.post(f"/account/sessions/{find_id(database, FIREFOX)}/end", dict(OWN))
    assert (response.status_code, response.location) == (303, "/account/sessions")
    assert [is_signed_in(one) for one in (firefox, thief, chrome, alice.browser)] == [False, False, True, True]
    assert thief.get("/account", headers=JSON).status_code == 401


@on_sqlite
class TestShowingWhoOneIs:
    """ASVS 7.5.2: whoever found a sign-in does not throw its owner out."""

    def test_nobody_is_signed_out_without_the_password(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        firefox = sign_in(app)
        wrong: dict[str, object] = {"current_password": "wrong password"}
        for path, form in ((f"/{find_id(database, FIREFOX)}/end", {}), ("/end_all", {}), ("", wrong)):
            answer = alice.post(f"/account/sessions{path}", dict(form))
            assert answer.status_code == 422
            assert error_of(answer, "current_password") == "This is not your current password."
        program = alice.post("/account/sessions/end_all", dict(wrong), headers=JSON)
        assert (program.status_code, program.mimetype) == (422, "application/problem+json")
        assert [is_signed_in(one) for one in (firefox, alice.browser)] == [True, True]

    def test_the_password_is_asked_for_once_and_counts_for_ten_minutes(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        firefox, chrome = sign_in(app, FIREFOX), sign_in(app, CHROME)
        thief = copy_cookies(app, alice.browser)
        page = text(alice.get("/account/sessions"))
        assert not re.search(r"/account/sessions/\d+/end", page), "no button that would not work"
        assert page.index('name="current_password"') < page.index('formaction="/account/sessions/end_all"')
        answer = alice.post("/account/sessions", dict(OWN))
        assert (answer.status_code, answer.location) == (303, "/account/sessions")
        assert not is_signed_in(thief), "who shows who they are gets a new token (7.2.4)"
        assert 'name="current_password"' not in text(alice.get("/account/sessions"))
        assert alice.post(f"/account/sessions/{find_id(database, FIREFOX)}/end").status_code == 303
        confirm(database, dt.timedelta(minutes=11))
        assert alice.post(f"/account/sessions/{find_id(database, CHROME)}/end").status_code == 422
        assert [is_signed_in(one) for one in (firefox, chrome)] == [False, True]

    def test_who_has_no_password_confirms_with_a_provider_or_sets_one(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        sign_in(app)
        database.write(lambda connection: connection.execute(sa.update(User).values(password=None)))
        page = text(alice.get("/account/sessions"))
        assert "Your account has no password" in page
        assert "/send_reset_password" in page
        assert alice.post("/account/sessions/end_all").status_code == 422
        confirm(database)
        assert alice.post("/account/sessions/end_all").status_code == 303


@on_sqlite
@pytest.mark.parametrize("number", [0, 2**31, 2**63, 10**40])
def test_a_sign_in_that_never_was_is_404(alice: cast.Person, number: int) -> None:
    assert alice.post(f"/account/sessions/{number}/end").status_code == 404


def test_nobody_signs_another_one_out(app: Flask, alice: cast.Person, bob: cast.Person, database: Database) -> None:
    firefox = sign_in(app, FIREFOX)
    number = find_id(database, FIREFOX)
    theirs, missing = (bob.post(f"/account/sessions/{n}/end") for n in (number, number + 1000))
    assert theirs.status_code == missing.status_code == 404
    assert is_signed_in(firefox)
    assert "Firefox" not in text(bob.get("/account/sessions"))


@on_sqlite
def test_sign_out_everywhere_means_this_browser_too_and_nobody_else(
    app: Flask, alice: cast.Person, bob: cast.Person
) -> None:
    firefox = sign_in(app)
    thief = copy_cookies(app, alice.browser)
    response = alice.post("/account/sessions/end_all", dict(OWN))
    assert (response.status_code, response.location) == (303, "/signin")
    assert "Every browser was signed out." in text(alice.get("/signin"))
    assert [is_signed_in(one) for one in (firefox, thief, alice.browser, bob.browser)] == [False, False, False, True]
    assert thief.get("/account", headers=JSON).status_code == 401


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        ("curl/8.1", "curl"),
        ("", devices.UNKNOWN),
        ("<script>", devices.UNKNOWN),
        ("z" * 300, devices.UNKNOWN),
    ],
)
def test_a_device_is_named_in_words(agent: str, words: str) -> None:
    assert devices.describe(agent) == words


@pytest.mark.parametrize("path", ["/signout", "/account/sessions/end_all", "/delete_account"])
def test_who_leaves_takes_along_what_the_pages_kept_in_the_browser(alice: cast.Person, path: str) -> None:
    answer = alice.post(path, {"current_password": cast.PASSWORD})
    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"storage"'
