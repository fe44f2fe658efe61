"""Somebody's own account: name, address, password, sign-ins, and its end."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app import accounts, devices, erasure, forms, guards, identities, recovery, security
from app.errors import Conflict, InvalidInput, NotFound
from app.extensions import db, get_settings, write, writing
from app.models import User
from app.throttling import Deed, Try

blueprint = Blueprint("account", __name__)
VERIFY = "verify"  # a verification link's token in the signed session cookie
GONE = "This link is too old, was used already, or a newer one was sent."
UNCONFIRMED = "Show first that this is you: your account has no password, so a provider has to say so."


@blueprint.route("/account", methods=["GET", "POST"])
def show() -> ResponseReturnValue:
    """Show the account; take another name for it."""
    viewer = security.get_viewer()
    form = forms.NameForm(data={"first_name": viewer.first_name, "last_name": viewer.last_name})
    if form.is_submitted():
        _rename(form)
        if not form.errors:
            flash("Your name was changed.")
            return redirect(url_for("account.show"), 303)
    return forms.show("account/show.html", form)


def _rename(form: forms.NameForm) -> None:
    names = {}
    for field in ("first_name", "last_name"):
        try:
            names[field] = accounts.check_name(form[field].data or "", field)
        except InvalidInput as problem:
            form.add_problem(problem)
    if not form.errors:
        with writing():
            viewer = security.get_viewer()
            viewer.first_name, viewer.last_name = names["first_name"], names["last_name"]


# Sign-ins


@blueprint.route("/account/sessions", methods=["GET", "POST"])
def list_sessions() -> ResponseReturnValue:
    """List the browsers that are signed in (GET); take the password, after which they can be signed out (POST)."""
    security.get_viewer()
    form = forms.ConfirmForm()
    if form.is_submitted() and _is_confirmed(form):
        return redirect(url_for("account.list_sessions"), 303)
    return _show_sessions(form)


def _show_sessions(form: forms.ConfirmForm) -> ResponseReturnValue:
    found = accounts.list_sessions(db.session(), security.get_viewer(), guards.now())
    rows = [(row, devices.describe(row.agent)) for row in found]
    return _ask("account/sessions.html", form, rows=rows, own_id=security.get_sign_in().id)


def _is_confirmed(form: forms.ConfirmForm) -> bool:
    """Say whether somebody has shown who they are within the last minutes, or does so now, which then counts as long.

    Whoever found or stole a sign-in must not be able to throw its owner out.
    """
    if identities.is_confirmed(security.get_sign_in(), guards.now()):
        return True
    if _is_shown_anew(form):
        with writing() as transaction:
            token = guards.replace_session(transaction, guards.hold_viewer(transaction))
            accounts.confirm_session(transaction, token, guards.now())
        security.keep_token(token)
    return not form.errors


@blueprint.post("/account/sessions/<int:session_id>/end")
def end_session(session_id: int) -> ResponseReturnValue:
    """Sign one browser out, for somebody who has shown who they are."""
    if session_id not in {row.id for row in accounts.list_sessions(db.session(), security.get_viewer(), guards.now())}:
        raise NotFound("There is no such sign-in, or it has ended already.")
    form = forms.ConfirmForm()
    if not _is_confirmed(form):
        return _show_sessions(form)
    write(lambda transaction: accounts.end_session(transaction, security.get_viewer(), session_id))
    flash("That browser was signed out.")
    return redirect(url_for("account.list_sessions"), 303)


@blueprint.post("/account/sessions/end_all")
def end_all_sessions() -> ResponseReturnValue:
    """Sign every browser out, this one too, for somebody who has shown who they are."""
    security.get_viewer()
    form = forms.ConfirmForm()
    if not _is_confirmed(form):
        return _show_sessions(form)
    write(lambda transaction: accounts.close_all_sessions(transaction, security.get_viewer().id))
    security.drop_token()
    flash("Every browser was signed out.")
    return security.part_with_browser("users.sign_in")


# The password


@blueprint.route("/change_password", methods=["GET", "POST"])
def change_password() -> ResponseReturnValue:
    """Take another password, or the first one, from somebody who shows that the account is theirs."""
    viewer = security.get_viewer()
    form = forms.ChangePasswordForm()
    if form.is_submitted() and _is_shown_anew(form) and _change_password(form, viewer):
        flash("Your password was changed. Every other browser was signed out.")
        return redirect(url_for("account.show"), 303)
    return _ask("account/change_password.html", form)


def _change_password(form: forms.ChangePasswordForm, viewer: User) -> bool:
    try:
        new_hash = guards.hash_chosen(form.password.data or "", viewer)
    except InvalidInput as problem:
        form.add_problem(problem)
        return False
    guards.attempt(Try(Deed.CHANGE_BY_ACCOUNT, viewer.email))
    settings, now = get_settings(), guards.now()
    with writing() as transaction:
        viewer = guards.hold_viewer(transaction)
        recovery.change_password(transaction, viewer, new_hash, guards.get_site(), now)
        token = accounts.open_session(transaction, viewer, guards.get_browser(), now, settings.session_days)
        guards.keep_mark(viewer.id)
    security.keep_token(token)
    return True


def _is_shown_anew(form: forms.ChangePasswordForm | forms.ChangeEmailForm | forms.ConfirmForm) -> bool:
    """Say whether somebody signed in has shown again who they are: by the password, or at a provider just now."""
    viewer = security.get_viewer()
    if viewer.password is None:
        if not identities.is_confirmed(security.get_sign_in(), guards.now()):
            form.add_problem(InvalidInput(UNCONFIRMED))
        return not form.errors
    if not guards.is_password_of(viewer.id, viewer.password, form.current_password.data or ""):
        form.add_problem(InvalidInput("This is not your current password.", "current_password"))
        return False
    return True


def _ask(template: str, form: forms.Form, **context: object) -> ResponseReturnValue:
    is_confirmed = identities.is_confirmed(security.get_sign_in(), guards.now())
    linked = {identity.provider for identity in identities.list_linked(db.session(), security.get_viewer())}
    found = [provider for provider in current_app.extensions["providers"].values() if provider.namespace in linked]
    return forms.show(template, form, is_confirmed=is_confirmed, confirmable=found, **context)


# The end


@blueprint.route("/delete_account", methods=["GET", "POST"])
def delete() -> ResponseReturnValue:
    """Say what goes (GET), then erase the account (POST)."""
    security.get_viewer()
    form = forms.ConfirmForm()
    if form.is_submitted() and _is_shown_anew(form):
        write(lambda transaction: erasure.erase_account(transaction, security.get_viewer(), guards.now()))
        security.drop_token()
        flash("Your account and everything in it was deleted.")
        return security.part_with_browser("users.sign_in")
    return _ask("account/delete.html", form, belongings=erasure.sum_up(db.session(), security.get_viewer()))


# The address


@blueprint.route("/change_email", methods=["GET", "POST"])
def change_email() -> ResponseReturnValue:
    """Send a link to another address, from somebody who shows that the account is theirs."""
    security.get_viewer()
    form = forms.ChangeEmailForm()
    if form.is_submitted() and _is_shown_anew(form) and _send_change(form):
        flash(f"A mail is on its way to {form.email.data}. Its link makes that your address.")
        return redirect(url_for("account.show"), 303)
    return _ask("account/change_email.html", form)


def _send_change(form: forms.ChangeEmailForm) -> bool:
    try:
        address = accounts.normalise_email(form.email.data or "")
        by_recipient = Try(Deed.MAIL_BY_RECIPIENT, address)
        guards.attempt(Try(Deed.MAIL_BY_ADDRESS, guards.get_address()), by_recipient)
        _send_change_to(address, by_recipient)
    except InvalidInput as problem:
        form.add_problem(problem)
    return not form.errors


def _send_change_to(address: str, by_recipient: Try) -> None:
    site_url, now = get_settings().site_url, guards.now()
    try:
        write(lambda transaction: recovery.send_change(transaction, security.get_viewer(), address, site_url, now))
    except InvalidInput:
        # Whoever has the address already got no mail, and must not have to wait for a reset link because of this one.
        with writing() as transaction:
            guards.get_throttles().give_back(transaction, [by_recipient])
        raise


@blueprint.post("/verify_email/send")
def send_verification() -> ResponseReturnValue:
    """Send the mail that confirms the viewer's address again."""
    viewer = security.get_viewer()
    if viewer.email_verified_at is None:
        by_address = Try(Deed.MAIL_BY_ADDRESS, guards.get_address())
        guards.attempt(by_address, Try(Deed.MAIL_BY_RECIPIENT, viewer.email))
        site_url, now = get_settings().site_url, guards.now()
        write(lambda transaction: recovery.send_verification(transaction, security.get_viewer(), site_url, now))
        flash(f"A mail is on its way to {security.get_viewer().email}.")
    return redirect(url_for("account.show"), 303)


