"""All rows, in the order of the table, and which of them a run is narrowed to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from benchmarks import batched, classic, crowds, downloads, generators, pages, picks
from benchmarks.figures import Figure
from benchmarks.trials import Bench

DISPATCH = "dispatch"
LONG = ("active-5000",)  # beside the 10,000,000 datasets of the pick


class Row(Protocol):
    """Something that can be measured."""

    @property
    def name(self) -> str:
        """What ONLY= selects it by."""

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Measure it, and yield its figures."""


ROWS: Sequence[Row] = (
    *classic.ROWS,
    *batched.ROWS,
    *crowds.ROWS,
    *picks.ROWS,
    *downloads.ROWS,
    *pages.ROWS,
    *generators.ROWS,
)


def choose(only: str, rows: Iterable[Row] = ROWS) -> list[Row]:
    """Return the row of a name, or all whose names begin so; "dispatch": all but the long ones; nothing: all."""
    if only == DISPATCH:
        return [row for row in rows if row.name not in LONG]
    return [row for row in rows if row.name == only] or [row for row in rows if row.name.startswith(only)]
