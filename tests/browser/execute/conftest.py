"""A real site, its owner's browser, and a page of it to try kernels on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from app.database import Database
from tests.browser.execute.bench import EMAIL, Bench, list_violations, watch
from tests.browser.sites import run_new_site, sign_up
from tests.processes import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with its compute origin, as two processes."""
    with run_new_site(tmp_path_factory.mktemp("execute"), "web", "socket", MAX_SPARES="0") as site:
        yield site


@pytest.fixture(scope="session")
def owner(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    """The owner's browser, signed up."""
    context = chromium.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    sign_up(context, EMAIL)
    yield context
    context.close()


@pytest.fixture
def bench(site: Site, owner: BrowserContext) -> Iterator[Bench]:
    """A page of the owner's, which must not have thrown, nor met its policy."""
    database = Database(site.environ["DATABASE_URL"])
    bench = Bench(site, database, owner, owner.new_page())
    watch(bench.page, bench.errors)
    yield bench
    violations = list_violations(bench.page)
    bench.page.close()
    database.dispose()
    assert (bench.errors, violations) == ([], [])
