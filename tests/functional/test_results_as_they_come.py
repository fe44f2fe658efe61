"""The first download of a finished campaign comes while its file is made (K2, K5, K6), as it will be told of later."""

from __future__ import annotations

import base64
import gzip
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from app import delivery, downloads, joined, ledger
from app.blueprints import results
from app.database import Database
from app.errors import DatabaseBusy
from tests import cast
from tests.functional.outcomes import make

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
VALUES = [base64.b64encode(os.urandom(30_000)).decode() for _ in range(20)]  # texts that gzip makes little shorter
WHOLE = msgpack.packb(VALUES)
FORMS = [("", ""), ("", "gzip"), (".jsonl", ""), (".jsonl", "gzip"), (".csv?fields=result", "")]


class Hold:
    """Keeps whoever makes a download from its second half for as long as it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.times = 0
        self.error: Exception | None = None

    def wrap(self, iterate: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Hold up what goes through the values, in parts of some."""

        def held(*arguments: Any, **options: Any) -> Iterator[Any]:
            self.times += 1
            for number, part in enumerate(iterate(*arguments, **options)):
                assert number < 3 or self.go_on.wait(20)
                if number == 3 and self.error:
                    raise self.error
                yield part

        return held


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hold]:
    """A site that waits for no file to be whole, and makes none whole yet."""
    hold = Hold()
    monkeypatch.setattr(delivery, "GRACE_S", 0)
    monkeypatch.setattr(delivery, "PART_PATIENCE_S", 0)
    for module in (downloads, joined):
        monkeypatch.setattr(module, "PAGE_BYTES", 120_000)
    monkeypatch.setattr(downloads, "iter_pages", hold.wrap(downloads.iter_pages))
    monkeypatch.setattr(joined, "iter_joined", hold.wrap(joined.iter_joined))
    yield hold
    hold.go_on.set()


@pytest.fixture
def finished(database: Database, alice: cast.Person) -> str:
    """A finished campaign's address of downloads."""
    return f"/campaign/{make(database, alice.email, 20, dict(enumerate(VALUES)))}/results/raw"


