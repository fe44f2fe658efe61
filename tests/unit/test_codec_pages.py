"""How people read values (C3): cut where they are long, in one line of a table, or laid out on a page of their own."""

from __future__ import annotations

import math
from typing import Any

import msgpack
import pytest

from app import codec


def test_objects_beyond_the_limit_are_counted_not_read() -> None:
    assert codec.unpack_value(msgpack.packb(list(range(10))), max_objects=4) == [0, 1, 2, codec.Rest(7)]
    assert codec.unpack_value(msgpack.packb({"a": 1, "b": 2}), max_objects=4) == {"a": 1, codec.Rest(1): None}
    nested = codec.unpack_value(msgpack.packb([[1, 2, 3], [4]]), max_objects=4)
    assert nested == [[1, 2, codec.Rest(1)], codec.Rest(1)]


def test_long_texts_are_cut_between_characters_and_say_their_size() -> None:
    assert codec.unpack_value(msgpack.packb("éé"), max_text_bytes=3) == codec.Cut("é", 4)
    assert codec.unpack_value(msgpack.packb("abc" * 100)[:10]) == codec.Cut("abcabca", 300)
    assert codec.unpack_value(msgpack.packb(b"abc" * 100)[:10]) == codec.Cut(b"abcabca", 300)


def test_nesting_that_was_never_checked_does_not_end_the_process() -> None:
    assert "more" in codec.shorten(codec.unpack_value(b"\x91" * 100_000, max_objects=100_000), 1000)


SHORT_FORMS: list[tuple[Any, str]] = [
    (7, "7"),
    (-1.5, "-1.5"),
    (math.nan, "NaN"),
    (None, "null"),
    (True, "true"),
    ("a\nb", '"a\\nb"'),
    ({"min": 0, "max": 100}, '{"min": 0, "max": 100}'),
    ([1, [2, {}], []], "[1, [2, {}], []]"),
    (b"", "<0 bytes>"),
    (b"\x01\x02", "<2 bytes: 01 02>"),
    (bytes(range(20)), "<20 bytes: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f …>"),
    ({b"k": 1}, "{<1 bytes: 6b>: 1}"),
    (msgpack.ExtType(5, b"xyz"), "<extension 5, 3 bytes>"),
    (msgpack.Timestamp(0), "1970-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(("value", "text"), SHORT_FORMS, ids=repr)
def test_a_value_reads_well_in_a_table(value: Any, text: str) -> None:
    assert codec.shorten(codec.unpack_value(msgpack.packb(value))) == text


def test_a_line_is_cut_to_the_characters_there_are() -> None:
    assert codec.shorten("x" * 100, 10) == '"xxxxxxxx…'


def test_a_binary_is_laid_out_sixteen_bytes_to_a_line_as_digits_and_as_letters() -> None:
    assert codec.lay_out(b"\x00\xff" * 8) == "<16 bytes: 00 ff 00 ff 00 ff 00 ff 00 ff 00 ff 00 ff 00 ff>"
    assert codec.lay_out(b"Hello, world\n\x00\x7f~and more").splitlines() == [
        "000000  48 65 6c 6c 6f 2c 20 77 6f 72 6c 64 0a 00 7f 7e  Hello, world···~",
        "000010  61 6e 64 20 6d 6f 72 65                          and more",
    ]
    lines = codec.lay_out(codec.Cut(b"a" * 5000, 1_000_000)).splitlines()
    assert (len(lines), lines[-1]) == (129, "… 997,952 more bytes")
    assert codec.lay_out(b"a" * 2048).splitlines()[-1].startswith("0007f0  61")


def test_a_value_that_fits_on_one_line_is_laid_out_on_one() -> None:
    assert codec.lay_out({"a": [1, 2]}) == '{"a": [1, 2]}'


def test_a_large_value_is_laid_out_with_a_line_for_each_entry_and_plain_elements_side_by_side() -> None:
    value = {"numbers": list(range(12)), "text": "x", codec.Rest(3): None}
    assert codec.lay_out(value, 30).splitlines() == [
        "{",
        '  "numbers": [',
        "    0, 1, 2, 3, 4, 5, 6, 7,",
        "    8, 9, 10, 11",
        "  ],",
        '  "text": "x",',
        "  … 3 more",
        "}",
    ]
    assert codec.lay_out([{"a": 1}, [2], codec.Rest(9)], 10).splitlines() == [
        "[",
        "  {",
        '    "a": 1',
        "  },",
        "  [2],",
        "  … 9 more",
        "]",
    ]
