"""Sign-up, sign-in and sign-out through the site's pages."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import altcha
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import captcha, create_app
from app.captcha import Captcha
from app.database import Database
from app.models import SpentCaptcha, User, UserSession
from app.settings import Settings
from tests import cast
from tests.functional.pages import error_of, problem

FORM = {"first_name": "Dora", "last_name": "Dean", "email": "dora@example.org", "password": cast.PASSWORD}


def send(browser: FlaskClient, path: str, data: dict[str, str], **kwargs: object) -> TestResponse:
    token = cast.csrf_token(browser)
    return browser.post(path, data={"csrf_token": token, **data}, **kwargs)  # type: ignore[arg-type]


def control(response: TestResponse, field: str) -> str:
    match = re.search(rf'<input[^>]*id="{field}"[^>]*>', response.get_data(as_text=True))
    assert match, f"no field {field}"
    return match[0]


def count(database: Database, table: type) -> int:
    return database.read(lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/campaign/all").status_code == 200


class TestSignUp:
    def test_it_makes_an_account_and_signs_in(self, client: FlaskClient, database: Database) -> None:
        response = send(client, "/signup", FORM)
        assert (response.status_code, response.location) == (303, "/campaign/all")
        assert is_signed_in(client)
        assert count(database, User) == 1

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("first_name", " ", "Enter your first name"),
            ("first_name", "x" * 101, "limit is 100"),
            ("last_name", "", "Enter your last name"),
            ("last_name", "D\0", "control character"),
            ("email", "", "Enter your e-mail address"),
            ("email", "dora", "not an e-mail address"),
            ("password", "short", "at least 8"),
            ("password", "x" * 257, "limit is 256"),
        ],
    )
    def test_an_error_stands_next_to_its_field_and_what_was_typed_stays(
        self, client: FlaskClient, database: Database, field: str, value: str, said: str
    ) -> None:
        response = send(client, "/signup", {**FORM, field: value})
        assert response.status_code == 422
        assert said in error_of(response, field)
        wrong = control(response, field)
        assert 'aria-invalid="true"' in wrong
        assert re.search(rf'aria-describedby="[^"]*\b{field}-error\b', wrong)
        assert "autofocus" in wrong
        for name in {"first_name", "last_name", "email"} - {field}:
            assert f'value="{FORM[name]}"' in control(response, name)
            assert error_of(response, name) == ""
        assert count(database, User) == 0

    def test_all_errors_are_shown_at_once_and_the_first_gets_the_focus(self, client: FlaskClient) -> None:
        response = send(client, "/signup", {})
        assert all(error_of(response, field) for field in FORM)
        assert response.get_data(as_text=True).count("autofocus") == 1
        assert "autofocus" in control(response, "first_name")
        assert "4 things need a change" in response.get_data(as_text=True)

    def test_a_password_is_never_sent_back(self, client: FlaskClient) -> None:
        response = send(client, "/signup", {**FORM, "email": "dora"})
        assert cast.PASSWORD not in response.get_data(as_text=True)

    def test_what_was_typed_is_shown_as_text(self, client: FlaskClient) -> None:
        response = send(client, "/signup", {**FORM, "first_name": '"><script>alert(1)</script>', "email": "dora"})
        assert "<script>alert" not in response.get_data(as_text=True)

    def test_a_taken_address_is_said_to_be_taken(self, client: FlaskClient, alice: cast.Person) -> None:
        response = send(client, "/signup", {**FORM, "email": "ALICE@example.org"})
        assert response.status_code == 422
        assert "already" in error_of(response, "email")
        assert not is_signed_in(client)

    def test_a_program_gets_the_first_error_as_json(self, client: FlaskClient) -> None:
        response = send(client, "/signup", {**FORM, "email": "dora"}, headers={"Accept": "application/json"})
        assert response.status_code == 422
        assert response.json is not None
        assert (response.json["title"], response.json["field"]) == ("Invalid input", "email")

    def test_somebody_signed_in_is_sent_on(self, alice: cast.Person) -> None:
        assert alice.get("/signup").location == "/campaign/all"


class TestCaptcha:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return Settings(
            instance_dir=settings.instance_dir,
            database_url=settings.database_url,
            captcha="altcha",
            captcha_cost=3 * captcha.ITERATIONS,
        )

    def solve(self, challenge: dict[str, object]) -> str:
        parsed = altcha.Challenge.from_dict(challenge)
        solution = altcha.solve_challenge(parsed)
        assert solution is not None
        return altcha.Payload(parsed, solution).to_base64()

    def fetch(self, client: FlaskClient) -> str:
        response = client.get("/captcha/challenge")
        assert response.json is not None
        return self.solve(response.json)

    def test_a_challenge_is_never_cached(self, client: FlaskClient) -> None:
        assert client.get("/captcha/challenge").headers["Cache-Control"] == "no-store"
        assert client.get("/captcha/challenge").json != client.get("/captcha/challenge").json

    def test_the_page_has_the_widget_and_says_what_is_missing_without_javascript(self, client: FlaskClient) -> None:
        page = client.get("/signup").get_data(as_text=True)
        assert "<altcha-widget" in page
        assert "needs JavaScript" in page

    def test_a_solved_challenge_lets_somebody_sign_up(self, client: FlaskClient) -> None:
        assert send(client, "/signup", {**FORM, "altcha": self.fetch(client)}).status_code == 303
        assert is_signed_in(client)

    @pytest.mark.parametrize(("payload", "said"), [("", "not done yet"), ("e30=", "wrong")])
    def test_without_a_solution_no_account_is_made(
        self, client: FlaskClient, database: Database, payload: str, said: str
    ) -> None:
        response = send(client, "/signup", {**FORM, "altcha": payload})
        assert response.status_code == 422
        assert said in error_of(response, "altcha")
        assert count(database, User) == 0

    def test_a_spent_solution_makes_no_second_account(
        self, app: Flask, client: FlaskClient, database: Database
    ) -> None:
        payload = self.fetch(client)
        assert send(client, "/signup", {**FORM, "altcha": payload}).status_code == 303
        again = send(app.test_client(), "/signup", {**FORM, "email": "eve@example.org", "altcha": payload})
        assert again.status_code == 422
        assert "used before" in error_of(again, "altcha")
        assert count(database, User) == 1

    def test_an_expired_solution_is_refused(self, app: Flask, settings: Settings, client: FlaskClient) -> None:
        ours = Captcha(settings, str(app.secret_key))
        old = self.solve(ours.make_challenge(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=11)))
        response = send(client, "/signup", {**FORM, "altcha": old})
        assert "older than 10 minutes" in error_of(response, "altcha")

    def test_asking_whether_an_address_is_taken_spends_the_solution(
        self, app: Flask, client: FlaskClient, database: Database
    ) -> None:
        assert send(client, "/signup", {**FORM, "altcha": self.fetch(client)}).status_code == 303
        stranger = app.test_client()
        payload = self.fetch(stranger)
        assert "already" in error_of(send(stranger, "/signup", {**FORM, "altcha": payload}), "email")
        assert count(database, SpentCaptcha) == 2
        again = send(stranger, "/signup", {**FORM, "email": "new@example.org", "altcha": payload})
        assert "used before" in error_of(again, "altcha")

    def test_a_mistake_elsewhere_does_not_spend_the_solution(self, client: FlaskClient, database: Database) -> None:
        payload = self.fetch(client)
        assert send(client, "/signup", {**FORM, "password": "short", "altcha": payload}).status_code == 422
        assert count(database, SpentCaptcha) == 0
        assert send(client, "/signup", {**FORM, "altcha": payload}).status_code == 303


class TestSignIn:
    FORM = {"email": "alice@example.org", "password": cast.PASSWORD}

    def test_the_right_password_opens_the_account(self, client: FlaskClient, alice: cast.Person) -> None:
        response = send(client, "/signin", self.FORM)
        assert (response.status_code, response.location) == (303, "/campaign/all")
        assert is_signed_in(client)

    @pytest.mark.parametrize("wrong", [{"password": "wrong password"}, {"email": "nobody@example.org"}, {"email": "x"}])
    def test_the_refusal_is_the_same_whether_or_not_the_account_exists(
        self, client: FlaskClient, alice: cast.Person, wrong: dict[str, str]
    ) -> None:
        response = send(client, "/signin", {**self.FORM, **wrong})
        page = response.get_data(as_text=True)
        assert response.status_code == 422
        assert page.count("The e-mail address or the password is wrong.") == 1
        assert f'value="{ {**self.FORM, **wrong}["email"] }"' in page
        assert "-error" not in page, "no field is blamed"
        assert not is_signed_in(client)

    def test_a_program_gets_the_refusal_as_json(self, client: FlaskClient, alice: cast.Person) -> None:
        response = send(client, "/signin", {**self.FORM, "password": "x"}, headers={"Accept": "application/json"})
        assert response.status_code == 422
        detail = "The e-mail address or the password is wrong."
        assert response.json == problem("invalid-input", 422, detail, field="")

    def test_it_leads_on_to_where_somebody_wanted_to_be(self, client: FlaskClient, alice: cast.Person) -> None:
        wanted = "/campaign/new?example=primes"
        sent_away = client.get(wanted)
        assert sent_away.status_code == 303
        page = client.get(sent_away.location).get_data(as_text=True)
        hidden = re.search(r'<input[^>]*name="next"[^>]*value="([^"]*)"', page)
        assert hidden
        assert send(client, "/signin", {**self.FORM, "next": unescape(hidden[1])}).location == wanted

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example/",
            "//evil.example/",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "javascript:alert(1)",
            "evil.example",
            "/%5c/../x\x00",
            "",
        ],
    )
    def test_it_never_leads_to_another_site(self, client: FlaskClient, alice: cast.Person, target: str) -> None:
        assert send(client, "/signin", {**self.FORM, "next": target}).location == "/campaign/all"
        assert client.get("/signin", query_string={"next": target}).location == "/campaign/all"

    def test_it_begins_a_new_session_with_a_new_csrf_token(self, client: FlaskClient, alice: cast.Person) -> None:
        before = cast.csrf_token(client)
        with client.session_transaction() as session:
            raw = session["csrf_token"]
        assert send(client, "/signin", self.FORM).status_code == 303
        assert client.post("/signout", data={"csrf_token": before}).status_code == 400
        cast.csrf_token(client)
        with client.session_transaction() as session:
            assert session["csrf_token"] != raw

    def test_it_takes_the_place_of_this_browsers_ended_sign_in(self, alice: cast.Person, database: Database) -> None:
        past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
        database.write(lambda connection: connection.execute(sa.update(UserSession).values(expires_at=past)))
        assert send(alice.browser, "/signin", self.FORM).status_code == 303
        assert is_signed_in(alice.browser)
        assert count(database, UserSession) == 1

    def test_a_session_that_was_planted_before_sign_in_is_not_kept(self, app: Flask, alice: cast.Person) -> None:
        attacker, victim = app.test_client(), app.test_client()
        attacker.get("/signin")
        planted = attacker.get_cookie("session")
        assert planted
        victim.set_cookie("session", planted.value)
        assert send(victim, "/signin", self.FORM).status_code == 303
        assert not is_signed_in(attacker)

    def test_a_hash_with_old_parameters_is_replaced(
        self, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(cast.PASSWORD)
        database.write(lambda connection: connection.execute(sa.update(User).values(password=old)))
        assert send(client, "/signin", self.FORM).status_code == 303
        new = database.read(lambda connection: connection.scalar(sa.select(User.password)))
        assert new not in (old, None)
        assert send(client, "/signout", {}).status_code == 303
        assert send(client, "/signin", self.FORM).status_code == 303


class TestSession:
    def test_a_cookie_replayed_after_sign_out_opens_nothing(self, app: Flask, alice: cast.Person) -> None:
        stolen = alice.browser.get_cookie("session")
        assert stolen
        thief = app.test_client()
        thief.set_cookie("session", stolen.value)
        assert is_signed_in(thief)
        response = alice.post("/signout")
        assert (response.status_code, response.location) == (303, "/")
        assert not is_signed_in(thief)
        assert not is_signed_in(alice.browser)

    def test_signing_out_leaves_the_persons_other_browsers_alone(self, client: FlaskClient, alice: cast.Person) -> None:
        assert send(client, "/signin", TestSignIn.FORM).status_code == 303
        alice.post("/signout")
        assert is_signed_in(client)

    def test_signing_out_twice_is_fine(self, alice: cast.Person) -> None:
        assert alice.post("/signout").status_code == 303
        assert alice.post("/signout").status_code == 303

    def test_a_session_past_its_end_opens_nothing(self, alice: cast.Person, database: Database) -> None:
        past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
        database.write(lambda connection: connection.execute(sa.update(UserSession).values(expires_at=past)))
        assert not is_signed_in(alice.browser)

    def test_a_cookie_signed_with_another_key_opens_nothing(self, app: Flask, settings: Settings) -> None:
        other_app = create_app("web", Settings(**{**vars(settings), "secret_key": "another key"}))
        forger = cast.sign_up(other_app, "Mal", "Mallory", "mal@example.org")
        forged = forger.browser.get_cookie("session")
        assert forged
        client = app.test_client()
        client.set_cookie("session", forged.value)
        assert not is_signed_in(client)
        with other_app.app_context():
            other_app.extensions["sqlalchemy"].engine.dispose()

    def test_last_seen_is_written_only_after_some_minutes(self, alice: cast.Person, database: Database) -> None:
        def last_seen() -> dt.datetime | None:
            return database.read(lambda connection: connection.scalar(sa.select(UserSession.last_seen_at)))

        first = last_seen()
        alice.get("/campaign/all")
        assert last_seen() == first
        assert first
        earlier = first - dt.timedelta(minutes=6)
        database.write(lambda connection: connection.execute(sa.update(UserSession).values(last_seen_at=earlier)))
        assert alice.get("/campaign/all").status_code == 200
        assert (last_seen() or earlier) > earlier
