"""Signing in with a provider as a person does it: real site, real provider, real Chromium, the policies in force."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.sites import run_new_site
from tests.oidc.servers import CLIENT_ID, CLIENT_SECRET, run_openid
from tests.processes import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, and a provider on another origin that it offers."""
    with (
        run_new_site(tmp_path_factory.mktemp("elsewhere")) as site,
        run_openid(f"{site.url}/signin/oidc/callback") as provider,
    ):
        site.environ |= {"OIDC_ISSUER": provider.url, "OIDC_NAME": "Uni"}
        site.environ |= {"OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET}
        site.start("web")
        yield site


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    """A page that fails the test when the browser's console has something to complain of on our origin."""
    context = chromium.new_context(base_url=site.url)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    assert not [text for text in complaints if "Content Security Policy" in text]
    context.close()


def sign_in_there(page: Page, login: str) -> None:
    """Fill in the provider's own pages."""
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("anything")
    page.get_by_role("button", name="Sign-in").click()


def test_somebody_signs_in_by_keyboard_and_confirms_that_it_is_them(page: Page, site: Site) -> None:
    page.goto("/campaign/new?from=")
    page.get_by_role("button", name="Continue with Uni").focus()
    page.keyboard.press("Enter")
    sign_in_there(page, "dora")
    page.get_by_role("button", name="Continue").click()  # the provider's question whether we may know
    page.wait_for_url(f"{site.url}/campaign/new?from=")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    page.goto("/account/providers")
    expect(page.get_by_role("listitem").filter(has_text="dora@example.org")).to_be_visible()
    page.get_by_role("link", name="Confirm with Uni").click()
    page.get_by_role("button", name="Continue with Uni").click()
    sign_in_there(page, "dora")
    page.wait_for_url(f"{site.url}/account/providers")
    expect(page.get_by_role("button", name="Link another at Uni")).to_be_visible()
    expect(page.get_by_role("button", name="Unlink")).to_have_count(0)


def test_the_way_back_from_the_provider_does_not_lead_into_a_trap(page: Page, site: Site) -> None:
    """The page that goes on by itself must not come up again when somebody goes back from the provider."""
    page.goto("/signin")
    page.get_by_role("button", name="Continue with Uni").click()
    page.get_by_placeholder("Enter any login").wait_for()
    page.go_back()
    page.wait_for_url(f"{site.url}/signin")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_somebody_who_says_no_reads_a_sentence_beside_the_buttons(page: Page, site: Site) -> None:
    page.goto("/signin")
    page.get_by_role("button", name="Continue with Uni").click()
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url(f"{site.url}/signin")
    expect(page.get_by_role("alert")).to_contain_text("You did not allow Uni")