@blueprint.route("/verify_email", methods=["GET", "POST"])
def verify_email() -> ResponseReturnValue:
    """Ask (GET), then confirm an address by a link that came to it (POST)."""
    if request.method == "GET" and "token" in request.args:
        return guards.keep_mail_token(VERIFY, request.args["token"])
    token = request.values.get("token") or session.get(VERIFY, "")
    found = recovery.find_verification(db.session(), token, guards.now())
    if found is None:
        session.pop(VERIFY, None)
        return _say_link_is_gone(token)
    # Who has the mailbox did not have to make the account: only somebody who is in it makes it theirs. Otherwise its
    # maker's password would be good for an account that looks like the mailbox' owner's.
    viewer = security.find_viewer()
    is_own = viewer is not None and viewer.id == found.user.id
    if request.method == "GET":
        return render_template("account/verify_email.html", found=found, is_own=is_own)
    if not is_own:
        raise Conflict("Sign in to this account first, and then open the link in the mail once more.")
    write(lambda transaction: recovery.verify_email(transaction, token, get_settings().site_url, guards.now()))
    session.pop(VERIFY, None)
    flash("Your e-mail address is confirmed.")
    return redirect(url_for("account.show"), 303)


def _say_link_is_gone(token: str) -> ResponseReturnValue:
    if security.wants_json():
        raise NotFound(GONE)
    viewer = security.find_viewer()
    if viewer is not None and recovery.is_confirmed_already(viewer, token):
        flash(f"Your address {viewer.email} is confirmed already.")
        return redirect(url_for("account.show"), 303)
    return render_template("users/link_gone.html", message=GONE, is_verification=True), 404
