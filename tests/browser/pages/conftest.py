"""The town and the walk through it, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.pages.table import Look
from tests.browser.pages.town import NEWCOMER, OWNER, VISITOR, Town, run_town
from tests.browser.pages.walk import WIDE, Visit, visit_page


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The whole site with something on every page."""
    with run_town(tmp_path_factory.mktemp("pages") / "instance") as town:
        yield town


@pytest.fixture(scope="session")
def profiles(chromium: Browser, town: Town) -> Iterator[dict[str, BrowserContext]]:
    """A browser profile for each who looks, of people who would rather have nothing move."""
    options = {"viewport": WIDE, "reduced_motion": "reduce", "color_scheme": "light"}
    profiles = {who: town.open_context(chromium, who, **options) for who in (OWNER, NEWCOMER, VISITOR)}
    yield profiles
    for profile in profiles.values():
        profile.close()


@pytest.fixture(scope="session")
def visit(town: Town, profiles: dict[str, BrowserContext]) -> Callable[[Look], Visit]:
    """Visit a page of the table, once for all tests."""
    visits: dict[Look, Visit] = {}

    def visit(look: Look) -> Visit:
        if look not in visits:
            visits[look] = visit_page(profiles[look.who], town, look)
        return visits[look]

    return visit
