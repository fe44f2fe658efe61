"""An owner's campaigns: list, watch, pause, reset, delete, restore. A stranger gets 404 everywhere."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import campaigns, embedding, examples, purge, quotas, security
from app.campaigns import Overview
from app.errors import NotFound
from app.extensions import db, get_settings, write
from app.models import Campaign
from app.wording import count

blueprint = Blueprint("campaigns", __name__, url_prefix="/campaign")


def get_own(campaign_id: int) -> Campaign:
    """Return the viewer's campaign; raises NotSignedIn or NotFound."""
    return campaigns.get_campaign(db.session(), security.get_viewer(), campaign_id)


def _to_campaign(campaign_id: int) -> ResponseReturnValue:
    return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)


@blueprint.get("/all")
def list_all() -> ResponseReturnValue:
    """List the viewer's campaigns."""
    found = campaigns.list_campaigns(db.session(), security.get_viewer())
    return render_template("campaigns/all.html", overviews=found, examples=examples.list_examples())


@blueprint.get("/<int:campaign_id>")
def show(campaign_id: int) -> ResponseReturnValue:
    """Show one campaign: what it is doing, how to embed it, what went wrong."""
    campaign = get_own(campaign_id)
    schedule = campaign.schedule
    excerpt = campaigns.find_excerpt(campaign.dataset_gen, schedule.generation_line) if schedule.generation_line else []
    return render_template(
        "campaigns/show.html",
        overview=campaigns.get_overview(db.session(), campaign),
        excerpt=excerpt,
        errors=campaigns.list_kernel_errors(db.session(), campaign),
        load_error_count=campaigns.count_load_errors(db.session(), campaign),
        settings=get_settings(),
        snippet=embedding.make_snippet(campaign, get_settings().compute_url),
    )


@blueprint.get("/<int:campaign_id>/status")
def show_status(campaign_id: int) -> ResponseReturnValue:
    """Give the moving part of a campaign's page as JSON; its script asks for it every second."""
    campaign = get_own(campaign_id)
    load_errors = campaigns.count_load_errors(db.session(), campaign)
    return {**describe(campaigns.get_overview(db.session(), campaign)), "load_error_count": load_errors}


def describe(overview: Overview) -> dict[str, object]:
    """Return a campaign's state and counts as JSON: state (a word), percent (0 to 100), and whole numbers."""
    schedule, progress = overview.campaign.schedule, overview.progress
    return {
        "state": overview.state.value,
        "percent": round(overview.percent, 3),
        "run": schedule.run,
        "generated": schedule.generated,
        "makes_more": overview.makes_more,
        "is_full": overview.is_full,
        "done": progress.done,
        "value_count": progress.value_count,
        "nothing_count": progress.nothing_count,
        "failed_count": progress.failed_count,
        "compute_ms": progress.compute_ms,
        "generation_error": schedule.generation_error,
        "pause_reason": schedule.pause_reason,
    }


@blueprint.post("/<int:campaign_id>/pause")
def pause(campaign_id: int) -> ResponseReturnValue:
    """Stop handing out datasets."""
    get_own(campaign_id)
    write(lambda session: campaigns.pause_campaign(session, get_own(campaign_id)))
    if request.args.get("then") == "edit":
        return redirect(url_for("changes.edit", campaign_id=campaign_id), 303)
    return _to_campaign(campaign_id)


@blueprint.post("/<int:campaign_id>/resume")
def resume(campaign_id: int) -> ResponseReturnValue:
    """Hand out datasets again; refused while the owner has more stored than the quota allows."""
    campaign = get_own(campaign_id)
    quotas.check_stored(db.session().connection(), campaign.user_id, get_settings())
    write(lambda session: campaigns.resume_campaign(session, get_own(campaign_id)))
    return _to_campaign(campaign_id)


@blueprint.route("/<int:campaign_id>/datasets/reset", methods=["GET", "POST"])
def reset(campaign_id: int) -> ResponseReturnValue:
    """Ask (GET), then delete the results and make every dataset pending again (POST)."""
    campaign = get_own(campaign_id)
    if request.method == "POST":
        write(lambda session: campaigns.reset_campaign(session, get_own(campaign_id)))
        return _to_campaign(campaign_id)
    return render_template("campaigns/reset.html", overview=campaigns.get_overview(db.session(), campaign))


@blueprint.route("/<int:campaign_id>/delete", methods=["GET", "POST"])
def delete(campaign_id: int) -> ResponseReturnValue:
    """Ask (GET), then delete the campaign (POST). It can be restored for a while."""
    campaign = get_own(campaign_id)
    if request.method == "POST":
        write(lambda session: campaigns.delete_campaign(session, get_own(campaign_id), _now()))
        flash(f"“{campaign.name}” is deleted. It can be restored for {count(get_settings().restore_days, 'day')}.")
        return redirect(url_for("campaigns.list_all"), 303)
    overview = campaigns.get_overview(db.session(), campaign)
    return render_template("campaigns/delete.html", overview=overview, settings=get_settings())


@blueprint.get("/deleted")
def list_deleted() -> ResponseReturnValue:
    """List the viewer's deleted campaigns that can be restored, and until when."""
    found = campaigns.find_deleted(db.session(), security.get_viewer(), _find_cutoff())
    kept = dt.timedelta(days=get_settings().restore_days)
    return render_template("campaigns/deleted.html", campaigns=found, kept=kept, settings=get_settings())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _find_cutoff() -> dt.datetime:
    return purge.find_cutoff(get_settings(), _now())


def _get_deleted(campaign_id: int) -> Campaign:
    return campaigns.get_deleted(db.session(), security.get_viewer(), campaign_id, _find_cutoff())


@blueprint.post("/<int:campaign_id>/restore")
def restore(campaign_id: int) -> ResponseReturnValue:
    """Bring a deleted campaign back, paused."""
    security.get_viewer()
    write(lambda session: campaigns.restore_campaign(session, _get_deleted(campaign_id)))
    return _to_campaign(campaign_id)


@blueprint.route("/<int:campaign_id>/erase", methods=["GET", "POST"])
def erase(campaign_id: int) -> ResponseReturnValue:
    """Ask (GET), then delete the campaign for good (POST), whether it was deleted before or not."""
    campaign = _get_any(campaign_id)
    if request.method == "POST":
        write(lambda session: campaigns.erase_campaign(session, _get_any(campaign_id)))
        flash(f"“{campaign.name}” is gone.")
        return redirect(url_for("campaigns.list_all"), 303)
    overview = campaigns.get_overview(db.session(), campaign)
    return render_template("campaigns/erase.html", overview=overview)


def _get_any(campaign_id: int) -> Campaign:
    try:
        return get_own(campaign_id)
    except NotFound:
        return _get_deleted(campaign_id)
