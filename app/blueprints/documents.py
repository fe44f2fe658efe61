"""The documents of docs/ as pages, and the figures of the benchmark."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, send_from_directory
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app import figures, library
from app.errors import NotFound

blueprint = Blueprint("documents", __name__)


@blueprint.get("/docs/")
def show_index() -> ResponseReturnValue:
    """Say where to start, and list all documents."""
    return _show(library.INDEX)


@blueprint.get("/docs/<path:name>")
def show(name: str) -> ResponseReturnValue:
    """Show one document."""
    return _show(name)


@blueprint.get("/docs/images/<name>")
def show_image(name: str) -> Response:
    """Send a picture of the documents."""
    return send_from_directory(library.ROOT / library.IMAGES, name)


@blueprint.get("/benchmarks")
def show_benchmarks() -> ResponseReturnValue:
    """Show what the benchmark measured last."""
    return render_template("documents/benchmarks.html", report=figures.read_report())


def _show(name: str) -> str:
    document = library.find_document(name)
    if document is None:
        raise NotFound("There is no document of this name.")
    body, shelves = Markup(document.html), library.list_shelves()
    return render_template("documents/show.html", document=document, body=body, shelves=shelves)
