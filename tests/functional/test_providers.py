"""Signing in with a provider, against real ones: oidc-provider, and a small site that speaks as GitHub does.

The promises P1 to P4 of app/providers and I1 to I4 of app/identities.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import socket
import threading
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.database import Database
from app.models import Campaign, Identity, User, UserSession
from app.settings import Settings
from tests import cast
from tests.functional.pages import make, text
from tests.oidc.servers import CLIENT_ID, CLIENT_SECRET, Server, Visitor, run_github, run_openid
from tests.processes import find_free_port

SITE = "http://localhost:5000"
IDS = {"oidc_client_id": "x", "oidc_client_secret": "x"}
WRONG_PASSWORD = "The e-mail address or the password is wrong."


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """One database: what differs between the two is tested with the service itself."""
    return database_url


@pytest.fixture(scope="module")
def openid() -> Iterator[Server]:
    with run_openid(f"{SITE}/signin/oidc/callback") as server:
        yield server


@pytest.fixture(scope="module")
def github() -> Iterator[Server]:
    with run_github() as server:
        yield server


def make_settings(settings: Settings, **more: object) -> Settings:
    kept = {"instance_dir": settings.instance_dir, "database_url": settings.database_url, "captcha": "off"}
    return Settings(**kept, **more)  # type: ignore[arg-type]


@pytest.fixture
def settings(settings: Settings, openid: Server, github: Server) -> Settings:
    secrets = {f"{name}_client_secret": CLIENT_SECRET for name in ("oidc", "github")}
    ids = {f"{name}_client_id": CLIENT_ID for name in ("oidc", "github")}
    return make_settings(settings, oidc_issuer=openid.url, oidc_name="Uni", github_url=github.url, **ids, **secrets)


class Trip:
    """A person's two tabs: their browser at our site, and at the provider."""

    def __init__(self, browser: FlaskClient, provider: str = "oidc", there: Visitor | None = None) -> None:
        self.browser, self.provider, self.there = browser, provider, there or Visitor()

    def leave(self, path: str = "", **form: str) -> str:
        """Send the form that begins it, and return the address that the browser goes on to."""
        token = cast.csrf_token(self.browser)
        page = self.browser.post(path or f"/signin/{self.provider}", data={"csrf_token": token, **form})
        assert page.status_code == 200, page.get_data(as_text=True)
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.get_data(as_text=True))
        assert found
        return unescape(found[1])

    def travel(self, login: str, path: str = "", **form: str) -> str:
        """Begin it, sign in at the provider, and return the address that it sends the browser back to."""
        return self.there.go(self.leave(path, **form), login, f"{SITE}/signin/{self.provider}/callback")

    def come_back(self, address: str) -> TestResponse:
        """Open the callback's address."""
        return self.browser.get(address.removeprefix(SITE), headers={"Accept": "text/html"})

    def sign_in(self, login: str, **form: str) -> TestResponse:
        """Make the whole trip."""
        return self.come_back(self.travel(login, **form))

    def read_refusal(self, answer: TestResponse) -> str:
        """Return what the page says that somebody is sent to who was refused."""
        assert answer.status_code == 303
        page = self.browser.get(answer.location)
        found = re.search(r'role="alert">([^<]*)<', page.get_data(as_text=True))
        assert found, text(page)
        return unescape(found[1])


@pytest.fixture
def trip(client: FlaskClient) -> Trip:
    """Somebody who has no account here."""
    return Trip(client)


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/campaign/all").status_code == 200


def rows(database: Database, table: type) -> list[sa.Row]:
    return database.read(lambda connection: list(connection.execute(sa.select(table))))


def find_user(database: Database, email: str) -> sa.Row:
    return database.read(lambda c: c.execute(sa.select(User).where(User.email == email)).one())


def change_user(database: Database, email: str, **values: object) -> None:
    database.write(lambda c: c.execute(sa.update(User).where(User.email == email).values(**values)))


