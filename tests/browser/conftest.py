"""One Chromium for all browser tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.harness.bench import chromium_args


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A real Chromium, headless."""
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=chromium_args())
    yield browser
    browser.close()
