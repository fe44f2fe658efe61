"""A page of results as a table for people: a column for each key where datasets or results are maps with the same few.

What is read is the beginning of each value (`results.CELL_BYTES`); a cell that does not show all of one says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from app import codec
from app.results import CELL_BYTES, Row

OBJECTS = 100  # of one value, at most
COLUMNS_EACH = 6
COLUMNS_TOGETHER = 8  # with more of them a page has no room for the values
KEY_CHARS = 32
CELL_CHARS, KEYED_CELL_CHARS = 100, 60
SHORT_CHARS = 24


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """A value as text on one line."""

    text: str
    is_number: bool = False
    is_cut: bool = False  # there is more of it

    @property
    def is_short(self) -> bool:
        """Whether it is to stand on one line, whatever the column's width."""
        return len(self.text) <= SHORT_CHARS


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """What one column shows: a key's value, or with key None all that there is."""

    of: str  # dataset or result
    key: str | None
    is_number: bool  # all of it is, so that it stands at the right

    @property
    def label(self) -> str:
        """What a cell is called where it stands alone."""
        return self.of.capitalize() if self.key is None else f"{self.of}.{self.key}"


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One outcome. `result` has no cells where there is no value."""

    row: Row
    dataset: Sequence[Cell]
    result: Sequence[Cell]


@dataclasses.dataclass(frozen=True, slots=True)
class Sheet:
    """A table: the columns of its datasets, those of its results, and its lines."""

    dataset: Sequence[Column]
    result: Sequence[Column]
    lines: Sequence[Line]

    @property
    def has_keys(self) -> bool:
        """Whether a second line of the head names keys."""
        return any(column.key is not None for column in (*self.dataset, *self.result))


def make_sheet(rows: Sequence[Row]) -> Sheet:
    """Return a page's outcomes as a table."""
    datasets = [_unpack(row.dataset) for row in rows]
    results = [None if row.result is None else _unpack(row.result) for row in rows]
    values = [value for value, row in zip(results, rows, strict=True) if row.result is not None]
    dataset_keys, result_keys = _find_keys(datasets), _find_keys(values)
    if len(dataset_keys) + len(result_keys) > COLUMNS_TOGETHER:
        dataset_keys = ()
    lines = [
        Line(
            row,
            _cut_up(dataset, dataset_keys, row.dataset_bytes),
            () if row.result is None else _cut_up(result, result_keys, row.result_bytes),
        )
        for row, dataset, result in zip(rows, datasets, results, strict=True)
    ]
    return Sheet(
        _make_columns("dataset", dataset_keys, [line.dataset for line in lines]),
        _make_columns("result", result_keys, [line.result for line in lines if line.result]),
        lines,
    )


def _unpack(data: bytes) -> Any:
    return codec.unpack_value(data, max_objects=OBJECTS)


def _find_keys(values: Sequence[Any]) -> tuple[str, ...]:
    """Return the keys that all values have and no others, in the order of the first one; none where they differ."""
    first = values[0] if values else None
    if not isinstance(first, dict) or not 0 < len(first) <= COLUMNS_EACH:
        return ()
    # A map that was not read to its end has a Rest among its keys.
    if not all(isinstance(key, str) and 0 < len(key) <= KEY_CHARS for key in first):
        return ()
    return tuple(first) if all(isinstance(v, dict) and v.keys() == first.keys() for v in values) else ()


def _cut_up(value: Any, keys: tuple[str, ...], size_bytes: int) -> list[Cell]:
    if keys:
        return [_make_cell(value[key], KEYED_CELL_CHARS) for key in keys]
    return [_make_cell(value, CELL_CHARS, is_cut=size_bytes > CELL_BYTES)]


def _make_cell(value: Any, max_chars: int, *, is_cut: bool = False) -> Cell:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Cell(say_number(value), is_number=True)
    text = codec.shorten(value, max_chars)
    # A text ends with its quotation mark; what was shortened ends with the sign for it.
    return Cell(text, is_cut=is_cut or text.endswith("…") or _lacks_something(value))


def _lacks_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(isinstance(key, codec.Rest) or _lacks_something(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_lacks_something, value))
    if isinstance(value, bytes):
        return len(value) > codec.SHOWN_BYTES
    return isinstance(value, (codec.Cut, codec.Rest))


def say_number(value: float) -> str:
    """Return a number with all its digits, those before the point in groups of three."""
    return codec.shorten(value) if value - value != 0 else f"{value:,}"


def _make_columns(of: str, keys: tuple[str, ...], lines: Iterable[Sequence[Cell]]) -> list[Column]:
    names: tuple[str | None, ...] = keys or (None,)
    cells: list[list[Cell]] = [[] for _ in names]
    for line in lines:
        for column, cell in zip(cells, line, strict=True):
            column.append(cell)
    numbers = [bool(column) and all(cell.is_number for cell in column) for column in cells]
    return [Column(of, name, is_number) for name, is_number in zip(names, numbers, strict=True)]
