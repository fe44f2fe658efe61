"""A reset by mail ends every way in but the new password, whoever is on the way in meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from flask import Flask

from app import passwords
from app.database import Database
from app.models import Identity, UserSession
from tests import cast
from tests.functional.mailbag import read_mails
from tests.functional.providers.trips import Trip, is_signed_in, link, rows

NEW = "another horse battery"


def reset(app: Flask, database: Database, email: str = "alice@example.org") -> cast.Person:
    """Choose a new password by a mail, and return the browser in which that was done."""
    owner = cast.Person(email, app.test_client())
    owner.post("/send_reset_password", {"email": email})
    owner.get(read_mails(database)[-1].path)
    assert owner.post("/reset_password", {"password": NEW}).status_code == 303
    return owner


class TestResets:
    """A reset by mail ends every link to a provider; an ordinary change of the password ends none."""

    def test_who_linked_an_account_of_theirs_has_lost_the_way_in(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        link(alice, "mallory")
        reset(app, database)
        mallory = Trip(app.test_client())
        mallory.sign_in("mallory")
        owners = {row.user_id for row in rows(database, Identity)}
        assert is_signed_in(mallory.browser)
        assert "mallory@example.org" in mallory.browser.get("/account").get_data(as_text=True), "an account of her own"
        assert len(owners) == 1

    def test_the_page_says_it_before_and_after_and_the_mail_says_it(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        link(alice)
        link(alice, "gita", "github")
        owner = cast.Person(alice.email, app.test_client())
        owner.post("/send_reset_password", {"email": alice.email})
        page = owner.get(read_mails(database)[-1].path, follow_redirects=True).get_data(as_text=True)
        assert "unlinked from <strong>Uni and GitHub</strong>" in page
        owner.post("/reset_password", {"password": NEW})
        assert "was unlinked from Uni and GitHub" in owner.get("/signin").get_data(as_text=True)
        told = read_mails(database)[-1]
        assert told.subject == "Your password for Manyhands was changed"
        assert "unlinked from Uni and GitHub" in told.text
        assert "/account/providers" in told.text

    def test_without_a_link_nothing_is_said_of_any(self, app: Flask, alice: cast.Person, database: Database) -> None:
        owner = reset(app, database)
        assert "unlinked" not in owner.get("/signin").get_data(as_text=True)
        assert "link it anew" not in read_mails(database)[-1].text

    def test_an_owner_who_signed_in_by_a_provider_only_comes_in_by_the_password_and_by_the_provider(
        self, app: Flask, trip: Trip, database: Database
    ) -> None:
        trip.sign_in("dora")
        owner = reset(app, database, "dora@example.org")
        assert not is_signed_in(trip.browser)
        owner.post("/signin", {"email": "dora@example.org", "password": NEW})
        assert is_signed_in(owner.browser)
        again = Trip(app.test_client())
        again.sign_in("dora")
        assert is_signed_in(again.browser)
        assert len({row.user_id for row in rows(database, Identity)}) == 1
        assert read_mails(database)[-1].subject == "Your account at Manyhands was linked to Uni"

    def test_an_ordinary_change_keeps_the_link_and_says_which_there_are(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        link(alice)
        form: dict[str, object] = {"current_password": cast.PASSWORD, "password": NEW}
        assert alice.post("/change_password", dict(form)).status_code == 303
        assert len(rows(database, Identity)) == 1
        assert "Uni can still sign in to your account" in read_mails(database)[-1].text


def interpose(monkeypatch: pytest.MonkeyPatch, place: object, name: str, then: Callable[[], object]) -> None:
    """Do something once, right after the real thing has answered, as another request: in a thread of its own."""
    real = getattr(place, name)

    def call(*args: object, **kwargs: object) -> object:
        answer = real(*args, **kwargs)
        monkeypatch.setattr(place, name, real)
        thread = threading.Thread(target=then)
        thread.start()
        thread.join()
        return answer

    monkeypatch.setattr(place, name, call)


class TestOnTheWayIn:
    """The reset comes when the provider or the password has said yes, and what follows from it is not stored yet."""

    def test_a_link_does_not_arrive(
        self, app: Flask, alice: cast.Person, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        interpose(monkeypatch, app.extensions["providers"]["github"], "finish", lambda: reset(app, database))
        link(alice, "mallory", "github")
        assert rows(database, Identity) == []

    @pytest.mark.parametrize(
        ("place", "name"), [(PasswordHasher, "verify"), (passwords, "find_new_hash")], ids=["compared", "let in"]
    )
    def test_a_sign_in_with_the_old_password_does_not_arrive(
        self, app: Flask, alice: cast.Person, database: Database, monkeypatch: pytest.MonkeyPatch,
        place: object, name: str,
    ) -> None:  # fmt: skip
        thief = cast.Person(alice.email, app.test_client())
        interpose(monkeypatch, place, name, lambda: reset(app, database))
        answer = thief.post("/signin", {"email": alice.email, "password": cast.PASSWORD})
        assert answer.status_code in (409, 422)
        assert rows(database, UserSession) == []

    def test_another_password_does_not_arrive(
        self, app: Flask, alice: cast.Person, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        interpose(monkeypatch, passwords, "hash_password", lambda: reset(app, database))
        form: dict[str, object] = {"current_password": cast.PASSWORD, "password": "the password of a thief"}
        assert alice.post("/change_password", dict(form)).location == "/signin"
        owner = cast.Person(alice.email, app.test_client())
        assert owner.post("/signin", {"email": alice.email, "password": NEW}).status_code == 303
