"""How an owner shares a campaign: the snippet, the sites that may use it, autostart, and the status badge."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app import badges, campaigns, embedding, forms, security
from app.errors import InvalidInput
from app.extensions import db, get_settings, write
from app.models import Campaign

blueprint = Blueprint("sharing", __name__, url_prefix="/campaign/<int:campaign_id>")


def _get_own(campaign_id: int) -> Campaign:
    return campaigns.get_campaign(db.session(), security.get_viewer(), campaign_id)


def _to_page(campaign_id: int, part: str) -> ResponseReturnValue:
    return redirect(url_for("sharing.show", campaign_id=campaign_id, _anchor=part), 303)


@blueprint.get("/embed")
def show(campaign_id: int) -> ResponseReturnValue:
    """Show the snippet as size, theme and autostart in the address ask for it, with a preview."""
    campaign = _get_own(campaign_id)
    return _show(campaign, forms.OriginsForm(origins="\n".join(embedding.list_origins(campaign))))


def _show(campaign: Campaign, form: forms.OriginsForm) -> ResponseReturnValue:
    security.allow_embeds()
    settings = get_settings()
    look = embedding.read_look(request.args)
    return forms.show(
        "sharing/show.html",
        form,
        campaign=campaign,
        look=look,
        sizes=embedding.SIZES.values(),
        themes=embedding.THEMES,
        snippet=embedding.make_snippet(campaign, settings.compute_url, look),
        preview_url=embedding.make_address(campaign, settings.compute_url, look),
        settings=settings,
        visitor_words=embedding.word_for_visitors(campaign, urlsplit(settings.site_url).netloc),
        badge=_describe_badge(campaign),
    )


def _describe_badge(campaign: Campaign) -> dict[str, str] | None:
    if campaign.badge_key is None:
        return None
    path = url_for("badges.show_svg", key=campaign.badge_key)
    url = f"{get_settings().site_url}{path}"
    return {"src": path, "json": f"{url.removesuffix('.svg')}.json", **badges.make_snippets(campaign.name, url)}


@blueprint.post("/embed/origins")
def set_origins(campaign_id: int) -> ResponseReturnValue:
    """Keep the list of sites that may embed the campaign."""
    campaign = _get_own(campaign_id)
    form = forms.OriginsForm()
    try:
        write(lambda session: embedding.set_origins(session, _get_own(campaign_id), form.origins.data or ""))
    except InvalidInput as problem:
        form.add_problem(problem)
        return _show(campaign, form)
    count = len(embedding.list_origins(_get_own(campaign_id)))
    flash("Only the sites on the list show it now." if count else "Every site may show it now.")
    return _to_page(campaign_id, "sites")


@blueprint.post("/embed/autostart")
def set_autostart(campaign_id: int) -> ResponseReturnValue:
    """Allow (allowed=on) or forbid embeds to start without a click."""
    allowed = request.form.get("allowed") == "on"
    _get_own(campaign_id)
    write(lambda session: embedding.set_autostart(session, _get_own(campaign_id), allowed=allowed))
    flash("Pages that ask for it may start without a click now." if allowed else "Nothing starts without a click now.")
    return _to_page(campaign_id, "autostart")


@blueprint.post("/badge")
def renew_badge(campaign_id: int) -> ResponseReturnValue:
    """Make a badge, or give it a new address."""
    had_one = _get_own(campaign_id).badge_key is not None
    write(lambda session: embedding.renew_badge_key(session, _get_own(campaign_id)))
    flash("The badge has a new address; the old one shows nothing any more." if had_one else "The badge is there.")
    return _to_page(campaign_id, "badge")


@blueprint.post("/badge/delete")
def drop_badge(campaign_id: int) -> ResponseReturnValue:
    """Take the badge away."""
    _get_own(campaign_id)
    write(lambda session: embedding.drop_badge_key(session, _get_own(campaign_id)))
    flash("The badge is gone; its address shows nothing any more.")
    return _to_page(campaign_id, "badge")
