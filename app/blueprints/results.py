"""A campaign's results for its owner: a table, one result, downloads. A stranger gets 404 everywhere."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import campaigns, codec, downloads, results, security
from app.downloads import Format
from app.errors import InvalidInput, ManyhandsError, NotFound
from app.extensions import db, get_settings
from app.models import Campaign

blueprint = Blueprint("results", __name__, url_prefix="/campaign/<int:campaign_id>/results")
CELL_OBJECTS = 100
VALUE_OBJECTS = 2000


@blueprint.app_template_filter()
def cell(data: bytes) -> str:
    """Return the beginning of a msgpack value as one line of text."""
    return codec.shorten(codec.unpack_value(data, max_objects=CELL_OBJECTS))


@blueprint.app_template_filter()
def laid_out(data: bytes) -> str:
    """Return the beginning of a msgpack value as readable text."""
    value = codec.unpack_value(data, max_objects=VALUE_OBJECTS, max_text_bytes=results.VALUE_BYTES)
    return codec.lay_out(value)


def _get_own(campaign_id: int) -> Campaign:
    return campaigns.get_campaign(db.session(), security.get_viewer(), campaign_id)


@blueprint.get("")
def list_all(campaign_id: int) -> ResponseReturnValue:
    """Show the outcomes of the current run in dataset order, 50 a page; ``?dataset=N`` goes to one of them."""
    campaign = _get_own(campaign_id)
    wanted = request.args.get("dataset", "")
    refusal: ManyhandsError | None = None
    if wanted:
        try:
            position = _parse_position(wanted, "dataset")
            results.get_result(db.session(), campaign, position)
            return redirect(url_for("results.show", campaign_id=campaign_id, result_id=position), 303)
        except (InvalidInput, NotFound) as error:
            refusal = error
    html = render_template(
        "results/all.html",
        overview=campaigns.get_overview(db.session(), campaign),
        page=results.list_results(db.session(), campaign, _parse_position(request.args.get("after", "-1"), "after")),
        wanted=wanted,
        refusal=refusal,
        fields=downloads.FIELDS,
    )
    return html, refusal.http_status if refusal else 200


def _parse_position(text: str, field: str) -> int:
    return -1 if text.strip() == "-1" and field == "after" else results.parse_position(text, field)


@blueprint.get("/<int:result_id>")
def show(campaign_id: int, result_id: int) -> ResponseReturnValue:
    """Show one dataset with what became of it."""
    campaign = _get_own(campaign_id)
    row = results.get_result(db.session(), campaign, result_id)
    before, after = results.find_neighbours(db.session(), campaign, result_id)
    errors = results.list_errors(db.session(), campaign, result_id)
    return render_template("results/show.html", campaign=campaign, row=row, before=before, after=after, errors=errors)


@blueprint.get("/raw")
def download_msgpack(campaign_id: int) -> ResponseReturnValue:
    """Give the values as one msgpack array; with ``?fields=`` an array of maps."""
    return _download(campaign_id, Format.MSGPACK)


@blueprint.get("/raw.jsonl")
def download_json_lines(campaign_id: int) -> ResponseReturnValue:
    """Give a line of JSON for each value."""
    return _download(campaign_id, Format.JSON_LINES)


@blueprint.get("/raw.csv")
def download_csv(campaign_id: int) -> ResponseReturnValue:
    """Give a line of CSV for each value."""
    return _download(campaign_id, Format.CSV)


def _download(campaign_id: int, kind: Format) -> ResponseReturnValue:
    campaign = _get_own(campaign_id)
    fields = downloads.parse_fields(request.args.get("fields"), kind)
    # The request's own transaction ends here: a slow client must not hold it (R3).
    name, owned_id = f"campaign-{campaign.id}-results.{kind}", campaign.id
    db.session.remove()
    download = downloads.make_download(db.engine, owned_id, kind, fields, get_settings().instance_dir)
    response = Response(download.iter_chunks(), content_type=downloads.MEDIA_TYPES[kind], direct_passthrough=True)
    response.call_on_close(download.close)
    response.content_length = download.size_bytes
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
