"""A Chromium, the embed pages, another site, and the desk from which a test works with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext

from app.settings import Settings
from tests.browser.harness import bench
from tests.browser.harness.desk import Desk


@pytest.fixture(scope="session")
def browser(chromium: Browser) -> BrowserContext:
    """A browser of somebody new; each test has pages of its own."""
    return chromium.new_context()


@pytest.fixture(scope="session")
def site() -> Iterator[bench.OtherSite]:
    """Somebody else's site, at 127.0.0.1."""
    with bench.running_site() as site:
        yield site


@pytest.fixture(scope="session")
def pages(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The embed pages at localhost, with campaign 1 (autostart allowed) and campaign 2 (not)."""
    folder = tmp_path_factory.mktemp("instance")
    bench.fill_database(sqlite_template, folder / "manyhands.sqlite3")
    app = bench.pages_app(Settings(instance_dir=str(folder)))
    bench.add_campaigns(app)
    with bench.running_pages(app) as port:
        settings = app.extensions["settings"]
        app.extensions["settings"] = dataclasses.replace(settings, compute_url=f"http://localhost:{port}")
        yield app
    with app.app_context():
        bench.extensions.db.engine.dispose()


@pytest.fixture
def desk(browser: BrowserContext, pages: Flask, site: bench.OtherSite) -> Iterator[Desk]:
    """A desk whose pages must not have thrown anything."""
    with ExitStack() as stack:
        site.requests.clear()
        desk = Desk(browser, pages, site, stack)
        yield desk
        assert desk.errors == []
