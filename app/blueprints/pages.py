"""The pages about Manyhands itself."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app import campaigns, examples, security, wording
from app.errors import NotFound
from app.extensions import db, get_settings

blueprint = Blueprint("pages", __name__)

for _filter in (wording.ago, wording.size, wording.duration):
    blueprint.add_app_template_filter(_filter)
blueprint.add_app_template_global(wording.count, "count")


@blueprint.get("/")
def show_home() -> ResponseReturnValue:
    """Say in one screen what this is."""
    return render_template("pages/home.html", examples=examples.list_examples())


@blueprint.get("/contribute/<int:campaign_id>")
def show_contribute(campaign_id: int) -> ResponseReturnValue:
    """Let anyone help a campaign on a page of its own; whoever opens an embed may see as much."""
    campaign = campaigns.find_served(db.session(), campaign_id)
    if campaign is None:
        raise NotFound("There is no such campaign, or its owner has deleted it.")
    security.allow_embeds()
    return render_template("pages/contribute.html", campaign=campaign, settings=get_settings())


@blueprint.get("/contribute/any")
def show_contribute_any() -> ResponseReturnValue:
    """Let anyone help whichever listed campaign needs it."""
    security.allow_embeds()
    return render_template("pages/contribute.html", campaign=None, settings=get_settings())


@blueprint.get("/how_it_works")
def show_how_it_works() -> ResponseReturnValue:
    """Say how it works, for owners, for sites and for volunteers."""
    return render_template("pages/how_it_works.html", settings=get_settings())
