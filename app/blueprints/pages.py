"""The pages about Manyhands itself, and those on which anybody helps a campaign."""

from __future__ import annotations

import random

from flask import Blueprint, current_app, render_template, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from app import campaigns, examples, security, showcase, wording
from app.errors import InvalidInput, NotFound
from app.extensions import db, get_settings
from app.showcase import Figures, Kept, Offer

FIGURES, RUNNING = "figures of the home page", "running campaigns of the home page"

blueprint = Blueprint("pages", __name__)

for _filter in (wording.ago, wording.size, wording.duration):
    blueprint.add_app_template_filter(_filter)
blueprint.add_app_template_global(wording.count, "count")


@blueprint.record
def _keep_figures(state: BlueprintSetupState) -> None:
    state.app.extensions[FIGURES], state.app.extensions[RUNNING] = Kept[Figures](), Kept[list[int]]()


@blueprint.get("/")
def show_home() -> ResponseReturnValue:
    """Say in one screen what this is, and let whoever comes help a listed campaign right there."""
    security.allow_embeds()
    return render_template(
        "pages/home.html",
        offer=_find_featured(),
        figures=current_app.extensions[FIGURES].get(lambda: showcase.read_figures(db.session())),
        examples=examples.list_examples(),
        settings=get_settings(),
    )


def _find_featured() -> Offer | None:
    """Return one of the listed campaigns that run, another one for each who comes by."""
    running = current_app.extensions[RUNNING].get(lambda: showcase.find_running(db.session()))
    # What was kept may be over meanwhile, or its owner may have deleted it.
    offers = showcase.get_offers(db.session(), [random.choice(running)]) if running else []
    return next(iter(offers), None)


@blueprint.get("/contribute")
def list_contribute() -> ResponseReturnValue:
    """List the campaigns whose owners ask everybody for help."""
    page = showcase.list_listed(db.session(), _parse_before(request.args.get("before", "")))
    return render_template("pages/campaigns.html", page=page, is_first="before" not in request.args)


def _parse_before(text: str) -> int:
    if not text:
        return campaigns.ID_MAX
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput("A page of campaigns ends before a campaign's number.", "before")
    return min(int(text[:11]), campaigns.ID_MAX)


@blueprint.get("/contribute/<int:campaign_id>")
def show_contribute(campaign_id: int) -> ResponseReturnValue:
    """Let anyone help a campaign on a page of its own; whoever opens an embed may see as much."""
    offer = next(iter(showcase.get_offers(db.session(), [campaign_id])), None) if _is_id(campaign_id) else None
    if offer is None:
        raise NotFound("There is no such campaign, or its owner has deleted it.")
    security.allow_embeds()
    return render_template("pages/contribute.html", offer=offer, campaign=offer.campaign, settings=get_settings())


def _is_id(number: int) -> bool:
    return number <= campaigns.ID_MAX


@blueprint.get("/contribute/any")
def show_contribute_any() -> ResponseReturnValue:
    """Let anyone help whichever listed campaign needs it."""
    security.allow_embeds()
    return render_template("pages/contribute.html", offer=None, campaign=None, settings=get_settings())


@blueprint.get("/how_it_works")
def show_how_it_works() -> ResponseReturnValue:
    """Say how it works, with a picture, and what the limits are."""
    return render_template("pages/how_it_works.html", settings=get_settings())
