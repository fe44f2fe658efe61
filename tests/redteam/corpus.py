"""The attack kernels: one file each, in a folder named by its group, with two lines of comment at its top.

The first line says what the kernel tries. The second says what must be observed:

    // must: leak nothing              the dataset may have a result or an error; what counts is who was reached
    // must: result JSON               that very result, as stored (bytes are {"bytes": "hex"}; null: no result)
    // must: fail with /regex/         a dataset error whose "name: message" matches
    // must: refuse with /regex/       the kernel does not load, and the error matches
    // must: end                       a result or an error, in time
    // must: end with /regex/          an error that matches, in time (denial), or a result

A line `// whole` after them says that the rest is the kernel's file as it is uploaded. Without it, it is a function
that the kernel calls for the dataset under attack; the other datasets get the honest answer. `// spoils the next` says
that the attack leaves the thread unusable, so that the dataset after it may fail, too. No verdict rests on what a
kernel says of itself: every case is also held against the listener, the server's log, the page around it and the
database.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent / "kernels"
GROUPS = ("network", "storage", "harness", "frame", "denial", "odd")
VERBS = ("leak nothing", "result", "fail with", "refuse with", "end with", "end")
WHOLE, SPOILS = "// whole\n", "// spoils the next\n"
WRAPPER = """(function () {
const attack = %s;
return {main: (dataset) => (dataset.honest === undefined ? attack(dataset) : dataset.honest)};
})()"""


@dataclasses.dataclass(frozen=True)
class Case:
    """One attack."""

    group: str
    name: str
    tries: str
    verb: str
    expected: str
    source: str
    spoils_next: bool = False

    @property
    def id(self) -> str:
        """Group and name."""
        return f"{self.group}/{self.name}"

    @property
    def regex(self) -> re.Pattern[str]:
        """What an error has to match."""
        return re.compile(self.expected.removeprefix("/").removesuffix("/"))

    @property
    def value(self) -> object:
        """The result that has to be stored."""
        return json.loads(self.expected, object_hook=_read_bytes)


def _read_bytes(fields: dict[str, object]) -> object:
    return bytes.fromhex(str(fields["bytes"])) if list(fields) == ["bytes"] else fields


def read_cases() -> list[Case]:
    """Return the corpus, sorted by group and name."""
    return sorted(_iter_cases(), key=lambda case: (GROUPS.index(case.group), case.name))


def _iter_cases() -> Iterator[Case]:
    for path in FOLDER.glob("*/*.js"):
        yield _read_case(path)


def _read_case(path: Path) -> Case:
    tries, must, rest = path.read_text(encoding="utf-8").split("\n", 2)
    words = must.removeprefix("// must: ")
    verb = next((verb for verb in VERBS if words.startswith(verb)), None)
    if not tries.startswith("// ") or verb is None:
        raise ValueError(f"{path}: two lines of comment must come first")
    spoils_next = rest.startswith(SPOILS)
    rest = rest.removeprefix(SPOILS)
    source = rest.removeprefix(WHOLE) if rest.startswith(WHOLE) else WRAPPER % rest.strip()
    expected = words.removeprefix(verb).strip()
    return Case(path.parent.name, path.stem, tries.removeprefix("// "), verb, expected, source, spoils_next)
