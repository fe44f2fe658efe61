"""Passwords in a real browser: shown where somebody asks for it, pasted, and hidden again before they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.processes import run_site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def page(chromium: Browser, tmp_path: Path, database_url: str) -> Iterator[Page]:
    with run_site(tmp_path / "instance", database_url, "web") as site:
        context = chromium.new_context(base_url=site.url)
        yield context.new_page()
        context.close()


def test_a_password_is_shown_by_the_keyboard_and_is_a_password_again_when_it_is_sent(page: Page) -> None:
    page.goto("/signin")
    password = page.locator("#password")
    page.fill("#email", "ada@example.org")
    password.focus()
    page.keyboard.insert_text("pasted 🐎 password")  # as from a password manager
    expect(password).to_have_attribute("type", "password")
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Show the password")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(password).to_have_attribute("type", "text")
    expect(password).to_have_value("pasted 🐎 password")
    expect(password).to_be_focused()
    expect(page.get_by_role("button", name="Hide the password")).to_have_text("Hide")

    page.evaluate(
        "document.querySelector('#password').form.addEventListener('submit', () => {"
        "  document.cookie = 'type=' + document.querySelector('#password').type })"
    )
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is wrong")
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    assert cookies["type"] == "password", "browsers remember what text fields held"
