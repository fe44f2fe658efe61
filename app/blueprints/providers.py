"""Signing in, linking and confirming through a provider.

The way there is a page with a link that the browser follows by itself, not an answer to the form that redirects:
Chromium holds form-action against every redirect that follows a form, and a provider may send people on to sites that
nobody here knows (a company's own sign-in). So no page's policy names a site, and form-action stays 'self'.
"""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import accounts, guards, identities, security
from app.errors import InvalidInput, NotFound, NotSignedIn, ProviderFailed, SignInRefused
from app.extensions import db, get_settings, write, writing
from app.models import User, UserSession
from app.providers import FLOW_LASTS_S, Flow, Provider, Purpose, Shown, make_providers
from app.providers.flow import STALE
from app.throttling import Deed, Try

blueprint = Blueprint("providers", __name__)
FLOWS = "flows"  # the key in the signed session cookie, by state
NOTICE = "provider_notice"
# More sign-ins than this, begun and not ended, would make the cookie larger than browsers keep.
FLOWS_MAX = 3
NEXT_MAX = 300


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    state.app.extensions["providers"] = make_providers(state.app.extensions["settings"])
    state.app.add_template_global(list_providers)
    state.app.add_template_global(take_notice, "take_provider_notice")


def list_providers() -> list[Provider]:
    """Return the providers that are switched on, in the order of their buttons."""
    return list(current_app.extensions["providers"].values())


def take_notice() -> str:
    """Return what a provider's answer ended in, once, for the page that somebody was sent back to."""
    return str(session.pop(NOTICE, ""))


@blueprint.post("/signin/<provider>")
def start(provider: str) -> ResponseReturnValue:
    """Begin a sign-in with a provider."""
    return _leave(_get_provider(provider), Purpose.SIGN_IN, request.form.get("next", ""))


@blueprint.get("/signin/<provider>/callback")
def finish(provider: str) -> ResponseReturnValue:
    """Take a provider's answer, for whatever somebody was sent there."""
    asked = _get_provider(provider)
    flow = _take_flow(request.args.get("state", ""))
    try:
        if flow is None:
            raise SignInRefused(STALE)
        flow.check(asked.name, request.args["state"], _now())
        return _act(asked, flow)
    except SignInRefused as refusal:
        if security.wants_json():
            raise
        session[NOTICE] = refusal.message
        return redirect(_way_back(asked, flow), 303)


@blueprint.route("/confirm/<provider>", methods=["GET", "POST"])
def confirm(provider: str) -> ResponseReturnValue:
    """Have somebody show anew who they are, before something that cannot be undone."""
    viewer = security.get_viewer()
    asked = _get_provider(provider)
    if asked.namespace not in {identity.provider for identity in identities.list_linked(db.session(), viewer)}:
        raise NotFound()
    if request.method == "POST":
        return _leave(asked, Purpose.CONFIRM, request.form.get("next", ""))
    return render_template("users/confirm.html", provider=asked, next=request.args.get("next", ""))


@blueprint.route("/account/providers", methods=["GET", "POST"])
def show_linked() -> ResponseReturnValue:
    """Show which accounts elsewhere open this one; link one more or unlink one."""
    viewer = security.get_viewer()
    problem = _change_links() if request.method == "POST" else None
    if isinstance(problem, InvalidInput | None):
        page = render_template("account/providers.html", problem=problem, **_describe_links(viewer))
        return page, 422 if problem else 200
    return problem


def _describe_links(viewer: User) -> dict[str, object]:
    linked = identities.list_linked(db.session(), viewer)
    used = {identity.provider for identity in linked}
    return {
        "linked": linked,
        "labels": {provider.namespace: provider.label for provider in list_providers()},
        "offered": list_providers(),
        "confirmable": [provider for provider in list_providers() if provider.namespace in used],
        "confirmed": identities.is_confirmed(_get_row(), _now()),
        "has_password": viewer.password is not None,
    }


def _change_links() -> ResponseReturnValue | InvalidInput:
    """Link or unlink, for somebody who has shown who they are; else return what is missing."""
    try:
        _require_confirmation(request.form.get("password", ""))
    except InvalidInput as problem:
        if security.wants_json():
            raise
        return problem
    guards.attempt(Try(Deed.CHANGE_BY_ACCOUNT, security.get_viewer().email))
    if "link" in request.form:
        return _leave(_get_provider(request.form["link"]), Purpose.LINK, url_for("providers.show_linked"))
    if not request.form.get("unlink", "").isascii() or not request.form.get("unlink", "").isdigit():
        raise NotFound()
    with writing() as transaction:
        number = int(request.form["unlink"][:9])
        identities.unlink(transaction, guards.hold_viewer(transaction), number, guards.get_site(), _now())
    return redirect(url_for("providers.show_linked"), 303)


def _require_confirmation(password: str) -> None:
    # Who finds a browser open must not be able to lay a way of their own into the account.
    viewer = security.get_viewer()
    if identities.is_confirmed(_get_row(), _now()):
        return
    if viewer.password is None:
        raise InvalidInput("Confirm first that it is you, with a provider that is linked already.")
    if not guards.is_password_of(viewer.id, viewer.password, password):
        raise InvalidInput("This is not your password.", "password")


