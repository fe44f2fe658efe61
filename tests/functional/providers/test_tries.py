"""How often one address may go to a provider, and have us ask it: P4 of app/providers, app/throttling.py."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.settings import Settings
from tests import cast
from tests.functional.pages import text
from tests.functional.providers.trips import Trip, change_answer, is_signed_in
from tests.oidc.servers import Server
from tests.processes import find_free_port

BEGUN = 2
OTHERS = {"X-Forwarded-For": "192.0.2.2"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return dataclasses.replace(settings, provider_signins_per_address=BEGUN, provider_signins_per_account=1)


def begin(browser: FlaskClient, path: str = "/signin/github", **kwargs: object) -> TestResponse:
    form = {"csrf_token": cast.csrf_token(browser), "password": cast.PASSWORD, "link": "github"}
    return browser.post(path, data=form, **kwargs)  # type: ignore[arg-type]


def test_one_address_begins_so_many_sign_ins_and_is_told_for_how_long_it_has_to_wait(app: Flask) -> None:
    assert [begin(app.test_client()).status_code for _ in range(BEGUN)] == [200] * BEGUN
    refused = begin(app.test_client(), headers={"Accept": "text/html"})
    assert refused.status_code == 429
    assert "Too many tries. Try again in 15 minutes." in text(refused)
    assert 800 < int(refused.headers["Retry-After"]) <= 900
    program = begin(app.test_client(), "/signin/oidc", headers={"Accept": "application/json"})
    assert (program.status_code, program.mimetype) == (429, "application/problem+json")
    assert begin(app.test_client(), headers=OTHERS).status_code == 200, "another address need not"


def test_linking_and_confirming_count_as_well(alice: cast.Person) -> None:
    Trip(alice.browser, "github").sign_in("alice")
    paths = ["/account/providers", "/confirm/github", "/signin/github"]
    assert [begin(alice.browser, path).status_code for path in paths] == [200, 200, 429]


def test_any_number_of_people_sign_in_behind_one_address(app: Flask) -> None:
    people = [Trip(app.test_client(), "github") for _ in range(2 * BEGUN)]
    for number, person in enumerate(people):
        person.sign_in("p" * (number + 1))
    assert all(is_signed_in(person.browser) for person in people)


def test_who_signs_in_again_and_again_makes_us_ask_the_provider_so_often_and_no_more(app: Flask) -> None:
    """Good sign-ins are given back, but only the first one, here, of one account of the provider."""
    for number in range(1 + BEGUN):
        trip = Trip(app.test_client(), "github")
        trip.sign_in("gita")
        assert is_signed_in(trip.browser), number
    assert begin(app.test_client()).status_code == 429


def test_who_has_come_away_is_let_back_in_whatever_others_do_meanwhile(app: Flask) -> None:
    trip = Trip(app.test_client(), "github")
    address = trip.travel("gita")
    while begin(app.test_client()).status_code == 200:
        pass
    assert trip.come_back(address).location == "/campaign/all"
    assert is_signed_in(trip.browser)


def test_a_kept_cookie_makes_us_ask_the_provider_once(app: Flask, github: Server) -> None:
    trip = Trip(app.test_client(), "github")
    address = change_answer(trip.travel("gita"), code="of-nobody")
    kept = trip.browser.get_cookie("session")
    assert kept
    said = []
    for _ in range(4):
        thief = Trip(app.test_client(), "github")
        thief.browser.set_cookie("session", kept.value)
        said.append(thief.read_refusal(thief.come_back(address)))
    assert "GitHub did not confirm" in said[0]
    assert all("has ended already" in refusal for refusal in said[1:])
    assert github.count_asked("of-nobody") == 1


def test_answers_that_nobody_asked_for_count_for_nobody(app: Flask) -> None:
    """Else any page that somebody in an office opens could use up the office's sign-ins."""
    for _ in range(3 * BEGUN):
        Trip(app.test_client(), "github").come_back("/signin/github/callback?code=x&state=x")
    assert begin(app.test_client()).status_code == 200


class TestProviderDown:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return dataclasses.replace(settings, oidc_issuer=f"http://localhost:{find_free_port()}")

    def test_it_uses_up_nobodys_sign_ins(self, client: FlaskClient) -> None:
        answers = {begin(client, "/signin/oidc").status_code for _ in range(2 * BEGUN)}
        assert answers == {502}
        assert begin(client).status_code == 200
