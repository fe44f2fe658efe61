"""What people do from end to end, as they would: by what they read on the page, and nothing else.

Everything is real: the processes of the Procfile, a Chromium, a page on another origin, and the mail process' files.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import msgpack
import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect

from app.mailbox import find_links
from tests.browser.elsewhere import third_party_page
from tests.browser.sites import run_new_site
from tests.processes import Site

pytestmark = pytest.mark.browser
PASSWORD = "a horse, a battery"
COMPUTING_MS = 60_000
MAIL_S = 30.0
WRONG_KERNEL = """(function () {
  const half = (n) => n / 2;
  return {
    main: halve,
  };
})()
"""
GENERATOR = "({ main() { return Array.from({ length: 40 }, (_, n) => ({ n })); } })\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole site, with the captcha and the mail process."""
    folder = tmp_path_factory.mktemp("paths")
    with run_new_site(folder, "web", "socket", "background", "mail", CAPTCHA="altcha") as site:
        yield site


@pytest.fixture
def person(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    """Somebody's browser, in which nobody has been here before."""
    context = chromium.new_context(base_url=site.url, permissions=["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def page(person: BrowserContext) -> Page:
    """The page that this person looks at."""
    return person.new_page()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).first.click()


def sign_up(page: Page, first_name: str, email: str) -> None:
    """Make an account from the home page on."""
    page.goto("/")
    follow(page, "Sign up")
    fields = {"First name": first_name, "Last name": "Ames", "E-mail address": email, "Password": PASSWORD}
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)
    expect(page.locator("altcha-widget input[name=altcha]")).not_to_have_value("", timeout=30_000)
    press(page, "Make the account")
    expect(page.get_by_role("heading", name="Your campaigns")).to_be_visible()


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/signin")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    press(page, "Sign in")


def upload(page: Page, kernel: str, name: str) -> None:
    """Make a campaign by its files, as somebody who wrote it elsewhere."""
    page.goto("/campaign/new")
    for field, content in (("kernel", kernel), ("dataset_gen", GENERATOR)):
        file = {"name": f"{field}.js", "mimeType": "text/javascript", "buffer": content.encode()}
        page.locator(f"input[type=file][name={field}]").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_label("Name", exact=True).fill(name)
    press(page, "Make the campaign")
    page.wait_for_url(re.compile(r"/campaign/\d+$"))


def copy_snippet(page: Page) -> str:
    page.get_by_role("button", name=re.compile("^Copy the snippet")).click()
    return str(page.evaluate("navigator.clipboard.readText()"))


def start_helping(chromium: Browser, url: str) -> tuple[Page, FrameLocator]:
    """Open somebody else's page as its visitor, and press start in the badge there."""
    visitor = chromium.new_page()
    visitor.goto(url)
    badge = visitor.frame_locator("iframe")
    badge.get_by_role("button", name="Start").click()
    return visitor, badge


def expect_mail(site: Site, recipient: str, subject: str) -> EmailMessage:
    """Wait for a mail among the files of the mail process."""
    give_up_at = time.monotonic() + MAIL_S
    while time.monotonic() < give_up_at:
        for path in sorted((site.instance_dir / "mail").glob("*.eml"), reverse=True):
            mail = message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=policy.default)
            if recipient in str(mail["To"]) and subject in str(mail["Subject"]):
                return mail
        time.sleep(0.1)
    raise AssertionError(f"no mail about {subject!r} came for {recipient}")


def test_from_a_first_visit_to_the_downloaded_results(chromium: Browser, page: Page, tmp_path: Path) -> None:
    sign_up(page, "Ada", "ada@example.org")
    follow(page, "Multiples of 123")
    press(page, "Preview datasets")
    expect(page.get_by_role("table").get_by_role("row")).not_to_have_count(1, timeout=20_000)
    press(page, "Run on one")
    expect(page.get_by_label("Result", exact=True)).to_have_text("[0]", timeout=20_000)
    expect(page.get_by_text(re.compile("10 volunteers|of 4 threads")).first).to_be_visible()
    press(page, "Make the campaign")
    expect(page.get_by_role("heading", name="Multiples of 123")).to_be_visible()
    follow(page, "Embed")
    with third_party_page(tmp_path, copy_snippet(page)) as url:
        _visitor, badge = start_helping(chromium, url)
        expect(badge.get_by_role("status")).to_contain_text("inished", timeout=COMPUTING_MS)
    follow(page, "Results")
    expect(page.get_by_role("table").first).to_contain_text("[123]")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("msgpack", re.IGNORECASE)).first.click()
    found = [number for numbers in msgpack.unpackb(download.value.path().read_bytes()) for number in numbers]
    assert found == list(range(0, 10_000, 123))


