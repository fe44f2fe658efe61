"""What holds on every page: nothing foreign, nothing refused, nothing invalid, nothing heavy, nothing out of reach."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.pages.table import LOOKS, Look
from tests.browser.pages.town import Town
from tests.browser.pages.walk import Visit, save_html
from tests.processes import ROOT

pytestmark = pytest.mark.browser
VisitPage = Callable[[Look], Visit]
every_page = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)


@every_page
def test_the_page_is_the_one_meant_and_the_browser_has_nothing_to_complain_about(visit: VisitPage, look: Look) -> None:
    seen = visit(look)
    assert (seen.status, seen.complaints) == (look.status, [])


@every_page
def test_nothing_comes_from_a_third_party(visit: VisitPage, town: Town, look: Look) -> None:
    ours = (f"{town.settings.site_url}/", f"{town.settings.compute_url}/", "data:", "blob:")
    assert [address for address in visit(look).addresses if not address.startswith(ours)] == []


@every_page
def test_axe_finds_nothing_in_either_theme(visit: VisitPage, look: Look) -> None:
    assert visit(look).axe == {"light, 1280 px": [], "dark, 390 px": []}


@every_page
def test_the_page_is_within_its_budget(visit: VisitPage, look: Look) -> None:
    weights = visit(look).weights
    assert sum(weights.values()) <= look.budget_bytes, weights


@every_page
def test_a_narrow_screen_need_not_scroll_sideways(visit: VisitPage, look: Look) -> None:
    assert visit(look).too_wide == []


@every_page
def test_no_frame_takes_room_where_the_page_puts_none(visit: VisitPage, look: Look) -> None:
    assert visit(look).stray_frames == []


@every_page
def test_large_numbers_have_separators(visit: VisitPage, look: Look) -> None:
    assert visit(look).bare_numbers == []


@every_page
def test_nothing_moves_for_people_who_asked_for_that(visit: VisitPage, look: Look) -> None:
    assert visit(look).moving == []


@every_page
def test_the_keyboard_reaches_the_main_action_and_shows_where_it_is(visit: VisitPage, look: Look) -> None:
    stops = visit(look).stops
    assert [stop["what"] for stop in stops if not (stop["visible"] and stop["seen"])] == []
    assert not look.action or any(stop["main"] for stop in stops), [stop["what"] for stop in stops]


def test_every_page_is_valid_html(visit: VisitPage, tmp_path: Path) -> None:
    save_html(tmp_path, [visit(look) for look in LOOKS])
    report = tmp_path / "report.json"  # not a pipe, which node leaves before it has written all
    validator = str(ROOT / "node_modules/html-validate/bin/html-validate.mjs")
    command = [str(shutil.which("node")), validator, "--formatter", f"json={report}", "."]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert report.exists(), ended.stderr
    found = {
        f"{Path(page['filePath']).stem}:{message.get('line')} {message.get('ruleId')} {message['message']}"
        for page in json.loads(report.read_text())
        for message in page["messages"]
    }
    assert sorted(found) == []
