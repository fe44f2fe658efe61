"""A real site with its background process, an owner's browser, and the page on which campaigns are made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.editor.desk import Desk
from tests.browser.execute.bench import EMAIL, list_violations, watch
from tests.browser.sites import run_new_site, sign_up
from tests.processes import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole site."""
    with run_new_site(tmp_path_factory.mktemp("editor"), "web", "socket", "background") as site:
        yield site


@pytest.fixture(scope="session")
def state(chromium: Browser, site: Site) -> object:
    """The cookies of an owner who signed up."""
    with chromium.new_context(base_url=site.url) as context:
        sign_up(context, EMAIL)
        return context.storage_state()


@pytest.fixture
def owner(chromium: Browser, site: Site, state: object) -> Iterator[BrowserContext]:
    """The owner's browser with nothing kept in it but the sign-in."""
    view = {"width": 1280, "height": 800}
    context = chromium.new_context(base_url=site.url, viewport=view, storage_state=state)  # type: ignore[arg-type]
    yield context
    context.close()


@pytest.fixture
def desk(site: Site, owner: BrowserContext) -> Iterator[Desk]:
    """A page of the owner's, which must not have thrown, nor met its policy."""
    desk = Desk(site, owner, owner.new_page())
    watch(desk.page, desk.errors)
    yield desk
    violations = list_violations(desk.page)
    assert (desk.errors, violations) == ([], [])
