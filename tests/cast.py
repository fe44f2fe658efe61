"""The cast of the functional tests: people with a browser session at the site's test client."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import re

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import accounts, extensions, passwords, security

PASSWORD = "correct horse battery"


@dataclasses.dataclass
class Person:
    """Somebody signed in: their e-mail address and their browser."""

    email: str
    browser: FlaskClient

    def get(self, path: str, **kwargs: object) -> TestResponse:
        """Open a page."""
        return self.browser.get(path, **kwargs)  # type: ignore[arg-type]

    def post(self, path: str, data: dict[str, object] | None = None, **kwargs: object) -> TestResponse:
        """Send a form as a browser would: with the CSRF token of the page that holds it."""
        token = csrf_token(self.browser)
        return self.browser.post(path, data={"csrf_token": token, **(data or {})}, **kwargs)  # type: ignore[arg-type]


def csrf_token(browser: FlaskClient) -> str:
    """Return this browser's CSRF token, read from a page with a form."""
    html = browser.get("/campaign/new", follow_redirects=True).get_data(as_text=True)
    match = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html)
    assert match, "no CSRF token on the page"
    return match[1]


@functools.cache
def _hash_once() -> str:
    return passwords.hash_password(PASSWORD)


def come_in(app: Flask, first_name: str, last_name: str, email: str) -> Person:
    """Make an account and sign in as the services do it: without the pages, which have tests of their own, and with
    one password hash for everybody, which would take most of the suite's time."""
    person, now = Person(email, app.test_client()), dt.datetime.now(dt.UTC)
    with app.app_context(), extensions.writing() as session:
        user = accounts.create_account(session, accounts.NewAccount(first_name, last_name, email, _hash_once()), now)
        user.email_verified_at = now
        session.flush()
        token = accounts.open_session(session, user, accounts.Browser(), now, days=1)
    with app.test_request_context(), person.browser.session_transaction() as cookie:
        cookie[security.TOKEN] = token
        cookie.permanent = True
    return person


def sign_up(app: Flask, first_name: str, last_name: str, email: str) -> Person:
    """Make an account through the sign-up page, and sign in where that did not do it."""
    person = Person(email, app.test_client())
    form = {"first_name": first_name, "last_name": last_name, "email": email, "password": PASSWORD}
    response = person.post("/signup", dict(form))
    assert response.status_code == 303, response.get_data(as_text=True)
    return person
