"""A campaign's status badge for anybody who was given its address: a picture for pages, JSON for programs."""

from __future__ import annotations

import dataclasses

from flask import Blueprint, Response, jsonify, make_response, request
from flask.typing import ResponseReturnValue

from app import badges
from app.errors import NotFound
from app.extensions import db, get_settings

MAX_AGE_S = 30
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

blueprint = Blueprint("badges", __name__, url_prefix="/badge")


@blueprint.get("/<string(maxlength=32):key>.svg")
def show_svg(key: str) -> ResponseReturnValue:
    """Show how a campaign gets on as a picture, or one that says that there is none (404)."""
    try:
        picture, status = badges.draw(badges.get_status(db.session(), key), request.args.get("label", "")), 200
    except NotFound:
        picture, status = badges.draw_missing(), 404
    response = make_response(picture, status)
    response.mimetype = "image/svg+xml"
    return _open(response)


@blueprint.get("/<string(maxlength=32):key>.json")
def show_json(key: str) -> ResponseReturnValue:
    """Give the same as JSON; of an unknown key a problem (404)."""
    try:
        return _open(jsonify(dataclasses.asdict(badges.get_status(db.session(), key))))
    except NotFound as error:
        problem = error.as_problem()
        response = make_response({**problem, "type": f"{get_settings().site_url}{problem['type']}"}, 404)
        response.mimetype = "application/problem+json"
        return _open(response)


def _open(response: Response) -> Response:
    """Let any page show it and any program read it, and ask again only after a while."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    response.add_etag()
    response.make_conditional(request)
    return response
