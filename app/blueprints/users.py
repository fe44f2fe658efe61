"""Sign-up, sign-in and sign-out."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app import accounts, forms, security
from app.accounts import Browser, NewAccount
from app.captcha import Captcha
from app.errors import InvalidInput
from app.extensions import db, get_settings, writing
from app.models import User

blueprint = Blueprint("users", __name__)


def get_captcha() -> Captcha:
    """Return this application's captcha."""
    return Captcha(get_settings(), str(current_app.secret_key))


@blueprint.get("/captcha/challenge")
def make_challenge() -> ResponseReturnValue:
    """Hand out a proof of work; the widget on the sign-up page asks for it."""
    return get_captcha().make_challenge(_now())


@blueprint.route("/signup", methods=["GET", "POST"])
def sign_up() -> ResponseReturnValue:
    """Make an account and sign in to it."""
    if security.find_viewer():
        return redirect(url_for("campaigns.list_all"), 303)
    form = forms.SignUpForm()
    if form.is_submitted():
        account = _read_account(form)
        token = account and _create_account(form, account)
        if token:
            security.keep_token(token)
            return redirect(url_for("campaigns.list_all"), 303)
    return forms.show("users/sign_up.html", form, captcha=get_captcha())


def _read_account(form: forms.SignUpForm) -> NewAccount | None:
    fields = [form[name].data or "" for name in ("first_name", "last_name", "email", "password")]
    form.add_problems(accounts.find_problems(*fields))
    try:
        # Looked at before the password is hashed, so that nobody makes us hash without having worked for it.
        get_captcha().check(form.altcha.data or "", _now())
    except InvalidInput as problem:
        form.add_problem(problem)
    return None if form.errors else accounts.prepare_account(*fields)


def _create_account(form: forms.SignUpForm, account: NewAccount) -> str | None:
    # The proof of work is spent even when the address is taken: one proof must not ask about many addresses.
    try:
        with writing() as session:
            get_captcha().spend(session, form.altcha.data or "", _now())
            try:
                user = accounts.create_account(session, account, _now())
            except InvalidInput as problem:
                form.add_problem(problem)
                return None
            return accounts.open_session(session, user, _browser(), _now(), get_settings().session_days)
    except InvalidInput as problem:
        form.add_problem(problem)
        return None


@blueprint.route("/signin", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Open a session and go on to where somebody wanted to be."""
    form = forms.SignInForm(next=request.args.get("next", ""))
    target = form.next.data if security.is_local_path(form.next.data or "") else url_for("campaigns.list_all")
    if security.find_viewer():
        return redirect(target, 303)
    if form.is_submitted():
        try:
            user = accounts.authenticate(db.session(), form.email.data or "", form.password.data or "")
        except InvalidInput as problem:
            form.add_problem(problem)
        else:
            security.keep_token(_open_session(user, form.password.data))
            return redirect(target, 303)
    return forms.show("users/sign_in.html", form)


def _open_session(user: User, password: str) -> str:
    new_hash = accounts.find_new_hash(user, password)
    old_token = security.get_token()
    with writing() as session:
        if new_hash:
            user.password = new_hash
        if old_token:
            accounts.close_session(session, old_token)
        return accounts.open_session(session, user, _browser(), _now(), get_settings().session_days)


@blueprint.post("/signout")
def sign_out() -> ResponseReturnValue:
    """Revoke this browser's session."""
    token = security.get_token()
    if token:
        with writing() as session:
            accounts.close_session(session, token)
    security.drop_token()
    response = redirect(url_for("pages.show_home"), 303)
    response.headers["Clear-Site-Data"] = '"storage"'  # the draft of a campaign, which the next user must not find
    return response


def _browser() -> Browser:
    return Browser(request.headers.get("User-Agent", ""), request.remote_addr or "")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
