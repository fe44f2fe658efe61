"""Making a campaign: what to start from, its three sources, and trying them before it is made."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app import campaigns, examples, forms, previews, security
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
    security.allow_sandbox()
    security.allow_editor()
    return forms.show(
        "campaigns/new.html",
        form,
        examples=examples.list_examples(),
        templates=examples.list_examples(examples.TEMPLATES),
        newest_id=campaigns.find_newest_id(db.session(), viewer),
        settings=get_settings(),
    )


@blueprint.post("/previews")
@security.takes_uploads
def ask_preview() -> ResponseReturnValue:
    """Have a dataset generator previewed, sent as in the form; the answer is to be had at the address in Location."""
    viewer = security.get_viewer()
    form = forms.CampaignForm()
    source = form.read_upload().dataset_gen
    if form.dataset_gen.errors:
        raise InvalidInput(form.dataset_gen.errors[0], form.dataset_gen.name)
    with writing() as session:
        preview_id = previews.ask(session, viewer, source, get_settings(), dt.datetime.now(dt.UTC))
    address = url_for("editor.show_preview", preview_id=preview_id)
    return {"id": preview_id, "address": address}, 202, {"Location": address}


@blueprint.get("/previews/<int:preview_id>")
def show_preview(preview_id: int) -> ResponseReturnValue:
    """Give a preview's answer as JSON, its datasets as base64 of what volunteers get; 202 while there is none."""
    answer = previews.find_answer(db.session(), security.get_viewer(), preview_id)
    if answer is None:
        return {"id": preview_id}, 202
    return {
        **dataclasses.asdict(answer),
        "first": [_to_base64(data) for data in answer.first],
        "last": None if answer.last is None else _to_base64(answer.last),
    }


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _prefill() -> dict[str, object]:
    if request.method != "GET":
        return {}
    if slug := request.args.get("example"):
        return _start_from(examples.get_example(slug))
    if slug := request.args.get("template"):
        template = examples.get_example(slug, examples.TEMPLATES)
        # What it computes, and for whom, is for its owner to say.
        return {**_start_from(template), "name": "", "description": "", "beneficiary": ""}
    if campaign_id := request.args.get("from", type=int):
        return _copy_of(campaigns.get_campaign(db.session(), security.get_viewer(), campaign_id))
    return {}


def _start_from(example: examples.Example) -> dict[str, object]:
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


def _copy_of(campaign: Campaign) -> dict[str, object]:
    return {
        "name": campaign.name,
        "description": campaign.description,
        "beneficiary": campaign.beneficiary,
        "kernel_text": campaign.kernel.decode(),
        "static_dataset_text": campaign.static_dataset.decode(),
        "dataset_gen_text": campaign.dataset_gen.decode(),
        **{f"{name}_line_ends": forms.line_ends_of(getattr(campaign, name)) for name in forms.SOURCES},
        "listed": campaign.listed,
        "autostart": campaign.autostart,
        "sloppy": campaign.sloppy,
        "deadline_s": "" if campaign.deadline_ms is None else f"{campaign.deadline_ms / 1000:.15g}",
    }


def _store(upload: campaigns.Upload) -> int:
    with writing() as session:
        owner = security.get_viewer()
        return campaigns.create_campaign(session, owner, upload, get_settings(), dt.datetime.now(dt.UTC)).id
