"""Who tries too often is asked to wait, whoever else may be trying."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import Database
from app.models import Throttle, User
from app.settings import Settings
from tests import cast
from tests.functional.mailbag import forget_mails, measure_work, on_sqlite, read_mails, send
from tests.functional.pages import text

ALICE = "alice@example.org"
JSON = {"Accept": "application/json"}
pytestmark = on_sqlite


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Limits that are soon reached; the proxy of these tests is the test client."""
    return Settings(
        instance_dir=settings.instance_dir,
        database_url=settings.database_url,
        captcha="off",
        signin_failures_per_address=4,
        signin_failures_per_account=3,
        signups_per_address=2,
        challenges_per_address=2,
        mails_per_address=3,
        mails_per_recipient=2,
    )


def try_in(
    app: Flask,
    email: str,
    password: str = "wrong password",
    address: str = "192.0.2.1",
    browser: FlaskClient | None = None,
) -> TestResponse:
    """Try to sign in from an address, in a new browser if none is given."""
    form = {"email": email, "password": password}
    return send(
        browser or app.test_client(), "/signin", form, headers={"X-Forwarded-For": address, "Accept": "text/html"}
    )


def end_windows(database: Database) -> None:
    """Let the time of every counter pass."""
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    database.write(lambda connection: connection.execute(sa.update(Throttle).values(ends_at=past)))