def get(person: cast.Person, address: str, method: str = "GET", **headers: str) -> TestResponse:
    """Ask with headers: `If_Range="…"`. The body is not read yet."""
    return person.browser.open(
        address, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def names(app: Flask) -> list[str]:
    """Return the names of the files that are kept or made."""
    return sorted(path.name for path in (Path(app.instance_path) / "snapshots").rglob("*") if path.is_file())


def is_made(app: Flask) -> bool:
    """Say whether there is a whole file, and nothing else."""
    return [Path(name).suffix in (".part", ".facts") for name in names(app)] == [False]


def wait_until_made(app: Flask) -> None:
    give_up_at = time.monotonic() + 20
    while not is_made(app):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


@pytest.mark.parametrize(("form", "encoding"), FORMS)
def test_the_first_bytes_come_before_the_file_is_whole_with_what_is_told_of_it_later(
    app: Flask, alice: cast.Person, finished: str, hold: Hold, form: str, encoding: str
) -> None:
    first, second = (get(alice, finished + form, Accept_Encoding=encoding) for _ in range(2))
    bodies = [first.iter_encoded(), second.iter_encoded()]
    beginnings = [next(body) for body in bodies]
    assert not is_made(app)
    hold.go_on.set()
    wholes = [beginning + b"".join(body) for beginning, body in zip(beginnings, bodies, strict=True)]
    assert hold.times == 1
    later = get(alice, finished + form, Accept_Encoding=encoding)
    assert wholes == [later.data] * 2
    assert (gzip.decompress(later.data) if encoding else later.data)[:9] == (WHOLE if not form else plain(later))[:9]
    for name in ("ETag", "Last-Modified", "Accept-Ranges", "Cache-Control", "Content-Type", "Content-Encoding"):
        assert first.headers.get(name) == second.headers.get(name) == later.headers.get(name), name
    assert first.headers.get("Content-Length") == (str(len(WHOLE)) if (form, encoding) == ("", "") else None)
    part = get(alice, finished + form, Accept_Encoding=encoding, Range="bytes=1000-", If_Range=first.headers["ETag"])
    assert (part.status_code, part.data) == (206, wholes[0][1000:])


def plain(response: TestResponse) -> bytes:
    """Return a response's bytes as they are without gzip."""
    is_gzip = response.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(response.data) if is_gzip else response.data


def test_a_client_that_leaves_in_the_middle_leaves_a_whole_file(
    app: Flask, alice: cast.Person, finished: str, hold: Hold
) -> None:
    response = alice.get(finished)
    assert WHOLE.startswith(next(response.iter_encoded()))
    response.close()
    assert not is_made(app)
    hold.go_on.set()
    wait_until_made(app)
    assert (alice.get(finished).data, hold.times) == (WHOLE, 1)


@pytest.mark.parametrize(("asked", "low", "high"), [("bytes=5-99", 5, 100), ("bytes=790000-", 790_000, None)])
def test_a_part_of_what_is_being_made_comes_when_it_is_there_where_the_size_is_known(
    alice: cast.Person, finished: str, hold: Hold, asked: str, low: int, high: int | None
) -> None:
    first = alice.get(finished)
    timer = threading.Timer(0.1, hold.go_on.set)
    timer.start()
    part = get(alice, finished, Range=asked, If_Range=first.headers["ETag"])
    assert (part.status_code, part.data) == (206, WHOLE[low:high])
    assert part.headers["Content-Range"].endswith(f"/{len(WHOLE)}")
    timer.join()
    assert get(alice, finished, Range="bytes=800001-").status_code == 416 or len(WHOLE) > 800_001
    first.close()


def test_a_part_of_what_has_no_known_size_yet_is_waited_for_a_while_and_then_is_the_whole(
    alice: cast.Person, finished: str, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = alice.get(f"{finished}.jsonl")
    whole = get(alice, f"{finished}.jsonl", Range="bytes=7-")
    monkeypatch.setattr(delivery, "PART_PATIENCE_S", 60)
    timer = threading.Timer(0.1, hold.go_on.set)
    timer.start()
    part = get(alice, f"{finished}.jsonl", Range="bytes=7-")
    assert (whole.status_code, part.status_code) == (200, 206)
    assert first.data == whole.data == first.data[:7] + part.data
    timer.join()


def test_what_needs_no_bytes_is_answered_while_a_file_is_made(alice: cast.Person, finished: str, hold: Hold) -> None:
    first = alice.get(finished)
    head = get(alice, finished, "HEAD")
    assert (head.status_code, head.data, head.headers.get("Content-Length")) == (200, b"", None)
    assert get(alice, finished, If_None_Match=first.headers["ETag"]).status_code == 304
    assert get(alice, finished, If_Modified_Since=first.headers["Last-Modified"]).status_code == 304
    assert get(alice, finished, If_Match='"other"').status_code == 412
    first.close()
    assert hold.times == 1


def test_a_failure_in_the_middle_ends_the_answer_before_it_looks_whole(
    app: Flask, alice: cast.Person, finished: str, hold: Hold
) -> None:
    hold.error = DatabaseBusy()
    first, second = alice.get(finished), alice.get(f"{finished}")
    bodies = [first.iter_encoded(), second.iter_encoded()]
    read = [next(body) for body in bodies]
    hold.go_on.set()
    for number, body in enumerate(bodies):
        with pytest.raises(Exception, match=r"^The database is busy|^$"):
            read[number] += b"".join(body)
        assert len(read[number]) < len(WHOLE)
    assert names(app) == []
    hold.error = None
    assert alice.get(finished).data == WHOLE
    for response in (first, second):
        response.close()


def test_a_campaign_that_is_reset_before_its_file_is_begun_is_sent_as_a_running_one(
    app: Flask, database: Database, alice: cast.Person, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_values = downloads.open_values

    def reset_before(engine: sa.Engine, campaign_id: int) -> Any:
        monkeypatch.setattr(downloads, "open_values", open_values)
        database.write(lambda connection: ledger.reset(connection, campaign_id))
        return open_values(engine, campaign_id)

    monkeypatch.setattr(downloads, "open_values", reset_before)
    response = alice.get(finished)
    assert (response.status_code, response.data, response.headers["Accept-Ranges"]) == (200, b"\x90", "none")
    assert names(app) == []


def test_a_campaign_with_too_many_values_to_look_at_before_has_no_date_the_first_time(
    app: Flask, alice: cast.Person, finished: str, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "SURVEY_S", -1)
    first = alice.get(finished)
    assert [first.headers.get(name) for name in ("Last-Modified", "Content-Length")] == [None, str(len(WHOLE))]
    hold.go_on.set()
    assert first.data == WHOLE
    second = alice.get(finished)
    assert second.headers["Content-Length"] == str(len(WHOLE))
    assert second.headers["ETag"] == first.headers["ETag"]
    assert "Last-Modified" in second.headers


def test_a_file_that_turns_out_to_be_of_another_state_ends_its_answers_and_is_not_kept(
    app: Flask, database: Database, alice: cast.Person, finished: str, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "SURVEY_S", -1)
    database.write(lambda connection: connection.execute(sa.text("delete from result where position = 19")))
    first = alice.get(finished)
    hold.go_on.set()
    with pytest.raises(results.snapshots.Changed):
        _ = first.data
    assert names(app) == []


def test_a_file_that_would_be_of_another_state_is_not_begun(
    app: Flask, database: Database, alice: cast.Person, finished: str, hold: Hold
) -> None:
    database.write(lambda connection: connection.execute(sa.text("delete from result where position = 19")))
    timer = threading.Timer(0.2, hold.go_on.set)
    timer.start()
    response = alice.get(finished)
    assert response.headers["Accept-Ranges"] == "none"
    assert msgpack.unpackb(response.data) == VALUES[:19]
    assert names(app) == []
    timer.join()
