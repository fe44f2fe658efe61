"""The page on which a campaign is made, as the tests of it open, fill and read it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import sqlalchemy as sa
from playwright.sync_api import BrowserContext, Locator, Page, expect

from app.database import Database
from app.models import Campaign
from tests.processes import Site

SOON_MS = 20_000
SQUARES = "({\n  main(d) {\n    return d.n * d.n;\n  },\n})"
NUMBERS = "({\n  main() {\n    return Array.from({ length: 1234 }, (_, n) => ({ n }));\n  },\n})"
LABELS = {"kernel": "Kernel as text", "dataset_gen": "Dataset generator as text"}
# In a data transfer as a file manager makes it; playwright has no drag and drop of files.
DROP = """(target, [name, bytes]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
  const send = (type) => {
    const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
    target.dispatchEvent(event);
    return event.defaultPrevented;
  };
  const entered = send('dragenter');
  const marked = target.closest('fieldset')?.matches('.dropping') ?? false;
  return [entered, marked, send('dragover'), send('drop'), target.closest('fieldset')?.matches('.dropping') ?? false];
}"""


@dataclasses.dataclass
class Desk:
    """An owner's browser on the page, and what went wrong in it."""

    site: Site
    context: BrowserContext
    page: Page
    errors: list[str] = dataclasses.field(default_factory=list)

    def open(self, query: str = "?start=empty") -> None:
        """Open the page, and wait until its editors are there."""
        self.page.goto(f"/campaign/new{query}")
        expect(self.page.locator(".cm-content")).to_have_count(2)

    def part(self, name: str) -> Locator:
        """Return a part of the page by its name."""
        return self.page.locator(f"[data-part={name}]")

    def editor(self, name: str) -> Locator:
        """Return the editor of a source by the field's name."""
        return self.page.get_by_role("textbox", name=LABELS[name])

    def source(self, name: str) -> Locator:
        """Return the fieldset of a source."""
        return self.page.locator(f"[data-source={name}]")

    def write(self, name: str, text: str) -> None:
        """Replace what is in an editor, by the keyboard."""
        self.editor(name).click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(text)
        assert self.read(name) == text

    def read(self, name: str) -> str:
        """Return the text that the form would send."""
        return self.page.locator(f"textarea[name={name}_text]").input_value()

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def drop(self, target: str, name: str, content: bytes) -> list[bool]:
        """Drop a file; return whether it was welcome, its target marked, and the mark gone afterwards."""
        return list(self.page.locator(target).first.evaluate(DROP, [name, list(content)]))

    def expect_verdict(self, words: str) -> None:
        """Wait for the words about a run."""
        expect(self.part("verdict")).to_contain_text(words, timeout=SOON_MS)

    def expect_told(self, words: str) -> None:
        """Wait for the words about the datasets."""
        expect(self.part("told")).to_contain_text(words, timeout=SOON_MS)

    def expect_mark(self, name: str, line: str, word: str) -> None:
        """Wait for the one line that is marked in an editor."""
        expect(self.source(name).locator(".cm-fault")).to_have_text(line, timeout=SOON_MS)
        expect(self.source(name).locator(".cm-fault-word")).to_have_text(word)
        expect(self.source(name).locator(".cm-fault")).to_be_in_viewport()


def write_files(folder: Path) -> dict[str, Path]:
    """Write the three files of a campaign, and return their paths by the fields' names."""
    contents = {
        "kernel": "({ main: (d) => d.n, loadStaticDataset() {} })",
        "dataset_gen": NUMBERS,
        "static_dataset": "\ufeffa\r\nb",
    }
    paths = {name: folder / f"{name}.txt" for name in contents}
    for name, path in paths.items():
        path.write_bytes(contents[name].encode())
    return paths


def read_newest(site: Site) -> sa.Row:
    """Return what is stored of the newest campaign."""
    database = Database(site.environ["DATABASE_URL"])
    columns = (Campaign.name, Campaign.kernel, Campaign.static_dataset, Campaign.dataset_gen)
    query = sa.select(*columns).order_by(Campaign.id.desc()).limit(1)
    row = database.read(lambda connection: connection.execute(query).one())
    database.dispose()
    return row
