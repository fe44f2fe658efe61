"""An owner's results: the table, one result, the downloads, and what stands there while there is nothing."""

from __future__ import annotations

import json
import os
import re
from html import unescape
from pathlib import Path

import msgpack
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import Database
from app.models import KernelError, Volunteer
from tests import cast
from tests.functional.outcomes import FAILED, MOMENT, NOTHING, make
from tests.functional.pages import text


def cells(response: TestResponse) -> list[list[str]]:
    """Return the text of the table's cells, row by row."""
    body = re.search(r"<tbody>(.*?)</tbody>", response.get_data(as_text=True), re.DOTALL)
    assert body, "no table"
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
    return [[_plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


def _plain(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html)).strip()


def links(response: TestResponse, rel: str) -> list[str]:
    return [unescape(href) for href in re.findall(rf'<a rel="{rel}" href="([^"]*)"', response.get_data(as_text=True))]


def test_values_of_every_kind_are_readable_in_the_table(database: Database, alice: cast.Person) -> None:
    outcomes = {
        0: 42,
        1: "<i>hi</i>",
        2: [1, [2.5]],
        3: {"a": None},
        4: b"\x00\xff",
        5: NOTHING,
        6: FAILED,
        7: 2**64 - 1,
    }
    campaign_id = make(database, alice.email, 9, outcomes)
    response = alice.get(f"/campaign/{campaign_id}/results")
    assert response.status_code == 200
    assert [row[:4] for row in cells(response)] == [
        ["0", "0", "42", "1.5 seconds"],
        ["1", "1", '"<i>hi</i>"', "1.5 seconds"],
        ["2", "2", "[1, [2.5]]", "1.5 seconds"],
        ["3", "3", '{"a": null}', "1.5 seconds"],
        ["4", "4", "<2 bytes: 00 ff>", "1.5 seconds"],
        ["5", "5", "nothing", "1.5 seconds"],
        ["6", "6", "failed", "1.5 seconds"],
        ["7", "7", "18,446,744,073,709,551,615", "1.5 seconds"],
    ]
    assert "<i>hi" not in response.get_data(as_text=True)
    assert "8 of 9 datasets done: 6 with a result, 1 without, 1 failed." in re.sub(r"\s+", " ", text(response))


def test_a_campaign_without_results_says_what_to_do(database: Database, alice: cast.Person) -> None:
    page = text(alice.get(f"/campaign/{make(database, alice.email, 3, {})}/results"))
    assert "No results yet" in page
    assert "3 datasets wait for volunteers" in re.sub(r"\s+", " ", page)
    assert "<table" not in page


def test_the_pages_lead_from_one_to_the_next_and_back(database: Database, alice: cast.Person) -> None:
    campaign_id = make(database, alice.email, 120, dict.fromkeys(range(120), "x"))
    address = f"/campaign/{campaign_id}/results"
    first = alice.get(address)
    assert [row[0] for row in cells(first)] == [str(n) for n in range(50)]
    assert links(first, "prev") == []
    second = alice.get(links(first, "next")[0])
    third = alice.get(links(second, "next")[0])
    assert [row[0] for row in cells(third)] == [str(n) for n in range(100, 120)]
    assert links(third, "next") == []
    # All but the last column, which says how long ago something was.
    again = alice.get(links(third, "prev")[0])
    assert [row[:-1] for row in cells(again)] == [row[:-1] for row in cells(second)]
    assert links(second, "prev") == [address]


def test_a_dataset_is_found_by_its_number(database: Database, alice: cast.Person) -> None:
    campaign_id = make(database, alice.email, 2000, {1234: "x"})
    response = alice.get(f"/campaign/{campaign_id}/results?dataset=1,234")
    assert (response.status_code, response.location) == (303, f"/campaign/{campaign_id}/results/1234")


@pytest.mark.parametrize(
    ("wanted", "status", "message"),
    [
        ("5", 404, "Dataset 5 has no result yet."),
        ("9", 404, "There is no dataset 9: the last one is 8."),
        ("99999999999999999999", 422, "Give the number of a dataset"),
        ("x", 422, "Give the number of a dataset"),
        ("-1", 422, "Give the number of a dataset"),
        ("²", 422, "Give the number of a dataset"),
    ],
)
def test_a_number_that_leads_nowhere_is_answered_beside_its_field(
    database: Database, alice: cast.Person, wanted: str, status: int, message: str
) -> None:
    campaign_id = make(database, alice.email, 9, {0: "x"})
    response = alice.get(f"/campaign/{campaign_id}/results", query_string={"dataset": wanted})
    assert response.status_code == status
    error = re.search(r'id="dataset-error">([^<]*)', response.get_data(as_text=True))
    assert error
    assert message in error[1]
    assert len(cells(response)) == 1


@pytest.mark.parametrize("after", ["x", "-2", "1e3", "9" * 30, ""])
def test_a_page_key_that_is_no_number_is_refused(database: Database, alice: cast.Person, after: str) -> None:
    campaign_id = make(database, alice.email, 9, {0: "x"})
    assert alice.get(f"/campaign/{campaign_id}/results", query_string={"after": after}).status_code == 422


def test_a_page_behind_the_last_result_says_so(database: Database, alice: cast.Person) -> None:
    campaign_id = make(database, alice.email, 9, {0: "x"})
    page = alice.get(f"/campaign/{campaign_id}/results?after=2147483647")
    assert "There is nothing on this page" in text(page)
    assert links(page, "prev") == [f"/campaign/{campaign_id}/results"]


def test_a_page_read_between_the_counters_and_a_reset_is_empty_and_not_broken(
    database: Database, alice: cast.Person
) -> None:
    campaign = make(database, alice.email, 1, {0: 1})
    database.write(lambda connection: connection.execute(sa.text("delete from result")))
    page = alice.get(f"/campaign/{campaign}/results")
    assert page.status_code == 200
    assert "There is nothing on this page" in text(page)


def test_one_result_is_shown_with_its_dataset_and_its_neighbours(database: Database, alice: cast.Person) -> None:
    campaign_id = make(database, alice.email, 9, {1: "x", 3: {"primes": list(range(100))}, 7: "x"})
    response = alice.get(f"/campaign/{campaign_id}/results/3")
    page = text(response)
    assert '  "primes": [\n    0, 1, 2,' in page
    assert '{"n": 3}' in page
    assert links(response, "prev") == [f"/campaign/{campaign_id}/results/1"]
    assert links(response, "next") == [f"/campaign/{campaign_id}/results/7"]


def test_one_result_says_on_what_device_by_which_kernel_and_offers_itself_and_its_dataset(
    database: Database, alice: cast.Person
) -> None:
    campaign_id = make(database, alice.email, 9, {3: {"n": 2**60, "b": b"\x00"}})
    volunteer = {"id": 1, "device": "Firefox on <Linux>", "first_seen": MOMENT, "last_seen": MOMENT}
    database.write(lambda connection: connection.execute(sa.insert(Volunteer).values(**volunteer)))
    database.write(lambda connection: connection.execute(sa.text("update campaign set kernel_version = 4")))
    page = re.sub(r"(<[^>]*>|\s)+", " ", alice.get(f"/campaign/{campaign_id}/results/3").get_data(as_text=True))
    assert "On Firefox on &lt;Linux&gt;" in page
    assert re.search(r"By kernel version +1 +of 4", page)
    values = {"raw": b"\x82\xa1n\xcf\x10\0\0\0\0\0\0\0\xa1b\xc4\x01\0", "dataset/raw": b"\x81\xa1n\x03"}
    for address, value in values.items():
        response = alice.get(f"/campaign/{campaign_id}/results/3/{address}")
        assert (response.data, response.headers["Content-Length"]) == (value, str(len(value)))
        assert response.headers["Content-Type"] == "application/vnd.msgpack"
    result = alice.get(f"/campaign/{campaign_id}/results/3/raw.json")
    assert result.data == b'{"n":1152921504606846976,"b":{"$base64":"AA=="}}'
    assert result.headers["Content-Disposition"] == f'attachment; filename="campaign-{campaign_id}-result-3.json"'
    assert alice.get(f"/campaign/{campaign_id}/results/8/dataset/raw.json").get_json() == {"n": 8}


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("0/raw", "Dataset 0 has no value: the kernel returned null or undefined for it."),
        ("1/raw.json", "Dataset 1 has no value: it failed each time it was tried."),
        ("2/raw", "Dataset 2 has no result yet."),
        ("9/raw", "There is no dataset 9: the last one is 8."),
        ("9/dataset/raw", "There is no dataset 9: the last one is 8."),
        ("2147483648/dataset/raw.json", "There is no dataset 2,147,483,648: the last one is 8."),
    ],
)
def test_a_value_that_is_not_there_is_404_and_the_answer_says_why(
    database: Database, alice: cast.Person, address: str, detail: str
) -> None:
    campaign_id = make(database, alice.email, 9, {0: NOTHING, 1: FAILED})
    response = alice.get(f"/campaign/{campaign_id}/results/{address}")
    assert (response.status_code, response.get_json()["detail"]) == (404, detail)


