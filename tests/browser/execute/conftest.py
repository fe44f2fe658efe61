"""A real site, its owner's browser, and a page of it to try kernels on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from app import migrate
from app.database import Database
from tests.browser.execute.bench import EMAIL, Bench, list_violations, watch
from tests.processes import Site, run_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with its compute origin, as two processes."""
    folder = tmp_path_factory.mktemp("execute") / "instance"
    folder.mkdir()
    url = f"sqlite:///{folder}/manyhands.sqlite3"
    database = Database(url)
    migrate.upgrade(database)
    database.dispose()
    with run_site(folder, url, "web", "socket", MAX_SPARES="0") as site:
        yield site


@pytest.fixture(scope="session")
def owner(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    """The owner's browser, signed up."""
    context = chromium.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto("/signup")
    for label, value in (("First name", "Olive"), ("Last name", "Owner"), ("E-mail", EMAIL)):
        page.get_by_label(label).fill(value)
    page.get_by_role("textbox", name="Password").fill("correct horse battery")
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url(lambda url: not url.endswith("/signup"))
    page.close()
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