# The way there


def _get_provider(name: str) -> Provider:
    found: Provider | None = current_app.extensions["providers"].get(name)
    if found is None:
        raise NotFound()
    return found


def _leave(provider: Provider, purpose: Purpose, target: str) -> ResponseReturnValue:
    guards.attempt(_find_try())
    target = target if security.is_local_path(target) and len(target) <= NEXT_MAX else ""
    viewer = security.find_viewer() if purpose is not Purpose.SIGN_IN else None
    flow = Flow(provider.name, purpose, target, int(_now().timestamp()), viewer.id if viewer else None)
    _rest_database()
    try:
        address = provider.make_address(flow, _callback_of(provider))
    except ProviderFailed:
        # A provider that is down uses up nobody's sign-ins; it rests by itself after each failure.
        with writing() as transaction:
            guards.get_throttles().give_back(transaction, [_find_try()])
        raise
    _keep_flow(flow)
    return render_template("users/leave.html", provider=provider, address=address)


def _find_try() -> Try:
    return Try(Deed.PROVIDER_BY_ADDRESS, guards.get_address())


def _callback_of(provider: Provider) -> str:
    # By the setting, not by the request's Host, which anybody can write.
    return get_settings().site_url + url_for("providers.finish", provider=provider.name)


def _rest_database() -> None:
    # A provider may take seconds to answer: others may have our connection meanwhile.
    db.session().rollback()


def _keep_flow(flow: Flow) -> None:
    flows = dict(list(session.get(FLOWS, {}).items())[1 - FLOWS_MAX :])
    session[FLOWS] = {**flows, flow.state: flow.as_json()}


def _take_flow(state: str) -> Flow | None:
    flows = dict(session.get(FLOWS, {}))
    kept = flows.pop(state, None)
    session[FLOWS] = flows
    return Flow.from_json(kept) if kept else None


# The way back


def _act(provider: Provider, flow: Flow) -> ResponseReturnValue:
    if flow.purpose is not Purpose.SIGN_IN:
        viewer = security.find_viewer()
        if viewer is None or viewer.id != flow.user_id:
            raise SignInRefused(STALE)
    _take_answer(flow)
    shown = provider.finish(flow, _callback_of(provider), request.args.to_dict())
    if flow.purpose is Purpose.LINK:
        _link(shown)
    else:
        security.keep_token(_sign_in(shown) if flow.purpose is Purpose.SIGN_IN else _confirm(provider, flow, shown))
    return redirect(flow.next or url_for("campaigns.list_all"), 303)


def _take_answer(flow: Flow) -> None:
    # Whoever keeps the cookie of a sign-in could otherwise have us ask the provider again and again (P1).
    with writing() as transaction:
        is_first = guards.get_throttles().take_once(transaction, flow.state, dt.timedelta(seconds=FLOW_LASTS_S), _now())
    if not is_first:
        raise SignInRefused(STALE)


def _give_back(transaction: Session, shown: Shown) -> None:
    """Uncount a sign-in that ended well, but for those of an account that had very many; see throttling.py."""
    throttles = guards.get_throttles()
    by_account = Try(Deed.PROVIDER_BY_ACCOUNT, f"{shown.provider} {shown.subject}")
    if not throttles.take(transaction, [by_account], _now()):
        throttles.give_back(transaction, [_find_try()])


def _sign_in(shown: Shown) -> str:
    def come_in(transaction: Session) -> str:
        user = identities.come_in(transaction, shown, guards.get_site(), _now())
        _give_back(transaction, shown)
        return guards.replace_session(transaction, user)

    return write(come_in)


def _link(shown: Shown) -> None:
    def add(transaction: Session) -> None:
        identities.link(transaction, _hold_viewer(transaction), shown, guards.get_site(), _now())
        _give_back(transaction, shown)

    write(add)


def _confirm(provider: Provider, flow: Flow, shown: Shown) -> str:
    def note(transaction: Session) -> str:
        viewer = _hold_viewer(transaction)
        identities.check_confirmation(transaction, viewer, shown, flow, tells_freshness=provider.tells_freshness)
        _give_back(transaction, shown)
        token = guards.replace_session(transaction, viewer)
        accounts.confirm_session(transaction, token, _now())
        return token

    return write(note)


def _hold_viewer(transaction: Session) -> User:
    try:
        return guards.hold_viewer(transaction)
    except NotSignedIn:
        raise SignInRefused(STALE) from None


def _way_back(provider: Provider, flow: Flow | None) -> str:
    if flow is not None and flow.purpose is Purpose.CONFIRM:
        return url_for("providers.confirm", provider=provider.name, next=flow.next or None)
    if flow is not None and flow.purpose is Purpose.LINK:
        return url_for("providers.show_linked")
    return url_for("users.sign_in", next=(flow.next if flow else "") or None)


def _get_row() -> UserSession:
    row = accounts.find_session(db.session(), security.get_token() or "", _now())
    if row is None:
        raise SignInRefused(STALE)
    return row


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