def change_answer(address: str, **changes: str) -> str:
    """Return a callback's address with other values in its query."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | changes
    return f"{address.split('?')[0]}?{urlencode(query)}"


class TestSigningIn:
    def test_somebody_new_gets_an_account_with_a_verified_address_and_no_password(
        self, trip: Trip, database: Database
    ) -> None:
        answer = trip.sign_in("dora")
        assert (answer.status_code, answer.location) == (303, "/campaign/all")
        assert is_signed_in(trip.browser)
        user = find_user(database, "dora@example.org")
        assert (user.first_name, user.last_name, user.password) == ("Dora", "Dean", None)
        assert user.email_verified_at is not None

    def test_the_second_time_it_is_the_same_account(self, app: Flask, trip: Trip, database: Database) -> None:
        trip.sign_in("dora")
        again = Trip(app.test_client())
        again.sign_in("dora")
        assert is_signed_in(again.browser)
        assert (len(rows(database, User)), len(rows(database, Identity))) == (1, 1)

    def test_it_goes_on_to_where_somebody_wanted_to_be(self, trip: Trip) -> None:
        assert trip.sign_in("dora", next="/campaign/new?from=1").location == "/campaign/new?from=1"

    @pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/" + "a" * 400])
    def test_it_never_goes_on_to_another_site(self, trip: Trip, target: str) -> None:
        assert trip.sign_in("dora", next=target).location == "/campaign/all"

    def test_the_sign_in_page_has_a_button_for_each_provider_that_keeps_next(self, client: FlaskClient) -> None:
        page = text(client.get("/signin?next=/campaign/new"))
        assert re.findall(r"Continue with (\w+)<", page) == ["GitHub", "Uni"]
        assert page.count('name="next" value="/campaign/new"') >= 2
        assert "Continue with Uni" in text(client.get("/signup"))

    def test_a_link_does_not_begin_it(self, client: FlaskClient) -> None:
        assert client.get("/signin/oidc", headers={"Accept": "text/html"}).status_code == 405
        assert client.post("/signin/oidc").status_code == 400, "no CSRF token"

    def test_the_way_there_carries_pkce_state_and_nonce_of_this_sign_in_only(self, trip: Trip) -> None:
        asked = [parse_qs(urlsplit(trip.leave()).query) for _ in range(2)]
        assert asked[0]["code_challenge_method"] == ["S256"]
        assert asked[0]["scope"] == ["openid email profile"]
        assert asked[0]["redirect_uri"] == [f"{SITE}/signin/oidc/callback"]
        for name in ("state", "nonce", "code_challenge"):
            assert asked[0][name] != asked[1][name]
            assert len(asked[0][name][0]) >= 43, "256 bits"

    def test_the_callback_is_the_settings_address_whatever_host_is_asked_for(self, client: FlaskClient) -> None:
        token = cast.csrf_token(client)
        page = client.post("/signin/oidc", data={"csrf_token": token}, headers={"Host": "evil.example"})
        assert "evil.example" not in text(page)

    def test_the_token_is_a_new_one_and_the_old_one_is_worth_nothing(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        old = alice.browser.get_cookie("session")
        assert old
        Trip(alice.browser).sign_in("alice")
        new = alice.browser.get_cookie("session")
        assert new
        assert new.value != old.value
        assert is_signed_in(alice.browser)
        thief = app.test_client()
        thief.set_cookie("session", old.value)
        assert not is_signed_in(thief)
        assert len(rows(database, UserSession)) == 1

    def test_an_account_without_a_password_answers_every_password_as_a_wrong_one(
        self, app: Flask, trip: Trip, database: Database
    ) -> None:
        trip.sign_in("dora")
        answers = []
        for email in ("dora@example.org", "nobody@example.org"):
            stranger = cast.Person(email, app.test_client())
            answer = stranger.post("/signin", {"email": email, "password": "anything at all"})
            assert not is_signed_in(stranger.browser)
            answers.append((answer.status_code, re.findall(r'role="alert">\s*<p>([^<]*)', text(answer))))
        assert answers[0] == answers[1] == (422, [WRONG_PASSWORD])

    def test_providers_that_are_not_switched_on_are_not_there(self, client: FlaskClient, alice: cast.Person) -> None:
        assert alice.post("/signin/google").status_code == 404
        for path in ("/signin/google/callback", "/confirm/google", "/confirm/github"):
            assert alice.get(path).status_code == 404


class TestWhichAccount:
    """I1 to I4."""

    def test_an_account_with_the_same_verified_address_is_linked_and_keeps_its_password(
        self, app: Flask, alice: cast.Person, trip: Trip, database: Database
    ) -> None:
        trip.sign_in("alice")
        assert "alice@example.org" in text(trip.browser.get("/account/providers"))
        assert len(rows(database, User)) == 1
        assert is_signed_in(alice.browser), "nothing was taken from its owner"
        again = cast.Person("", app.test_client())
        again.post("/signin", {"email": "alice@example.org", "password": cast.PASSWORD})
        assert is_signed_in(again.browser)

    def test_an_account_that_somebody_laid_in_wait_with_a_password_is_emptied_of_their_ways_in(
        self, app: Flask, database: Database, openid: Server
    ) -> None:
        """I3: they signed up with the victim's address, and even linked an account of their own."""
        openid.describe("mallory", email="mallory@example.net")
        attacker = cast.come_in(app, "Mallory", "Moss", "victim@example.org")
        change_user(
            database, "victim@example.org", email_verified_at=None, email_token="a" * 64, password_reset_token="b" * 64
        )
        trip = Trip(attacker.browser)
        trip.come_back(trip.travel("mallory", "/account/providers", link="oidc", password=cast.PASSWORD))
        assert [row.subject for row in rows(database, Identity)] == ["mallory"]
        campaign_id = make(attacker)

        victim = Trip(app.test_client())
        victim.sign_in("victim")
        assert is_signed_in(victim.browser)
        user = find_user(database, "victim@example.org")
        assert (user.password, user.email_token, user.password_reset_token) == (None, None, None)
        assert (user.first_name, user.email_verified_at is None) == ("Dora", False)
        assert not is_signed_in(attacker.browser)
        attacker.post("/signin", {"email": "victim@example.org", "password": cast.PASSWORD})
        assert not is_signed_in(attacker.browser)
        assert [row.subject for row in rows(database, Identity)] == ["victim"]
        assert [(row.id, row.user_id) for row in rows(database, Campaign)] == [(campaign_id, user.id)], (
            "as after a reset"
        )

    def test_when_the_address_changes_at_the_provider_it_stays_the_same_account(
        self, app: Flask, alice: cast.Person, database: Database, openid: Server
    ) -> None:
        Trip(app.test_client()).sign_in("erin")
        openid.describe("erin", email="alice@example.org")
        trip = Trip(app.test_client())
        trip.sign_in("erin")
        page = text(trip.browser.get("/account/providers"))
        assert "erin@example.org" in page
        assert "alice@example.org" not in page
        assert find_user(database, "erin@example.org").email_verified_at is not None

    @pytest.mark.parametrize("verified", [False, None, "true", 1])
    def test_an_address_that_the_provider_has_not_verified_opens_nothing(
        self, alice: cast.Person, trip: Trip, database: Database, openid: Server, verified: object
    ) -> None:
        """P3, I4."""
        openid.describe("frank", email="alice@example.org", email_verified=verified)
        said = trip.read_refusal(trip.sign_in("frank"))
        assert said == "Uni has not verified an e-mail address of yours. Verify it there, and sign in here again."
        assert not is_signed_in(trip.browser)
        assert rows(database, Identity) == []

    def test_an_address_that_the_provider_gave_to_somebody_else_does_not_open_the_first_ones_account(
        self, app: Flask, trip: Trip, database: Database, openid: Server
    ) -> None:
        trip.sign_in("grace")
        openid.describe("grace2", email="grace@example.org")
        second = Trip(app.test_client())
        assert "Another account at Uni" in second.read_refusal(second.sign_in("grace2"))
        assert [row.subject for row in rows(database, Identity)] == ["grace"]

    def test_another_server_that_calls_somebody_by_the_same_name_does_not_open_their_account(
        self, settings: Settings, trip: Trip, database: Database
    ) -> None:
        """As when an operator changes OIDC_ISSUER: the subjects of two servers never meet."""
        trip.sign_in("dora")
        with run_openid(f"{SITE}/signin/oidc/callback") as other:
            other.describe("dora", email="somebody.else@example.org")
            app = create_app("web", dataclasses.replace(settings, oidc_issuer=other.url))
            second = Trip(app.test_client())
            second.sign_in("dora")
            page = text(second.browser.get("/account/providers"))
            assert "somebody.else@example.org" in page
            assert "dora@example.org" not in page

    def test_names_are_taken_from_the_claims_cleaned_and_cut(
        self, trip: Trip, database: Database, openid: Server
    ) -> None:
        openid.describe("heidi", given_name=" He\x00idi\u202e <b> ", family_name="x" * 300)
        trip.sign_in("heidi")
        user = find_user(database, "heidi@example.org")
        assert (user.first_name, user.last_name) == ("He idi <b>", "x" * 100)
        assert "<b>" not in trip.browser.get("/campaign/all").get_data(as_text=True)

    def test_somebody_without_a_name_is_called_by_their_address(
        self, trip: Trip, database: Database, openid: Server
    ) -> None:
        openid.describe("ivan", given_name=None, family_name=None)
        trip.sign_in("ivan")
        user = find_user(database, "ivan@example.org")
        assert (user.first_name, user.last_name) == ("ivan", "")


