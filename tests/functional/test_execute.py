"""What the page that tries a kernel is made of: the owner's alone, exact to the byte, and clear about wrong numbers.

Strangers, and people who have not signed in, are in test_tenancy.py, which walks every route.
"""

from __future__ import annotations

import re

import msgpack
import pytest
import sqlalchemy as sa
from flask import Flask

from app.database import Database
from app.models import User
from tests import cast
from tests.campaigns import make_campaign
from tests.functional.pages import make, problem, text

DATASETS = [{"n": 0}, {"n": 2**63, "text": "ż\u2028"}, {"n": -1.5}]
TRICKY = "\ufeff({main(d) {\r\n  return '\u2028</script>&amp;\\0'\r}})\n"


@pytest.fixture
def alice_id(database: Database, alice: cast.Person) -> int:
    """The id of Alice's account."""
    find = sa.select(User.id).where(User.email == alice.email)
    return int(database.read(lambda connection: connection.execute(find).scalar_one()))


@pytest.fixture
def campaign_id(database: Database, alice_id: int) -> int:
    """A campaign of Alice's with three datasets."""
    return make_campaign(database, DATASETS, owner_id=alice_id, kernel=TRICKY, static_dataset="\ufeffa\r\n\u2028")


def ask(person: cast.Person, path: str, accept: str = "application/json") -> tuple[int, object]:
    """Ask as the page's script does; return the status, and the JSON or the bytes."""
    response = person.get(path, headers={"Accept": accept})
    return response.status_code, response.get_json(silent=True) or response.data


class TestDataset:
    @pytest.mark.parametrize(("number", "position"), [("", 0), ("?number=0", 0), ("?number=1", 1), ("?number=+2 ", 2)])
    def test_a_dataset_comes_as_volunteers_get_it(
        self, alice: cast.Person, campaign_id: int, number: str, position: int
    ) -> None:
        response = alice.get(f"/campaign/{campaign_id}/execute/dataset{number}")
        assert response.content_type == "application/vnd.msgpack"
        assert response.data == msgpack.packb(DATASETS[position])

    @pytest.mark.parametrize("number", ["3", "2147483648", "9999999999", "1,000"])
    def test_a_number_beyond_the_last_says_which_that_is(
        self, alice: cast.Person, campaign_id: int, number: str
    ) -> None:
        status, answer = ask(alice, f"/campaign/{campaign_id}/execute/dataset?number={number}")
        shown = f"{min(int(number.replace(',', '')), 2**31 - 1):,}"
        message = f"There is no dataset {shown}: the last one is 2."
        assert (status, answer) == (404, problem("not-found", 404, message))

    @pytest.mark.parametrize("number", ["-1", "", " ", "one", "1.5", "0x1", "1e1", "²", "99999999999"])
    def test_what_is_no_number_is_refused_with_its_field(
        self, alice: cast.Person, campaign_id: int, number: str
    ) -> None:
        status, answer = ask(alice, f"/campaign/{campaign_id}/execute/dataset?number={number}")
        message = "Give the number of a dataset: 0 is the first one."
        assert (status, answer) == (422, problem("invalid-input", 422, message, field="number"))

    def test_a_campaign_without_datasets_says_so(self, alice: cast.Person) -> None:
        status, answer = ask(alice, f"/campaign/{make(alice)}/execute/dataset")
        message = "This campaign has no datasets yet."
        assert (status, answer) == (404, problem("not-found", 404, message))

    def test_a_stranger_gets_neither_page_nor_texts_nor_dataset(self, bob: cast.Person, campaign_id: int) -> None:
        for path in ("", "/task", "/dataset", "/dataset?number=1"):
            status, answer = ask(bob, f"/campaign/{campaign_id}/execute{path}")
            assert (status, answer["title"]) == (404, "Not found")  # type: ignore[index]


