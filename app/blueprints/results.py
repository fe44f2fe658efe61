"""A campaign's results: a table, one result, downloads. For their owner, and for everyone where the owner said so."""

from __future__ import annotations

import contextlib
from functools import partial

import sqlalchemy as sa
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import (
    campaigns,
    codec,
    delivery,
    downloads,
    guards,
    ledger,
    results,
    security,
    sheets,
    snapshots,
    throttling,
    trials,
)
from app.campaigns import State
from app.delivery import Parcel
from app.downloads import Format, Survey, Values
from app.drafts import Draft, Facts, Reader
from app.errors import InvalidInput, ManyhandsError, NotFound
from app.extensions import db, get_settings, making_for_visitors, sending_to_visitors
from app.models import Campaign
from app.snapshots import Key
from app.turns import Turns

blueprint = Blueprint("results", __name__, url_prefix="/campaign/<int:campaign_id>/results")
VALUE_OBJECTS = 2000
TURN_WAIT_S = 5.0
SURVEY_S = 2.0  # for counting all values before the first byte of a download, and as long for its date


@blueprint.app_template_filter()
def cell(data: bytes) -> str:
    """Return the beginning of a msgpack value as one line of text."""
    return codec.shorten(codec.unpack_value(data, max_objects=sheets.OBJECTS))


@blueprint.app_template_filter()
def laid_out(data: bytes) -> str:
    """Return the beginning of a msgpack value as readable text."""
    value = codec.unpack_value(data, max_objects=VALUE_OBJECTS, max_text_bytes=results.VALUE_BYTES)
    return codec.lay_out(value)


def _get_readable(campaign_id: int) -> Campaign:
    return campaigns.get_readable(db.session(), security.find_viewer(), campaign_id)


def _is_own(campaign: Campaign) -> bool:
    viewer = security.find_viewer()
    return viewer is not None and viewer.id == campaign.user_id


@blueprint.get("")
def list_all(campaign_id: int) -> ResponseReturnValue:
    """Show the outcomes of the current run in dataset order, 50 a page; ``?dataset=N`` goes to one of them."""
    campaign = _get_readable(campaign_id)
    wanted = request.args.get("dataset", "")
    refusal: ManyhandsError | None = None
    if wanted:
        try:
            position = _parse_position(wanted, "dataset")
            results.get_result(db.session(), campaign, position)
            return redirect(url_for("results.show", campaign_id=campaign_id, result_id=position), 303)
        except (InvalidInput, NotFound) as error:
            refusal = error
    page = results.list_results(db.session(), campaign, _parse_position(request.args.get("after", "-1"), "after"))
    html = render_template(
        "results/all.html",
        overview=campaigns.get_overview(db.session(), campaign),
        page=page,
        sheet=sheets.make_sheet(page.rows),
        wanted=wanted,
        refusal=refusal,
        fields=downloads.FIELDS,
        is_own=_is_own(campaign),
        site_url=get_settings().site_url,
    )
    return html, refusal.http_status if refusal else 200


def _parse_position(text: str, field: str) -> int:
    return -1 if text.strip() == "-1" and field == "after" else results.parse_position(text, field)


@blueprint.get("/<int:result_id>")
def show(campaign_id: int, result_id: int) -> ResponseReturnValue:
    """Show one dataset with what became of it; to its owner also on whose device, and what went wrong there."""
    campaign = _get_readable(campaign_id)
    row, is_own = results.get_result(db.session(), campaign, result_id), _is_own(campaign)
    before, after = results.find_neighbours(db.session(), campaign, result_id)
    return render_template(
        "results/show.html",
        campaign=campaign,
        row=row,
        before=before,
        after=after,
        is_own=is_own,
        errors=results.list_errors(db.session(), campaign, result_id) if is_own else [],
        device=results.find_device(db.session(), row.volunteer_id) if is_own else "",
    )


# One value


@blueprint.get("/<int:result_id>/raw")
def download_result(campaign_id: int, result_id: int) -> ResponseReturnValue:
    """Give one result's msgpack bytes."""
    campaign = _get_readable(campaign_id)
    return _send_value(campaign, results.get_value(db.session(), campaign, result_id), f"result-{result_id}", "msgpack")


@blueprint.get("/<int:result_id>/raw.json")
def download_result_json(campaign_id: int, result_id: int) -> ResponseReturnValue:
    """Give one result as JSON."""
    campaign = _get_readable(campaign_id)
    return _send_value(campaign, results.get_value(db.session(), campaign, result_id), f"result-{result_id}", "json")


@blueprint.get("/<int:result_id>/dataset/raw")
def download_dataset(campaign_id: int, result_id: int) -> ResponseReturnValue:
    """Give one dataset's msgpack bytes."""
    campaign = _get_readable(campaign_id)
    return _send_value(
        campaign, trials.get_dataset(db.session(), campaign, result_id), f"dataset-{result_id}", "msgpack"
    )


@blueprint.get("/<int:result_id>/dataset/raw.json")
def download_dataset_json(campaign_id: int, result_id: int) -> ResponseReturnValue:
    """Give one dataset as JSON."""
    campaign = _get_readable(campaign_id)
    return _send_value(campaign, trials.get_dataset(db.session(), campaign, result_id), f"dataset-{result_id}", "json")