class TestSignIn:
    def test_an_address_that_guesses_at_many_accounts_has_to_wait(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        answers = [try_in(app, f"person{n}@example.org").status_code for n in range(6)]
        assert answers == [422] * 4 + [429] * 2
        assert try_in(app, ALICE, cast.PASSWORD).status_code == 429, "also with a right password"
        assert try_in(app, ALICE, cast.PASSWORD, "192.0.2.2").status_code == 303, "another address need not"
        end_windows(database)
        assert try_in(app, "person0@example.org").status_code == 422

    def test_the_addresses_of_one_ipv6_customer_are_one(self, app: Flask) -> None:
        answers = [try_in(app, f"p{n}@example.org", address=f"2001:db8::{n + 1}").status_code for n in range(5)]
        assert answers == [422] * 4 + [429]
        assert try_in(app, "p@example.org", address="2001:db8:0:1::1").status_code == 422

    @pytest.mark.parametrize("email", [ALICE, "nobody@example.org", "no address"])
    def test_many_addresses_that_guess_at_one_account_have_to_wait_whether_or_not_it_exists(
        self, app: Flask, alice: cast.Person, email: str
    ) -> None:
        answers = [try_in(app, email, address=f"192.0.2.{n}").status_code for n in range(1, 6)]
        assert answers == [422] * 3 + [429] * 2
        assert try_in(app, "bob@example.org", address="192.0.2.9").status_code == 422

    def test_it_says_for_how_long_to_people_and_to_programs(self, app: Flask, client: FlaskClient) -> None:
        for n in range(4):
            try_in(app, f"person{n}@example.org")
        page = try_in(app, "x@example.org")
        assert "Too many tries. Try again in 15 minutes." in text(page)
        assert 800 < int(page.headers["Retry-After"]) <= 900
        headers = {"X-Forwarded-For": "192.0.2.1", **JSON}
        answer = send(client, "/signin", {"email": "x@example.org", "password": "x"}, headers=headers)
        assert (answer.status_code, answer.mimetype) == (429, "application/problem+json")
        assert answer.json is not None
        assert answer.json["detail"] == "Too many tries. Try again in 15 minutes."
        assert int(answer.headers["Retry-After"]) > 800

    def test_who_has_to_wait_makes_us_hash_nothing(
        self, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(4):
            try_in(app, f"person{n}@example.org")
        with measure_work(app, monkeypatch) as work:
            assert try_in(app, "x@example.org", browser=client).status_code == 429
        assert work.hashes == []

    def test_good_sign_ins_are_not_counted(self, app: Flask, alice: cast.Person) -> None:
        assert {try_in(app, ALICE, cast.PASSWORD).status_code for _ in range(8)} == {303}

    def test_a_success_clears_the_accounts_counter_and_not_the_addresss(self, app: Flask, alice: cast.Person) -> None:
        """Else who has an account here would guess at others without an end, signing in to his own in between."""
        for _ in range(2):
            assert try_in(app, ALICE).status_code == 422
        assert try_in(app, ALICE, cast.PASSWORD).status_code == 303
        assert [try_in(app, ALICE).status_code for _ in range(3)] == [422, 422, 429]

    def test_nobody_locks_an_owner_out_of_a_browser_that_was_in_before(self, app: Flask, alice: cast.Person) -> None:
        home = app.test_client()
        assert try_in(app, ALICE, cast.PASSWORD, browser=home).status_code == 303
        send(home, "/signout")
        for n in range(9):
            try_in(app, ALICE, address=f"192.0.2.{n}")
            try_in(app, f"p{n}@example.org", address="198.51.100.1")
        assert try_in(app, ALICE, cast.PASSWORD, "203.0.113.1").status_code == 429, "a new browser has to wait"
        same_office = try_in(app, ALICE, cast.PASSWORD, "198.51.100.1", browser=home)
        assert same_office.status_code == 303

    def test_a_browser_that_was_in_before_is_no_way_to_guess(self, app: Flask, alice: cast.Person) -> None:
        home = app.test_client()
        try_in(app, ALICE, cast.PASSWORD, browser=home)
        send(home, "/signout")
        answers = [try_in(app, ALICE, address=f"192.0.2.{n}", browser=home).status_code for n in range(5)]
        assert answers == [422] * 3 + [429] * 2

    def test_a_browser_known_to_one_account_is_none_to_another(
        self, app: Flask, alice: cast.Person, bob: cast.Person
    ) -> None:
        mine = app.test_client()
        try_in(app, "bob@example.org", cast.PASSWORD, browser=mine)
        send(mine, "/signout")
        answers = [try_in(app, ALICE, address=f"192.0.2.{n}", browser=mine).status_code for n in range(4)]
        assert answers == [422] * 3 + [429]
        assert try_in(app, ALICE, address="192.0.2.77").status_code == 429, "it counted for everybody"

    def test_an_owner_with_a_new_browser_gets_in_by_a_reset_link_while_somebody_guesses(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        for n in range(5):
            try_in(app, ALICE, address=f"192.0.2.{n}")
        new = app.test_client()
        send(new, "/send_reset_password", {"email": ALICE})
        new.get(read_mails(database)[-1].path)
        assert send(new, "/reset_password", {"password": "another horse battery"}).status_code == 303
        for n in range(5):
            try_in(app, ALICE, address=f"198.51.100.{n}")
        assert try_in(app, ALICE, "another horse battery", browser=new).status_code == 303

    def test_the_mark_of_a_known_browser_is_kept_from_scripts_and_opens_nothing(
        self, app: Flask, alice: cast.Person
    ) -> None:
        home = app.test_client()
        cookies = try_in(app, ALICE, cast.PASSWORD, browser=home).headers.getlist("Set-Cookie")
        (mark,) = [cookie for cookie in cookies if cookie.startswith("known=")]
        assert "HttpOnly" in mark
        assert "SameSite=Lax" in mark
        thief = app.test_client()
        thief.set_cookie("known", mark.split(";")[0].removeprefix("known="))
        assert thief.get("/account").location.startswith("/signin")


class TestPasswordAskedForAgain:
    FORM = {"current_password": "wrong", "password": "another horse battery"}

    def test_somebody_with_a_stolen_session_cannot_guess_the_password(self, alice: cast.Person) -> None:
        answers = [alice.post("/change_password", dict(self.FORM)).status_code for _ in range(5)]
        assert answers == [422] * 3 + [429] * 2
        assert alice.post("/delete_account", {"current_password": cast.PASSWORD}).status_code == 429

    def test_the_right_password_begins_the_count_anew(self, alice: cast.Person) -> None:
        right = {"current_password": cast.PASSWORD, "password": "short"}
        for _ in range(3):
            assert alice.post("/change_password", dict(self.FORM)).status_code == 422
            assert alice.post("/change_password", dict(self.FORM)).status_code == 422
            assert alice.post("/change_password", dict(right)).status_code == 422


class TestSignUp:
    def sign_up(self, app: Flask, email: str, address: str = "192.0.2.1", **changes: str) -> int:
        form = {"first_name": "A", "last_name": "B", "email": email, "password": cast.PASSWORD, **changes}
        return send(app.test_client(), "/signup", form, headers={"X-Forwarded-For": address}).status_code

    def test_one_address_makes_so_many_accounts_and_no_more(self, app: Flask, database: Database) -> None:
        assert [self.sign_up(app, f"p{n}@example.org") for n in range(4)] == [303, 303, 429, 429]
        assert self.sign_up(app, "p5@example.org", "192.0.2.2") == 303
        assert database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(User))) == 3

    def test_asking_whether_addresses_are_taken_counts(self, app: Flask, alice: cast.Person) -> None:
        assert [self.sign_up(app, ALICE) for _ in range(4)] == [422, 422, 429, 429]

    def test_a_slip_in_the_form_does_not_count(self, app: Flask) -> None:
        assert {self.sign_up(app, "p@example.org", password="short") for _ in range(4)} == {422}
        assert self.sign_up(app, "p@example.org") == 303

    def test_one_address_gets_so_many_proofs_of_work(self, app: Flask, client: FlaskClient) -> None:
        def ask(address: str) -> int:
            return client.get("/captcha/challenge", headers={"X-Forwarded-For": address, **JSON}).status_code

        assert [ask("192.0.2.1") for _ in range(3)] == [200, 200, 429]
        assert ask("192.0.2.2") == 200


class TestMails:
    def ask(self, app: Flask, email: str, address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return send(app.test_client(), "/send_reset_password", {"email": email}, headers=headers).status_code

    @pytest.mark.parametrize("email", [ALICE, "nobody@example.org"])
    def test_nobody_fills_anothers_mailbox(
        self, app: Flask, alice: cast.Person, database: Database, email: str
    ) -> None:
        assert [self.ask(app, email, f"192.0.2.{n}") for n in range(4)] == [200, 200, 429, 429]
        assert len(read_mails(database)) == 2

    def test_one_address_asks_for_so_many_mails(self, app: Flask) -> None:
        assert [self.ask(app, f"p{n}@example.org", "192.0.2.1") for n in range(4)] == [200, 200, 200, 429]

    def test_who_may_ask_for_no_more_mails_keeps_nobody_from_a_reset_link(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        for number in range(3):
            self.ask(app, f"nobody{number}@example.org", "192.0.2.1")
        forget_mails(database)
        assert [self.ask(app, ALICE, "192.0.2.1") for _ in range(3)] == [429, 429, 429]
        assert read_mails(database) == []
        assert self.ask(app, ALICE, "192.0.2.2") == 200
        assert len(read_mails(database)) == 1

    def test_who_wants_anothers_address_keeps_them_from_no_reset_link(
        self, app: Flask, alice: cast.Person, bob: cast.Person
    ) -> None:
        wanted = {"email": ALICE, "current_password": cast.PASSWORD}
        assert [bob.post("/change_email", wanted).status_code for _ in range(3)] == [422, 422, 422]
        assert bob.post("/change_email", wanted).status_code == 429, "it counts for who asks"
        assert self.ask(app, ALICE, "192.0.2.2") == 200

    def test_mails_that_confirm_an_address_count_too(self, alice: cast.Person, database: Database) -> None:
        database.write(lambda c: c.execute(sa.update(User).values(email_verified_at=None)))
        assert [alice.post("/verify_email/send").status_code for _ in range(3)] == [303, 303, 429]
        assert len(read_mails(database)) == 2
        forget_mails(database)
