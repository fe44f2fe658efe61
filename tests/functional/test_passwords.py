"""A new password: by a link for who forgot theirs, and by the current one for who has it."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.database import Database
from app.models import Identity, User, UserSession
from tests import cast
from tests.functional.mailbag import (
    copy_cookies,
    forget_mails,
    is_signed_in,
    measure_work,
    on_sqlite,
    read_mails,
    send,
)
from tests.functional.pages import error_of, insert, text

NEW = "another horse battery"
JSON = {"Accept": "application/json"}


def ask_for_link(browser: FlaskClient, database: Database, email: str = "alice@example.org") -> str:
    """Ask for a reset link and return its path."""
    assert send(browser, "/send_reset_password", {"email": email}).status_code == 200
    return read_mails(database)[-1].path


def begin_change(browser: FlaskClient, database: Database) -> str:
    """Ask for another address, as somebody does who has the password, and return the path of the link that makes it."""
    asked = send(browser, "/change_email", {"email": "mallory@example.org", "current_password": cast.PASSWORD})
    assert asked.status_code == 303
    return read_mails(database)[-1].path


def follow(browser: FlaskClient, path: str) -> None:
    """Open a link that came by mail, as a browser does."""
    first = browser.get(path)
    assert first.status_code == 303
    assert browser.get(first.location).status_code == 200


def can_sign_in(app: Flask, password: str, email: str = "alice@example.org") -> bool:
    return send(app.test_client(), "/signin", {"email": email, "password": password}).status_code == 303


def update_user(database: Database, **values: object) -> None:
    database.write(lambda connection: connection.execute(sa.update(User).values(**values)))


class TestReset:
    def test_a_link_changes_the_password_ends_every_sign_in_and_leads_to_the_sign_in_page(
        self, app: Flask, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        thief = copy_cookies(app, alice.browser)
        follow(client, ask_for_link(client, database))
        forget_mails(database)
        done = send(client, "/reset_password", {"password": NEW})
        assert (done.status_code, done.location) == (303, "/signin")
        assert "Your password was changed." in text(client.get("/signin"))
        assert "Your password was changed." not in text(client.get("/signin")), "it is said once"
        assert not is_signed_in(client), "nobody is signed in without typing the password"
        assert not is_signed_in(alice.browser)
        assert not is_signed_in(thief)
        assert thief.get("/campaign/all", headers=JSON).status_code == 401
        assert (can_sign_in(app, cast.PASSWORD), can_sign_in(app, NEW)) == (False, True)
        (told,) = read_mails(database)
        assert (told.recipient, told.subject) == ("alice@example.org", "Your password for Manyhands was changed")
        assert told.path == "/send_reset_password"

    @on_sqlite
    def test_only_the_hash_of_the_links_token_is_stored(
        self, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        token = ask_for_link(client, database).partition("token=")[2]
        assert len(token) >= 43, "256 bits"
        stored = database.read(lambda c: c.scalar(sa.select(User.password_reset_token)))
        assert stored
        assert token not in stored
        assert client.get(f"/reset_password?token={stored}", follow_redirects=True).status_code == 404

    @on_sqlite
    def test_the_token_leaves_the_address_bar_and_no_other_site_is_told_of_it(
        self, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        response = client.get(ask_for_link(client, database))
        assert response.location == "/reset_password"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        page = client.get(response.location)
        assert page.headers["Cache-Control"] == "no-store"
        token = read_mails(database)[-1].path.partition("token=")[2]
        assert token not in page.get_data(as_text=True)

    @on_sqlite
    def test_opening_the_link_changes_nothing(
        self, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        path = ask_for_link(client, database)

        def read_users() -> list[sa.Row[tuple[object, ...]]]:
            return database.read(lambda c: list(c.execute(sa.text('select * from "user"'))))

        before = read_users()
        for _ in range(3):
            follow(client, path)
        assert read_users() == before
        assert is_signed_in(alice.browser)

    def test_a_link_works_once(self, app: Flask, client: FlaskClient, alice: cast.Person, database: Database) -> None:
        path = ask_for_link(client, database)
        follow(client, path)
        other = app.test_client()
        follow(other, path)
        assert send(client, "/reset_password", {"password": NEW}).status_code == 303
        assert send(other, "/reset_password", {"password": "a third horse battery"}).status_code == 404
        assert can_sign_in(app, NEW)

    @pytest.mark.parametrize("is_verified", [True, False])
    def test_a_change_of_address_that_somebody_else_has_begun_ends(
        self, client: FlaskClient, alice: cast.Person, database: Database, *, is_verified: bool
    ) -> None:
        update_user(database, email_verified_at=dt.datetime.now(dt.UTC) if is_verified else None)
        path = begin_change(alice.browser, database)
        follow(client, ask_for_link(client, database))
        assert send(client, "/reset_password", {"password": NEW}).status_code == 303
        assert client.get(path, follow_redirects=True).status_code == 404
        assert send(client, "/verify_email", {"token": path.partition("token=")[2]}).status_code == 404
        assert database.read(lambda c: c.scalar(sa.select(User.email))) == "alice@example.org"

    def test_a_link_is_good_for_an_hour(self, client: FlaskClient, alice: cast.Person, database: Database) -> None:
        path = ask_for_link(client, database)
        almost = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=59)
        update_user(database, password_reset_sent_at=almost)
        assert client.get(path, follow_redirects=True).status_code == 200
        update_user(database, password_reset_sent_at=almost - dt.timedelta(minutes=2))
        gone = client.get(path, follow_redirects=True)
        assert gone.status_code == 404
        assert 'href="/send_reset_password"' in gone.get_data(as_text=True)
        assert send(client, path, {"password": NEW}).status_code == 404

    @on_sqlite
    def test_a_newer_link_takes_the_place_of_the_older_one(
        self, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        old, new = ask_for_link(client, database), ask_for_link(client, database)
        assert client.get(old, follow_redirects=True).status_code == 404
        assert client.get(new, follow_redirects=True).status_code == 200

    @on_sqlite
    @pytest.mark.parametrize("token", ["", "x", "é", "\0", "x" * 5000])
    def test_an_invented_token_opens_nothing(self, client: FlaskClient, alice: cast.Person, token: str) -> None:
        response = client.get("/reset_password", query_string={"token": token}, follow_redirects=True)
        assert response.status_code == 404

    @on_sqlite
    @pytest.mark.parametrize(
        ("password", "said"), [("short", "at least 8"), ("password", "tried first"), ("Alice Ames", "try first")]
    )
    def test_a_weak_password_is_refused_next_to_its_field_and_the_link_stays_good(
        self, client: FlaskClient, alice: cast.Person, database: Database, password: str, said: str
    ) -> None:
        follow(client, ask_for_link(client, database))
        refused = send(client, "/reset_password", {"password": password})
        assert refused.status_code == 422
        assert said in error_of(refused, "password")
        assert send(client, "/reset_password", {"password": NEW}).status_code == 303

    @on_sqlite
    def test_a_program_sends_the_token_with_the_password(
        self, app: Flask, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        path = ask_for_link(client, database)
        assert send(client, path, {"password": NEW}, headers=JSON).status_code == 303
        gone = send(client, path, {"password": NEW}, headers=JSON)
        assert gone.status_code == 404
        assert gone.json is not None
        assert "Not found" in str(gone.json["title"])

    @on_sqlite
    def test_who_follows_the_link_has_shown_that_the_address_is_theirs(
        self, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        update_user(database, email_verified_at=None)
        follow(client, ask_for_link(client, database))
        send(client, "/reset_password", {"password": NEW})
        assert database.read(lambda c: c.scalar(sa.select(User.email_verified_at))) is not None

    @on_sqlite
    @pytest.mark.parametrize("verified_at", [None, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)])
    def test_who_made_an_account_in_anothers_name_has_no_way_back_into_it(
        self,
        client: FlaskClient,
        alice: cast.Person,
        database: Database,
        verified_at: dt.datetime | None,
    ) -> None:
        now = dt.datetime.now(dt.UTC)
        update_user(database, email_verified_at=verified_at)
        user_id = database.read(lambda c: c.scalar(sa.select(User.id)))
        link = {
            "provider": "github",
            "subject": "1",
            "email": "mal@example.org",
            "date_added": now,
            "last_used_at": now,
        }
        insert(database, Identity, user_id=user_id, **link)
        follow(client, ask_for_link(client, database))
        assert send(client, "/reset_password", {"password": NEW}).status_code == 303
        assert database.read(lambda c: c.scalars(sa.select(Identity.id)).all()) == []

    @on_sqlite
    def test_an_account_without_a_password_gets_one(
        self, app: Flask, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        update_user(database, password=None)
        follow(client, ask_for_link(client, database))
        send(client, "/reset_password", {"password": NEW})
        assert can_sign_in(app, NEW)


class TestWhoHasAnAccount:
    """Neither asking for a link nor signing in says who has one, by what it answers or by what it does."""

    @pytest.fixture
    def people(self, app: Flask, database: Database) -> dict[str, str]:
        """An address that has an account, one that has one without a password, and one that has none."""
        cast.come_in(app, "Known", "K", "known@example.org")
        cast.come_in(app, "Provided", "P", "provided@example.org")
        unset = sa.update(User).where(User.email == "provided@example.org").values(password=None)
        database.write(lambda connection: connection.execute(unset))
        return {name: f"{name}@example.org" for name in ("known", "provided", "unknown")}

    def test_asking_for_a_link_answers_the_same_and_does_the_same(
        self, app: Flask, people: dict[str, str], database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers, works = {}, {}
        for name, email in people.items():
            browser = app.test_client()
            cast.csrf_token(browser)
            with measure_work(app, monkeypatch) as work:
                response = send(browser, "/send_reset_password", {"email": email})
            answers[name] = (response.status_code, _say(response.get_data(as_text=True), email))
            works[name] = work
        assert answers["unknown"] == answers["known"] == answers["provided"]
        assert works["unknown"] == works["known"] == works["provided"]
        assert "insert into outgoing_mail" in works["known"].writes
        assert "update user" in works["known"].writes
        assert {mail.recipient: mail.is_decoy for mail in read_mails(database)} == {
            people["known"]: False,
            people["provided"]: False,
            people["unknown"]: True,
        }
        assert len({len(mail.text) for mail in read_mails(database)}) == 1

    def test_a_wrong_password_answers_the_same_and_costs_one_hash_whoever_it_is_for(
        self, app: Flask, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers, works = {}, {}
        for name, email in {**people, "malformed": "no address"}.items():
            browser = app.test_client()
            cast.csrf_token(browser)
            with measure_work(app, monkeypatch) as work:
                response = send(browser, "/signin", {"email": email, "password": "wrong password"})
            answers[name] = (response.status_code, _say(response.get_data(as_text=True), email))
            works[name] = work
        assert len(set(answers.values())) == 1
        assert answers["known"][0] == 422
        assert works["known"].hashes == ["$argon2id$v=19$m=65536,t=3,p=4"]
        assert all(work.hashes == works["known"].hashes for work in works.values())
        assert all(work.writes == works["known"].writes for work in works.values())


def _say(page: str, email: str) -> str:
    """Return a page less what is drawn anew for each, and less the address that was typed."""
    return re.sub(r'(name="csrf_token" value|nonce)="[^"]*"', "", page).replace(email, "EMAIL")


@on_sqlite
class TestChange:
    FORM = {"current_password": cast.PASSWORD, "password": NEW}

    def test_it_ends_every_other_sign_in_and_keeps_this_one(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        other = app.test_client()
        send(other, "/signin", {"email": alice.email, "password": cast.PASSWORD})
        thief = copy_cookies(app, alice.browser)
        assert is_signed_in(other)
        assert is_signed_in(thief)
        done = alice.post("/change_password", dict(self.FORM))
        assert (done.status_code, done.location) == (303, "/account")
        assert "Your password was changed." in text(alice.get("/account"))
        assert (is_signed_in(alice.browser), is_signed_in(other), is_signed_in(thief)) == (True, False, False)
        assert thief.get("/account", headers=JSON).status_code == 401
        assert (can_sign_in(app, cast.PASSWORD), can_sign_in(app, NEW)) == (False, True)
        assert [mail.subject for mail in read_mails(database)] == ["Your password for Manyhands was changed"]

    def test_without_the_present_password_nothing_changes(self, app: Flask, alice: cast.Person) -> None:
        for wrong in ("", "wrong password", NEW):
            refused = alice.post("/change_password", {**self.FORM, "current_password": wrong})
            assert refused.status_code == 422
            assert "not your current password" in error_of(refused, "current_password")
        assert can_sign_in(app, cast.PASSWORD)

    def test_a_weak_password_is_refused_next_to_its_field(self, alice: cast.Person) -> None:
        for weak in ("short", "PASSWORD", "x" * 257, "alice@example.org", "manyhands"):
            refused = alice.post("/change_password", {**self.FORM, "password": weak})
            assert refused.status_code == 422
            assert error_of(refused, "password")

    def test_it_ends_reset_links(self, client: FlaskClient, alice: cast.Person, database: Database) -> None:
        path = ask_for_link(client, database)
        assert alice.post("/change_password", dict(self.FORM)).status_code == 303
        assert client.get(path, follow_redirects=True).status_code == 404

    def test_an_account_without_a_password_sets_one_after_a_fresh_confirmation_only(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        update_user(database, password=None)
        page = text(alice.get("/change_password"))
        assert "Set a password" in page
        assert 'name="password"' not in page
        for confirmed in (None, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=11)):
            database.write(lambda c, at=confirmed: c.execute(sa.update(UserSession).values(confirmed_at=at)))
            refused = alice.post("/change_password", {"password": NEW, "current_password": ""})
            assert refused.status_code == 422
        just_now = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=9)
        database.write(lambda c: c.execute(sa.update(UserSession).values(confirmed_at=just_now)))
        assert alice.post("/change_password", {"password": NEW}).status_code == 303
        assert can_sign_in(app, NEW)
