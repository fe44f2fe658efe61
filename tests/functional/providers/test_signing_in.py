"""Signing in with a provider, and whose account that opens: P1 and P3 of app/providers, I1 to I4 of identities."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.database import Database
from app.models import Campaign, Identity, User, UserSession
from app.settings import Settings
from tests import cast
from tests.functional.pages import make, text
from tests.functional.providers.trips import SITE, WRONG_PASSWORD, Trip, change_user, find_user, is_signed_in, rows
from tests.oidc.servers import Server, run_openid


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
