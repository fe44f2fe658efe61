"""The main job, as its people do it: sign up, upload, paste the snippet on another site, help there, download.

Everything is real: the processes of the Procfile, a Chromium, and a third-party page on another origin (127.0.0.1,
while the site is at localhost) that holds the copied snippet and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app import examples
from tests.browser.elsewhere import third_party_page
from tests.browser.sites import run_new_site
from tests.processes import Site

pytestmark = pytest.mark.browser
COMPUTING_MS = 120_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole site, with the captcha on."""
    folder = tmp_path_factory.mktemp("main-job")
    with run_new_site(folder, "web", "socket", "background", CAPTCHA="altcha") as site:
        yield site


@pytest.fixture(scope="module")
def owner(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    """The owner's browser, signed up through the real page and its proof of work."""
    context = chromium.new_context(base_url=site.url, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto("/signup")
    for label, value in (("First name", "Olive"), ("Last name", "Owner"), ("E-mail", "olive@example.org")):
        page.get_by_label(label).fill(value)
    page.get_by_role("textbox", name="Password").fill("correct horse battery")
    expect(page.locator("altcha-widget input[name=altcha]")).not_to_have_value("", timeout=30_000)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url(lambda url: not url.endswith("/signup"))
    yield context
    context.close()


def upload_example(page: Page, slug: str) -> None:
    """Upload an example by its files, as a person would."""
    folder = examples.FOLDER / slug
    page.goto("/campaign/new")
    page.get_by_label("Name", exact=False).first.fill(slug)
    for field, name in (("kernel", "kernel.js"), ("static_dataset", "static.json"), ("dataset_gen", "generator.js")):
        page.locator(f"input[type=file][name={field}]").set_input_files(folder / name)
    page.get_by_role("button", name="Make the campaign").click()
    page.wait_for_url(re.compile(r"/campaign/\d+$"))


def copy_snippet(page: Page) -> str:
    """Copy the embed snippet with its button."""
    page.get_by_role("button", name="Copy the snippet").click()
    return str(page.evaluate("navigator.clipboard.readText()"))


def help_until_done(visitor: Page, url: str) -> None:
    """Open somebody's page, press start in its badge, and wait until there is nothing left to compute."""
    visitor.goto(url)
    badge = visitor.frame_locator("iframe")
    badge.get_by_role("button", name="Start").click()
    expect(badge.get_by_role("status")).to_contain_text("inished", timeout=COMPUTING_MS)


def download(page: Page) -> bytes:
    """Download results/raw in the owner's browser."""
    page.wait_for_selector("#to-results")
    campaign_path = page.url.split("?")[0]
    answer = page.request.get(f"{campaign_path}/results/raw")
    assert answer.status == 200
    assert "attachment" in answer.headers["content-disposition"]
    return answer.body()


def do_main_job(chromium: Browser, owner: BrowserContext, folder: Path, slug: str) -> list[object]:
    """Upload an example, compute it in a visitor's browser on another site, and return the downloaded results."""
    page = owner.new_page()
    upload_example(page, slug)
    expect(page.locator("[data-field=left]")).not_to_have_text("0", timeout=30_000)
    snippet = copy_snippet(page)
    visitor = chromium.new_page()
    with third_party_page(folder, snippet) as url:
        help_until_done(visitor, url)
    expect(page.locator(".progress-line")).to_contain_text("100.0", timeout=10_000)
    results = msgpack.unpackb(download(page))
    visitor.close()
    page.close()
    assert isinstance(results, list)
    return results


def test_multiples_of_123_are_found_by_a_visitor_of_another_site(
    chromium: Browser, owner: BrowserContext, tmp_path: Path
) -> None:
    results = do_main_job(chromium, owner, tmp_path, "multiples-of-123")
    found = [number for numbers in results for number in numbers]  # type: ignore[attr-defined]
    assert found == list(range(0, 10_000, 123))


def test_primes_are_counted_as_a_sieve_counts_them(chromium: Browser, owner: BrowserContext, tmp_path: Path) -> None:
    results = do_main_job(chromium, owner, tmp_path, "primes")
    assert sum(result["count"] for result in results) == len(sieve(2_000_000))  # type: ignore[index]


def sieve(limit: int) -> list[int]:
    """Return the primes below a limit."""
    is_prime = bytearray([1]) * limit
    is_prime[:2] = b"\0\0"
    for number in range(2, int(limit**0.5) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number, prime in enumerate(is_prime) if prime]


def test_collatz_stopping_times_beyond_64_bits_are_those_of_python(
    chromium: Browser, owner: BrowserContext, tmp_path: Path
) -> None:
    results = do_main_job(chromium, owner, tmp_path, "collatz")
    start, size = 3179389980591125407167, 175
    assert len(results) == 100
    for index, result in enumerate(results):
        first = start + index * size
        steps, number = max((count_steps(n), -n) for n in range(first, first + size))
        assert result == {"start": str(first), "number": str(-number), "steps": steps}


def count_steps(number: int) -> int:
    """Return how many Collatz steps lead from a number to 1."""
    steps = 0
    while number != 1:
        number = number * 3 + 1 if number % 2 else number // 2
        steps += 1
    return steps
