"""The owner is told by mail who may come in by a provider from now on, and who may not any more: I5 of identities."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from app.database import Database
from app.models import Identity, OutgoingMail
from app.settings import Settings
from tests import cast
from tests.functional.mailbag import forget_mails, read_mails
from tests.functional.providers.trips import Trip, change_user, link, rows

LINKED = "Your account at Manyhands was linked to "
UNLINKED = "Your account at Manyhands was unlinked from "


def unlink(person: cast.Person, database: Database) -> TestResponse:
    form = {"unlink": str(rows(database, Identity)[-1].id), "password": cast.PASSWORD}
    return person.post("/account/providers", dict(form))


def read_subjects(database: Database) -> list[tuple[str, str]]:
    return [(mail.recipient, mail.subject) for mail in read_mails(database)]


class TestLinks:
    def test_a_link_is_told_with_its_provider_its_moment_and_what_to_do_about_it(
        self, alice: cast.Person, database: Database
    ) -> None:
        before = dt.datetime.now(dt.UTC)
        link(alice)
        (mail,) = read_mails(database)
        assert (mail.recipient, mail.subject, mail.is_decoy) == (alice.email, f"{LINKED}Uni", False)
        assert f"{before.day} {before:%B %Y at }" in mail.text
        assert mail.path == "/send_reset_password"
        html = database.read(lambda c: c.scalar(sa.select(OutgoingMail.html)))
        assert html
        for words in ("<strong>Uni</strong>", "http://localhost:5000/send_reset_password", "If it was not"):
            assert words in html
        assert "dora" not in mail.text + html, "else anybody would name an account so, for us to send it"

    def test_linking_what_is_linked_already_is_not_told_again(self, alice: cast.Person, database: Database) -> None:
        link(alice)
        link(alice)
        assert len(read_mails(database)) == 1

    def test_a_link_that_was_refused_is_not_told(self, app: Flask, alice: cast.Person, database: Database) -> None:
        Trip(app.test_client()).sign_in("dora")
        link(alice)
        assert read_mails(database) == []

    def test_an_account_that_is_linked_by_its_address_at_a_first_sign_in_is_told_once(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        for _ in range(2):
            Trip(app.test_client(), "github").sign_in("alice")
        assert read_subjects(database) == [(alice.email, f"{LINKED}GitHub")]

    def test_the_owner_of_an_address_whose_account_was_somebody_elses_is_told(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        change_user(database, alice.email, email_verified_at=None)
        Trip(app.test_client()).sign_in("alice")
        assert read_subjects(database) == [(alice.email, f"{LINKED}Uni")]

    def test_a_new_account_has_nobody_to_tell(self, trip: Trip, database: Database) -> None:
        trip.sign_in("dora")
        assert read_mails(database) == []


class TestUnlinks:
    def test_an_unlink_is_told_too(self, alice: cast.Person, database: Database) -> None:
        link(alice)
        forget_mails(database)
        assert unlink(alice, database).status_code == 303
        (mail,) = read_mails(database)
        assert (mail.recipient, mail.subject) == (alice.email, f"{UNLINKED}Uni")
        assert mail.path == "/send_reset_password"

    def test_a_provider_that_was_switched_off_since_is_told_as_such(
        self, settings: Settings, alice: cast.Person, database: Database
    ) -> None:
        link(alice)
        without = create_app(
            "web", dataclasses.replace(settings, oidc_issuer="", oidc_client_id="", oidc_client_secret="")
        )
        cookie = alice.browser.get_cookie("session")
        assert cookie
        later = cast.Person(alice.email, without.test_client())
        later.browser.set_cookie("session", cookie.value)
        assert unlink(later, database).status_code == 303
        assert read_mails(database)[-1].subject == f"{UNLINKED}a provider that is switched off here"

    def test_an_unlink_that_was_refused_is_not_told(self, trip: Trip, database: Database) -> None:
        trip.sign_in("dora")
        trip.come_back(trip.travel("dora", "/confirm/oidc", next="/account/providers"))
        assert unlink(cast.Person("", trip.browser), database).status_code == 409
        assert read_mails(database) == []


class TestMany:
    """An account's address may be a stranger's, whom nobody has asked yet."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return dataclasses.replace(settings, changes_per_account=2)

    def test_nobody_fills_anothers_mailbox_by_linking_and_unlinking(
        self, alice: cast.Person, database: Database
    ) -> None:
        link(alice)
        unlink(alice, database)
        form: dict[str, object] = {"link": "oidc", "password": cast.PASSWORD}
        assert alice.post("/account/providers", dict(form)).status_code == 429
        assert len(read_mails(database)) == 2

    def test_nor_by_changing_the_password(self, alice: cast.Person, database: Database) -> None:
        form: dict[str, object] = {"current_password": cast.PASSWORD, "password": cast.PASSWORD}
        assert [alice.post("/change_password", dict(form)).status_code for _ in range(3)] == [303, 303, 429]
        assert len(read_mails(database)) == 2
