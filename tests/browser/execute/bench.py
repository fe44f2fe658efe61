"""The page on which an owner tries a kernel, as the tests of it open and read it."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import BrowserContext, Locator, Page, expect

from app.database import Database
from app.models import Campaign, User
from tests.campaigns import make_campaign
from tests.processes import Site

SOON_MS = 20_000
EMAIL = "olive@example.org"
ENDLESS = "{\n  main(d) {\n    if (d.n === 0) for (;;);\n    return d.n;\n  },\n}"
LONG = (
    "(function () {\n" + "  // A line of its own.\n" * 200 + "  return { main(d) { return d.missing.field; } };\n})()"
)
# In every frame, before anything else runs there.
NOTE_VIOLATIONS = """
  globalThis.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));
"""


@dataclasses.dataclass
class Bench:
    """An owner's browser at a site, and what went wrong in its pages."""

    site: Site
    database: Database
    context: BrowserContext
    page: Page
    errors: list[str] = dataclasses.field(default_factory=list)

    def campaign(self, kernel: str, datasets: list[Any] | None = None, **options: Any) -> int:
        """Store a campaign of the owner's; its time limit is two seconds unless `deadline_ms` says otherwise."""
        deadline_ms = options.pop("deadline_ms", 2000)
        find = sa.select(User.id).where(User.email == EMAIL)
        owner_id = self.database.read(lambda connection: connection.execute(find).scalar_one())
        data = [{"n": n} for n in range(10)] if datasets is None else datasets
        options.setdefault("static_dataset", "")
        options.setdefault("listed", False)  # for which an address would have to be verified
        campaign_id = make_campaign(self.database, data, owner_id=owner_id, kernel=kernel, **options)
        update = sa.update(Campaign).where(Campaign.id == campaign_id).values(deadline_ms=deadline_ms)
        self.database.write(lambda connection: connection.execute(update))
        return campaign_id

    def open(self, kernel: str, datasets: list[Any] | None = None, query: str = "", **options: Any) -> int:
        """Open the page that tries a new campaign's kernel."""
        campaign_id = self.campaign(kernel, datasets, **options)
        self.page.goto(f"/campaign/{campaign_id}/execute{query}")
        return campaign_id

    def part(self, name: str) -> Locator:
        """Return a part of the page by its name."""
        return self.page.locator(f"[data-part={name}]")

    def run(self, number: int | None = None, typed: str | None = None) -> None:
        """Choose a dataset and press run."""
        if number is not None:
            self.page.get_by_label("By its number").check()
            self.page.get_by_label("Number of the dataset").fill(str(number))
        if typed is not None:
            self.page.get_by_label("Typed here").check()
            self.page.get_by_label("Dataset as JSON").fill(typed)
        self.page.get_by_role("button", name="Run").click()

    def expect_verdict(self, words: str) -> None:
        """Wait for the words about what came of it."""
        expect(self.page.get_by_role("status")).to_contain_text(words, timeout=SOON_MS)

    def expect_mark(self, line: int, word: str) -> None:
        """Wait for the one marked line, and see that it is where an eye would find it."""
        expect(self.page.locator(".source .marked")).to_have_count(1)
        marked = self.page.locator(f".source .row.marked[data-line='{line}']")
        expect(marked).to_be_in_viewport()
        assert marked.locator("mark").all_text_contents() == [word]
        assert marked.evaluate(
            "(row) => { const [a, b] = [row, row.closest('pre')].map((e) => e.getBoundingClientRect());"
            " return a.top >= b.top && a.bottom <= b.bottom; }"
        )


def watch(page: Page, errors: list[str]) -> None:
    """Note what a page throws, and what its policy had to stop."""
    page.add_init_script(NOTE_VIOLATIONS)
    page.on("pageerror", lambda error: errors.append(f"threw {error}"))
    page.on("console", lambda message: errors.append(message.text) if "ontent Security" in message.text else None)


def list_violations(page: Page) -> list[str]:
    """Return what the policy of the page itself had to stop."""
    return list(page.evaluate("globalThis.violations"))