def test_what_has_no_value_is_said_in_words(database: Database, alice: cast.Person) -> None:
    campaign_id = make(database, alice.email, 9, {0: NOTHING, 1: FAILED})
    error = {
        "campaign_id": campaign_id, "run": 1, "position": 1, "volunteer_id": 1, "kernel_version": 1,
        "name": "TypeError", "message": "x is <not> a function", "stack": "at main (kernel.js:3:7)",
        "date_added": MOMENT,
    }  # fmt: skip
    database.write(lambda connection: connection.execute(sa.insert(KernelError).values(**error)))
    assert "returned null or undefined" in text(alice.get(f"/campaign/{campaign_id}/results/0"))
    page = text(alice.get(f"/campaign/{campaign_id}/results/1"))
    assert "threw an error or ran out of time" in page
    assert "x is <not> a function" in page
    assert "kernel.js:3:7" in page


@pytest.mark.parametrize("result_id", ["5", "9", "2147483648", "1" * 40, "-1", "x"])
def test_a_result_that_is_not_there_is_404(database: Database, alice: cast.Person, result_id: str) -> None:
    campaign_id = make(database, alice.email, 9, {0: "x"})
    assert alice.get(f"/campaign/{campaign_id}/results/{result_id}").status_code == 404


def test_large_values_make_small_pages(database: Database, alice: cast.Person) -> None:
    large = {"text": "x" * 1_000_000, "more": [[]] * 500_000}
    campaign_id = make(database, alice.email, 3, {0: large, 1: [large], 2: b"x" * 2_000_000})
    for address in ("", "/0", "/1", "/2"):
        response = alice.get(f"/campaign/{campaign_id}/results{address}")
        assert response.status_code == 200
        assert len(response.data) < 200_000
    assert "This is its beginning: 64 KB of 1.43 MB" in text(alice.get(f"/campaign/{campaign_id}/results/0"))


