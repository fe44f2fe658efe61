"""GitHub, linking providers to an account, and confirming through them: I1 to I4 of app/identities.py."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import Database
from app.models import Identity, UserSession
from tests import cast
from tests.functional.pages import text
from tests.functional.providers.trips import SITE, Trip, change_answer, find_user, is_signed_in, rows
from tests.oidc.servers import Server


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
