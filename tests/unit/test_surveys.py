"""What is known of a run's values before they are read."""

from __future__ import annotations

import msgpack
import pytest

from app import downloads
from app.database import Database
from app.downloads import Survey
from tests.unit.stored_results import FAILED, MOMENT, NOTHING, make, store

MOMENT_MS = int(MOMENT.timestamp() * 1000)


SMALL, LARGE = 1, 1 << 20


def survey(database: Database, campaign_id: int, mean_bytes: int = LARGE, limit_s: float = 60) -> Survey | None:
    with downloads.open_values(database.engine, campaign_id) as values:
        return values.survey(mean_bytes, limit_s)


@pytest.mark.parametrize("mean_bytes", [SMALL, LARGE])
def test_a_survey_counts_the_values_of_the_run_and_their_bytes_and_finds_the_newest(
    database: Database, monkeypatch: pytest.MonkeyPatch, mean_bytes: int
) -> None:
    monkeypatch.setattr(downloads, "STEP_ROWS", 3)
    monkeypatch.setattr(downloads, "PAGE_ROWS", 4)
    monkeypatch.setattr(downloads, "PAGE_BYTES", 300)
    values = ["é" * 100, 1, 2, NOTHING, "x" * 2000, *range(5), FAILED, 7]
    campaign_id = make(database, enumerate(values))
    store(database, campaign_id, [(0, "another run's"), (20, "too")], run=2)
    size_bytes = sum(len(msgpack.packb(value)) for value in values if isinstance(value, (str, int)))
    assert survey(database, campaign_id, mean_bytes) == Survey(10, size_bytes, MOMENT_MS)
    for position in range(len(values)):
        _move(database, position, MOMENT_MS + 5)
        found = survey(database, campaign_id, mean_bytes)
        is_value = values[position] not in (NOTHING, FAILED)
        assert found == Survey(10, size_bytes, MOMENT_MS + (5 if is_value else 0)), position
        _move(database, position, MOMENT_MS)


def _move(database: Database, position: int, added_ms: int) -> None:
    update = f"update result set date_added = {added_ms} where position = {position} and run = 1"
    database.write(lambda connection: connection.exec_driver_sql(update))


@pytest.mark.parametrize("mean_bytes", [SMALL, LARGE])
def test_a_survey_of_nothing_is_one_and_of_too_much_is_none(database: Database, mean_bytes: int) -> None:
    for outcomes in ([], [(0, NOTHING)]):
        assert survey(database, make(database, outcomes), mean_bytes) == Survey(0, 0, 0)
    assert survey(database, make(database, [(0, 1)]), mean_bytes, limit_s=-1) is None
