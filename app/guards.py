"""What the pages around accounts share: who asks, how often they may, and work that holds nobody up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TypeVar

from flask import Response, after_this_request, current_app, redirect, request, session
from gevent import monkey
from gevent.threadpool import ThreadPool
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as WerkzeugResponse

from app import accounts, passwords, security, throttling
from app.accounts import Browser
from app.errors import NotSignedIn
from app.extensions import db, get_settings, writing
from app.identities import Site
from app.models import User
from app.throttling import Deed, Throttles, Try

T = TypeVar("T")
# Each takes 64 MB while it lasts, and all its lanes' worth of processors.
HASHES_AT_ONCE = 2
MARK_LIFETIME = dt.timedelta(days=365)


def now() -> dt.datetime:
    """Return the moment."""
    return dt.datetime.now(dt.UTC)


def get_address() -> str:
    """Return the address that this request came from."""
    return request.remote_addr or ""


def get_browser() -> Browser:
    """Return who asks, as a list of sign-ins shows it."""
    return Browser(request.headers.get("User-Agent", ""), get_address())


def get_site() -> Site:
    """Return what mails about accounts say of this site."""
    labels = {provider.namespace: provider.label for provider in current_app.extensions["providers"].values()}
    return Site(get_settings().site_url, labels)


def hold_viewer(transaction: Session) -> User:
    """Return who is signed in, with the account's row locked, for a change of the ways into it.

    Raises:
        NotSignedIn: their sign-in was ended since the request came, as by a reset of the password.
    """
    viewer = security.get_viewer()
    accounts.hold(transaction, viewer.id)
    if accounts.find_session(transaction, security.get_token() or "", now()) is None:
        raise NotSignedIn()
    return viewer


def replace_session(transaction: Session, user: User) -> str:
    """Open a sign-in in the place of this browser's, and return its token, for `security.keep_token`.

    Who shows who they are gets a new token, so that one that was fixed or seen before is worth nothing.
    """
    old_token = security.get_token()
    if old_token:
        accounts.close_session(transaction, old_token)
    keep_mark(user.id)
    return accounts.open_session(transaction, user, get_browser(), now(), get_settings().session_days)


# Throttling


def get_throttles() -> Throttles:
    """Return this application's counters of tries."""
    return Throttles(get_settings(), str(current_app.secret_key))


def attempt(*tries: Try) -> None:
    """Count tries before they are made, in a transaction of their own, so that what happens to them undoes nothing.

    Raises:
        TooManyRequests: one of them was made too often.
    """
    with writing() as session:
        wait_s = get_throttles().take(session, tries, now())
    throttling.refuse(wait_s)


def read_mark() -> str:
    """Return the mark by which an account knows this browser, or ""."""
    return request.cookies.get(_mark_name(), "")


def keep_mark(user_id: int) -> None:
    """Make this browser one that the account knows: its wrong passwords are counted apart from everybody else's."""
    mark = get_throttles().make_mark(user_id)

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            _mark_name(),
            mark,
            max_age=MARK_LIFETIME,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Lax",
        )
        return response


def _mark_name() -> str:
    return "__Host-known" if current_app.config["SESSION_COOKIE_SECURE"] else "known"


def is_password_of(user_id: int, stored_hash: str | None, password: str) -> bool:
    """Say whether somebody signed in has typed their password again; who found a session cannot guess it here.

    Raises:
        TooManyRequests: it was wrong too often.
    """
    one = Try(Deed.CONFIRM_BY_ACCOUNT, str(user_id))
    attempt(one)
    if not compare(stored_hash, password):
        return False
    with writing() as session:
        get_throttles().forget(session, [one])
    return True


# Slow work


def hash_chosen(password: str, user: User) -> str:
    """Return the hash of a password that somebody chose for their account.

    Raises:
        InvalidInput: it is too short, too long, too common, or their own name or address; names the field.
    """
    passwords.check_rules(password, *accounts.own_words(user.first_name, user.last_name, user.email))
    return aside(lambda: passwords.hash_password(password))


def compare(stored_hash: str | None, password: str) -> bool:
    """Compare a password as `passwords.matches` does, aside."""
    return aside(lambda: passwords.matches(stored_hash, password))


def aside(work: Callable[[], T]) -> T:
    """Do what keeps a processor busy for a while where it holds up neither other requests nor a database connection.

    argon2 lets go of the interpreter while it computes, but would hold the one thread on which gevent serves everybody.
    What the request read before is read again on its next use.
    """
    db.session().rollback()
    pool = _find_pool()
    return pool.apply(work) if pool else work()


def _find_pool() -> ThreadPool | None:
    if not monkey.is_module_patched("threading"):
        return None  # not under gunicorn: a thread for each request already, or a test
    if "hashing" not in current_app.extensions:
        current_app.extensions["hashing"] = ThreadPool(HASHES_AT_ONCE)
    pool: ThreadPool = current_app.extensions["hashing"]
    return pool


def keep_mail_token(key: str, token: str) -> WerkzeugResponse:
    """Put the token of a link that came by mail into the session cookie, and answer with the same page without it.

    It leaves the address bar, and with it the browser's history and what other sites are told, before any page is
    shown. That page can then say its origin with its form, which "no-referrer" would forbid it.
    """
    session[key] = token
    response = redirect(request.path, 303)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
