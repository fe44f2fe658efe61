"""Changing a campaign: its edit page, copies of it, and folders that leave the site and come back."""

from __future__ import annotations

import datetime as dt
import io

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from app import campaigns, forms, packing, quotas, security
from app.campaigns import Edit, Edited
from app.edit_forms import DuplicateForm, EditForm, ImportForm, fits_text_area
from app.errors import Conflict, InvalidInput
from app.extensions import db, get_settings, write, writing
from app.models import Campaign
from app.wording import count

blueprint = Blueprint("changes", __name__, url_prefix="/campaign")


def _get_own(campaign_id: int) -> Campaign:
    return campaigns.get_campaign(db.session(), security.get_viewer(), campaign_id)


def _to_campaign(campaign_id: int) -> ResponseReturnValue:
    return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)


@blueprint.route("/<int:campaign_id>/edit", methods=["GET", "POST"])
@security.takes_uploads
def edit(campaign_id: int) -> ResponseReturnValue:
    """Show what can be changed of a campaign (GET), and change it (POST)."""
    campaign = _get_own(campaign_id)
    form = EditForm.of(campaign)
    if request.method == "POST":
        wanted = form.read_edit()
        refused = {field.name for field in form.wrong_fields()}
        found = campaigns.find_edit_problems(campaign, wanted, get_settings())
        form.add_problems(problem for problem in found if problem.field not in refused)
        try:
            if wanted.resumes:
                quotas.check_stored(db.session().connection(), campaign.user_id, get_settings())
            if not form.errors:
                return _say_and_leave(campaign_id, wanted, _store(campaign_id, wanted))
        except InvalidInput as problem:
            form.add_problem(problem)
        except Conflict as conflict:
            return _show_conflict(campaign_id, form, conflict)
    return _show_form(form, campaign)


def _store(campaign_id: int, wanted: Edit) -> Edited:
    settings = get_settings()
    return write(lambda session: campaigns.edit_campaign(session, _get_own(campaign_id), wanted, settings))


def _say_and_leave(campaign_id: int, wanted: Edit, edited: Edited) -> ResponseReturnValue:
    said = ["Saved."]
    if edited.version is not None:
        said.append(f"Volunteers now get version {edited.version}.")
    if edited.deleted is not None:
        said.append(f"{count(edited.deleted, 'result')} {'was' if edited.deleted == 1 else 'were'} deleted.")
    elif not wanted.keeps_results:
        said.append("Results were kept, because nothing that volunteers get has changed.")
    flash(" ".join(said))
    return _to_campaign(campaign_id)


def _show_conflict(campaign_id: int, form: EditForm, conflict: Conflict) -> ResponseReturnValue:
    """Give back what was typed, with the mark of what is there now: whoever has looked at it may save theirs."""
    if security.wants_json():
        raise conflict
    campaign = _get_own(campaign_id)
    form.marker.data = campaigns.make_marker(campaign)
    page, _status = _show_form(form, campaign, conflict=conflict.message)
    return page, conflict.http_status


def _show_form(form: EditForm, campaign: Campaign, **context: object) -> tuple[str, int]:
    if form.errors and security.wants_json():
        raise form.first_problem()
    overview = campaigns.get_overview(db.session(), campaign)
    security.allow_sandbox()
    security.allow_editor()
    page = render_template(
        "campaigns/edit.html",
        form=form,
        overview=overview,
        may_change=campaigns.may_change_sources(overview),
        fits={name: fits_text_area(getattr(campaign, name)) for name in ("kernel", "static_dataset")},
        settings=get_settings(),
        **context,
    )
    return page, 422 if form.errors else 200


@blueprint.route("/<int:campaign_id>/duplicate", methods=["GET", "POST"])
def duplicate(campaign_id: int) -> ResponseReturnValue:
    """Ask for a name (GET), then copy the campaign on the server, which a text area could not carry (POST)."""
    campaign = _get_own(campaign_id)
    form = DuplicateForm(data={"name": f"{campaign.name[: campaigns.NAME_MAX - 7]} (copy)"})
    if request.method == "POST":
        try:
            return _to_campaign(_store_copy(campaign_id, form.name.data or ""))
        except InvalidInput as problem:
            form.add_problem(problem)
    return forms.show("campaigns/duplicate.html", form, campaign=campaign)


def _store_copy(campaign_id: int, name: str) -> int:
    with writing() as session:
        owner, now = security.get_viewer(), dt.datetime.now(dt.UTC)
        original = campaigns.get_campaign(session, owner, campaign_id)
        return campaigns.duplicate_campaign(session, owner, original, name, get_settings(), now).id


@blueprint.get("/<int:campaign_id>/export")
def export(campaign_id: int) -> ResponseReturnValue:
    """Give the campaign as a zip file: its folder in the format of the examples."""
    campaign = _get_own(campaign_id)
    file, name = io.BytesIO(packing.pack(campaign)), f"{packing.make_slug(campaign)}.zip"
    return send_file(file, mimetype="application/zip", as_attachment=True, download_name=name)


@blueprint.route("/import", methods=["GET", "POST"])
@security.takes_uploads
def bring_in() -> ResponseReturnValue:
    """Ask for a zip file (GET), and make a campaign of it (POST)."""
    viewer = security.get_viewer()
    form = ImportForm()
    if request.method == "POST":
        try:
            upload = packing.unpack(form.read_file(), get_settings())
            campaigns.check_upload(upload, viewer, get_settings())
            return _to_campaign(_store_upload(upload))
        except InvalidInput as problem:
            form.add_problem(InvalidInput(problem.message, "file"))
    return forms.show("campaigns/import.html", form)


def _store_upload(upload: campaigns.Upload) -> int:
    with writing() as session:
        owner = security.get_viewer()
        return campaigns.create_campaign(session, owner, upload, get_settings(), dt.datetime.now(dt.UTC)).id
