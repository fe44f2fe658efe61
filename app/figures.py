"""What `make bench` measured last (benchmarks/results.json), as tables for people who do not know the benchmark."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results.json"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One line: what was measured, how much, and how that compares with what `ratio` says."""

    name: str
    measured: str
    ratio: str
    is_part: bool


@dataclasses.dataclass(frozen=True)
class Table:
    """The figures of one kind of measurement, with what they mean."""

    anchor: str
    title: str
    meaning: str
    figures: tuple[Figure, ...]


@dataclasses.dataclass(frozen=True)
class Report:
    """One run of the benchmark."""

    date: dt.datetime
    machine: str
    versions: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]


# By how the names of the rows begin; a row that is in none of them has a table of its own at the end.
KINDS = {
    "classic": (
        "One dataset at a time",
        "Volunteers that answer one dataset and wait for the next, as plain clients do. It counts when its result "
        "is on the disk and acknowledged. “p99”: 99 of 100 answers were followed by the next dataset within this time. "
        "Below stand two servers that make one transaction per message, as one would write them first, driven by the "
        "same client on the same machine.",
    ),
    "batched": (
        "Many datasets at a time",
        "Volunteers that hold several datasets and answer them together, as the harness in the browser does with quick "
        "ones, compared with one dataset at a time on the same server just before.",
    ),
    "active": (
        "A crowd at work",
        "Thousands of connections that all compute. The ratio is what a dataset costs the server beside what it costs "
        "with 100 connections.",
    ),
    "idle": ("A crowd that waits", "Connections to a campaign that has nothing to hand out, and what each one costs."),
    "volunteers": (
        "Volunteers whose datasets take a second",
        "A thousand of them: the processor time of the server for each dataset. A second of one core serves a million "
        "divided by this many volunteers.",
    ),
    "pick": (
        "Finding the next datasets",
        "Taking 64 datasets from a campaign of ten million. The ratio compares with a campaign of ten thousand: near 1 "
        "means that size does not matter.",
    ),
    "download": ("Downloading results", "A million results as one file, by their signed-in owner."),
    "generator": (
        "Generating datasets",
        "From the upload of a generator to the last of a million datasets in the database; and generators that are "
        "pulled for more as volunteers need it.",
    ),
    "page": ("Pages of large campaigns", "The server’s time for a page of a campaign with a million results."),
}
# What the numbers count that ratios are to, by the same names.
COUNTED = {"active": "connections", "pick": "datasets", "page": "results"}


def read_report(path: Path = RESULTS) -> Report | None:
    """Return the last run; None: there is none. Figures that the run does not have are left out."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    machine, figures = told["machine"], [figure for figure in told["figures"] if figure["row"] not in told["broken"]]
    kinds = list(dict.fromkeys(_kind_of(figure["row"]) for figure in figures))
    return Report(
        dt.datetime.fromisoformat(told["date"]),
        f"{machine['cores']} cores of an {machine['cpu']}, {_say_memory(machine['memory'])}",
        tuple(sorted(told["versions"].items())),
        tuple(_make_table(kind, [figure for figure in figures if _kind_of(figure["row"]) == kind]) for kind in kinds),
    )


def _kind_of(row: str) -> str:
    return next((kind for kind in KINDS if row.startswith(kind)), row)


def _make_table(kind: str, figures: list[dict[str, Any]]) -> Table:
    title, meaning = KINDS.get(kind, (kind, ""))
    return Table(kind, title, meaning, tuple(_make_figure(figure) for figure in figures))


def _make_figure(figure: dict[str, Any]) -> Figure:
    ratio = "" if figure["ratio"] is None else say_ratio(_kind_of(figure["row"]), figure["ratio"], figure["ratio_of"])
    return Figure(figure["name"], f"{say_number(figure['measured'])} {figure['unit']}", ratio, bool(figure["of"]))


def say_ratio(kind: str, ratio: float, ratio_of: str) -> str:
    """Return a ratio in words; `ratio_of` is what the benchmark's own table says, such as "× at 100"."""
    times, compared = f"{say_number(ratio)} times", ratio_of.removeprefix("× ")
    if compared in ("theirs", "it"):  # the row is another server's
        return f"Manyhands does {times} as many"
    if compared == "classic":
        return f"{times} one at a time"
    return f"{times} that {compared} {COUNTED.get(kind, '')}".rstrip()


def _say_memory(text: str) -> str:
    kilobytes, _, _unit = text.partition(" ")
    return f"{int(kilobytes) / (1 << 20):.0f} GB of memory"


def say_number(value: float) -> str:
    """Return a number with three digits that count, and no less than its whole part: 24,812 and 8.31 and 0.04."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
