"""Downloads of results, which are whole whatever happens meanwhile (R1 to R3)."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import downloads, ledger, results
from app.database import Database
from app.downloads import Format
from app.errors import InvalidInput, NotFound
from tests.campaigns import make_campaign, make_owner
from tests.unit.stored_results import FAILED, NOTHING, Packed, download, load, make, store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with Session(database.engine) as session:
        yield session


# Downloads


VALUES = [1, -(2**63), 2**64 - 1, "é" * 300, b"\x00\xff", [1, [2]], {"a": {"b": False}}, 1.5, "", b""]


def test_the_plain_array_holds_the_values_in_dataset_order(database: Database) -> None:
    campaign_id = make(database, reversed(list(enumerate(VALUES))))
    assert msgpack.unpackb(download(database, campaign_id)) == VALUES


def test_outcomes_without_a_value_are_left_out(database: Database) -> None:
    campaign_id = make(database, [(0, NOTHING), (1, "a"), (2, FAILED), (5, "b")])
    assert msgpack.unpackb(download(database, campaign_id)) == ["a", "b"]
    ids = msgpack.unpackb(download(database, campaign_id, fields="dataset_id"))
    assert ids == [{"dataset_id": 1}, {"dataset_id": 5}]


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 15, 16, 65_535, 65_536])
def test_the_header_counts_exactly_the_values(database: Database, count: int) -> None:
    campaign_id = make_campaign(database, [])
    store(database, campaign_id, ((n, n) for n in range(count)))
    content = download(database, campaign_id)
    assert msgpack.unpackb(content) == list(range(count))
    assert content[
        : len(content) - len(b"".join(map(msgpack.packb, range(count))))
    ] == msgpack.Packer().pack_array_header(count)


def test_fields_make_maps_with_these_keys_in_this_order(database: Database) -> None:
    campaign_id = make(database, [(3, "x")])
    asked = msgpack.unpackb(download(database, campaign_id, fields="date_added,result,dataset_id,dataset"))
    assert [list(entry.items()) for entry in asked] == [
        [("date_added", "2026-01-31T12:00:00.123Z"), ("result", "x"), ("dataset_id", 3), ("dataset", {"n": 3})]
    ]


@pytest.mark.parametrize("text", ["id", "", "result,", "result,Result", "dataset_id;result", "x" * 5000])
def test_a_field_that_does_not_exist_is_refused_and_those_that_do_are_named(text: str) -> None:
    with pytest.raises(InvalidInput, match="dataset_id, dataset, result, date_added") as refused:
        downloads.parse_fields(text, Format.MSGPACK)
    assert refused.value.field == "fields"
    assert len(refused.value.message) < 200


def test_a_field_asked_for_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="result is asked for twice"):
        downloads.parse_fields("result,dataset, result", Format.CSV)


def test_json_lines_have_a_map_for_each_value(database: Database) -> None:
    campaign_id = make(database, [(0, [b"\xff", "é\n"]), (1, NOTHING), (2, {"big": 2**64 - 1, "nan": math.nan})])
    lines = download(database, campaign_id, Format.JSON_LINES).decode().split("\n")
    assert lines.pop() == ""
    date = "2026-01-31T12:00:00.123Z"
    first, last = [{"$base64": "/w=="}, "é\n"], {"big": 2**64 - 1, "nan": "NaN"}
    assert [json.loads(line) for line in lines] == [
        {"dataset_id": 0, "dataset": {"n": 0}, "result": first, "date_added": date},
        {"dataset_id": 2, "dataset": {"n": 2}, "result": last, "date_added": date},
    ]


def test_csv_has_a_line_for_each_value_with_json_in_its_cells(database: Database) -> None:
    values = [-5, 'a,"b"\r\n', {"x": [1, 2]}, None, True, "é"]
    campaign_id = make(database, enumerate(values))
    content = download(database, campaign_id, Format.CSV)
    assert content.startswith(b'dataset_id,dataset,result,date_added\r\n0,"{""n"":0}",-5,2026-01-31T12:00:00.123Z\r\n')
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert [json.loads(row["result"]) for row in rows] == values
    assert [row["dataset_id"] for row in rows] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_that_a_volunteer_sends_is_a_formula_in_csv(database: Database, text: str) -> None:
    campaign_id = make(database, [(0, text)])
    content = download(database, campaign_id, Format.CSV, "result").decode()
    (cell,) = list(csv.reader(io.StringIO(content, newline="")))[1]
    assert cell[0] == '"'
    assert json.loads(cell) == text


@pytest.mark.slow
def test_values_of_many_megabytes_are_whole_in_every_format(database: Database) -> None:
    large = {"text": 'é"\n' * 2_000_000, "binary": bytes(range(256)) * 10_000, "list": list(range(200_000))}
    campaign_id = make(database, [(0, large), (1, 1), (2, large)])
    as_json = {**large, "binary": {"$base64": base64.b64encode(large["binary"]).decode()}}
    assert msgpack.unpackb(download(database, campaign_id)) == [large, 1, large]
    lines = download(database, campaign_id, Format.JSON_LINES, "result").decode().splitlines()
    assert [json.loads(line)["result"] for line in lines] == [as_json, 1, as_json]
    csv.field_size_limit(1 << 30)
    rows = list(csv.reader(io.StringIO(download(database, campaign_id, Format.CSV, "result").decode(), newline="")))
    assert [json.loads(row[0]) for row in rows[1:]] == [as_json, 1, as_json]


def test_results_of_an_old_run_never_appear(database: Database, session: Session) -> None:
    campaign_id = make(database, [(0, "old"), (1, "old")])
    database.write(lambda connection: ledger.reset(connection, campaign_id))
    store(database, campaign_id, [(2, "late"), (3, "late")], run=1)
    store(database, campaign_id, [(0, "new")], run=2)
    assert msgpack.unpackb(download(database, campaign_id)) == ["new"]
    campaign = load(session, campaign_id)
    assert [row.position for row in results.list_results(session, campaign).rows] == [0]
    with pytest.raises(NotFound, match="no result yet"):
        results.get_result(session, campaign, 3)


def test_another_campaigns_results_never_appear(database: Database) -> None:
    owner_id = make_owner(database)
    mine, other = (make_campaign(database, [{}, {}], owner_id=owner_id) for _ in range(2))
    store(database, mine, [(0, "mine")])
    store(database, other, [(0, "theirs"), (1, "theirs")])
    assert msgpack.unpackb(download(database, mine)) == ["mine"]
    assert msgpack.unpackb(download(database, other)) == ["theirs", "theirs"]


def test_a_download_is_one_snapshot_though_results_and_a_reset_come_between_its_pages(database: Database) -> None:
    campaign_id = make_campaign(database, [])
    store(database, campaign_id, ((2 * n, n) for n in range(3 * downloads.PAGE_ROWS)))
    seen: list[int] = []
    with downloads.open_snapshot(database.engine) as connection:
        pages = downloads.iter_pages(connection, campaign_id, wants_dataset=False)
        seen += [entry.position for entry in next(pages)]
        store(database, campaign_id, ((2 * n + 1, "late") for n in range(3 * downloads.PAGE_ROWS)))
        seen += [entry.position for entry in next(pages)]
        database.write(lambda c: ledger.reset(c, campaign_id))
        for page in pages:
            seen += [entry.position for entry in page]
    assert seen == list(range(0, 6 * downloads.PAGE_ROWS, 2))
    assert msgpack.unpackb(download(database, campaign_id)) == []


def test_downloads_while_results_come_in_are_well_formed_and_only_grow(database: Database, database_url: str) -> None:
    campaign_id = make_campaign(database, [{"n": n} for n in range(3000)])
    stop = threading.Event()
    stored: list[int] = []

    def keep_storing() -> None:
        # From the end to the start: new values come before those that a download has seen already.
        writer = Database(database_url)
        for position in range(2999, -1, -1):
            if stop.is_set():
                break
            store(writer, campaign_id, [(position, position)])
            stored.append(position)
        writer.dispose()

    thread = threading.Thread(target=keep_storing)
    thread.start()
    try:
        sizes = []
        while len(sizes) < 8:
            before = len(stored)
            values = [
                entry["result"] for entry in msgpack.unpackb(download(database, campaign_id, fields="result,dataset"))
            ]
            assert values == list(range(3000 - len(values), 3000))
            assert len(values) >= before
            sizes.append(len(values))
    finally:
        stop.set()
        thread.join()
    assert sizes == sorted(sizes)
    assert msgpack.unpackb(download(database, campaign_id)) == list(range(3000 - len(stored), 3000))


def test_the_temporary_file_is_in_the_folder_named_and_gone_once_closed(database: Database, tmp_path: Path) -> None:
    campaign_id = make(database, [(0, b"x" * 1_000_000)])
    folder = tmp_path / "spool"
    folder.mkdir()
    made = downloads.make_download(database.engine, campaign_id, Format.MSGPACK, (), str(folder))
    assert any(str(folder) in name for name in _open_files())
    next(made.iter_chunks())
    made.close()
    assert not any(str(folder) in name for name in _open_files())
    assert list(folder.iterdir()) == []


def test_a_download_that_fails_leaves_no_file_and_no_transaction(database: Database, tmp_path: Path) -> None:
    campaign_id = make(database, [(0, b"x" * 1_000_000), (1, Packed(b"\xdb\xff\xff\xff\xff" + b"x" * 70_000))])
    folder = tmp_path / "spool"
    folder.mkdir()
    before = database.engine.pool.checkedout()  # on SQLite the one that writes keeps its connection
    with pytest.raises(msgpack.UnpackException):
        downloads.make_download(database.engine, campaign_id, Format.JSON_LINES, ("result",), str(folder))
    assert not any(str(folder) in name for name in _open_files())
    assert list(folder.iterdir()) == []
    assert database.engine.pool.checkedout() == before


def _open_files() -> list[str]:
    names = []
    for number in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # the listing's own
            continue
    return names


def test_no_transaction_is_open_once_the_file_is_made(database: Database, tmp_path: Path) -> None:
    campaign_id = make(database, [(0, 1)])
    before = database.engine.pool.checkedout()
    made = downloads.make_download(database.engine, campaign_id, Format.MSGPACK, (), str(tmp_path))
    assert database.engine.pool.checkedout() == before
    made.close()


def test_pages_are_bounded_in_bytes_even_when_values_are_large(database: Database) -> None:
    campaign_id = make(
        database, [(n, b"x" * (downloads.PAGE_BYTES // 3)) for n in range(7)] + [(8, b"x" * 2 * downloads.PAGE_BYTES)]
    )
    with downloads.open_snapshot(database.engine) as connection:
        pages = list(downloads.iter_pages(connection, campaign_id, wants_dataset=True))
    positions = [[entry.position for entry in page] for page in pages]
    assert positions == [[0, 1], [2, 3], [4, 5], [6], [8]]


GROWTH = """
import resource, sys, tempfile
from app import downloads
from app.database import Database
database, campaign_id, empty_id = Database(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
def run(campaign_id):
    for kind in downloads.Format:
        made = downloads.make_download(database.engine, campaign_id, kind, downloads.FIELDS, tempfile.gettempdir())
        for chunk in made.iter_chunks():
            pass
        made.close()
        print(made.count, made.size_bytes)
run(empty_id)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run(campaign_id)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_200_000_results_of_100_megabytes_need_constant_memory(database: Database, database_url: str) -> None:
    owner_id = make_owner(database)
    empty_id, campaign_id = (make_campaign(database, [], owner_id=owner_id) for _ in range(2))
    _store_many(database, campaign_id, 200_000, msgpack.packb("x" * 500))
    command = [sys.executable, "-c", GROWTH, database_url, str(campaign_id), str(empty_id)]
    lines = subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT).stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["0"] * 3 + ["200000"] * 3
    assert all(int(line.split()[1]) > 100_000_000 for line in lines[3:-1])
    # SQLite keeps as much of the file in memory as its cache may have.
    cache_bytes = (64 << 20) if database.is_sqlite else 0
    assert int(lines[-1]) * 1024 < cache_bytes + (24 << 20)


def _store_many(database: Database, campaign_id: int, count: int, data: bytes) -> None:
    series = (
        "with recursive series(n) as (select 0 union all select n + 1 from series where n < :count - 1)"
        " insert into {} select :campaign, {} from series"
    )
    values = {"campaign": campaign_id, "count": count, "data": data}
    dataset = sa.text(series.format("dataset (campaign_id, position, data)", "n, :data"))
    columns = "result (campaign_id, run, position, kind, data, date_added, compute_ms, volunteer_id, kernel_version)"
    result = sa.text(series.format(columns, "1, n, 0, :data, 0, 0, 0, 1"))
    small = {**values, "data": b"\x01"}
    database.write(lambda connection: (connection.execute(dataset, small), connection.execute(result, values)))