def test_a_forgotten_password_is_replaced_by_the_link_in_a_mail(page: Page, site: Site, person: BrowserContext) -> None:
    sign_up(page, "Bea", "bea@example.org")
    elsewhere = person.browser.new_context(base_url=site.url)  # type: ignore[union-attr]
    forgetful = elsewhere.new_page()
    forgetful.goto("/signin")
    follow(forgetful, "Forgot your password?")
    forgetful.get_by_label("E-mail address").fill("bea@example.org")
    press(forgetful, "Send the link")
    (link,) = [link for link in find_links(bytes(expect_mail(site, "bea@example.org", "password"))) if "token" in link]
    forgetful.goto(link)
    forgetful.get_by_label("New password", exact=True).fill("another horse entirely")
    press(forgetful, "Change the password")
    expect(forgetful.get_by_role("heading", name="Sign in")).to_be_visible()  # nobody is signed in by a link
    page.goto("/campaign/all")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()  # and who was, no longer is
    sign_in(forgetful, "bea@example.org", PASSWORD)
    expect(forgetful.get_by_role("alert")).to_contain_text("wrong")
    sign_in(forgetful, "bea@example.org", "another horse entirely")
    expect(forgetful.get_by_role("heading", name="Your campaigns")).to_be_visible()
    forgetful.goto(link)
    expect(forgetful.get_by_text(re.compile("used|too old|no longer"))).to_be_visible()  # once is all it is good for
    elsewhere.close()


def test_a_mistake_in_a_kernel_is_found_and_mended_while_volunteers_wait(
    chromium: Browser, page: Page, tmp_path: Path
) -> None:
    sign_up(page, "Cleo", "cleo@example.org")
    upload(page, WRONG_KERNEL, "Halves")
    campaign = page.url
    expect(page.locator("[data-field=left]")).to_have_text("40", timeout=20_000)
    with third_party_page(tmp_path, copy_snippet(page)) as url:
        _visitor, badge = start_helping(chromium, url)
        expect(badge.get_by_role("status")).to_contain_text("halve is not defined", timeout=COMPUTING_MS)
        expect(page.get_by_role("heading", name="Kernel errors")).to_be_visible()  # without a reload
        follow(page, "Try the kernel")
        press(page, "Run")
        expect(page.get_by_role("link", name=re.compile("[Ll]ine 4"))).to_be_visible(timeout=20_000)
        follow(page, "Edit")
        press(page, "Pause, and come back here")
        expect(page.get_by_text("Once you type in the editor, Tab indents; Esc, then Tab leaves it.")).to_be_visible()
        page.locator(".cm-content").click()
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.insert_text(WRONG_KERNEL.replace("halve", "(dataset) => half(dataset.n)"))
        press(page, "Save and resume")
        expect(badge.get_by_role("status")).to_contain_text("inished", timeout=COMPUTING_MS)
    page.goto(f"{campaign}/results")
    expect(page.get_by_role("table").first).to_contain_text("19.5")
    results = msgpack.unpackb(page.request.get(f"{campaign}/results/raw").body())
    assert results == [n / 2 for n in range(40)]


def test_a_deleted_account_takes_everything_with_it(chromium: Browser, page: Page, tmp_path: Path) -> None:
    sign_up(page, "Dot", "dot@example.org")
    upload(page, "({ main(dataset) { for (;;); } })", "For ever")
    campaign = page.url
    expect(page.locator("[data-field=left]")).to_have_text("40", timeout=20_000)
    with third_party_page(tmp_path, copy_snippet(page)) as url:
        _visitor, badge = start_helping(chromium, url)
        expect(badge.get_by_role("status")).to_contain_text("Computing", timeout=COMPUTING_MS)
        follow(page, "Account")
        page.get_by_role("link", name=re.compile("^Delete the account")).click()
        expect(page.get_by_role("main")).to_contain_text("1 campaign")
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.get_by_role("button", name=re.compile("^Delete the account")).click()
        expect(badge.get_by_role("status")).to_contain_text("no longer there", timeout=COMPUTING_MS)
    assert page.request.get(campaign, headers={"Accept": "application/json"}).status == 401
    sign_in(page, "dot@example.org", PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("wrong")
