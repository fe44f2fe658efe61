"""What has to hold after every fault: each dataset done once, and what was acknowledged is what is stored."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgpack
import sqlalchemy as sa

from app.database import Database
from tests.campaigns import read_progress
from tests.durability.clients import NOTHING_EVERY, Answer
from tests.durability.crowd import Crowd

VALUE, NOTHING = 0, 1
# The database keeps milliseconds, and a moment is read before its commit begins.
ROUNDING_S = 0.002


class Witness(Protocol):
    """What a crowd remembers, wherever it ran."""

    sent: dict[tuple[int, int], Answer]
    acknowledged: list[tuple[Answer, float]]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One stored result."""

    kind: int
    value: Any
    size: int
    stored_at: float
    compute_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of a run that holds.

    `displaced` are acknowledged answers whose dataset had another result already (D3): it happens only where two
    volunteers computed the same one.
    """

    datasets: int
    acknowledged: int
    displaced: int
    untold: int  # stored answers that nobody was told of, because the connection broke first


def judge(database: Database, campaign_id: int, crowds: Sequence[Witness]) -> Verdict:
    """Assert everything that has to hold of a campaign's present run, now that it is done."""
    run, generated = _read_schedule(database, campaign_id)
    rows = read_rows(database, campaign_id, run)
    assert sorted(rows) == list(range(generated))
    _check_rows(rows, {key: answer for crowd in crowds for key, answer in crowd.sent.items()})
    _check_counters(database, campaign_id, rows)
    _check_leases(database)
    acknowledged = [(a, at) for crowd in crowds for a, at in crowd.acknowledged if a.run == run]
    for answer, at in acknowledged:
        assert rows[answer.position].stored_at <= at + ROUNDING_S, f"{answer} was acknowledged, and stored later"
    told = {answer.position for answer, _at in acknowledged}
    displaced = sum(_is_displaced(rows[answer.position], answer) for answer, _at in acknowledged)
    return Verdict(generated, len(acknowledged), displaced, untold=len(rows.keys() - told))


def read_rows(database: Database, campaign_id: int, run: int) -> dict[int, Row]:
    """Return the results of a run by position; fails where a position has two."""
    query = sa.text("select * from result where campaign_id = :c and run = :r")
    found = database.read(lambda connection: connection.execute(query, {"c": campaign_id, "r": run}).all())
    rows = {row.position: _row(row) for row in found}
    assert len(rows) == len(found)
    return rows


def _row(row: Any) -> Row:
    value = None if row.data is None else msgpack.unpackb(row.data)
    return Row(row.kind, value, len(row.data or b""), row.date_added / 1000, row.compute_ms)


def _read_schedule(database: Database, campaign_id: int) -> tuple[int, int]:
    query = sa.text("select run, generated from schedule where campaign_id = :c")
    row = database.read(lambda connection: connection.execute(query, {"c": campaign_id}).one())
    return row.run, row.generated


def _check_rows(rows: dict[int, Row], sent: dict[tuple[int, int], Answer]) -> None:
    for position, row in rows.items():
        if position % NOTHING_EVERY == 0:
            assert (row.kind, row.value) == (NOTHING, None)
        else:
            square, client, serial = row.value
            assert (row.kind, square) == (VALUE, position**2)
            assert sent[client, serial].position == position


def _check_counters(database: Database, campaign_id: int, rows: dict[int, Row]) -> None:
    kinds = Counter(row.kind for row in rows.values())
    progress = read_progress(database, campaign_id)
    assert (progress.value_count, progress.nothing_count, progress.failed_count) == (kinds[VALUE], kinds[NOTHING], 0)
    assert progress.result_bytes == sum(row.size for row in rows.values())
    assert progress.compute_ms == sum(row.compute_ms for row in rows.values())


def _check_leases(database: Database) -> None:
    orphans = sa.text(
        "select count(*) from lease where process is not null and process not in (select id from process)"
    )
    assert database.read(lambda connection: connection.execute(orphans).scalar_one()) == 0


def _is_displaced(row: Row, answer: Answer) -> bool:
    return row.value is not None and tuple(row.value[1:]) != (answer.client, answer.serial)


def count_leased(database: Database) -> int:
    """Return how many ranges some process holds."""
    held = sa.text("select count(*) from lease where process is not null")
    return int(database.read(lambda connection: connection.execute(held).scalar_one()))


def wait_for_burial(database: Database, alive: int, timeout_s: float = 60.0) -> None:
    """Wait until the ledger has the rows of so many processes, each of which has given a sign of life since."""
    give_up_at = time.monotonic() + timeout_s
    before = _read_signs(database)
    while len(signs := _read_signs(database)) != alive or any(signs[id] <= before.get(id, 0) for id in signs):
        assert time.monotonic() < give_up_at, f"{len(signs)} processes instead of {alive}"
        time.sleep(0.05)


def _read_signs(database: Database) -> dict[int, int]:
    rows = database.read(lambda connection: connection.execute(sa.text("select id, alive_until_ms from process")).all())
    return {row.id: row.alive_until_ms for row in rows}


Record = Callable[[str, object], None]


def record_verdict(record: Record, verdict: Verdict, crowd: Crowd) -> None:
    """Note a test's figures for the table at the end of `make soak`."""
    for name, value in dataclasses.asdict(verdict).items():
        record(name, value)
    record("reconnects", crowd.reconnects)
    record("codes", " ".join(f"{code}:{count}" for code, count in sorted(crowd.codes.items())))