class TestForgedAnswers:
    """P1 and P2."""

    @pytest.mark.parametrize("query", ["", "?code=abc", "?code=abc&state=abc", "?error=access_denied", "?state=%00"])
    def test_an_answer_that_nobody_asked_for_is_refused(self, trip: Trip, query: str) -> None:
        said = trip.read_refusal(trip.come_back(f"/signin/oidc/callback{query}"))
        assert "in another browser" in said

    def test_another_state_is_refused(self, trip: Trip) -> None:
        address = trip.travel("dora")
        assert "in another browser" in trip.read_refusal(trip.come_back(change_answer(address, state="x" * 43)))
        assert not is_signed_in(trip.browser)

    def test_an_answer_opens_nothing_in_another_browser(self, app: Flask, trip: Trip) -> None:
        address = trip.travel("dora")
        victim = Trip(app.test_client())
        victim.leave()
        assert "in another browser" in victim.read_refusal(victim.come_back(address))
        assert not is_signed_in(victim.browser)

    def test_an_answer_opens_nothing_twice(self, app: Flask, trip: Trip) -> None:
        address = trip.travel("dora")
        before = trip.browser.get_cookie("session")
        assert before
        trip.come_back(address)
        trip.browser.post("/signout", data={"csrf_token": cast.csrf_token(trip.browser)})
        assert "in another browser" in trip.read_refusal(trip.come_back(address))
        # Not with the cookie of that time either: the provider takes a code once.
        thief = Trip(app.test_client())
        thief.browser.set_cookie("session", before.value)
        assert "did not confirm this sign-in" in thief.read_refusal(thief.come_back(address))
        assert not is_signed_in(thief.browser)

    def test_another_sign_ins_code_is_refused(self, app: Flask, trip: Trip) -> None:
        stolen = parse_qs(urlsplit(Trip(app.test_client()).travel("alice")).query)["code"][0]
        answer = trip.come_back(change_answer(trip.travel("dora"), code=stolen))
        assert "did not confirm this sign-in" in trip.read_refusal(answer)
        assert not is_signed_in(trip.browser)

    def test_one_providers_answer_is_not_taken_for_anothers(self, trip: Trip) -> None:
        address = trip.travel("dora").replace("/oidc/", "/github/")
        assert "in another browser" in trip.read_refusal(trip.come_back(address))

    def test_an_answer_that_names_another_issuer_or_none_is_refused(self, app: Flask) -> None:
        for issuer in ("https://evil.example", ""):
            trip = Trip(app.test_client())
            answer = trip.come_back(change_answer(trip.travel("dora"), iss=issuer))
            assert "in another browser" in trip.read_refusal(answer)
            assert not is_signed_in(trip.browser)

    def test_a_sign_in_must_end_within_ten_minutes(self, trip: Trip) -> None:
        address = trip.travel("dora")
        with trip.browser.session_transaction() as cookie:
            for flow in cookie["flows"].values():
                flow["started_at"] -= 602
            cookie.modified = True
        assert "more than ten minutes ago" in trip.read_refusal(trip.come_back(address))
        assert not is_signed_in(trip.browser)

    @pytest.mark.parametrize(
        "fault",
        [
            "changed claims",
            "a stranger's key",
            "an unknown key",
            "no signature",
            "a signature with our secret",
            "another nonce",
            "no nonce",
            "another audience",
            "another issuer",
            "a time that is over",
            "another access token",
            "somebody else's claims",
        ],
    )
    def test_an_id_token_with_a_fault_opens_nothing(
        self, alice: cast.Person, trip: Trip, database: Database, openid: Server, fault: str
    ) -> None:
        openid.describe("judy", fault=fault)
        assert "did not confirm this sign-in" in trip.read_refusal(trip.sign_in("judy"))
        assert not is_signed_in(trip.browser)
        assert rows(database, Identity) == []
        openid.describe("judy")
        trip.sign_in("judy")
        assert is_signed_in(trip.browser), "without the fault it is good"

    def test_somebody_who_says_no_at_the_provider_is_told_so_and_can_go_on(self, trip: Trip) -> None:
        answer = trip.come_back(trip.there.abort(trip.leave(next="/campaign/new")))
        assert answer.location == "/signin?next=/campaign/new"
        assert "You did not allow Uni" in trip.read_refusal(answer)
        assert 'role="alert"' not in text(trip.browser.get("/signin")), "it is said once"

    def test_what_an_address_says_went_wrong_is_never_shown(self, trip: Trip) -> None:
        state = parse_qs(urlsplit(trip.leave()).query)["state"][0]
        lie = {"error": "x", "error_description": "Call 0900-SCAM", "state": state, "iss": trip_issuer(trip)}
        answer = trip.come_back(f"/signin/oidc/callback?{urlencode(lie)}")
        assert "Uni did not sign you in" in (said := trip.read_refusal(answer))
        assert "SCAM" not in said

    def test_a_program_gets_a_refusal_as_a_problem(self, client: FlaskClient) -> None:
        answer = client.get("/signin/oidc/callback", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
        assert answer.json is not None
        assert answer.json["title"] == "Sign in refused"

    def test_many_sign_ins_that_were_begun_do_not_outgrow_the_cookie(self, trip: Trip) -> None:
        for _ in range(8):
            trip.leave(next="/campaign/new?" + "x" * 280)
        cookie = trip.browser.get_cookie("session")
        assert cookie
        assert len(f"session={cookie.value}") < 4096
        assert trip.sign_in("dora").location == "/campaign/all"


def trip_issuer(trip: Trip) -> str:
    parts = urlsplit(trip.leave())
    return f"{parts.scheme}://{parts.netloc}"


class TestProviderDown:
    """P4."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        url = f"http://localhost:{find_free_port()}"
        return make_settings(
            settings, oidc_issuer=url, oidc_client_id="x", oidc_client_secret="x", oidc_name="Uni", github_url=url,
            github_client_id="x", github_client_secret="x",
        )  # fmt: skip

    def test_it_is_said_and_everything_else_goes_on(self, app: Flask, client: FlaskClient, alice: cast.Person) -> None:
        token = cast.csrf_token(client)
        answer = client.post("/signin/oidc", data={"csrf_token": token}, headers={"Accept": "text/html"})
        assert answer.status_code == 502
        assert "Uni does not answer as it should at the moment" in text(answer)
        again = client.post("/signin/oidc", data={"csrf_token": token}, headers={"Accept": "application/json"})
        assert again.json is not None
        assert (again.status_code, again.json["detail"]) == (
            502,
            "Uni did not answer a moment ago. Try again in a few seconds.",
        )
        assert client.get("/signin").status_code == 200
        assert is_signed_in(alice.browser)

    def test_one_that_fails_between_there_and_back_is_said_too(self, client: FlaskClient) -> None:
        trip = Trip(client, "github")
        state = parse_qs(urlsplit(trip.leave()).query)["state"][0]
        answer = trip.come_back(f"/signin/github/callback?code=x&state={state}")
        assert answer.status_code == 502
        assert "GitHub does not answer" in text(answer)

    def test_it_comes_back_when_the_provider_does(
        self, app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trip = Trip(app.test_client())
        form = {"csrf_token": cast.csrf_token(trip.browser)}
        assert trip.browser.post("/signin/oidc", data=form).status_code == 502
        description = app.extensions["providers"]["oidc"]._description
        now = description._clock()
        monkeypatch.setattr(description, "_clock", lambda: now + 10)
        port = int(settings.oidc_issuer.rsplit(":", 1)[1])
        with run_openid(f"{SITE}/signin/oidc/callback", port):
            assert trip.leave().startswith(settings.oidc_issuer)


class TestGitHub:
    def test_somebody_signs_in_by_their_primary_verified_address(
        self, client: FlaskClient, database: Database, alice: cast.Person
    ) -> None:
        trip = Trip(client, "github")
        assert trip.sign_in("gita").location == "/campaign/all"
        user = find_user(database, "gita@example.org")
        assert (user.first_name, user.last_name) == ("Gita van", "Hub")
        [identity] = rows(database, Identity)
        assert identity.provider.startswith("github-")
        assert identity.subject == "4", "the number, not the login, which may change hands"

    def test_a_login_stands_for_a_name_that_is_missing(self, client: FlaskClient, database: Database) -> None:
        Trip(client, "github").sign_in("nameless")
        assert find_user(database, "nameless@example.org").first_name == "nameless"

    def test_an_unverified_primary_address_opens_nothing_although_another_one_is_verified(
        self, client: FlaskClient, database: Database, alice: cast.Person
    ) -> None:
        trip = Trip(client, "github")
        assert "GitHub has not verified" in trip.read_refusal(trip.sign_in("unverified"))
        assert rows(database, Identity) == []

    def test_a_code_of_another_sign_in_is_refused(self, app: Flask, client: FlaskClient) -> None:
        stolen = parse_qs(urlsplit(Trip(app.test_client(), "github").travel("alice")).query)["code"][0]
        trip = Trip(client, "github")
        answer = trip.come_back(change_answer(trip.travel("gita"), code=stolen))
        assert "GitHub did not confirm" in trip.read_refusal(answer)
        assert not is_signed_in(client)


class TestLinking:
    def test_somebody_with_a_password_links_by_giving_it(self, alice: cast.Person, database: Database) -> None:
        """The address at the provider need not be the one here: they are signed in to both."""
        trip = Trip(alice.browser)
        answer = trip.come_back(trip.travel("dora", "/account/providers", link="oidc", password=cast.PASSWORD))
        assert answer.location == "/account/providers"
        page = text(alice.get("/account/providers"))
        assert "dora@example.org" in page
        linked = rows(database, Identity)
        assert [row.subject for row in linked] == ["dora"]

    @pytest.mark.parametrize("form", [{"link": "oidc"}, {"link": "oidc", "password": "wrong password"}])
    def test_nobody_links_without_the_password(self, alice: cast.Person, form: dict[str, object]) -> None:
        answer = alice.post("/account/providers", form)
        assert answer.status_code == 422
        assert "This is not your password" in text(answer)
        program = alice.post("/account/providers", form, headers={"Accept": "application/json"})
        assert program.json is not None
        assert program.json["field"] == "password"

    def test_an_account_that_opens_another_here_is_not_linked(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        Trip(app.test_client()).sign_in("dora")
        trip = Trip(alice.browser)
        answer = trip.come_back(trip.travel("dora", "/account/providers", link="oidc", password=cast.PASSWORD))
        assert "opens another account here already" in trip.read_refusal(answer)
        assert len(rows(database, Identity)) == 1

    def test_a_link_that_one_person_began_is_not_ended_by_another(
        self, alice: cast.Person, bob: cast.Person, database: Database
    ) -> None:
        trip = Trip(alice.browser)
        address = trip.travel("dora", "/account/providers", link="oidc", password=cast.PASSWORD)
        with bob.browser.session_transaction() as cookie:
            token = cookie["token"]
        with alice.browser.session_transaction() as cookie:
            cookie["token"] = token  # Bob signs in in the same browser meanwhile
        assert "in another browser" in trip.read_refusal(trip.come_back(address))
        assert rows(database, Identity) == []

    def test_unlinking_takes_the_way_in_away(self, app: Flask, alice: cast.Person, database: Database) -> None:
        Trip(app.test_client()).sign_in("alice")
        [identity] = rows(database, Identity)
        form = {"unlink": str(identity.id), "password": cast.PASSWORD}
        assert alice.post("/account/providers", dict(form)).location == "/account/providers"
        assert rows(database, Identity) == []
        assert alice.post("/account/providers", dict(form)).status_code == 404, "it is gone already"

    @pytest.mark.parametrize("number", ["", "x", "-1", "²", "9" * 40])
    def test_what_is_not_a_link_cannot_be_unlinked(self, alice: cast.Person, number: str) -> None:
        assert alice.post("/account/providers", {"unlink": number, "password": cast.PASSWORD}).status_code == 404

    def test_a_strangers_link_cannot_be_unlinked(self, alice: cast.Person, trip: Trip, database: Database) -> None:
        trip.sign_in("dora")
        [identity] = rows(database, Identity)
        form = {"unlink": str(identity.id), "password": cast.PASSWORD}
        assert alice.post("/account/providers", dict(form)).status_code == 404
        assert len(rows(database, Identity)) == 1

    def test_the_last_way_in_stays(self, trip: Trip, database: Database) -> None:
        trip.sign_in("dora")
        confirm(trip, "dora")
        [identity] = rows(database, Identity)
        page = text(trip.browser.get("/account/providers"))
        assert "only way into your account" in page
        assert 'name="unlink"' not in page
        form = {"csrf_token": cast.csrf_token(trip.browser), "unlink": str(identity.id)}
        assert trip.browser.post("/account/providers", data=form).status_code == 409
        assert len(rows(database, Identity)) == 1


def confirm(trip: Trip, login: str) -> TestResponse:
    return trip.come_back(trip.travel(login, "/confirm/oidc", next="/account/providers"))


def confirmed(database: Database) -> list[bool]:
    return [row.confirmed_at is not None for row in rows(database, UserSession)]


class TestConfirming:
    def test_somebody_signs_in_anew_at_the_provider_and_gets_a_new_token(self, trip: Trip, database: Database) -> None:
        trip.sign_in("dora")
        assert confirmed(database) == [False], "a sign-in may rest on one of last week at the provider"
        assert "confirm first" in text(trip.browser.get("/account/providers"))
        before = trip.browser.get_cookie("session")
        trip.there.pages.clear()
        assert confirm(trip, "dora").location == "/account/providers"
        assert 'name="password"' in trip.there.pages[0], "the provider asks again, although it knows the browser"
        after = trip.browser.get_cookie("session")
        assert before
        assert after
        assert before.value != after.value
        assert confirmed(database) == [True], "the sign-in before is gone"
        assert "Link GitHub" in text(trip.browser.get("/account/providers"))

    def test_a_confirmation_lasts_ten_minutes(self, trip: Trip, database: Database) -> None:
        trip.sign_in("dora")
        confirm(trip, "dora")
        database.write(lambda c: c.execute(sa.text("update user_session set confirmed_at = confirmed_at - 601000")))
        form = {"csrf_token": cast.csrf_token(trip.browser), "link": "github"}
        answer = trip.browser.post("/account/providers", data=form)
        assert answer.status_code == 422
        assert "Confirm first" in text(answer)

    def test_another_account_of_the_provider_confirms_nothing(self, trip: Trip, database: Database) -> None:
        trip.sign_in("dora")
        answer = confirm(trip, "mallory")
        assert answer.location == "/confirm/oidc?next=/account/providers"
        assert "does not open the account" in trip.read_refusal(answer)
        assert confirmed(database) == [False]

    @pytest.mark.parametrize("fault", ["an old sign-in", "no word of when"])
    def test_a_provider_that_did_not_ask_again_confirms_nothing(
        self, trip: Trip, database: Database, openid: Server, fault: str
    ) -> None:
        trip.sign_in("kim")
        openid.describe("kim", fault=fault)
        answer = confirm(trip, "kim")
        openid.describe("kim")
        assert "did not ask for your password again" in trip.read_refusal(answer)
        assert confirmed(database) == [False]

    def test_github_at_least_asks_which_account(self, client: FlaskClient, database: Database) -> None:
        trip = Trip(client, "github")
        trip.sign_in("gita")
        address = trip.leave("/confirm/github", next="/account/providers")
        assert parse_qs(urlsplit(address).query)["prompt"] == ["select_account"]
        trip.come_back(trip.there.go(address, "gita", f"{SITE}/signin/github/callback"))
        assert confirmed(database) == [True]

    def test_only_what_is_linked_can_confirm(self, alice: cast.Person, client: FlaskClient) -> None:
        assert alice.get("/confirm/oidc").status_code == 404
        answer = client.get("/confirm/oidc", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.location) == (303, "/signin?next=/confirm/oidc")


def _answer(body: bytes, head: bytes = b"200 OK", length: int = 0) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (head, length or len(body), body)


def _describe(issuer: str, **changes: object) -> bytes:
    names = {"issuer": issuer, "authorization_endpoint": f"{issuer}/a", "token_endpoint": f"{issuer}/t"}
    return _answer(json.dumps({**names, "jwks_uri": f"{issuer}/j", **changes}).encode())


BAD_DESCRIPTIONS = {
    "nothing": lambda issuer: b"",
    "noise": lambda issuer: bytes(range(256)),
    "half of what it promised": lambda issuer: _answer(b"{", length=100),
    "drop by drop": lambda issuer: _answer(b"{", length=86_400),
    "more than agreed": lambda issuer: _answer(b" " * (1 << 21)),
    "no JSON": lambda issuer: _answer(b"<html>"),
    "a list": lambda issuer: _answer(b"[]"),
    "its own failure": lambda issuer: _answer(b"{}", b"500 Oops"),
    "another address": lambda issuer: _answer(b"", b"302 Found\r\nLocation: http://localhost:1/"),
    "another issuer": lambda issuer: _describe("https://evil.example"),
    "an address without https": lambda issuer: _describe(issuer, token_endpoint="http://provider.example/t"),
    "no token endpoint": lambda issuer: _describe(issuer, token_endpoint=None),
}


@pytest.mark.parametrize("kind", BAD_DESCRIPTIONS)
def test_a_provider_that_describes_itself_badly_is_left(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """P4: each drop comes before the timeout of silence; together they would take a day."""
    monkeypatch.setattr("app.providers.talk.ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        issuer = f"http://localhost:{server.getsockname()[1]}"
        stop = threading.Event()
        arguments = (server, BAD_DESCRIPTIONS[kind](issuer), stop if kind == "drop by drop" else None)
        thread = threading.Thread(target=_serve_once, args=arguments)
        thread.start()
        try:
            app = create_app("web", make_settings(settings, oidc_issuer=issuer, **IDS))
            client = app.test_client()
            answer = client.post("/signin/oidc", data={"csrf_token": cast.csrf_token(client)})
            assert answer.status_code == 502
        finally:
            stop.set()
            thread.join(10)


def test_a_provider_that_describes_itself_well_is_gone_to(settings: Settings) -> None:
    """What the test before this one would see if it refused everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        issuer = f"http://localhost:{server.getsockname()[1]}"
        thread = threading.Thread(target=_serve_once, args=(server, _describe(issuer), None))
        thread.start()
        app = create_app("web", make_settings(settings, oidc_issuer=issuer, **IDS))
        assert Trip(app.test_client()).leave().startswith(f"{issuer}/a?")
        thread.join(10)


def _serve_once(server: socket.socket, answer: bytes, drip_until: threading.Event | None) -> None:
    connection, _address = server.accept()
    with connection, contextlib.suppress(OSError):
        connection.recv(1 << 16)
        connection.sendall(answer)
        while drip_until is not None and not drip_until.wait(0.1):
            connection.sendall(b" ")
