"""Previews as the editor asks for them: made of a form's field, answered as JSON, and for whoever asked alone."""

from __future__ import annotations

import base64
import datetime as dt

import msgpack
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import previews
from app.database import Database
from app.models import Preview
from tests import cast
from tests.functional.pages import file, problem
from worker_sandbox import Limits

PROGRAM = {"Accept": "application/json"}
MISSING = problem("not-found", 404, "There is no such preview any more.")


def ask(person: cast.Person, source: str = "({ main: () => [{ n: 1 }, { n: 2 }] })") -> str:
    """Ask for a preview and return its address."""
    response = person.post("/campaign/previews", {"dataset_gen": file(source.encode())}, headers=PROGRAM)
    assert response.status_code == 202, response.get_data(as_text=True)
    assert response.json is not None
    assert response.json["address"] == response.location == f"/campaign/previews/{response.json['id']}"
    return str(response.location)


def look(person: cast.Person, address: str) -> TestResponse:
    return person.get(address, headers=PROGRAM)


def serve(database: Database, limits: Limits | None = None) -> None:
    """Run the preview that waits, as the background process does."""
    assert previews.serve_next(database, limits or Limits(), lambda: dt.datetime.now(dt.UTC))


def test_a_preview_is_not_there_yet_and_then_has_its_figures_and_datasets(
    alice: cast.Person, database: Database
) -> None:
    address = ask(alice, "({ main: () => Array.from({ length: 1234 }, (_, n) => ({ n, big: 'ż' })) })")
    waiting = look(alice, address)
    assert (waiting.status_code, waiting.json) == (202, {"id": int(address.rsplit("/", 1)[1])})
    serve(database)
    answer = look(alice, address)
    blobs = [msgpack.packb({"n": n, "big": "ż"}) for n in range(1234)]
    assert answer.status_code == 200
    assert answer.json == {
        "count": 1234,
        "size_bytes": sum(map(len, blobs)),
        "first": [base64.b64encode(blob).decode() for blob in blobs[:10]],
        "last": base64.b64encode(blobs[-1]).decode(),
        "is_lockstep": False,
        "is_whole": True,
        "error": None,
        "line": None,
        "column": None,
    }


def test_an_error_comes_with_its_line_and_column(alice: cast.Person, database: Database) -> None:
    address = ask(alice, "({\n  main() {\n    return missing.list;\n  },\n})")
    serve(database)
    answer = look(alice, address).json
    assert answer is not None
    assert "missing" in answer["error"]
    assert (answer["line"], answer["count"], answer["first"], answer["last"]) == (3, 0, [], None)


def test_text_is_taken_like_a_file_with_its_line_ends_put_right(alice: cast.Person, database: Database) -> None:
    response = alice.post("/campaign/previews", {"dataset_gen_text": "({\r\n main: () => [] })"}, headers=PROGRAM)
    assert response.status_code == 202
    assert database.read(lambda c: c.scalar(sa.select(Preview.source))) == b"({\n main: () => [] })"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "The dataset generator is missing"),
        ({"dataset_gen_text": " \n"}, "The dataset generator is missing"),
        ({"dataset_gen": (b"\xff", "g.js")}, "not UTF-8 text: byte 0 (0xff)"),
        ({"dataset_gen": (b"x" * ((1 << 20) + 1), "g.js")}, "1,048,577 bytes; the limit is 1,048,576"),
        ({"dataset_gen": (b"x", "g.js"), "dataset_gen_text": "y"}, "came twice"),
        ({"dataset_gen": "plain"}, "came as plain text"),
        ({"dataset_gen_text": "", "kernel": "plain", "deadline_s": "soon"}, "The dataset generator is missing"),
    ],
)
def test_what_cannot_be_previewed_is_refused_in_the_forms_words(
    alice: cast.Person, database: Database, fields: dict[str, object], said: str
) -> None:
    sent = {name: file(*value) if isinstance(value, tuple) else value for name, value in fields.items()}
    response = alice.post("/campaign/previews", sent, headers=PROGRAM)
    assert response.status_code == 422
    assert response.json is not None
    assert said in response.json["detail"]
    assert response.json["field"] == "dataset_gen"
    assert database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(Preview))) == 0


def test_what_is_larger_than_any_form_is_refused_before_it_is_read(alice: cast.Person) -> None:
    response = alice.post("/campaign/previews", {"dataset_gen": file(b"x" * (20 << 20))}, headers=PROGRAM)
    assert response.status_code == 413


def test_nobody_else_sees_a_preview_whether_it_is_there_or_not(
    alice: cast.Person, bob: cast.Person, client: FlaskClient, database: Database
) -> None:
    address = ask(alice)
    assert (look(bob, address).status_code, look(bob, address).json) == (404, MISSING)
    serve(database)
    for path in (address, f"{address}0", "/campaign/previews/0", f"/campaign/previews/{10**40}"):
        answer = look(bob, path)
        assert (answer.status_code, answer.json) == (404, MISSING)
    assert client.get(address, headers=PROGRAM).status_code == 401
    assert look(alice, address).status_code == 200


def test_one_who_has_not_signed_in_asks_for_none(client: FlaskClient, database: Database) -> None:
    token = client.get("/signin").get_data(as_text=True).split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    form = {"csrf_token": token, "dataset_gen_text": "({ main: () => [] })"}
    assert client.post("/campaign/previews", data=form, headers=PROGRAM).status_code == 401
    assert database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(Preview))) == 0


def test_a_request_without_a_token_is_refused(alice: cast.Person) -> None:
    form = {"dataset_gen_text": "({ main: () => [] })"}
    assert alice.browser.post("/campaign/previews", data=form, headers=PROGRAM).status_code == 400


def test_a_new_preview_takes_the_place_of_the_oldest(alice: cast.Person) -> None:
    addresses = [ask(alice) for _ in range(6)]
    assert [look(alice, address).status_code for address in addresses] == [404, 404, 202, 202, 202, 202]
