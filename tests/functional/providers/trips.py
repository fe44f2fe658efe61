"""Somebody on the way to a provider and back, and what is looked at afterwards."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import Database
from app.models import User
from app.settings import Settings
from tests import cast
from tests.functional.pages import text
from tests.oidc.servers import Visitor

SITE = "http://localhost:5000"
IDS = {"oidc_client_id": "x", "oidc_client_secret": "x"}
WRONG_PASSWORD = "The e-mail address or the password is wrong."


def make_settings(settings: Settings, **more: object) -> Settings:
    kept = {"instance_dir": settings.instance_dir, "database_url": settings.database_url, "captcha": "off"}
    return Settings(**kept, **more)  # type: ignore[arg-type]


class Trip:
    """A person's two tabs: their browser at our site, and at the provider."""

    def __init__(self, browser: FlaskClient, provider: str = "oidc", there: Visitor | None = None) -> None:
        self.browser, self.provider, self.there = browser, provider, there or Visitor()

    def leave(self, path: str = "", **form: str) -> str:
        """Send the form that begins it, and return the address that the browser goes on to."""
        token = cast.csrf_token(self.browser)
        page = self.browser.post(path or f"/signin/{self.provider}", data={"csrf_token": token, **form})
        assert page.status_code == 200, page.get_data(as_text=True)
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.get_data(as_text=True))
        assert found
        return unescape(found[1])

    def travel(self, login: str, path: str = "", **form: str) -> str:
        """Begin it, sign in at the provider, and return the address that it sends the browser back to."""
        return self.there.go(self.leave(path, **form), login, f"{SITE}/signin/{self.provider}/callback")

    def come_back(self, address: str) -> TestResponse:
        """Open the callback's address."""
        return self.browser.get(address.removeprefix(SITE), headers={"Accept": "text/html"})

    def sign_in(self, login: str, **form: str) -> TestResponse:
        """Make the whole trip."""
        return self.come_back(self.travel(login, **form))

    def read_refusal(self, answer: TestResponse) -> str:
        """Return what the page says that somebody is sent to who was refused."""
        assert answer.status_code == 303
        page = self.browser.get(answer.location)
        found = re.search(r'role="alert">([^<]*)<', page.get_data(as_text=True))
        assert found, text(page)
        return unescape(found[1])


def link(person: cast.Person, login: str = "dora", provider: str = "oidc") -> TestResponse:
    """Link an account of a provider to somebody's account here."""
    trip = Trip(person.browser, provider)
    return trip.come_back(trip.travel(login, "/account/providers", link=provider, password=cast.PASSWORD))


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/campaign/all").status_code == 200


def rows(database: Database, table: type) -> list[sa.Row]:
    return database.read(lambda connection: list(connection.execute(sa.select(table))))


def find_user(database: Database, email: str) -> sa.Row:
    return database.read(lambda c: c.execute(sa.select(User).where(User.email == email)).one())


def change_user(database: Database, email: str, **values: object) -> None:
    database.write(lambda c: c.execute(sa.update(User).where(User.email == email).values(**values)))


def change_answer(address: str, **changes: str) -> str:
    """Return a callback's address with other values in its query."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | changes
    return f"{address.split('?')[0]}?{urlencode(query)}"
