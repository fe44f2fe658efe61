"""The complete campaigns in examples/, and the templates beside them, which the upload form can start from.

An example is a folder: campaign.json (name, description, beneficiary, order), kernel.js, generator.js, static.txt or
static.json.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from app.errors import NotFound

FOLDER = Path(__file__).resolve().parent.parent / "examples"
TEMPLATES = FOLDER / "templates"  # small commented beginnings in the same format, which the demo does not run


@dataclasses.dataclass(frozen=True)
class Example:
    """One example, its sources as text."""

    slug: str
    order: int
    name: str
    description: str
    beneficiary: str
    kernel: str
    static_dataset: str
    dataset_gen: str


def list_examples(folder: Path = FOLDER) -> list[Example]:
    """Return all examples, the tutorial first: in the order that their campaign.json gives."""
    found = [_read(path.parent) for path in sorted(folder.glob("*/campaign.json"))]
    return sorted(found, key=lambda example: example.order)


def get_example(slug: str, folder: Path = FOLDER) -> Example:
    """Return one example.

    Raises:
        NotFound: there is none of this name. Only names that `list_examples` gives are ever opened.
    """
    for example in list_examples(folder):
        if example.slug == slug:
            return example
    raise NotFound(f"There is no {'template' if folder == TEMPLATES else 'example'} called “{slug}”.")


def _read(folder: Path) -> Example:
    about = json.loads((folder / "campaign.json").read_text("utf-8"))
    statics = [path.read_text("utf-8") for path in sorted(folder.glob("static.*"))]
    return Example(
        slug=folder.name,
        order=about["order"],
        name=about["name"],
        description=about.get("description", ""),
        beneficiary=about.get("beneficiary", ""),
        kernel=(folder / "kernel.js").read_text("utf-8"),
        static_dataset=statics[0] if statics else "",
        dataset_gen=(folder / "generator.js").read_text("utf-8"),
    )