def _send_value(campaign: Campaign, data: bytes, what: str, ending: str) -> Response:
    is_json, name = ending == "json", f"campaign-{campaign.id}-{what}.{ending}"
    parcel = _address(campaign, name, "application/json" if is_json else downloads.MEDIA_TYPES[Format.MSGPACK])
    db.session.remove()
    if is_json:
        return delivery.send_once(parcel, map(str.encode, codec.iter_json(data)), None, lambda: None)
    return delivery.send_once(parcel, iter((data,)), len(data), lambda: None)


# All values


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
    """Send a finished campaign's values as a file that is kept, and a running one's as one made for this answer."""
    campaign = _get_readable(campaign_id)
    fields = downloads.parse_fields(request.args.get("fields"), kind)
    parcel = _address(campaign, f"campaign-{campaign.id}-results.{kind}", downloads.MEDIA_TYPES[kind])
    overview = campaigns.get_overview(db.session(), campaign)
    values = overview.progress.value_count
    key = snapshots.make_key(campaign, values, kind.value, fields, is_gzip=parcel.is_gzip)
    visitor = _find_visitor(campaign)
    # The request's own transaction ends here: a slow client must not hold it (R3).
    db.session.remove()
    with delivery.telling_no_room():
        if overview.state is State.DONE:
            # Reset, deleted or tried again in this very moment: then as a running one.
            with contextlib.suppress(snapshots.Changed):
                write = partial(_write, db.engine, key, kind, fields, visitor)
                return delivery.send_kept(parcel, key, _find_kept(key, write))
        if request.method == "HEAD":
            return delivery.describe_once(parcel)
        return _send_running(parcel, campaign_id, kind, fields, visitor)


def _send_running(
    parcel: Parcel, campaign_id: int, kind: Format, fields: tuple[str, ...], visitor: str | None
) -> ResponseReturnValue:
    with contextlib.ExitStack() as held:
        held.enter_context(_take_turn(sending_to_visitors, visitor))
        with _take_turn(making_for_visitors, visitor):
            download = downloads.make_download(db.engine, campaign_id, kind, fields, get_settings().instance_dir)
        held.callback(download.close)
        return delivery.send_once(parcel, download.iter_chunks(), download.size_bytes, held.pop_all().close)


def _take_turn(turns: Turns, visitor: str | None) -> contextlib.AbstractContextManager[None]:
    """Let only so many visitors do something at once, so that they never keep the owner from it or fill the disk.

    Args:
        visitor: the address that counts; None, for the owner.
    """
    return contextlib.nullcontext() if visitor is None else turns.take(visitor, TURN_WAIT_S)


def _find_visitor(campaign: Campaign) -> str | None:
    return None if _is_own(campaign) else throttling.normalise_address(guards.get_address())


def _address(campaign: Campaign, name: str, media_type: str) -> Parcel:
    is_gzip = delivery.accepts_gzip(request.accept_encodings)
    return Parcel(name, media_type, is_gzip=is_gzip, is_public=campaign.results_public)


def _find_kept(key: Key, write: snapshots.Writer) -> Reader | None:
    """Return the file of a finished campaign's values; None where the answer has none to show."""
    if delivery.is_current(key):
        return None
    return delivery.get_kept().find(key) if request.method == "HEAD" else delivery.open_kept(key, write)


def _write(
    engine: sa.Engine, key: Key, kind: Format, fields: tuple[str, ...], visitor: str | None, draft: Draft
) -> int:
    """Write a finished campaign's values, in a thread that knows no request, and return when the newest was stored.

    Raises:
        Changed: the values are not those any more that the key stands for; known before the first byte, but where there
            are too many of them to be counted and the counters are wrong.
    """
    with _take_turn(making_for_visitors, visitor), downloads.open_values(engine, key.campaign_id) as values:
        told = _read_counters(values)
        # Where looking takes too long, the counters are believed: the end of the file will tell.
        survey = values.survey(told.size_bytes / max(1, told.count), SURVEY_S) or told
        _check(key, values.run, survey.count)
        head = downloads.make_head(kind, fields, survey.count)
        is_sized = kind is Format.MSGPACK and not fields and not key.is_gzip
        draft.announce(Facts(len(head) + survey.size_bytes if is_sized else None, survey.newest_ms))
        with delivery.open_packer(draft.file, is_gzip=key.is_gzip) as body:
            body.write(head)
            _check(key, values.run, values.write(kind, fields, body))
        if survey.newest_ms is None:
            survey = values.survey(told.size_bytes / max(1, told.count)) or survey
    return survey.newest_ms or 0


def _read_counters(values: Values) -> Survey:
    progress = ledger.sum_progress(values.connection, [(values.campaign_id, values.run)])[values.campaign_id]
    return Survey(progress.value_count, progress.result_bytes, None)


def _check(key: Key, run: int, count: int) -> None:
    if (run, count) != (key.run, key.value_count):
        raise snapshots.Changed
