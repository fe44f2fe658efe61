"""`make screenshots`: a picture of every page, light and dark, wide and narrow, to look at; and those of the README."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.harness.bench import chromium_args
from tests.browser.pages.table import LOOKS, Look
from tests.browser.pages.town import NEWCOMER, OWNER, VISITOR, Town, run_town
from tests.browser.pages.walk import SMALL, WIDE, send_form, type_kernel
from tests.processes import ROOT

THEMES = ("light", "dark")
SIZES = {"1280": WIDE, "390": SMALL}
FOLDER, README_FOLDER = ROOT / "screenshots", ROOT / "docs" / "images"
# What the README shows: the picture's name, who looks, and at what.
README = {
    "home": (VISITOR, "/"),
    "editor": (NEWCOMER, "/campaign/new?example=primes"),
    "campaign": (OWNER, "/campaign/{running}"),
    "results": (OWNER, "/campaign/{running}/results"),
    "embed": (OWNER, "/campaign/{running}/embed"),
}
SETTLE_MS = 150
TRY_MS = 30_000


def main() -> None:
    """Start the town and take the pictures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--readme", action="store_true", help="the five of docs/images/ instead, light, 1280 px")
    parser.add_argument("--only", default="", help="pages whose names begin so")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, run_town(Path(folder) / "instance") as town, sync_playwright() as api:
        browser = api.chromium.launch(executable_path=shutil.which("chromium"), args=chromium_args())
        if given.readme:
            take_for_readme(browser, town)
        else:
            take_all(browser, town, given.only)
        browser.close()


def take_all(browser: Browser, town: Town, only: str) -> None:
    """Take every page in both themes and both sizes, each whole."""
    FOLDER.mkdir(exist_ok=True)
    looks = [look for look in LOOKS if look.name.startswith(only)]
    for theme, size in iter_ways():
        options = {"viewport": SIZES[size], "color_scheme": theme, "reduced_motion": "reduce"}
        for who in (OWNER, NEWCOMER, VISITOR):
            take(browser, town, who, [look for look in looks if look.who == who], f"{theme}-{size}", **options)
    print(f"{len(looks) * len(THEMES) * len(SIZES)} pictures are in {FOLDER.relative_to(ROOT)}/")


def iter_ways() -> Iterator[tuple[str, str]]:
    """Yield each theme with each size."""
    for theme in THEMES:
        yield from ((theme, size) for size in SIZES)


def take(browser: Browser, town: Town, who: str, looks: list[Look], way: str, **options: Any) -> None:
    """Take pages as one person sees them."""
    context = town.open_context(browser, who, **options)
    page = context.new_page()
    for look in looks:
        page.goto(town.url(look.path))
        if look.sends:
            send_form(page, look)
        if look.kernel:
            type_kernel(page, look)
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=FOLDER / f"{look.name}-{way}.png", full_page=True)
    context.close()


def take_for_readme(browser: Browser, town: Town) -> None:
    """Take what a first-time visitor sees of the README's pages: the top of each, as sharp as on a good screen."""
    README_FOLDER.mkdir(exist_ok=True)
    for name, (who, path) in README.items():
        options = {"viewport": WIDE, "color_scheme": "light", "reduced_motion": "reduce", "device_scale_factor": 1.5}
        context = town.open_context(browser, who, **options)
        page = context.new_page()
        page.goto(town.url(path))
        if name == "editor":
            try_kernel(page)
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=README_FOLDER / f"{name}.png")
        context.close()


def try_kernel(page: Page) -> None:
    """Run the kernel on the first datasets, and show the editors with what came of it."""
    page.get_by_role("button", name="Run on ten").click()
    expect(page.locator("[data-part=estimate]")).to_be_visible(timeout=TRY_MS)
    page.get_by_role("heading", name="Edit").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.getElementById('edit-heading').offsetTop - 24)")


if __name__ == "__main__":
    main()
