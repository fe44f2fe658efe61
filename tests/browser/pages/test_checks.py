"""The checks of the walk can fail: each finds its fault on a page that is made to have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.pages.walk import TOOLS

pytestmark = pytest.mark.browser
TURN = "@keyframes turn { to { rotate: 1turn } }"
MOVING = {
    "an animation": f"{TURN} p {{ animation: turn 1s infinite }}",
    "a transition": "p { transition: color .2s }",
    "a pseudo-element": f"{TURN} p::after {{ content: 'x'; animation: turn 1s infinite }}",
    "smooth scrolling": "p { scroll-behavior: smooth }",
}


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    """A page of somebody who would rather have nothing move."""
    with chromium.new_context(reduced_motion="reduce") as context:
        yield context.new_page()


def show(page: Page, body: str, style: str = "") -> None:
    page.set_content(f"<style>{style}</style>{body}")
    page.evaluate(TOOLS)


@pytest.mark.parametrize("style", MOVING.values(), ids=MOVING.keys())
def test_what_moves_is_found_and_what_stops_for_those_who_asked_is_not(page: Page, style: str) -> None:
    show(page, "<p>Here</p>", style)
    assert page.evaluate("walk.listMoving()") == ["<p>Here</p>"]
    show(page, "<p>Here</p>", f"@media (prefers-reduced-motion: no-preference) {{ {style} }}")
    assert page.evaluate("walk.listMoving()") == []


def test_a_frame_that_takes_room_is_found_unless_the_page_has_put_it_there(page: Page) -> None:
    show(
        page,
        "<main><iframe class='embed'></iframe></main><iframe class='inner' style='width:0;height:0;border:0'></iframe>",
    )
    assert page.evaluate("walk.listStrayFrames()") == []
    page.evaluate("document.body.append(document.createElement('iframe'))")
    assert page.evaluate("walk.listStrayFrames()") == ["<iframe></iframe> 304 x 154"]
