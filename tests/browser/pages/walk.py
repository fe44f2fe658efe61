"""Opening one page of the table and writing down all that the tests ask about it, in one go: pages load slowly."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, expect

from tests.browser.pages.table import Look
from tests.browser.pages.town import Town
from tests.processes import ROOT

WIDE, SMALL = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
AXE = (ROOT / "node_modules/axe-core/axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOOLS = (Path(__file__).parent / "walk.js").read_text()
NOTE_VIOLATIONS = """
  globalThis.violations = [];
  addEventListener('securitypolicyviolation', (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""
WEIGHED = {"document", "stylesheet", "script", "image", "font"}
MOST_STOPS = 90
SLIP_MS = 20_000
# What the validator's presets hold beside the standard, and why we do without.
MATTERS_OF_TASTE = {
    "no-trailing-whitespace": "off",  # templates are laid out for those who read them
    "doctype-style": "off",  # its case means nothing
    "long-title": "off",  # campaigns' names are their owners'
    "no-implicit-button-type": "off",  # the default, which sends the form, is what a button without a type means
    "wcag/h32": "off",  # the editor's form for trying a kernel sends nothing: it groups what is no part of the campaign
    "form-dup-name": ["error", {"shared": ["radio", "button", "reset", "submit"]}],  # which button was pressed
    "prefer-native-element": ["error", {"exclude": ["region"]}],  # a <pre> that scrolls has no native element
}


@dataclasses.dataclass
class Visit:
    """What came of opening a page."""

    look: Look
    status: int = 0
    html: str = ""
    complaints: list[str] = dataclasses.field(default_factory=list)  # console, exceptions, policy
    addresses: list[str] = dataclasses.field(default_factory=list)
    weights: dict[str, int] = dataclasses.field(default_factory=dict)  # gzipped bytes by address
    axe: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    stops: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    moving: list[str] = dataclasses.field(default_factory=list)
    too_wide: list[str] = dataclasses.field(default_factory=list)
    stray_frames: list[str] = dataclasses.field(default_factory=list)
    bare_numbers: list[str] = dataclasses.field(default_factory=list)


def open_page(context: BrowserContext, town: Town, look: Look) -> tuple[Page, Visit, list[Response]]:
    """Open a page and note what the browser says meanwhile."""
    page, visit, responses = context.new_page(), Visit(look), []
    page.add_init_script(NOTE_VIOLATIONS)
    page.on("console", lambda message: _note(visit, message))
    page.on("pageerror", lambda error: visit.complaints.append(f"threw {error}"))
    page.on("request", lambda request: visit.addresses.append(request.url))
    page.on("response", lambda response: responses.append(response))
    answer = page.goto(town.url(look.path))
    if look.sends:
        visit.addresses.clear()
        responses.clear()
        answer = send_form(page, look)
    if look.kernel:
        type_kernel(page, look)
    assert answer is not None
    visit.status, visit.html = answer.status, answer.text()
    if visit.status >= 400:  # Chromium complains of the page's own status as of a missing script
        visit.complaints = [words for words in visit.complaints if not words.endswith(f" {answer.url}")]
    return page, visit, responses


def send_form(page: Page, look: Look) -> Response:
    """Fill in what the table says of a look's form, send it against the browser's own advice, and return the answer."""
    for name, text in look.fields:
        page.locator(look.sends).locator(f"[name={name}]").first.fill(text)
    with page.expect_navigation() as sent:
        page.locator(look.sends).evaluate("(form) => { form.noValidate = true; form.requestSubmit(); }")
    return sent.value


def type_kernel(page: Page, look: Look) -> None:
    """Type a kernel with a slip, and try to send the form: the page marks the slip and says what it is."""
    page.get_by_role("textbox", name="Kernel as text").click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(look.kernel)
    expect(page.locator("[data-source=kernel] .cm-lint-marker")).to_be_visible(timeout=SLIP_MS)
    page.locator("#name").fill("Squares")
    page.get_by_role("button", name="Make the campaign").click()
    expect(page.locator("#kernel-error")).to_be_visible()


def _note(visit: Visit, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        visit.complaints.append(f"{message.type}: {message.text} {message.location['url']}")


def visit_page(context: BrowserContext, town: Town, look: Look) -> Visit:
    """Open a page, and look at it light and wide, then dark and narrow."""
    page, visit, responses = open_page(context, town, look)
    page.evaluate(AXE)
    page.evaluate(TOOLS)
    visit.axe["light, 1280 px"] = page.evaluate("(tags) => walk.runAxe(tags)", TAGS)
    visit.bare_numbers = page.evaluate("walk.listBareNumbers()")
    visit.moving = page.evaluate("walk.listMoving()")
    visit.stops = _tab_through(page, look)
    page.set_viewport_size(SMALL)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark")
    page.evaluate("walk.awaitLayout()")
    visit.axe["dark, 390 px"] = page.evaluate("(tags) => walk.runAxe(tags)", TAGS)
    visit.too_wide = page.evaluate("walk.listWide()")
    visit.stray_frames = page.evaluate("walk.listStrayFrames()")  # late: sandboxes open when something is checked
    visit.complaints += page.evaluate("globalThis.violations")
    weighed = [r for r in responses if r.request.resource_type in WEIGHED and _has_body(r)]
    visit.weights = {response.url: _weigh(context, town, response) for response in weighed}
    page.close()
    return visit


def _has_body(response: Response) -> bool:
    return response.url.startswith("http") and not 300 <= response.status < 400


def _weigh(context: BrowserContext, town: Town, response: Response) -> int:
    if response.request.resource_type == "document":
        return len(gzip.compress(response.body(), 6, mtime=0))
    # What a worker loads is not the page's to read, so that files are asked for anew, once for all pages.
    if response.url not in town.weights:
        town.weights[response.url] = len(gzip.compress(context.request.get(response.url).body(), 6, mtime=0))
    return town.weights[response.url]


def _tab_through(page: Page, look: Look) -> list[dict[str, Any]]:
    count = page.evaluate("(action) => walk.noteFocus(action)", look.action)
    # In a code editor Tab indents, unless Escape came before it.
    keys = ("Escape", "Tab") if page.locator(".cm-content").count() else ("Tab",)
    for key in keys * min(count + 2, MOST_STOPS):
        page.keyboard.press(key)
    page.evaluate("walk.awaitEditorRings()")
    return list(page.evaluate("walk.stops"))


def save_html(folder: Path, visits: list[Visit]) -> None:
    """Write each page's HTML as it was served, and the validator's configuration beside it."""
    presets = ["html-validate:recommended", "html-validate:standard"]
    config = {"root": True, "extends": presets, "rules": MATTERS_OF_TASTE}
    (folder / ".htmlvalidate.json").write_text(json.dumps(config))
    for visit in visits:
        (folder / f"{visit.look.name}.html").write_text(visit.html)
