"""Changing a campaign: its edit page, copies of it, and folders that leave the site and come back."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import campaigns, security
from app.campaigns import Edit, Edited
from app.edit_forms import EditForm, fits_text_area
from app.errors import Conflict, InvalidInput
from app.extensions import db, get_settings, write
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
