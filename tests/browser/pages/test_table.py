"""No page is forgotten by the walk over all pages."""

from __future__ import annotations

from pathlib import Path

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map

from app import create_app
from app.settings import Settings
from tests.browser.pages.table import LOOKS, NOT_PAGES, Look

PLACES = dict.fromkeys(("finished", "running", "failed", "paused", "deleted", "reset", "confirmation"), 1)


def make_maps(folder: Path) -> dict[str, Map]:
    """Return the addresses of both surfaces, by how a path of the table begins."""
    settings = Settings(instance_dir=str(folder))
    return {"": create_app("web", settings).url_map, "embed:": create_app("socket", settings).url_map}


def find_endpoint(maps: dict[str, Map], look: Look) -> str:
    """Return what answers a page of the table; "": nothing does, and that is what the page shows."""
    surface = "embed:" if look.path.startswith("embed:") else ""
    path = look.path.format(**PLACES).removeprefix(surface).split("?")[0]
    try:
        return str(maps[surface].bind("localhost").match(path)[0])
    except NotFound:
        assert look.status == 404, look
        return ""


def test_every_address_that_can_be_read_is_walked_or_is_no_page(tmp_path: Path) -> None:
    maps = make_maps(tmp_path)
    rules = [rule for surface in maps.values() for rule in surface.iter_rules()]
    readable = {rule.endpoint for rule in rules if "GET" in (rule.methods or ())}
    walked = {find_endpoint(maps, look) for look in LOOKS} - {""}
    assert readable - walked == set(NOT_PAGES)
    assert not walked & set(NOT_PAGES)
