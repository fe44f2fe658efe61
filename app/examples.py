"""The complete campaigns in examples/, and the templates beside them, which the upload form can start from.

An example is a folder as `packing` has it: a campaign that was exported is one, too.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from app import packing
from app.errors import NotFound

FOLDER = Path(__file__).resolve().parent.parent / "examples"
TEMPLATES = FOLDER / "templates"  # small commented beginnings in the same format, which the demo does not run


@dataclasses.dataclass(frozen=True)
class Example:
    """One example, its sources as text."""

    slug: str
    about: packing.About
    kernel: str
    static_dataset: str
    dataset_gen: str

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.about.name

    @property
    def description(self) -> str:
        """What it computes."""
        return self.about.description

    @property
    def beneficiary(self) -> str:
        """For whom."""
        return self.about.beneficiary


def list_examples(folder: Path = FOLDER) -> list[Example]:
    """Return all examples, the tutorial first: in the order that their campaign.json gives."""
    found = [_read(path.parent) for path in sorted(folder.glob("*/campaign.json"))]
    return sorted(found, key=lambda example: example.about.order)


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
    statics = [_read_text(path) for path in sorted(folder.glob("static.*"))]
    return Example(
        slug=folder.name,
        about=packing.parse_about((folder / packing.ABOUT).read_bytes()),
        kernel=_read_text(folder / packing.KERNEL),
        static_dataset=statics[0] if statics else "",
        dataset_gen=_read_text(folder / packing.GENERATOR),
    )


def _read_text(path: Path) -> str:
    # Not read_text, which turns every line end into \n.
    return path.read_bytes().decode()
