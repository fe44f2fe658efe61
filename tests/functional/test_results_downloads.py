"""How downloads are sent: gzip where it is accepted, and a finished campaign's by parts and with a tag."""

from __future__ import annotations

import gzip
import json
import threading
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import msgpack
import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from app import delivery, downloads
from app.database import Database
from tests import cast
from tests.functional.outcomes import FAILED, MOMENT, NOTHING, make

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
VALUES = [{"text": "ab" * 5000, "n": n} for n in range(20)]
WHOLE = msgpack.packb(VALUES)


@pytest.fixture
def running(database: Database, alice: cast.Person) -> str:
    """A running campaign's address of downloads."""
    return f"/campaign/{make(database, alice.email, 30, dict(enumerate(VALUES)))}/results/raw"


@pytest.fixture
def finished(database: Database, alice: cast.Person) -> str:
    """A finished campaign's address of downloads."""
    outcomes = {**dict(enumerate(VALUES)), 20: NOTHING, 21: FAILED}
    return f"/campaign/{make(database, alice.email, 22, outcomes)}/results/raw"


def get(person: cast.Person, address: str, method: str = "GET", **headers: str) -> TestResponse:
    """Ask with headers: `If_Range="…"`."""
    return person.browser.open(
        address, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def kept(app: Flask) -> list[Path]:
    """Return the files that the site keeps."""
    return sorted(path for path in (Path(app.instance_path) / "snapshots").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("accepted", "is_gzip"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("x-gzip", True),
        ("GZIP;q=0.1", True),
        ("*", True),
        ("identity;q=0.5, gzip;q=0.5", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=0.2, *;q=0.9", False),
    ],
)
def test_a_download_comes_in_gzip_where_the_client_prefers_that(
    alice: cast.Person, running: str, finished: str, accepted: str, is_gzip: bool
) -> None:
    for address in (running, finished):
        for ending in ("", ".jsonl", ".csv"):
            plain, response = alice.get(address + ending), get(alice, address + ending, Accept_Encoding=accepted)
            assert response.headers.get("Content-Encoding") == ("gzip" if is_gzip else None)
            assert "Accept-Encoding" in response.headers["Vary"]
            assert (gzip.decompress(response.data) if is_gzip else response.data) == plain.data
            assert len(response.data) < len(plain.data) / 10 or not is_gzip
            length = response.headers.get("Content-Length")
            assert length == str(len(response.data)) or (length is None and is_gzip and address == running)


def test_one_value_comes_in_gzip_too(alice: cast.Person, running: str) -> None:
    address = running.removesuffix("raw") + "3/raw.json"
    response = get(alice, address, Accept_Encoding="gzip")
    assert json.loads(gzip.decompress(response.data)) == VALUES[3]


def test_a_running_campaign_s_download_is_made_anew_and_has_no_parts(
    app: Flask, alice: cast.Person, running: str
) -> None:
    response = get(alice, running, Range="bytes=0-9")
    assert (response.status_code, response.data, response.headers["Accept-Ranges"]) == (200, WHOLE, "none")
    assert "ETag" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    assert kept(app) == []


def test_a_finished_campaign_s_download_is_made_once_and_has_a_tag_and_a_date(
    app: Flask, alice: cast.Person, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = alice.get(finished)
    assert (first.status_code, first.data) == (200, WHOLE)
    assert first.headers["Content-Length"] == str(len(WHOLE))
    assert first.headers["Accept-Ranges"] == "bytes"
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert parsedate_to_datetime(first.headers["Last-Modified"]) == MOMENT
    tag, weak = first.get_etag()
    assert tag
    assert not weak
    assert len(kept(app)) == 1
    _forbid_making(monkeypatch)
    again = alice.get(finished)
    assert (again.data, again.get_etag(), again.headers["Last-Modified"]) == (
        first.data,
        first.get_etag(),
        first.headers["Last-Modified"],
    )


def _forbid_making(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise AssertionError("the database is asked for the values")

    monkeypatch.setattr(downloads, "open_values", refuse)


def test_every_form_of_a_download_has_a_tag_of_its_own(alice: cast.Person, finished: str) -> None:
    forms = ["", "?fields=result", "?fields=result,dataset_id", ".jsonl", ".csv", ".csv?fields=result"]
    tags = [alice.get(finished + form).get_etag()[0] for form in forms]
    tags += [get(alice, finished + form, Accept_Encoding="gzip").get_etag()[0] for form in forms]
    assert len(set(tags)) == 12


def test_who_has_the_file_is_told_so_even_where_it_has_gone_from_here(
    app: Flask, alice: cast.Person, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = alice.get(finished).headers["ETag"]
    kept(app)[0].unlink()
    _forbid_making(monkeypatch)
    for wanted in (tag, f'"other", W/{tag}', "*"):
        response = get(alice, finished, If_None_Match=wanted)
        assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", tag), wanted
    # A part of what the client has whole is not sent either.
    assert get(alice, finished, If_None_Match=tag, Range="bytes=0-1").status_code == 304


def test_a_client_with_another_file_or_none_gets_the_whole(alice: cast.Person, finished: str) -> None:
    response = get(alice, finished, If_None_Match='"other"')
    assert (response.status_code, response.data) == (200, WHOLE)
    date = alice.get(finished).headers["Last-Modified"]
    for part in ({}, {"Range": "bytes=0-1"}):
        assert get(alice, finished, If_Modified_Since=date, **part).status_code == 304
        assert get(alice, finished, If_Match='"other"', **part).status_code == 412


@pytest.mark.parametrize(
    ("asked", "low", "high"),
    [("bytes=0-0", 0, 1), ("bytes=5-99", 5, 100), ("bytes=100000-", 100_000, None), ("bytes=-7", -7, None)],
)
def test_a_part_is_sent_alone(alice: cast.Person, finished: str, asked: str, low: int, high: int | None) -> None:
    response = get(alice, finished, Range=asked)
    part = WHOLE[low:high]
    start = low % len(WHOLE)
    assert (response.status_code, response.data) == (206, part)
    assert response.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/{len(WHOLE)}"
    assert response.headers["Content-Length"] == str(len(part))


def test_a_download_that_broke_off_goes_on_where_it_was_and_begins_anew_when_the_file_is_another(
    alice: cast.Person, finished: str
) -> None:
    whole = get(alice, finished, Accept_Encoding="gzip")
    tag = whole.headers["ETag"]
    rest = get(alice, finished, Accept_Encoding="gzip", Range="bytes=100-", If_Range=tag)
    assert (rest.status_code, rest.headers["Content-Encoding"]) == (206, "gzip")
    assert gzip.decompress(whole.data[:100] + rest.data) == WHOLE
    # Without gzip it is another file, with another tag.
    for other in (tag, '"other"', f"W/{tag}", "Sat, 01 Jan 2000 00:00:00 GMT"):
        response = get(alice, finished, Range="bytes=100-", If_Range=other)
        assert (response.status_code, response.data) == (200, WHOLE), other
    assert get(alice, finished, Range="bytes=100-", If_Range=whole.headers["Last-Modified"]).status_code == 206


def test_a_part_behind_the_end_is_416_with_the_length(alice: cast.Person, finished: str) -> None:
    response = get(alice, finished, Range="bytes=999999999-")
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(WHOLE)}"
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "pages=1-2", "bytes", "bytes=x-y", "bytes=9-2", "bytes=-0"])
def test_what_is_not_one_range_of_bytes_is_answered_by_the_whole(alice: cast.Person, finished: str, asked: str) -> None:
    response = get(alice, finished, Range=asked)
    assert (response.status_code, response.data) == (200, WHOLE)


def test_head_makes_no_file_and_tells_the_length_where_there_is_one(
    app: Flask, alice: cast.Person, finished: str
) -> None:
    first = get(alice, finished, "HEAD", Range="bytes=0-1")
    assert (first.status_code, first.data, first.headers.get("Content-Length")) == (200, b"", None)
    assert kept(app) == []
    response = alice.get(finished)
    head = get(alice, finished, "HEAD", Range="bytes=0-1")
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", str(len(WHOLE)))
    assert first.headers["ETag"] == head.headers["ETag"] == response.headers["ETag"]


def test_an_empty_file_is_a_file(database: Database, alice: cast.Person) -> None:
    address = f"/campaign/{make(database, alice.email, 1, {0: NOTHING})}/results/raw.jsonl"
    for headers in ({}, {"Range": "bytes=0-5"}):
        response = get(alice, address, **headers)
        assert (response.status_code, response.data, response.headers["Content-Length"]) == (200, b"", "0")


def test_a_retried_dataset_makes_another_file_and_takes_the_old_one_away(
    app: Flask, database: Database, alice: cast.Person, finished: str
) -> None:
    old = alice.get(finished).headers["ETag"]
    more = sa.text("update result set kind = 0, data = :data where position = 21")
    database.write(lambda connection: connection.execute(more, {"data": b"\x07"}))
    count = sa.text("update progress set value_count = value_count + 1, failed_count = 0")
    database.write(lambda connection: connection.execute(count))
    response = get(alice, finished, If_None_Match=old)
    assert (response.status_code, msgpack.unpackb(response.data)) == (200, [*VALUES, 7])
    assert len(kept(app)) == 1


def test_counters_that_do_not_match_the_values_make_no_file_that_is_kept(
    app: Flask, database: Database, alice: cast.Person, finished: str
) -> None:
    database.write(lambda connection: connection.execute(sa.text("delete from result where position = 3")))
    response = alice.get(finished)
    assert (response.status_code, response.headers["Accept-Ranges"]) == (200, "none")
    assert msgpack.unpackb(response.data) == VALUES[:3] + VALUES[4:]
    assert kept(app) == []


def test_two_who_ask_at_once_get_one_file_that_was_made_once(
    app: Flask, alice: cast.Person, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, go_on, open_values = [], threading.Event(), downloads.open_values

    def open_slowly(*arguments: Any) -> Any:
        made.append(arguments)
        assert go_on.wait(20)
        return open_values(*arguments)

    monkeypatch.setattr(downloads, "open_values", open_slowly)
    answers: list[TestResponse] = []
    browsers = [_copy(app, alice) for _ in range(3)]
    threads = [threading.Thread(target=lambda b=b: answers.append(b.get(finished))) for b in browsers]
    for thread in threads:
        thread.start()
    while not made:
        time.sleep(0.01)
    time.sleep(0.2)  # the others are here by now, and wait
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert [answer.data for answer in answers] == [WHOLE] * 3


def _copy(app: Flask, person: cast.Person) -> Any:
    cookie = person.browser.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert cookie
    browser = app.test_client()
    browser.set_cookie(cookie.key, cookie.value)
    return browser


@pytest.mark.parametrize("change", ["datasets/reset", "delete"])
def test_a_reset_and_a_deletion_take_the_files_away_with_the_next_sweep(
    app: Flask, database: Database, alice: cast.Person, finished: str, change: str
) -> None:
    other = f"/campaign/{make(database, alice.email, 1, {0: 1})}/results/raw"
    alice.get(finished)
    alice.get(other)
    delivery.sweep(app)
    assert len(kept(app)) == 2
    assert alice.post(f"/campaign/{finished.split('/')[2]}/{change}").status_code == 303
    delivery.sweep(app)
    (left,) = kept(app)
    assert left.read_bytes() == b"\x91\x01"


def test_a_sweep_that_fails_leaves_everything_to_the_next_one(
    app: Flask, database: Database, alice: cast.Person, finished: str
) -> None:
    alice.get(finished)
    database.write(lambda connection: connection.execute(sa.text("alter table schedule rename to elsewhere")))
    delivery.sweep(app)
    assert len(kept(app)) == 1