MSGPACK, JSON_LINES, CSV = "raw", "raw.jsonl", "raw.csv"
KINDS = [
    (MSGPACK, "msgpack", "application/vnd.msgpack"),
    (JSON_LINES, "jsonl", "application/x-ndjson"),
    (CSV, "csv", "text/csv; charset=utf-8"),
]


@pytest.mark.parametrize(("address", "ending", "media_type"), KINDS)
def test_downloads_say_their_name_type_and_length(
    database: Database, alice: cast.Person, address: str, ending: str, media_type: str
) -> None:
    campaign_id = make(database, alice.email, 9, {0: "x", 1: NOTHING, 2: [1]})
    response = alice.get(f"/campaign/{campaign_id}/results/{address}")
    assert response.status_code == 200
    assert response.headers["Content-Disposition"] == f'attachment; filename="campaign-{campaign_id}-results.{ending}"'
    assert response.headers["Content-Type"] == media_type
    assert response.headers["Content-Length"] == str(len(response.data))
    assert response.headers["Cache-Control"] == "no-store"
    head = alice.browser.head(f"/campaign/{campaign_id}/results/{address}")
    # Its length would cost as much as the whole: a campaign that still runs may leave it out (RFC 9110, 8.6).
    assert (head.status_code, head.headers.get("Content-Length"), head.data) == (200, None, b"")
    for name in ("Content-Disposition", "Content-Type", "Cache-Control", "Accept-Ranges", "Vary"):
        assert head.headers[name] == response.headers[name]
    assert response.headers["Accept-Ranges"] == "none"


