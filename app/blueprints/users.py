"""Sign-up, sign-in, sign-out, and a new password for who forgot theirs."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app import accounts, forms, guards, identities, passwords, recovery, security
from app.accounts import NewAccount
from app.captcha import Captcha
from app.errors import Conflict, InvalidInput, NotFound
from app.extensions import db, get_settings, write, writing
from app.models import User
from app.throttling import Deed, Try

blueprint = Blueprint("users", __name__)
RESET = "reset"  # a reset link's token in the signed session cookie
GONE = "This link is too old, was used already, or a newer one was sent."
CHANGED = "The password of this account was changed a moment ago. Sign in with the new one."


def get_captcha() -> Captcha:
    """Return this application's captcha."""
    return Captcha(get_settings(), str(current_app.secret_key))


@blueprint.get("/captcha/challenge")
def make_challenge() -> ResponseReturnValue:
    """Hand out a proof of work; the widget on the sign-up page asks for it."""
    guards.attempt(Try(Deed.CHALLENGE_BY_ADDRESS, guards.get_address()))
    return get_captcha().make_challenge(guards.now())


# Signing up


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
        get_captcha().check(form.altcha.data or "", guards.now())
    except InvalidInput as problem:
        form.add_problem(problem)
    if form.errors:
        return None
    guards.attempt(Try(Deed.SIGN_UP_BY_ADDRESS, guards.get_address()))
    return guards.aside(lambda: accounts.prepare_account(*fields))


def _create_account(form: forms.SignUpForm, account: NewAccount) -> str | None:
    # The proof of work is spent even when the address is taken: one proof must not ask about many addresses.
    settings, now = get_settings(), guards.now()
    try:
        with writing() as session:
            get_captcha().spend(session, form.altcha.data or "", now)
            try:
                user = accounts.create_account(session, account, now)
            except InvalidInput as problem:
                form.add_problem(problem)
                return None
            recovery.send_verification(session, user, settings.site_url, now)
            guards.keep_mark(user.id)
            return accounts.open_session(session, user, guards.get_browser(), now, settings.session_days)
    except InvalidInput as problem:
        form.add_problem(problem)
        return None


# Signing in and out


@blueprint.route("/signin", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Open a session and go on to where somebody wanted to be."""
    form = forms.SignInForm(next=request.args.get("next", ""))
    target = form.next.data if security.is_local_path(form.next.data or "") else url_for("campaigns.list_all")
    if security.find_viewer():
        return redirect(target, 303)
    if form.is_submitted():
        email, password = form.email.data or "", form.password.data or ""
        tries = _find_tries(email)
        guards.attempt(*tries)
        try:
            user = accounts.authenticate(db.session(), email, password, guards.compare)
        except InvalidInput as problem:
            form.add_problem(problem)
        else:
            security.keep_token(_open_session(user, password, tries))
            return redirect(target, 303)
    return forms.show("users/sign_in.html", form)


def _find_tries(email: str) -> list[Try]:
    """Return what a sign-in counts as; see throttling.py on why known browsers are counted apart."""
    user, mark = accounts.find_user(db.session(), email), guards.read_mark()
    if guards.get_throttles().knows(mark, user.id if user else None):
        return [Try(Deed.SIGN_IN_BY_BROWSER, mark)]
    return [Try(Deed.SIGN_IN_BY_ADDRESS, guards.get_address()), Try(Deed.SIGN_IN_BY_ACCOUNT, _one_form(email))]


def _one_form(email: str) -> str:
    try:
        return accounts.normalise_email(email)
    except InvalidInput:
        return email


def _open_session(user: User, password: str, tries: list[Try]) -> str:
    stored_hash = user.password
    new_hash = guards.aside(lambda: passwords.find_new_hash(stored_hash, password))
    old_token, throttles = security.get_token(), guards.get_throttles()
    with writing() as session:
        accounts.hold(session, user.id)
        session.refresh(user)
        if user.password != stored_hash:
            # It was changed while we compared: a reset that has just ended all sign-ins must not miss this one.
            raise Conflict(CHANGED)
        if new_hash:
            user.password = new_hash
        if old_token:
            accounts.close_session(session, old_token)
        # The address gets back this one try and no more: else who has an account would guess at others without an end.
        throttles.give_back(session, [one for one in tries if one.deed is Deed.SIGN_IN_BY_ADDRESS])
        throttles.forget(session, [one for one in tries if one.deed is not Deed.SIGN_IN_BY_ADDRESS])
        guards.keep_mark(user.id)
        return accounts.open_session(session, user, guards.get_browser(), guards.now(), get_settings().session_days)


@blueprint.post("/signout")
def sign_out() -> ResponseReturnValue:
    """Revoke this browser's session."""
    token = security.get_token()
    if token:
        with writing() as session:
            accounts.close_session(session, token)
    security.drop_token()
    return security.part_with_browser("pages.show_home")


# A new password


@blueprint.route("/send_reset_password", methods=["GET", "POST"])
def send_reset_password() -> ResponseReturnValue:
    """Send a link to choose a new password; the answer is the same whether or not there is such an account."""
    form = forms.SendResetForm()
    if form.is_submitted():
        try:
            address = accounts.normalise_email(form.email.data or "")
        except InvalidInput as problem:
            form.add_problem(problem)
        else:
            by_address = Try(Deed.MAIL_BY_ADDRESS, guards.get_address())
            guards.attempt(by_address, Try(Deed.MAIL_BY_RECIPIENT, address))
            write(lambda session: recovery.send_reset(session, address, get_settings().site_url, guards.now()))
            return render_template("users/reset_sent.html", address=address)
    return forms.show("users/send_reset_password.html", form)


@blueprint.route("/reset_password", methods=["GET", "POST"])
def reset_password() -> ResponseReturnValue:
    """Choose a new password by a link that came by mail."""
    if request.method == "GET" and "token" in request.args:
        return guards.keep_mail_token(RESET, request.args["token"])
    form = forms.ResetPasswordForm()
    token = request.values.get("token") or session.get(RESET, "")
    user = recovery.find_reset(db.session(), token, guards.now())
    if user is None:
        return _say_link_is_gone()
    if form.is_submitted() and _reset_password(form, user, token):
        return redirect(url_for("users.sign_in"), 303)
    linked = guards.get_site().name_providers(identities.list_linked(db.session(), user))
    return forms.show("users/reset_password.html", form, address=user.email, linked=linked)


def _say_link_is_gone() -> ResponseReturnValue:
    session.pop(RESET, None)
    if security.wants_json():
        raise NotFound(GONE)
    return render_template("users/link_gone.html", message=GONE), 404


def _reset_password(form: forms.ResetPasswordForm, user: User, token: str) -> bool:
    try:
        new_hash = guards.hash_chosen(form.password.data or "", user)
    except InvalidInput as problem:
        form.add_problem(problem)
        return False
    with writing() as transaction:
        done = recovery.reset_password(transaction, token, new_hash, guards.get_site(), guards.now())
        if done is None:
            raise NotFound(GONE)  # somebody used the link while we hashed
        guards.get_throttles().forget(transaction, [Try(Deed.SIGN_IN_BY_ACCOUNT, done.user.email)])
        guards.keep_mark(done.user.id)
    security.drop_token()
    flash("Your password was changed. Sign in with the new one." + _say_unlinked(done.unlinked))
    return True


def _say_unlinked(names: list[str]) -> str:
    return f" Your account was unlinked from {' and '.join(names)}; on its page you link it again." if names else ""
