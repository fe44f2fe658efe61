"""Campaigns that leave the site as a folder and come back, and copies that stay."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import examples
from app.database import Database
from app.models import Campaign, Schedule
from app.states import Generation, Intent
from tests import cast
from tests.functional.pages import FORM, error_of, file, make, read, text

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SOURCES = (Campaign.kernel, Campaign.static_dataset, Campaign.dataset_gen)
SAID = (Campaign.name, Campaign.description, Campaign.beneficiary, Campaign.autostart, Campaign.sloppy)
EXACT = {
    "name": "Zażółć: all / of <it>",
    "description": "What\nit is",
    "beneficiary": "Everybody",
    "kernel_text": "",
    "dataset_gen_text": "",
}


def make_exact(person: cast.Person, static: bytes = b'{"a": 1}\r\n', **fields: object) -> int:
    """Make a campaign whose sources have bytes that are easily lost."""
    kernel, generator = "\ufeff({main(d){return '\u2028'}})\r\n".encode(), b"\n({main(){return [{x: 1}]}})\r"
    files = {"kernel": file(kernel), "dataset_gen": file(generator), "static_dataset": file(static, "s.txt")}
    return make(person, **{**EXACT, **files, **fields})


def send(person: cast.Person, data: bytes, name: str = "campaign.zip", **kwargs: object) -> object:
    return person.post("/campaign/import", {"file": file(data, name)}, **kwargs)


def count_campaigns(database: Database) -> int:
    return int(database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(Campaign))) or 0)


@pytest.mark.parametrize("static", [b'{"a": 1}\r\n', b"a\r\nb\rc\n", b"", "\ufeffzażółć".encode()])
def test_what_was_exported_comes_back_byte_for_byte(alice: cast.Person, database: Database, static: bytes) -> None:
    campaign_id = make_exact(alice, static, autostart="on", sloppy="on", deadline_s="2.5", listed="on")
    exported = alice.get(f"/campaign/{campaign_id}/export")
    assert exported.mimetype == "application/zip"
    assert "za-all-of-it.zip" in exported.headers["Content-Disposition"]
    answer = send(alice, exported.data)
    assert answer.status_code == 303, text(answer)
    copy_id = int(answer.location.removeprefix("/campaign/"))
    assert copy_id != campaign_id
    for columns in (SOURCES, SAID, (Campaign.deadline_ms, Campaign.kernel_hash, Campaign.static_hash)):
        assert read(database, copy_id, *columns) == read(database, campaign_id, *columns)
    assert read(database, copy_id, Campaign.listed, Schedule.generation) == (False, Generation.WAITING)
    assert alice.get(f"/campaign/{copy_id}/export").data == exported.data


def test_an_export_is_a_folder_as_the_examples_are(alice: cast.Person, tmp_path: Path) -> None:
    campaign_id = make_exact(alice, sloppy="on", deadline_s="5")
    with zipfile.ZipFile(io.BytesIO(alice.get(f"/campaign/{campaign_id}/export").data)) as archive:
        archive.extractall(tmp_path)
    (example,) = examples.list_examples(tmp_path)
    assert {path.name for path in (tmp_path / example.slug).iterdir()} == {
        path.name for path in (examples.FOLDER / "primes").iterdir()
    }
    assert (example.name, example.description, example.beneficiary) == (
        "Zażółć: all / of <it>",
        "What\nit is",
        "Everybody",
    )
    assert (example.about.sloppy, example.about.deadline_s) == (True, 5)
    assert example.kernel == "\ufeff({main(d){return '\u2028'}})\r\n"
    assert example.dataset_gen == "\n({main(){return [{x: 1}]}})\r"
    assert example.static_dataset == '{"a": 1}\r\n'


@pytest.mark.parametrize("slug", [example.slug for example in examples.list_examples()])
def test_an_examples_folder_can_be_imported_as_it_is(alice: cast.Person, database: Database, slug: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (examples.FOLDER / slug).iterdir():
            archive.write(path, f"{slug}/{path.name}")
    answer = send(alice, packed.getvalue())
    assert answer.status_code == 303, text(answer)
    kernel = read(database, int(answer.location.removeprefix("/campaign/")), Campaign.kernel)
    assert kernel == ((examples.FOLDER / slug / "kernel.js").read_bytes(),)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "campaign.json is missing"),
        ({"kernel.js": b"\xff"}, "The kernel is not UTF-8 text: byte 0 (0xff)"),
        ({"kernel.js": b" "}, "The kernel is missing"),
        ({"campaign.json": b'{"name": ""}'}, "Give the campaign a name"),
        ({"campaign.json": b'{"name": "a", "deadline_s": 0.5}'}, "The time limit is 0.5 seconds"),
        ({"campaign.json": b'{"name": "a", "deadline_s": NaN}'}, "The time limit is nan seconds"),
        ({"campaign.json": b'{"name": "a\\u0000"}'}, "null character"),
        ({"campaign.json": b'{"name": "a\\ud800"}'}, "not text"),
    ],
)
def test_what_cannot_be_a_campaign_is_refused_and_nothing_is_stored(
    alice: cast.Person, database: Database, files: dict[str, bytes], said: str
) -> None:
    good = {"campaign.json": b'{"name": "a"}', "kernel.js": b"({})", "generator.js": b"({})"}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in ({**good, **files} if files else {"kernel.js": b""}).items():
            archive.writestr(name, data)
    answer = send(alice, packed.getvalue())
    assert answer.status_code == 422
    assert said in error_of(answer, "file")
    assert count_campaigns(database) == 0


def test_no_file_and_no_zip_file_are_refused_and_a_program_gets_that_as_json(
    alice: cast.Person, database: Database
) -> None:
    assert "Choose a zip file" in error_of(alice.post("/campaign/import"), "file")
    answer = send(alice, b"hello", headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert answer.json["field"] == "file"
    assert answer.json["detail"] == "This is not a zip file."
    assert count_campaigns(database) == 0


def test_a_copy_is_made_on_the_server_paused_and_not_listed(alice: cast.Person, database: Database) -> None:
    campaign_id = make_exact(alice, b"s" * 300_000, deadline_s="2.5", listed="on", autostart="on")
    page = text(alice.get(f"/campaign/{campaign_id}/duplicate"))
    assert "Zażółć: all / of <it> (copy)" in page
    answer = alice.post(f"/campaign/{campaign_id}/duplicate", {"name": "Another"})
    copy_id = int(answer.location.removeprefix("/campaign/"))
    assert read(database, copy_id, *SOURCES) == read(database, campaign_id, *SOURCES)
    row = read(database, copy_id, Campaign.name, Campaign.beneficiary, Campaign.listed, Campaign.deadline_ms)
    assert row == ("Another", "Everybody", False, 2500)
    row = read(database, copy_id, Schedule.intent, Schedule.generation, Schedule.run, Campaign.kernel_version)
    assert row == (Intent.PAUSED, Generation.WAITING, 1, 1)


def test_a_copy_needs_a_name(alice: cast.Person, database: Database) -> None:
    campaign_id = make(alice, **FORM)
    answer = alice.post(f"/campaign/{campaign_id}/duplicate", {"name": " "})
    assert answer.status_code == 422
    assert "Give the campaign a name" in error_of(answer, "name")
    assert count_campaigns(database) == 1
