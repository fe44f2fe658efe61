"""One Chromium for all browser tests: playwright runs once in a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.harness.bench import chromium_args


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=chromium_args())
        yield browser
        browser.close()
