"""What the tests of accounts share: mails that wait to be sent, browsers, and the work that a request costs."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import passwords
from app.database import Database
from app.models import OutgoingMail
from tests import cast

# Where the databases do not differ, one of them is enough.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LINK = re.compile(r"https?://\S+")


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A mail that waits to be sent."""

    recipient: str
    subject: str
    text: str
    is_decoy: bool

    @property
    def path(self) -> str:
        """The first link in it, without the site's address."""
        found = LINK.search(self.text)
        assert found, self.text
        return found[0].split("/", 3)[3].join(["/", ""])


def read_mails(database: Database) -> list[Waiting]:
    """Return the mails that wait to be sent, oldest first."""
    columns = (OutgoingMail.recipient, OutgoingMail.subject, OutgoingMail.text, OutgoingMail.is_decoy)
    query = sa.select(*columns).order_by(OutgoingMail.id)
    return database.read(lambda connection: [Waiting(*row) for row in connection.execute(query)])


def forget_mails(database: Database) -> None:
    """Take away the mails that wait, as when they were sent."""
    database.write(lambda connection: connection.execute(sa.delete(OutgoingMail)))


def send(browser: FlaskClient, path: str, data: dict[str, str] | None = None, **kwargs: object) -> TestResponse:
    """Send a form with this browser's CSRF token."""
    form = {"csrf_token": cast.csrf_token(browser), **(data or {})}
    return browser.post(path, data=form, **kwargs)  # type: ignore[arg-type]


def is_signed_in(browser: FlaskClient) -> bool:
    """Whether this browser's cookie opens an account."""
    return browser.get("/campaign/all").status_code == 200


def copy_cookies(app: Flask, browser: FlaskClient) -> FlaskClient:
    """Return the browser of a thief who read all cookies of another."""
    thief = app.test_client()
    cookie = browser.get_cookie("session")
    assert cookie
    thief.set_cookie("session", cookie.value)
    return thief


@dataclasses.dataclass
class Work:
    """What requests cost: statements that write, by kind and table, and passwords hashed, by the hash's parameters."""

    writes: list[str] = dataclasses.field(default_factory=list)
    hashes: list[str] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def measure_work(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Count what the site does meanwhile; every call goes through to the real thing."""
    work = Work()
    passwords.make_dummy_hash()  # as when the site starts

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        words = statement.split()
        if words[0].lower() in ("insert", "update", "delete"):
            work.writes.append(" ".join(words[: 2 if words[0].lower() == "update" else 3]).lower().replace('"', ""))

    def count(name: str) -> None:
        real = getattr(PasswordHasher, name)

        def call(self: PasswordHasher, *args: str) -> object:
            # A hash that cannot be read costs nothing to compare with.
            work.hashes.append(args[0].rpartition("$")[0].rpartition("$")[0] if name == "verify" else name)
            return real(self, *args)

        monkeypatch.setattr(PasswordHasher, name, call)

    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    sa.event.listen(engine, "before_cursor_execute", note)
    with monkeypatch.context() as patches:
        monkeypatch = patches
        count("hash")
        count("verify")
        yield work
    sa.event.remove(engine, "before_cursor_execute", note)
