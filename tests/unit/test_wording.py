"""How pages say numbers, sizes and moments."""

from __future__ import annotations

import datetime as dt

import pytest

from app import wording

NOW = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "just now"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (86_400 * 3, "3 days ago"),
        (86_400 * 40, "25 Mar 2026"),
    ],
)
def test_a_moment_is_said_in_its_largest_whole_unit(seconds: int, expected: str) -> None:
    assert wording.ago(NOW - dt.timedelta(seconds=seconds), NOW) == expected


@pytest.mark.parametrize(
    ("number_of_bytes", "expected"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1 KB"),
        (1536, "1.5 KB"),
        (1023 * 1024, "1,023 KB"),
        (16 << 20, "16 MB"),
        (5 << 40, "5,120 GB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_suits_it(number_of_bytes: int, expected: str) -> None:
    assert wording.size(number_of_bytes) == expected


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, "under 1 ms"),
        (1, "1 ms"),
        (999, "999 ms"),
        (12_500, "12.5 seconds"),
        (7_400_000, "2.06 hours"),
        (10**12, "11,574 days"),
    ],
)
def test_a_length_of_time_is_said_in_the_unit_that_suits_it(milliseconds: int, expected: str) -> None:
    assert wording.duration(milliseconds) == expected


def test_a_count_is_grouped_and_has_its_plural() -> None:
    assert [wording.count(n, "dataset") for n in (0, 1, 2500)] == ["0 datasets", "1 dataset", "2,500 datasets"]
