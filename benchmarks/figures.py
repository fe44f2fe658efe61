"""Figures, what they should be, and the table that says how far they are from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

HEADINGS = ("figure", "measured", "target", "ratio", "target ratio", "client CPU", "verdict")


@dataclasses.dataclass(frozen=True)
class Bound:
    """A number that should not be crossed: from below (`at_least`) or from above."""

    limit: float
    at_least: bool = True

    def holds(self, value: float) -> bool:
        """Say whether a value is on the right side."""
        return value >= self.limit if self.at_least else value <= self.limit

    def missed_by(self, value: float) -> float:
        """Return how far a value is on the wrong side, as a share of the limit: 0.1 is a tenth; 0 where it holds."""
        return 0.0 if self.holds(value) else abs(value - self.limit) / self.limit

    def say(self, unit: str) -> str:
        """Return the bound as a table shows it."""
        return f"{'≥' if self.at_least else '≤'} {say_number(self.limit)} {unit}".rstrip()


def at_least(limit: float) -> Bound:
    """Return a bound from below."""
    return Bound(limit)


def at_most(limit: float) -> Bound:
    """Return a bound from above."""
    return Bound(limit, at_least=False)


@dataclasses.dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        row: the name that ONLY= selects.
        name: what was measured.
        measured: in `unit`.
        ratio: how this figure compares with another one of the same run; `ratio_of` says which way.
        client_cpu_percent: of one core, what the load client took; near 100 the client was the limit.
        details: whatever else the run told, for results.json.
        of: the figure that this one belongs to, by name; such a line is indented.
    """

    row: str
    name: str
    measured: float
    unit: str
    target: Bound | None = None
    ratio: float | None = None
    ratio_of: str = ""
    target_ratio: Bound | None = None
    client_cpu_percent: float | None = None
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    of: str = ""

    def part(self, name: str, measured: float, unit: str, target: Bound | None = None, **rest: Any) -> Figure:
        """Return a figure that belongs to this one."""
        return Figure(self.row, name, measured, unit, target, of=self.name, **rest)

    def iter_missed(self) -> Iterable[float]:
        """Yield by which share each target is missed; nothing, where all are met."""
        for bound, value in ((self.target, self.measured), (self.target_ratio, self.ratio)):
            if bound is not None and value is not None and not bound.holds(value):
                yield bound.missed_by(value)

    @property
    def verdict(self) -> str:
        """Met, or missed by how much; nothing, where there is no target."""
        if self.target is None and self.target_ratio is None:
            return ""
        missed = [f"{share:.1%}" for share in self.iter_missed()]
        return f"missed by {', '.join(missed)}" if missed else "met"

    def as_cells(self) -> tuple[str, ...]:
        """Return the line's cells."""
        return (
            f"    {self.name}" if self.of else self.name,
            f"{say_number(self.measured)} {self.unit}".rstrip(),
            self.target.say(self.unit) if self.target else "",
            f"{say_number(self.ratio)} {self.ratio_of}".rstrip() if self.ratio is not None else "",
            self.target_ratio.say("") if self.target_ratio else "",
            "" if self.client_cpu_percent is None else f"{self.client_cpu_percent:.0f} %",
            self.verdict,
        )

    def as_json(self) -> dict[str, Any]:
        """Return everything, as results.json keeps it."""
        told = dataclasses.asdict(self)
        for name in ("target", "target_ratio"):
            bound: Bound | None = getattr(self, name)
            told[name] = None if bound is None else {"limit": bound.limit, "at_least": bound.at_least}
        return {**told, "verdict": self.verdict}


def say_number(value: float) -> str:
    """Return a number with three digits that count, and no less than its whole part: 24,812 and 8.31 and 0.04."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def format_table(figures: Sequence[Figure]) -> str:
    """Return the table, its columns as wide as they must be: text left, figures right."""
    lines = [HEADINGS, *(figure.as_cells() for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rule = "  ".join("─" * width for width in widths)
    written = [
        "  ".join(_align(cell, width, column) for column, (cell, width) in _columns(line, widths)) for line in lines
    ]
    return "\n".join(line.rstrip() for line in (written[0], rule, *written[1:]))


def _columns(line: Sequence[str], widths: Sequence[int]) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(line, widths, strict=True))


def _align(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column in (0, len(HEADINGS) - 1) else cell.rjust(width)
