"""The whole way of a mail through the real processes: asked for on the site, sent by the background process, kept as a
file by the mail process, and its link followed."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from app.database import Database
from app.models import OutgoingMail
from tests import cast
from tests.functional.mailbag import on_sqlite
from tests.processes import Site, run_site

pytestmark = [pytest.mark.slow, on_sqlite]
DORA = {"first_name": "Dora", "last_name": "Dean", "email": "dora@example.org", "password": cast.PASSWORD}
HTML = {"Accept": "text/html"}
NEW = "another horse battery"
LINK = re.compile(r"http://\S+token=\S+")


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    with run_site(tmp_path / "instance", database_url, "web", "background", "mail") as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, follow_redirects=True, timeout=30, headers=HTML) as browser:
        yield browser


def send(browser: httpx.Client, path: str, data: dict[str, str] | None = None) -> httpx.Response:
    """Send a form with the CSRF token of a page that has one."""
    page = browser.get("/account").text  # or the sign-in page, where that leads to
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return browser.post(path, data={"csrf_token": found[1], **(data or {})})


def wait_until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up_at, "it never came to hold"
        time.sleep(0.05)


def read_mails(site: Site) -> list[EmailMessage]:
    files = sorted((site.instance_dir / "mail").glob("*.eml"))
    read = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    return [message for message in read if isinstance(message, EmailMessage)]


def find_link(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body
    found = LINK.search(body.get_content())
    assert found
    return found[0]


def test_an_address_is_confirmed_and_a_forgotten_password_replaced_by_links_that_came_by_mail(
    site: Site, browser: httpx.Client
) -> None:
    assert send(browser, "/signup", DORA).url.path == "/campaign/all"
    wait_until(lambda: len(read_mails(site)) == 1)
    welcome = read_mails(site)[0]
    assert welcome["To"] == "dora@example.org"
    assert "Is this your address?" in browser.get(find_link(welcome)).text
    assert send(browser, "/verify_email").url.path == "/account"
    assert send(browser, "/signout").status_code == 200

    assert "on its way" in send(browser, "/send_reset_password", {"email": "DORA@example.org"}).text
    assert "on its way" in send(browser, "/send_reset_password", {"email": "nobody@example.org"}).text
    wait_until(lambda: len(read_mails(site)) == 2)
    reset = read_mails(site)[1]
    assert reset["Subject"] == "Choose a new password for Manyhands"
    assert "Choose a new password" in browser.get(find_link(reset)).text
    assert send(browser, "/reset_password", {"password": NEW}).url.path == "/signin"
    assert "is wrong" in send(browser, "/signin", DORA).text
    assert send(browser, "/signin", {**DORA, "password": NEW}).url.path == "/campaign/all"

    wait_until(lambda: len(read_mails(site)) == 3)
    assert {message["To"] for message in read_mails(site)} == {"dora@example.org"}, "the decoy was never sent"
    token = find_link(reset).partition("token=")[2]
    assert token in site.read_log("mail"), "the development mail process prints links"
    assert token not in site.read_log("web") + site.read_log("background")


def test_a_mail_server_that_says_nothing_holds_nothing_up(tmp_path: Path, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        environ = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mute.getsockname()[1]), "SMTP_TLS": "off"}
        with run_site(tmp_path / "instance", database_url, "web", "background", **environ) as site:
            database = Database(database_url)
            with httpx.Client(base_url=site.url, follow_redirects=True, timeout=30, headers=HTML) as browser:
                send(browser, "/signup", DORA)
                peer, _ = mute.accept()  # the background process is talking to it, and waits
                generator = "({main: function () { return [{}, {}, {}]; }})"
                kernel = "({main: function (dataset) { return dataset; }})"
                made = send(
                    browser, "/campaign/new", {"name": "N", "kernel_text": kernel, "dataset_gen_text": generator}
                )
                assert made.status_code == 200
                status = f"{made.url.path}/status"
                wait_until(lambda: browser.get(status).json()["generated"] == 3, timeout_s=15)
                waiting = database.read(lambda c: c.execute(sa.select(OutgoingMail.tries)).scalar_one())
                assert waiting == 1, "it is being sent all the while"
                assert site.terminate("background", timeout_s=10) == 0, "and the process ends without waiting for it"
                peer.close()
            database.dispose()
