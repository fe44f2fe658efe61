"""What the browser tests begin with: an installation of its own for a module, and an account made on its pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import BrowserContext

from app import migrate
from app.database import Database
from tests.processes import Site, run_site


@contextlib.contextmanager
def run_new_site(folder: Path, *names: str, **environ: str) -> Iterator[Site]:
    """Start processes on a new, migrated SQLite database in a folder."""
    instance = folder / "instance"
    instance.mkdir()
    url = f"sqlite:///{instance}/manyhands.sqlite3"
    database = Database(url)
    migrate.upgrade(database)
    database.dispose()
    with run_site(instance, url, *names, **environ) as site:
        yield site


def sign_up(context: BrowserContext, email: str) -> None:
    """Make an account and stay signed in."""
    page = context.new_page()
    page.goto("/signup")
    for label, value in (("First name", "Olive"), ("Last name", "Owner"), ("E-mail", email)):
        page.get_by_label(label).fill(value)
    page.get_by_role("textbox", name="Password").fill("correct horse battery")
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url(lambda url: not url.endswith("/signup"))
    page.close()
