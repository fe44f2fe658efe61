"""A page of results as a table: columns by key, numbers, what was cut."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import msgpack
import pytest

from app import sheets
from app.results import CELL_BYTES, Row
from app.sheets import Sheet
from app.states import ResultKind

NOTHING = object()


def make(*pairs: tuple[Any, Any]) -> Sheet:
    """Return the table of (dataset, result) pairs."""
    return sheets.make_sheet([_make_row(number, *pair) for number, pair in enumerate(pairs)])


def _make_row(position: int, dataset: Any, result: Any) -> Row:
    kind = ResultKind.NOTHING if result is NOTHING else ResultKind.VALUE
    packed, outcome = msgpack.packb(dataset), b"" if result is NOTHING else msgpack.packb(result)
    shown = None if result is NOTHING else outcome[:CELL_BYTES]
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return Row(position, kind, packed[:CELL_BYTES], len(packed), shown, len(outcome), moment, 5, 1, 1)


def keys(sheet: Sheet) -> tuple[list[str | None], list[str | None]]:
    return [column.key for column in sheet.dataset], [column.key for column in sheet.result]


def texts(sheet: Sheet) -> list[list[str]]:
    return [[cell.text for cell in line.result] for line in sheet.lines]


def test_maps_with_the_same_keys_have_a_column_for_each_in_the_order_of_the_first() -> None:
    sheet = make(({"b": 1, "a": 2}, {"x": "s"}), ({"a": 3, "b": 4}, {"x": None}))
    assert keys(sheet) == (["b", "a"], ["x"])
    assert [[cell.text for cell in line.dataset] for line in sheet.lines] == [["1", "2"], ["4", "3"]]
    assert texts(sheet) == [['"s"'], ["null"]]
    assert sheet.has_keys
    assert [column.label for column in sheet.dataset] == ["dataset.b", "dataset.a"]


@pytest.mark.parametrize(
    "others",
    [[{"a": 1}, {"b": 1}], [{"a": 1}, {"a": 1, "b": 2}], [{"a": 1}, 5], [{}], [{"a" * 33: 1}], [{"": 1}], [{b"a": 1}],
     [dict.fromkeys("abcdefg", 1)], [{"a": "x" * 1000, "b": 1}], [[1, 2]], [None]],
)  # fmt: skip
def test_values_whose_keys_differ_are_too_many_or_are_none_have_one_column(others: list[Any]) -> None:
    sheet = make(*((1, other) for other in others))
    assert keys(sheet) == ([None], [None])
    assert not sheet.has_keys


def test_outcomes_without_a_value_do_not_keep_the_others_from_having_columns() -> None:
    sheet = make((1, NOTHING), (2, {"a": 1, "b": 2}), (3, NOTHING))
    assert keys(sheet) == ([None], ["a", "b"])
    assert texts(sheet) == [[], ["1", "2"], []]
    assert keys(make((1, NOTHING))) == ([None], [None])


def test_where_both_have_many_keys_the_results_get_the_columns() -> None:
    six, three = dict.fromkeys("abcdef", 1), dict.fromkeys("xyz", 1)
    assert keys(make((three, six))) == ([None], list("abcdef"))
    assert keys(make((dict.fromkeys("xy", 1), six))) == (["x", "y"], list("abcdef"))


def test_a_column_is_of_numbers_when_all_of_it_is() -> None:
    sheet = make(
        (1, {"n": 1, "mixed": 1, "flag": True}), (2.5, {"n": -7.25, "mixed": "a", "flag": False}), (3, NOTHING)
    )
    assert [column.is_number for column in sheet.dataset] == [True]
    assert [column.is_number for column in sheet.result] == [True, False, False]
    assert not make((1, NOTHING)).result[0].is_number


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (1234567, "1,234,567"), (-1234, "-1,234"), (2**64 - 1, "18,446,744,073,709,551,615"),
     (-(2**63), "-9,223,372,036,854,775,808"), (1234.5678, "1,234.5678"), (0.1, "0.1"), (1e300, "1e+300"),
     (math.nan, "NaN"), (-math.inf, "-Infinity")],
)  # fmt: skip
def test_numbers_have_all_their_digits_in_groups_of_three(number: float, text: str) -> None:
    assert texts(make((1, number))) == [[text]]


@pytest.mark.parametrize(
    ("value", "is_cut"),
    [("x" * 90, False), ("x" * 200, True), ("ends with…", False), (b"x" * 16, False), (b"x" * 17, True),
     (b"x" * 600, True), ([0] * 30, False), ([0] * 300, True), (list(range(600)), True)],
)  # fmt: skip
def test_a_cell_says_when_there_is_more_than_it_shows(value: Any, is_cut: bool) -> None:
    assert make((1, value)).lines[0].result[0].is_cut is is_cut


@pytest.mark.parametrize(
    ("value", "is_cut"),
    [("x" * 50, False), ("x" * 90, True), ([0] * 10, False), ([0] * 30, True), ([0] * 2, False)],
)
def test_a_cell_of_a_column_shows_less(value: Any, is_cut: bool) -> None:
    assert make((1, {"key": value})).lines[0].result[0].is_cut is is_cut


def test_a_cell_says_so_too_when_the_bytes_that_were_read_end_within_it() -> None:
    cells = make((1, {"long": "x" * 490, "list": list(range(100))})).lines[0].result
    assert cells[1].text.endswith("more]")
    assert [cell.is_cut for cell in cells] == [True, True]


def test_short_cells_stand_on_one_line() -> None:
    assert [make((1, text)).lines[0].result[0].is_short for text in ("a" * 22, "a" * 23)] == [True, False]
