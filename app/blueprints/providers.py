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

from app import accounts, guards, identities, security
from app.errors import InvalidInput, NotFound, SignInRefused
from app.extensions import db, get_settings, writing
from app.models import User, UserSession
from app.providers import Flow, Provider, Purpose, Shown, make_providers
from app.providers.flow import STALE

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
    if "link" in request.form:
        return _leave(_get_provider(request.form["link"]), Purpose.LINK, url_for("providers.show_linked"))
    if not request.form.get("unlink", "").isascii() or not request.form.get("unlink", "").isdigit():
        raise NotFound()
    with writing() as transaction:
        identities.unlink(transaction, security.get_viewer(), int(request.form["unlink"][:9]))
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
    target = target if security.is_local_path(target) and len(target) <= NEXT_MAX else ""
    viewer = security.find_viewer() if purpose is not Purpose.SIGN_IN else None
    flow = Flow(provider.name, purpose, target, int(_now().timestamp()), viewer.id if viewer else None)
    _rest_database()
    address = provider.make_address(flow, _callback_of(provider))
    _keep_flow(flow)
    return render_template("users/leave.html", provider=provider, address=address)


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
    _rest_database()
    shown = provider.finish(flow, _callback_of(provider), request.args.to_dict())
    if flow.purpose is Purpose.SIGN_IN:
        _sign_in(shown)
    elif flow.purpose is Purpose.LINK:
        _link(shown)
    else:
        _confirm(provider, flow, shown)
    return redirect(flow.next or url_for("campaigns.list_all"), 303)


def _sign_in(shown: Shown) -> None:
    with writing() as transaction:
        token = _replace_session(identities.come_in(transaction, shown, _now()))
    security.keep_token(token)


def _link(shown: Shown) -> None:
    with writing() as transaction:
        identities.link(transaction, security.get_viewer(), shown, _now())


def _confirm(provider: Provider, flow: Flow, shown: Shown) -> None:
    with writing() as transaction:
        viewer = security.get_viewer()
        identities.check_confirmation(transaction, viewer, shown, flow, tells_freshness=provider.tells_freshness)
        token = _replace_session(viewer)
        row = accounts.find_session(transaction, token, _now())
        assert row is not None, "it was opened in this transaction"
        row.confirmed_at = _now()
    security.keep_token(token)


def _replace_session(user: User) -> str:
    # Who shows who they are gets a new token, so that one that was fixed or seen before is worth nothing.
    old_token = security.get_token()
    if old_token:
        accounts.close_session(db.session(), old_token)
    guards.keep_mark(user.id)
    return accounts.open_session(db.session(), user, guards.get_browser(), _now(), get_settings().session_days)


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
