"""What stands between an application and its visitors: sessions, CSRF, headers, and one way to answer errors.

Promises, cited by the tests:
S1 every change on the site carries a CSRF token and, where the browser says an origin, the site's own.
S2 a sign-in is a row: once that is gone (sign-out) or too old, its cookie opens nothing.
S3 pages run no script but ours (a nonce per response), are framed by nobody and leak no address.
S4 the socket surface neither reads nor sets a cookie.
S5 every error is a page for people, JSON for programs, and never a way to another site.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, Literal
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, make_response, redirect, render_template, request, session, url_for
from flask.sessions import SessionInterface
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import Forbidden, HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Request
from werkzeug.wrappers import Response as WerkzeugResponse

from app import accounts
from app.errors import DatabaseBusy, ManyhandsError, NotFound, NotSignedIn, TooManyRequests, make_problem
from app.extensions import csrf, db, get_settings, login_manager, writing
from app.models import User, UserSession
from app.settings import MEGABYTE, Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN = "token"  # the sign-in's key in the signed session cookie
# What a form without uploads may weigh; the upload form alone gets the limit that create_app derives from the settings.
SMALL_FORM_BYTES = MEGABYTE
# A refused upload is read to its end up to here, so that the browser shows our answer and not a broken connection.
DRAIN_MAX_BYTES = 64 * MEGABYTE
DRAIN_CHUNK_BYTES = 1 << 16

_MESSAGES = {
    400: "The request could not be understood. Go back and try again.",
    401: "Sign in to see this.",
    403: "This request came from another site, so it was refused. Open this page here and try again.",
    404: "There is no page at this address.",
    405: "This address cannot be used in that way. Go back and use the buttons of the page.",
    409: "This is not possible in the present state. Reload the page to see what has changed.",
    422: "A value cannot be accepted. Go back and change it.",
    429: "Too many tries. Wait a little and try again.",
    500: "Something went wrong on our side. Nothing that was saved is lost; try again in a moment.",
    503: "The site cannot answer just now. Try again in a moment.",
}
_KINDS = {
    400: "bad-request",
    401: "not-signed-in",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    422: "invalid-input",
    429: "too-many-requests",
    500: "internal-error",
    503: "unavailable",
}
OTHER_KIND = "http-error"


class NoSessions(SessionInterface):
    """A surface without cookies (S4): Flask hands out a session that is empty and refuses every change."""

    def open_session(self, app: Flask, request: Request) -> None:
        """Read nothing."""

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Set nothing."""


class SignedIn(UserMixin):  # type: ignore[misc]
    """What flask-login calls the current user: a sign-in and the account that it belongs to."""

    def __init__(self, row: UserSession) -> None:
        self.row = row
        self.user = row.user