def test_raw_is_an_array_of_the_values_and_with_fields_of_maps(database: Database, alice: cast.Person) -> None:
    address = f"/campaign/{make(database, alice.email, 9, {0: 'x', 1: NOTHING, 2: [1], 3: FAILED})}/results/raw"
    assert msgpack.unpackb(alice.get(address).data) == ["x", [1]]
    assert msgpack.unpackb(alice.get(f"{address}?fields=result,dataset_id").data) == [
        {"result": "x", "dataset_id": 0},
        {"result": [1], "dataset_id": 2},
    ]
    assert alice.get(f"{address}.csv?fields=dataset_id,result").data == b'dataset_id,result\r\n0,"""x"""\r\n2,"[1]"\r\n'
    lines = alice.get(f"{address}.jsonl?fields=result").data.splitlines()
    assert [json.loads(line) for line in lines] == [{"result": "x"}, {"result": [1]}]


def test_raw_of_a_campaign_without_results_is_an_empty_array(database: Database, alice: cast.Person) -> None:
    address = f"/campaign/{make(database, alice.email, 3, {})}/results/raw"
    assert alice.get(address).data == b"\x90"
    assert alice.get(f"{address}.jsonl").data == b""
    assert alice.get(f"{address}.csv").data == b"dataset_id,dataset,result,date_added\r\n"


@pytest.mark.parametrize("address", [MSGPACK, JSON_LINES, CSV])
def test_an_unknown_field_is_refused_with_the_names_of_those_there_are(
    database: Database, alice: cast.Person, address: str
) -> None:
    campaign_id = make(database, alice.email, 3, {0: 1})
    response = alice.get(f"/campaign/{campaign_id}/results/{address}?fields=result,colour")
    assert response.status_code == 422
    error = response.get_json()
    assert error["field"] == "fields"
    assert "'colour'" in error["detail"]
    assert "dataset_id, dataset, result, date_added" in error["detail"]


@pytest.mark.parametrize("address", [MSGPACK, JSON_LINES, CSV])
def test_who_has_not_signed_in_gets_401_and_no_redirect(
    database: Database, alice: cast.Person, client: FlaskClient, address: str
) -> None:
    campaign_id = make(database, alice.email, 3, {0: 1})
    response = client.get(f"/campaign/{campaign_id}/results/{address}", headers={"Accept": "text/html"})
    assert response.status_code == 401
    assert "WWW-Authenticate" in response.headers


def spool_files(app: Flask) -> list[str]:
    """Return the deleted files in the instance folder that this process still holds open."""
    folder = str(Path(app.instance_path))
    names = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [name for name in names if name.startswith(folder) and name.endswith("(deleted)")]


def test_the_temporary_file_goes_when_the_client_hangs_up(app: Flask, database: Database, alice: cast.Person) -> None:
    campaign_id = make(database, alice.email, 3, {0: b"x" * 3_000_000})
    response = alice.get(f"/campaign/{campaign_id}/results/raw", buffered=False)
    chunks = iter(response.response)
    assert len(next(chunks)) > 0
    assert len(spool_files(app)) == 1
    assert _checked_out(app) == 0
    response.close()
    assert spool_files(app) == []


def _checked_out(app: Flask) -> int:
    with app.app_context():
        return int(app.extensions["sqlalchemy"].engine.pool.checkedout())
