"""Somebody's own account: its page, its address, and its end."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import purge
from app.database import Database
from app.models import Base, Campaign, Identity, OutgoingMail, Preview, Schedule, User, UserSession
from app.settings import Settings
from tests import cast
from tests.functional.mailbag import copy_cookies, forget_mails, is_signed_in, on_sqlite, read_mails, send
from tests.functional.pages import error_of, insert, make, text

JSON = {"Accept": "application/json"}
SIGN_UP = {"first_name": "Dora", "last_name": "Dean", "email": "dora@example.org", "password": cast.PASSWORD}


def read_users(database: Database) -> list[sa.Row[tuple[object, ...]]]:
    columns = (User.email, User.first_name, User.last_name, User.email_verified_at)
    return database.read(lambda c: list(c.execute(sa.select(*columns).order_by(User.id))))


@on_sqlite
class TestName:
    def test_it_changes(self, alice: cast.Person, database: Database) -> None:
        response = alice.post("/account", {"first_name": " Alicia ", "last_name": "O'Ames <b>"})
        assert (response.status_code, response.location) == (303, "/account")
        assert [tuple(row[1:3]) for row in read_users(database)] == [("Alicia", "O'Ames <b>")]
        page = alice.get("/account").get_data(as_text=True)
        assert "Your name was changed." in page
        assert "O&#39;Ames &lt;b&gt;" in page

    @pytest.mark.parametrize(("field", "value"), [("first_name", " "), ("last_name", "x" * 101), ("last_name", "a\0")])
    def test_a_mistake_stands_next_to_its_field_and_changes_nothing(
        self, alice: cast.Person, database: Database, field: str, value: str
    ) -> None:
        refused = alice.post("/account", {"first_name": "A", "last_name": "B", field: value})
        assert refused.status_code == 422
        assert error_of(refused, field)
        assert [tuple(row[1:3]) for row in read_users(database)] == [("Alice", "Ames")]


class TestAddress:
    def sign_up(self, app: Flask) -> FlaskClient:
        browser = app.test_client()
        assert send(browser, "/signup", dict(SIGN_UP)).status_code == 303
        return browser

    def test_who_has_the_mailbox_but_is_not_in_the_account_makes_it_nobodys(
        self, app: Flask, client: FlaskClient, bob: cast.Person, database: Database
    ) -> None:
        self.sign_up(app)  # by Mallory, with Dora's address
        (mail,) = read_mails(database)
        for dora in (client, bob.browser):
            page = text(dora.get(mail.path, follow_redirects=True))
            assert "which shuts them out" in page
            assert "Yes, this is my address" not in page
            assert send(dora, "/verify_email").status_code == 409
        assert [row.email_verified_at for row in read_users(database) if row.email == "dora@example.org"] == [None]

    def test_signing_up_sends_a_link_that_confirms_the_address_at_the_press_of_a_button(
        self, app: Flask, client: FlaskClient, database: Database
    ) -> None:
        dora = self.sign_up(app)
        (mail,) = read_mails(database)
        assert (mail.recipient, mail.is_decoy) == ("dora@example.org", False)
        assert "Confirm your e-mail address" in text(dora.get("/campaign/all"))
        assert "not confirmed" in text(dora.get("/account"))

        opened = dora.get(mail.path)
        assert (opened.status_code, opened.location) == (303, "/verify_email")
        assert opened.headers["Referrer-Policy"] == "no-referrer"
        page = text(dora.get(opened.location))
        assert "dora@example.org" in page
        assert "Dora Dean" in page
        assert read_users(database)[0].email_verified_at is None, "looking changes nothing"

        done = send(dora, "/verify_email")
        assert (done.status_code, done.location) == (303, "/account")
        assert "Your e-mail address is confirmed." in text(dora.get("/account"))
        assert read_users(database)[0].email_verified_at is not None
        assert "Confirm your e-mail address" not in text(dora.get("/campaign/all"))
        assert client.get(mail.path, follow_redirects=True).status_code == 404, "it works once"

    @on_sqlite
    def test_a_link_that_is_opened_again_says_kindly_that_the_address_is_confirmed(
        self, app: Flask, client: FlaskClient, bob: cast.Person, database: Database
    ) -> None:
        dora = self.sign_up(app)
        (mail,) = read_mails(database)
        dora.get(mail.path)
        send(dora, "/verify_email")
        for again in (mail.path, "/verify_email"):
            answer = dora.get(again, follow_redirects=True)
            assert (answer.status_code, answer.request.path) == (200, "/account")
            assert "Your address dora@example.org is confirmed already." in text(answer)
        assert send(dora, "/verify_email").location == "/account", "the button, pressed twice"
        for stranger in (client, bob.browser):
            answer = stranger.get(mail.path, follow_redirects=True)
            assert "dora@example.org" not in text(answer), "nobody else is told anything"
        assert client.get(mail.path, follow_redirects=True).status_code == 404

    @on_sqlite
    def test_an_address_that_is_not_confirmed_is_not_called_so_whatever_the_link(self, app: Flask) -> None:
        dora = self.sign_up(app)
        for token in ("", "x", "x.é", "x.!", "x.AA", "x." + "A" * 4001):
            answer = dora.get("/verify_email", query_string={"token": token}, follow_redirects=True)
            assert answer.status_code == 404
            assert "confirmed already" not in text(answer)

    @on_sqlite
    def test_no_mail_carries_what_somebody_typed(self, app: Flask, database: Database) -> None:
        """Else anybody could have us send an advertisement to anybody, as the name of an account."""
        send(app.test_client(), "/signup", {**SIGN_UP, "first_name": "Buy at evil.example"})
        query = sa.select(OutgoingMail.subject + OutgoingMail.text + OutgoingMail.html)
        assert "evil" not in str(database.read(lambda c: c.scalar(query)))

    @on_sqlite
    def test_another_mail_takes_the_place_of_the_first(
        self, app: Flask, client: FlaskClient, database: Database
    ) -> None:
        dora = self.sign_up(app)
        first = read_mails(database)[0].path
        again = send(dora, "/verify_email/send")
        assert (again.status_code, again.location) == (303, "/account")
        assert "A mail is on its way to dora@example.org." in text(dora.get("/account"))
        assert client.get(first, follow_redirects=True).status_code == 404
        assert client.get(read_mails(database)[1].path, follow_redirects=True).status_code == 200

    @on_sqlite
    def test_a_link_is_good_for_a_week(self, app: Flask, client: FlaskClient, database: Database) -> None:
        self.sign_up(app)
        path = read_mails(database)[0].path
        for days, status in ((6.9, 200), (7.1, 404)):
            sent_at = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
            database.write(lambda c, at=sent_at: c.execute(sa.update(User).values(email_token_sent_at=at)))
            assert client.get(path, follow_redirects=True).status_code == status
        assert send(client, path).status_code == 404

    @on_sqlite
    def test_a_program_confirms_with_the_token_and_its_sign_in(self, app: Flask, database: Database) -> None:
        dora = self.sign_up(app)
        path = read_mails(database)[0].path
        assert send(dora, path, headers=JSON).status_code == 303
        gone = send(dora, path, headers=JSON)
        assert (gone.status_code, gone.mimetype) == (404, "application/problem+json")

    @on_sqlite
    def test_only_the_hash_of_the_links_token_is_stored(self, app: Flask, database: Database) -> None:
        self.sign_up(app)
        token = read_mails(database)[0].path.partition("token=")[2]
        assert token not in str(database.read(lambda c: c.scalar(sa.select(User.email_token))))

    @on_sqlite
    def test_a_confirmed_address_is_sent_no_mail(self, alice: cast.Person, database: Database) -> None:
        assert alice.post("/verify_email/send").status_code == 303
        assert read_mails(database) == []


class TestChangeOfAddress:
    NEW = {"email": "New@Example.org", "current_password": cast.PASSWORD}

    def test_the_new_address_takes_the_old_ones_place_when_its_link_was_used(
        self, app: Flask, alice: cast.Person, client: FlaskClient, database: Database
    ) -> None:
        send(client, "/send_reset_password", {"email": alice.email})
        old_link = read_mails(database)[0].path
        forget_mails(database)
        asked = alice.post("/change_email", dict(self.NEW))
        assert (asked.status_code, asked.location) == (303, "/account")
        (mail,) = read_mails(database)
        assert mail.recipient == "new@example.org"
        assert read_users(database)[0].email == alice.email, "nothing has changed yet"

        page = text(alice.get(mail.path, follow_redirects=True))
        assert "new@example.org" in page
        assert alice.email in page
        forget_mails(database)
        assert send(alice.browser, "/verify_email").status_code == 303
        assert read_users(database)[0].email == "new@example.org"
        assert is_signed_in(alice.browser)
        (told,) = read_mails(database)
        assert (told.recipient, told.subject) == (alice.email, "Your e-mail address for Manyhands was changed")
        assert client.get(old_link, follow_redirects=True).status_code == 404, "the old mailbox opens nothing"
        assert "new@example.org is confirmed already" in text(alice.get(mail.path, follow_redirects=True))
        form = {"email": "new@example.org", "password": cast.PASSWORD}
        assert send(app.test_client(), "/signin", form).status_code == 303

    @on_sqlite
    def test_who_mistyped_the_address_at_sign_up_puts_it_right_and_tells_no_stranger(
        self, alice: cast.Person, client: FlaskClient, database: Database
    ) -> None:
        database.write(lambda c: c.execute(sa.update(User).values(email_verified_at=None)))
        alice.post("/change_email", dict(self.NEW))
        alice.get(read_mails(database)[0].path)
        send(alice.browser, "/verify_email")
        assert read_users(database)[0].email_verified_at is not None
        assert [mail.recipient for mail in read_mails(database)] == ["new@example.org"]

    @on_sqlite
    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("current_password", "wrong", "not your current password"),
            ("email", "no address", "not an e-mail address"),
            ("email", "bob@example.org", "account with this e-mail address already"),
            ("email", "alice@example.org", "account with this e-mail address already"),
        ],
    )
    def test_a_mistake_stands_next_to_its_field_and_sends_nothing(
        self, alice: cast.Person, bob: cast.Person, database: Database, field: str, value: str, said: str
    ) -> None:
        refused = alice.post("/change_email", {**self.NEW, field: value})
        assert refused.status_code == 422
        assert said in error_of(refused, field)
        assert read_mails(database) == []

    def test_an_address_that_somebody_took_meanwhile_stays_theirs(
        self, app: Flask, alice: cast.Person, client: FlaskClient, database: Database
    ) -> None:
        alice.post("/change_email", dict(self.NEW))
        path = read_mails(database)[0].path
        cast.come_in(app, "New", "N", "new@example.org")
        alice.get(path)
        assert send(alice.browser, "/verify_email").status_code == 422
        assert [row.email for row in read_users(database)] == [alice.email, "new@example.org"]

    @on_sqlite
    def test_nobody_writes_another_address_into_the_link(
        self, alice: cast.Person, client: FlaskClient, database: Database
    ) -> None:
        alice.post("/change_email", dict(self.NEW))
        path, _, _ = read_mails(database)[0].path.rpartition(".")
        other = base64.urlsafe_b64encode(b"mal@example.org").decode().rstrip("=")
        assert client.get(f"{path}.{other}", follow_redirects=True).status_code == 404
        told = alice.get(f"{path}.{other}", follow_redirects=True)
        assert told.status_code == 404, "nor is told that it is theirs, with an address of their own confirmed"
        for invented in ("é", "!", "AA"):
            assert alice.get(f"{path}.{invented}", follow_redirects=True).status_code == 404


class TestDeletion:
    FORM = {"current_password": cast.PASSWORD}

    @pytest.fixture
    def campaign_id(self, alice: cast.Person) -> int:
        """Alice's campaign."""
        return make(alice)

    def test_the_page_says_how_much_goes(self, alice: cast.Person, campaign_id: int, database: Database) -> None:
        make(alice, name="Another")
        counted = {"generated": 1234, "generated_bytes": 3 << 20}
        database.write(
            lambda c: c.execute(sa.update(Schedule).where(Schedule.campaign_id == campaign_id).values(**counted))
        )
        for run, process, values in ((1, 7, 500), (1, 8, 60), (0, 7, 10_000)):
            key = {"campaign_id": campaign_id, "run": run, "process": process}
            counts = {"value_count": values, "nothing_count": 0, "failed_count": 0, "compute_ms": 1}
            insert(database, Base.metadata.tables["progress"], **key, **counts, result_bytes=1 << 20)  # type: ignore[arg-type]
        page = text(alice.get("/delete_account"))
        assert "2 campaigns" in page
        assert "1,234 datasets" in page
        assert "560 results" in page
        assert "5 MB" in page

    def test_nothing_of_the_person_stays_and_the_campaigns_are_to_be_purged_at_once(
        self, app: Flask, alice: cast.Person, bob: cast.Person, campaign_id: int, database: Database
    ) -> None:
        bobs = make(bob)
        other = app.test_client()
        send(other, "/signin", {"email": alice.email, "password": cast.PASSWORD})
        thief = copy_cookies(app, alice.browser)
        send(app.test_client(), "/send_reset_password", {"email": alice.email})
        link = read_mails(database)[-1].path
        now = dt.datetime.now(dt.UTC)
        user_id = database.read(lambda c: c.scalar(sa.select(User.id).where(User.email == alice.email)))
        provider = {"provider": "github", "subject": "1", "email": alice.email, "date_added": now, "last_used_at": now}
        insert(database, Identity, user_id=user_id, **provider)
        insert(database, Preview, user_id=user_id, asked_at=now, source=b"alice@example.org's", seed=1)

        done = alice.post("/delete_account", dict(self.FORM))
        assert (done.status_code, done.location) == (303, "/signin")
        assert "was deleted" in text(alice.get("/signin"))

        for browser in (alice.browser, other, thief):
            assert not is_signed_in(browser)
        assert thief.get("/account", headers=JSON).status_code == 401
        form = {"email": alice.email, "password": cast.PASSWORD}
        assert send(app.test_client(), "/signin", form).status_code == 422
        assert app.test_client().get(link, follow_redirects=True).status_code == 404
        everything = database.read(
            lambda c: [str(tuple(row)) for table in Base.metadata.sorted_tables for row in c.execute(sa.select(table))]
        )
        assert not [row for row in everything if "alice" in row.lower() or "ames" in row.lower()]
        deleted = database.read(lambda c: dict(c.execute(sa.select(Campaign.id, Campaign.deleted_at)).all()))
        assert deleted == {campaign_id: dt.datetime.fromtimestamp(0, dt.UTC), bobs: None}
        schedules = database.read(lambda c: dict(c.execute(sa.select(Schedule.campaign_id, Schedule.deleted)).all()))
        assert schedules == {campaign_id: True, bobs: False}
        assert database.read(lambda c: c.scalars(sa.select(Preview.id)).all()) == []
        assert is_signed_in(bob.browser)
        assert database.read(lambda c: c.scalar(sa.select(User.email).where(User.id == user_id))).endswith("@invalid")

    def test_the_purge_takes_the_campaigns_and_then_the_nameless_row(
        self, alice: cast.Person, bob: cast.Person, campaign_id: int, database: Database, settings: Settings
    ) -> None:
        alice.post("/delete_account", dict(self.FORM))
        steps = list(purge.iter_steps(database, settings, lambda: dt.datetime.now(dt.UTC), rest=lambda _s: None))
        assert {step.campaign_id for step in steps} == {campaign_id, None}
        assert [row.email for row in read_users(database)] == [bob.email]
        assert database.read(lambda c: c.scalars(sa.select(Campaign.id)).all()) == []

    @on_sqlite
    def test_the_address_is_free_again(self, app: Flask, alice: cast.Person) -> None:
        alice.post("/delete_account", dict(self.FORM))
        again = {**SIGN_UP, "email": alice.email}
        assert send(app.test_client(), "/signup", again).status_code == 303

    @on_sqlite
    def test_the_mail_that_nobody_can_have_opens_nothing(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        alice.post("/delete_account", dict(self.FORM))
        forget_mails(database)
        email = read_users(database)[0].email
        assert send(app.test_client(), "/send_reset_password", {"email": email}).status_code == 422
        assert send(app.test_client(), "/signup", {**SIGN_UP, "email": email}).status_code == 422
        assert read_mails(database) == []

    @on_sqlite
    def test_without_the_password_nothing_goes(self, alice: cast.Person, database: Database, campaign_id: int) -> None:
        for wrong in ("", "wrong password"):
            refused = alice.post("/delete_account", {"current_password": wrong})
            assert refused.status_code == 422
            assert "not your current password" in error_of(refused, "current_password")
        assert alice.get(f"/campaign/{campaign_id}").status_code == 200

    @on_sqlite
    def test_an_account_without_a_password_goes_after_a_fresh_confirmation_only(
        self, alice: cast.Person, database: Database
    ) -> None:
        database.write(lambda c: c.execute(sa.update(User).values(password=None)))
        refused = alice.post("/delete_account")
        assert refused.status_code == 422
        assert "Show first that this is you" in text(refused)
        now = dt.datetime.now(dt.UTC)
        database.write(lambda c: c.execute(sa.update(UserSession).values(confirmed_at=now)))
        assert alice.post("/delete_account").status_code == 303
        assert read_users(database)[0].first_name == "Deleted"


@on_sqlite
class TestProviders:
    """What the pages of an account say of accounts elsewhere; tests/oidc signs in with real ones."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        github = {"github_client_id": "id", "github_client_secret": "secret", "signin_failures_per_account": 3}
        return Settings(**{**vars(settings), **github})

    def link(self, app: Flask, database: Database) -> None:
        """Link Alice's account at GitHub, and take her password away."""
        now, provider = dt.datetime.now(dt.UTC), app.extensions["providers"]["github"].namespace
        link = {"provider": provider, "subject": "1", "email": "a@example.org", "date_added": now, "last_used_at": now}
        insert(database, Identity, user_id=1, **link)
        database.write(lambda c: c.execute(sa.update(User).values(password=None)))

    def test_the_account_page_leads_to_them(self, alice: cast.Person) -> None:
        page = text(alice.get("/account"))
        assert "Sign in with GitHub instead of a password." in page
        assert page.count("<h1>") == 1

    @pytest.mark.parametrize("path", ["/delete_account", "/change_password"])
    def test_an_account_without_a_password_is_led_to_its_provider_and_back(
        self, app: Flask, alice: cast.Person, database: Database, path: str
    ) -> None:
        self.link(app, database)
        page = text(alice.get(path))
        assert f'href="/confirm/github?next={path}"' in page
        assert alice.get(f"/confirm/github?next={path}").status_code == 200
        assert 'href="/send_reset_password"' in page

    def test_somebody_with_a_stolen_session_cannot_guess_the_password_there(self, alice: cast.Person) -> None:
        form: dict[str, object] = {"password": "wrong", "link": "github"}
        assert [alice.post("/account/providers", form).status_code for _ in range(5)] == [422] * 3 + [429] * 2