def init_app(app: Flask, surface: Literal["web", "socket"]) -> None:
    """Put the locks of a surface on its application."""
    app.register_error_handler(ManyhandsError, _answer_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.before_request(_refuse_null)
    if surface == "web":
        _init_site(app, app.extensions["settings"])
    else:
        app.session_interface = NoSessions()
        app.after_request(_harden_embed)


def _init_site(app: Flask, settings: Settings) -> None:
    app.config.update(_cookie_config(settings))
    app.config["MAX_FORM_MEMORY_SIZE"] = app.config["MAX_CONTENT_LENGTH"]  # pasted text may be as long as a file
    # The first of these runs before the CSRF check, which is the first to read the body.
    app.before_request(_limit_body)
    app.before_request(_refuse_foreign_origin)
    csrf.init_app(app)
    login_manager.session_protection = None  # the row is what protects a sign-in
    login_manager.request_loader(_load_signed_in)
    # Not its init_app: that asks the database on every page, on those that say that the database fails too, and reads
    # the session for every file, for a cookie that we do not use: no cache would share files between visitors.
    app.login_manager = login_manager  # type: ignore[attr-defined]
    app.after_request(_harden_site)
    app.add_template_global(csp_nonce)
    app.add_template_global(find_viewer)
    app.add_template_global(lambda: f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}", "now_utc")


def _cookie_config(settings: Settings) -> dict[str, object]:
    https = settings.site_url.startswith("https://")
    return {
        # The prefix makes browsers refuse a cookie of this name from a neighbouring host or over plain http.
        "SESSION_COOKIE_NAME": "__Host-session" if https else "session",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": dt.timedelta(days=settings.session_days),
        "SESSION_REFRESH_EACH_REQUEST": False,
        "WTF_CSRF_TIME_LIMIT": None,  # a form may stay open for as long as the session lives
        "WTF_CSRF_SSL_STRICT": False,  # the Origin check below replaces flask-wtf's look at Referer
    }


# Requests


def takes_uploads(view: Any) -> Any:
    """Mark a view to which somebody signed in may send the largest upload; all else is held to SMALL_FORM_BYTES."""
    view.takes_uploads = True
    return view


def _limit_body() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if not getattr(view, "takes_uploads", False) or find_viewer() is None:
        request.max_content_length = SMALL_FORM_BYTES


def _refuse_null() -> None:
    # Neither a file system nor PostgreSQL takes a name with one in it: each would end in an error of its own.
    if "\0" in request.path:
        raise NotFound()


def _refuse_foreign_origin() -> None:
    # S1. A program sends no Origin; a browser does with every request that changes something.
    origin = request.headers.get("Origin")
    if request.method in SAFE_METHODS or origin is None:
        return
    if origin not in (_site_origin(), request.host_url.rstrip("/")):
        raise Forbidden()


def _site_origin() -> str:
    parts = urlsplit(get_settings().site_url)
    return f"{parts.scheme}://{parts.netloc}"


def is_local_path(target: str) -> bool:
    """Say whether a browser that is sent to the target stays on this site (S5): a path, and nothing like //host."""
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return False
    parts = urlsplit(target)
    return not parts.scheme and not parts.netloc


def wants_json() -> bool:
    """Say whether a program asks: it accepts something, and not HTML; or the address is that of a raw download."""
    accept = request.headers.get("Accept")
    is_download = request.path.rsplit("/", 1)[-1].startswith("raw")
    return is_download or (accept is not None and "text/html" not in accept and "application/xhtml" not in accept)


# Sign-ins


def _load_signed_in(_request: Request) -> SignedIn | None:
    token = session.get(TOKEN)
    if not isinstance(token, str):
        return None
    now = dt.datetime.now(dt.UTC)
    row = accounts.find_session(db.session(), token, now)
    if row is not None and accounts.is_stale(row, now):
        with writing() as transaction:
            accounts.touch_session(transaction, token, now)
        row = accounts.find_session(db.session(), token, now)
    return SignedIn(row) if row else None


def find_viewer() -> User | None:
    """Return who is signed in, or None."""
    return current_user.user if current_user.is_authenticated else None


def get_viewer() -> User:
    """Return who is signed in.

    Raises:
        NotSignedIn: nobody is; answered by the sign-in page, or 401 where a program asks.
    """
    viewer = find_viewer()
    if viewer is None:
        raise NotSignedIn()
    return viewer


def get_sign_in() -> UserSession:
    """Return the sign-in that this request came with; raises NotSignedIn."""
    get_viewer()
    row: UserSession = current_user.row
    return row


def get_token() -> str | None:
    """Return the token of this browser's sign-in, whether it is still good or not."""
    return session.get(TOKEN)


def keep_token(token: str) -> None:
    """Make this browser carry a new sign-in. Whatever the old session held, its CSRF token too, is dropped."""
    session.clear()
    session[TOKEN] = token
    session.permanent = True


def drop_token() -> None:
    """Make this browser forget its sign-in."""
    session.clear()


def part_with_browser(endpoint: str) -> WerkzeugResponse:
    """Send a browser whose owner has signed out to a page, and have it forget what the site's pages kept in it."""
    response = redirect(url_for(endpoint), 303)
    response.headers["Clear-Site-Data"] = '"storage"'  # the draft of a campaign, which the next user must not find
    return response


# Responses


def csp_nonce() -> str:
    """Return the nonce that this response's own scripts carry (S3)."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(18)
    return str(g.csp_nonce)


def allow_embeds() -> None:
    """Let this response's page show our own embed pages in frames."""
    g.frames = f"frame-src {get_settings().compute_url}/embed/; "


def allow_sandbox() -> None:
    """Let this response's page run kernels in the sandboxed inner frame, and show no other frame."""
    g.frames = f"frame-src {get_settings().compute_url}/inner; "


def allow_editor() -> None:
    """Let the code editors of this response's page make their styles: those that carry its nonce, and no others."""
    g.styles = f" 'nonce-{csp_nonce()}'"


def _site_policy() -> str:
    script = f"'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'none'"
    return (
        f"default-src 'none'; script-src {script}; style-src 'self'{g.get('styles', '')}; "
        "img-src 'self' data:; font-src 'self'; "
        f"{g.get('frames', '')}connect-src 'self'; worker-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def _harden_site(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _site_policy())
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    # Not no-referrer: with it browsers say "Origin: null" when they send our own forms.
    headers.setdefault("Referrer-Policy", "same-origin")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return _harden(response, get_settings().site_url)


def _harden_embed(response: Response) -> Response:
    return _harden(response, get_settings().compute_url)


def _harden(response: Response, url: str) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if url.startswith("https://"):
        subdomains = "; includeSubDomains" if get_settings().hsts_subdomains else ""
        response.headers.setdefault("Strict-Transport-Security", f"max-age=31536000{subdomains}")
    return response


# Errors (S5)


def _answer_error(error: ManyhandsError) -> ResponseReturnValue:
    if isinstance(error, NotSignedIn) and not wants_json():
        return redirect(_sign_in_address(), 303)
    response = _error_response(error.http_status, error.message, error.as_problem())
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = 'Session realm="Manyhands"'
    if isinstance(error, DatabaseBusy):
        response.headers["Retry-After"] = "1"
    if isinstance(error, TooManyRequests) and error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _sign_in_address() -> str:
    if request.method not in SAFE_METHODS:
        return url_for("users.sign_in")
    return url_for("users.sign_in", next=request.full_path.rstrip("?"))


def _answer_http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error
    message = _describe(error, status)
    response = _error_response(status, message, make_problem(_KINDS.get(status, OTHER_KIND), status, message))
    for name, value in error.get_headers(request.environ):
        if name != "Content-Type":
            response.headers[name] = value
    return response


def _describe(error: HTTPException, status: int) -> str:
    if isinstance(error, CSRFError):
        return (
            "This form is out of date, because you signed in or out after it was opened. "
            "Go back, copy what you typed, reload the page and send it again."
        )
    if isinstance(error, RequestEntityTooLarge):
        _drain_body()
        return _describe_limits(get_settings())
    return _MESSAGES.get(status, error.description or error.name)


def _describe_limits(settings: Settings) -> str:
    kernel, static, generator = (
        f"{limit / MEGABYTE:.3g} MB"
        for limit in (settings.kernel_max_bytes, settings.static_dataset_max_bytes, settings.generator_max_bytes)
    )
    return (
        "What was sent is larger than the site takes. "
        f"A kernel may have {kernel}, a static dataset {static} and a dataset generator {generator}."
    )


def _drain_body() -> None:
    stream = request.environ["wsgi.input"]
    left = min(request.content_length or 0, DRAIN_MAX_BYTES)
    while left > 0 and (chunk := stream.read(min(left, DRAIN_CHUNK_BYTES))):
        left -= len(chunk)


def _error_response(status: int, message: str, body: dict[str, object]) -> WerkzeugResponse:
    kind = str(body["type"]).partition("#")[2]
    response: WerkzeugResponse
    if wants_json():
        response = make_response({**body, "type": f"{get_settings().site_url}{body['type']}"})
        response.mimetype = "application/problem+json"
    elif isinstance(current_app.session_interface, NoSessions):
        response = _plain_error_page(status, message, kind)
    else:
        # Above 499 the database may be what fails: that page does not ask it who is looking.
        page = render_template("error.html", status=status, message=message, kind=kind, anonymous=status >= 500)
        response = make_response(page)
    response.status_code = status
    return response


def _plain_error_page(status: int, message: str, kind: str) -> WerkzeugResponse:
    settings = get_settings()
    site_url, compute_url = settings.site_url, settings.compute_url
    page = render_template(
        "error_plain.html", status=status, message=message, kind=kind, site_url=site_url, compute_url=compute_url
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src {compute_url}/static/css/embed.css; base-uri 'none'; form-action 'none'"
    )
    return response
