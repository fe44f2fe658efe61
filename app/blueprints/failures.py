"""A campaign's failed datasets for its owner: why they failed, and another try. A stranger gets 404 everywhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import campaigns, failures, results, security
from app.errors import InvalidInput
from app.extensions import db, write
from app.models import Campaign
from app.wording import count

blueprint = Blueprint("failures", __name__, url_prefix="/campaign/<int:campaign_id>/failed")
# A million failures take longer than anybody waits for a page: who presses again goes on where this ended.
RETRY_LIMIT_S = 8.0
# Between two steps the others may write: on SQLite a writer that never rests starves them.
REST_S = 0.002


def _get_own(campaign_id: int) -> Campaign:
    return campaigns.get_campaign(db.session(), security.get_viewer(), campaign_id)


@blueprint.get("")
def list_all(campaign_id: int) -> ResponseReturnValue:
    """Show why datasets failed, and which ones in their order, 50 a page."""
    campaign, after = _get_own(campaign_id), _parse_after(request.args.get("after", "-1"))
    return render_template(
        "failures/all.html",
        overview=campaigns.get_overview(db.session(), campaign),
        page=failures.list_failures(db.session(), campaign, after),
        reasons=failures.list_reasons(db.session(), campaign),
        reasons_from=failures.REASONS_FROM,
        after=after,
    )


def _parse_after(text: str) -> int:
    if text == "-1":
        return -1
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise InvalidInput("A page of failed datasets begins behind a dataset's number.", "after")
    return min(int(text), results.MAX_POSITION)


@blueprint.post("/retry")
def retry_all(campaign_id: int) -> ResponseReturnValue:
    """Make every failed dataset pending again."""
    return _retry(campaign_id, None)


@blueprint.post("/<int:result_id>/retry")
def retry_one(campaign_id: int, result_id: int) -> ResponseReturnValue:
    """Make one failed dataset pending again."""
    return _retry(campaign_id, [result_id] if result_id <= results.MAX_POSITION else [])


def _retry(campaign_id: int, positions: Sequence[int] | None) -> ResponseReturnValue:
    campaign, page = _get_own(campaign_id), _parse_after(request.args.get("after", "-1"))
    retried, is_all = _retry_in_steps(campaign.id, campaign.schedule.run, positions)
    flash(_say(retried, positions, is_all=is_all))
    return redirect(url_for("failures.list_all", campaign_id=campaign_id, after=None if page == -1 else page), 303)


def _retry_in_steps(campaign_id: int, run: int, positions: Sequence[int] | None) -> tuple[int, bool]:
    """Retry until there are no more or the time is up; return how many datasets it were, and whether it is all."""
    retried, after, give_up_at = 0, -1, time.monotonic() + RETRY_LIMIT_S
    while True:
        step = write(partial(failures.retry_step, campaign_id=campaign_id, run=run, positions=positions, after=after))
        retried += step.count
        if step.after is None:
            return retried, True
        if time.monotonic() > give_up_at:
            return retried, False
        after = step.after
        time.sleep(REST_S)


def _say(retried: int, positions: Sequence[int] | None, *, is_all: bool) -> str:
    if not retried:
        return "There was nothing to retry: it did not fail, or it was retried already."
    if positions:
        return f"Dataset {positions[0]:,} is tried again."
    if is_all:
        return f"{count(retried, 'dataset')} {'is' if retried == 1 else 'are'} tried again."
    return f"{count(retried, 'dataset')} are tried again. There are more: press “Retry all” once more for the rest."
