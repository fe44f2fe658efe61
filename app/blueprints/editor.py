"""Making a campaign: what to start from, its three sources, and trying them before it is made."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app import campaigns, examples, forms, security
from app.errors import InvalidInput
from app.extensions import db, get_settings, writing
from app.models import Campaign

blueprint = Blueprint("editor", __name__, url_prefix="/campaign")


@blueprint.route("/new", methods=["GET", "POST", "PUT"])
@security.takes_uploads
def new() -> ResponseReturnValue:
    """Take a new campaign: a form from browsers, the same fields by PUT from programs."""
    viewer = security.get_viewer()
    form = forms.CampaignForm(data=_prefill())
    if form.is_submitted():
        upload = form.read_upload()
        refused = {field.name for field in form.wrong_fields()}
        found = campaigns.iter_problems(upload, viewer, get_settings())
        form.add_problems(problem for problem in found if problem.field not in refused)
        try:
            if not form.errors:
                return redirect(url_for("campaigns.show", campaign_id=_store(upload)), 303)
        except InvalidInput as problem:  # their quota has no room for it
            form.add_problem(problem)
    return forms.show("campaigns/new.html", form, examples=examples.list_examples(), settings=get_settings())


def _prefill() -> dict[str, object]:
    if request.method != "GET":
        return {}
    if slug := request.args.get("example"):
        example = examples.get_example(slug)
        return {
            "name": example.name,
            "description": example.description,
            "beneficiary": example.beneficiary,
            "kernel_text": example.kernel,
            "static_dataset_text": example.static_dataset,
            "dataset_gen_text": example.dataset_gen,
            "autostart": example.about.autostart,
            "sloppy": example.about.sloppy,
            "deadline_s": "" if example.about.deadline_s is None else f"{example.about.deadline_s:.15g}",
        }
    if campaign_id := request.args.get("from", type=int):
        return _copy_of(campaigns.get_campaign(db.session(), security.get_viewer(), campaign_id))
    return {}


def _copy_of(campaign: Campaign) -> dict[str, object]:
    return {
        "name": campaign.name,
        "description": campaign.description,
        "beneficiary": campaign.beneficiary,
        "kernel_text": campaign.kernel.decode(),
        "static_dataset_text": campaign.static_dataset.decode(),
        "dataset_gen_text": campaign.dataset_gen.decode(),
        "listed": campaign.listed,
        "autostart": campaign.autostart,
        "sloppy": campaign.sloppy,
        "deadline_s": "" if campaign.deadline_ms is None else f"{campaign.deadline_ms / 1000:.15g}",
    }


def _store(upload: campaigns.Upload) -> int:
    with writing() as session:
        owner = security.get_viewer()
        return campaigns.create_campaign(session, owner, upload, get_settings(), dt.datetime.now(dt.UTC)).id