class TestTask:
    def test_the_texts_come_to_the_letter_with_the_limits(self, alice: cast.Person, campaign_id: int) -> None:
        status, task = ask(alice, f"/campaign/{campaign_id}/execute/task")
        assert isinstance(task, dict)
        kernel_hash = task.pop("kernel_hash")
        assert (status, task) == (
            200,
            {
                "kernel": TRICKY,
                "static_dataset": "\ufeffa\r\n\u2028",
                "sloppy": False,
                "deadline_ms": 60_000,
                "max_result_bytes": 16 << 20,
            },
        )
        page = text(alice.get(f"/campaign/{campaign_id}/execute"))
        assert f'data-kernel-hash="{kernel_hash}"' in page

    def test_sloppy_mode_and_the_campaigns_own_time_limit_are_in_it(self, alice: cast.Person) -> None:
        campaign_id = make(alice, sloppy=["off", "on"], deadline_s="1.5")
        _status, task = ask(alice, f"/campaign/{campaign_id}/execute/task")
        assert isinstance(task, dict)
        assert (task["sloppy"], task["deadline_ms"]) == (True, 1500)
        page = text(alice.get(f"/campaign/{campaign_id}/execute"))
        assert "In sloppy mode" in page
        assert "One dataset may take 1.5 seconds." in page


class TestPage:
    def test_the_source_stands_there_line_by_line_as_an_engine_counts_them(
        self, alice: cast.Person, campaign_id: int
    ) -> None:
        page = alice.get(f"/campaign/{campaign_id}/execute").get_data(as_text=True)
        rows = re.findall(r'<span class="row" data-line="(\d+)">([^<]*)</span>', page)
        lines = ["\ufeff({main(d) {", "  return &#39;", "&lt;/script&gt;&amp;amp;\\0&#39;", "}})", ""]
        assert rows == [(str(number), line) for number, line in enumerate(lines, 1)]

    def test_it_frames_the_sandbox_and_nothing_else(self, app: Flask, alice: cast.Person, campaign_id: int) -> None:
        policy = alice.get(f"/campaign/{campaign_id}/execute").headers["Content-Security-Policy"]
        directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
        compute_url = app.extensions["settings"].compute_url
        assert directives["frame-src"] == f"{compute_url}/inner"
        assert directives["default-src"] == "'none'"
        assert directives["connect-src"] == "'self'"
        assert directives["frame-ancestors"] == "'none'"
        assert re.fullmatch(r"'nonce-[\w-]+'", directives["script-src"])

    def test_no_other_page_of_a_campaign_may_frame_the_sandbox(self, alice: cast.Person, campaign_id: int) -> None:
        for path in ("", "/results", "/failed", "/execute/task", "/execute/dataset"):
            response = alice.get(f"/campaign/{campaign_id}{path}")
            assert "frame-src" not in response.headers["Content-Security-Policy"]

    def test_a_dataset_may_be_chosen_in_the_address(self, alice: cast.Person, campaign_id: int) -> None:
        page = text(alice.get(f"/campaign/{campaign_id}/execute?dataset=2"))
        assert re.search(r'id="number"[^>]* value="2"', page)
        assert re.search(r'id="number"[^>]* value="0"', text(alice.get(f"/campaign/{campaign_id}/execute")))
        assert "0 to 2" in page

    def test_without_datasets_one_is_typed(self, alice: cast.Person) -> None:
        page = text(alice.get(f"/campaign/{make(alice)}/execute"))
        assert re.search(r'value="typed" checked', page)
        assert "There are none yet: type one." in page

    def test_the_campaigns_page_and_a_failed_dataset_lead_to_it(
        self, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        assert f'href="/campaign/{campaign_id}/execute"' in text(alice.get(f"/campaign/{campaign_id}"))
        store = sa.text(
            "insert into result (campaign_id, run, position, kind, data, date_added, compute_ms, volunteer_id,"
            " kernel_version) values (:c, 1, 2, 2, null, 0, 0, 0, 1)"
        )
        database.write(lambda connection: connection.execute(store, {"c": campaign_id}))
        page = text(alice.get(f"/campaign/{campaign_id}/results/2"))
        assert f'href="/campaign/{campaign_id}/execute?dataset=2"' in page
