"""Trying a campaign's kernel in its owner's own browser, in the sandbox that volunteers' browsers have.

The page opens the inner frame of the compute origin, as an embed page does; what is computed never leaves the browser.
A stranger gets 404 everywhere.
"""

from __future__ import annotations

import dataclasses

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from app import campaigns, downloads, results, security, trials
from app.extensions import db, get_settings
from app.models import Campaign

blueprint = Blueprint("execute", __name__, url_prefix="/campaign/<int:campaign_id>/execute")


def _get_own(campaign_id: int) -> Campaign:
    return campaigns.get_campaign(db.session(), security.get_viewer(), campaign_id)


@blueprint.get("")
def show(campaign_id: int) -> ResponseReturnValue:
    """Show the kernel's source and the form to run it with; ``?dataset=N`` chooses that one."""
    campaign, settings = _get_own(campaign_id), get_settings()
    security.allow_sandbox()
    return render_template(
        "campaigns/execute.html",
        campaign=campaign,
        lines=trials.split_lines(campaign.kernel),
        deadline_ms=campaigns.get_deadline_ms(campaign, settings),
        wanted=request.args.get("dataset", "0"),
        settings=settings,
    )


@blueprint.get("/task")
def show_task(campaign_id: int) -> ResponseReturnValue:
    """Give the kernel and all that it is run with as JSON."""
    return dataclasses.asdict(trials.describe_task(_get_own(campaign_id), get_settings()))


@blueprint.get("/dataset")
def show_dataset(campaign_id: int) -> ResponseReturnValue:
    """Give the dataset of ``?number=N`` (by default the first one, 0) as it is handed to volunteers: msgpack."""
    campaign = _get_own(campaign_id)
    position = results.parse_position(request.args.get("number", "0"), "number")
    data = trials.get_dataset(db.session(), campaign, position)
    return Response(data, content_type=downloads.MEDIA_TYPES[downloads.Format.MSGPACK])
