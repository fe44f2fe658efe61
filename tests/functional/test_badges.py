"""The status badge: behind a key, for everybody who has it, as a picture and as JSON."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import ledger
from app.badges import LABEL_MAX, Status, draw, draw_missing, estimate_width
from app.database import Database
from app.ledger import Batch
from app.models import Campaign, Schedule, User
from app.records import Outcome, Presence
from app.states import Generation, Intent, ResultKind
from tests import cast
from tests.campaigns import make_campaign
from tests.conftest import make_database
from tests.functional.pages import problem, read, text

SVG = "{http://www.w3.org/2000/svg}"
PROCESS = 11


@pytest.fixture
def database_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """SQLite alone: what the badge asks of the ledger is tried on both databases elsewhere."""
    with make_database("sqlite", tmp_path / "instance", request) as url:
        yield url


@pytest.fixture
def campaign_id(database: Database, alice: cast.Person) -> int:
    """Alice's campaign of four datasets."""
    find = sa.select(User.id).where(User.email == alice.email)
    owner_id = database.read(lambda connection: connection.execute(find).scalar_one())
    return make_campaign(database, [1, 2, 3, 4], owner_id=owner_id, name="Moth <&> flame")


def make_key(person: cast.Person, database: Database, campaign_id: int) -> str:
    """Press the button, and return the new key."""
    assert person.post(f"/campaign/{campaign_id}/badge").status_code == 303
    return str(read(database, campaign_id, Campaign.badge_key).badge_key)


def update(database: Database, table: type, campaign_id: int, **values: object) -> None:
    key = Campaign.id if table is Campaign else Schedule.campaign_id
    database.write(lambda connection: connection.execute(sa.update(table).where(key == campaign_id).values(**values)))


def compute(database: Database, campaign_id: int, *positions: int, kind: ResultKind = ResultKind.VALUE) -> None:
    """Store results as a socket process does that has three volunteers."""
    rows = [Outcome(campaign_id, 1, position, kind, b"\x01", 1000, 1, 1) for position in positions]

    def store(connection: sa.Connection) -> None:
        ledger.leave_process(connection, PROCESS)
        ledger.enter_process(connection, PROCESS, "socket", 60)
        ledger.store(connection, PROCESS, Batch(rows), 0)
        ledger.note_presence(connection, PROCESS, {campaign_id: Presence(3, 12)})

    database.write(store)


def words_of(answer: TestResponse) -> list[str]:
    """Return the title and the texts of a picture, which must be well-formed."""
    root = ET.fromstring(answer.get_data())
    assert root.attrib["role"] == "img"
    title = root.find(f"{SVG}title")
    assert title is not None
    assert root.attrib["aria-labelledby"] == title.attrib["id"]
    return [str(title.text), *(str(element.text) for element in root.iter(f"{SVG}text"))]


class TestWhatItSays:
    """The facts, in both forms."""

    def test_the_picture_says_name_progress_and_volunteers(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        assert words_of(client.get(f"/badge/{key}.svg"))[1:] == ["Moth <&> flame", "0.0 % · 0 volunteers"]
        compute(database, campaign_id, 0)
        answer = client.get(f"/badge/{key}.svg")
        assert words_of(answer) == [
            "Moth <&> flame: 25.0 % · 3 volunteers",
            "Moth <&> flame",
            "25.0 % · 3 volunteers",
        ]
        assert answer.mimetype == "image/svg+xml"

    def test_the_json_says_the_same_and_not_the_campaigns_id(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        compute(database, campaign_id, 0)
        compute(database, campaign_id, 1, kind=ResultKind.NOTHING)
        assert client.get(f"/badge/{key}.json").get_json() == {
            "name": "Moth <&> flame",
            "state": "running",
            "percent": 50.0,
            "done": 2,
            "total": 4,
            "volunteers": 3,
            "results": 1,
        }

    @pytest.mark.parametrize(
        ("schedule", "words"),
        [
            ({"intent": Intent.PAUSED}, "paused · 25.0 %"),
            ({"generation": Generation.FAILED}, "failed"),
            ({"generation": Generation.RUNNING}, "generating"),
            ({"generation": Generation.RESTING, "lockstep": True}, "1 done · 3 volunteers"),
        ],
    )
    def test_every_state_has_its_words(
        self,
        client: FlaskClient,
        alice: cast.Person,
        database: Database,
        campaign_id: int,
        schedule: dict[str, object],
        words: str,
    ) -> None:
        key = make_key(alice, database, campaign_id)
        compute(database, campaign_id, 0)
        update(database, Schedule, campaign_id, **schedule)
        assert words_of(client.get(f"/badge/{key}.svg"))[2] == words

    def test_of_an_endless_campaign_nobody_knows_the_share(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        update(database, Schedule, campaign_id, generation=Generation.RESTING, lockstep=True)
        said = client.get(f"/badge/{key}.json").get_json()
        assert (said["percent"], said["total"]) == (None, None)

    def test_a_campaign_that_is_done_says_how_many_results(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        compute(database, campaign_id, 0, 1, 2, 3)
        assert words_of(client.get(f"/badge/{key}.svg"))[2] == "done · 4 results"

    def test_a_label_takes_the_place_of_the_name(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        for label, shown in [
            ("my thesis", "my thesis"),
            ("</text><script>alert(1)</script>", "</text><script>alert(1)</script>"),
            ("bell\x07 and\nline", "bell and line"),
            ("   ", "Moth <&> flame"),
            ("x" * 100, "x" * (LABEL_MAX - 1) + "…"),
        ]:
            answer = client.get(f"/badge/{key}.svg", query_string={"label": label})
            assert words_of(answer)[1] == shown
            assert b"<script" not in answer.get_data()


class TestItsKey:
    """Nobody guesses it; the owner changes it or takes it away."""

    def test_there_is_none_until_the_owner_makes_one(
        self, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        assert read(database, campaign_id, Campaign.badge_key).badge_key is None
        assert "/badge/" not in text(alice.get(f"/campaign/{campaign_id}/embed")).replace("embed/badge", "").replace(
            f"/campaign/{campaign_id}/badge", ""
        )

    def test_it_holds_144_random_bits(self, alice: cast.Person, database: Database, campaign_id: int) -> None:
        keys = {make_key(alice, database, campaign_id) for _ in range(5)}
        assert len(keys) == 5
        assert all(re.fullmatch(r"[\w-]{24}", key) for key in keys)

    def test_a_new_one_ends_the_old_one_at_once(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        old, new = (make_key(alice, database, campaign_id) for _ in range(2))
        assert [client.get(f"/badge/{key}.{kind}").status_code for key in (old, new) for kind in ("svg", "json")] == [
            404,
            404,
            200,
            200,
        ]

    def test_it_can_be_taken_away(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        assert alice.post(f"/campaign/{campaign_id}/badge/delete").status_code == 303
        assert client.get(f"/badge/{key}.svg").status_code == 404

    def test_a_deleted_campaigns_badge_is_that_of_one_that_never_was(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        update(database, Campaign, campaign_id, deleted=True)
        answers = [client.get(f"/badge/{name}.svg") for name in (key, "A" * 24)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].get_data() == answers[1].get_data()
        assert words_of(answers[0])[1:] == ["Manyhands", "no such campaign"]
        gone = client.get(f"/badge/{key}.json")
        assert gone.get_json() == problem(
            "not-found", 404, "There is no badge at this address: its key was taken back, or its campaign is gone."
        )
        assert gone.mimetype == "application/problem+json"

    def test_the_page_has_markdown_and_html_to_take_away(
        self, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        url = f"http://localhost:5000/badge/{make_key(alice, database, campaign_id)}"
        html = alice.get(f"/campaign/{campaign_id}/embed").get_data(as_text=True)
        shown = ET.fromstring(f"<p>{' '.join(re.findall(r'<pre .*?</pre>', html, re.DOTALL))}</p>")
        taken = ["".join(pre.itertext()) for pre in shown]
        assert rf"![Moth \<&\> flame: how it gets on]({url}.svg)" in taken
        assert f'<img src="{url}.svg" alt="Moth &lt;&amp;&gt; flame: how it gets on" height="20">' in taken
        assert f"{url}.json" in taken


class TestForOtherSites:
    """Any page may show it, any program read it, and neither learns of a cookie or runs a script."""

    def test_it_may_be_shown_and_read_from_anywhere_and_kept_for_half_a_minute(
        self, app: Flask, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        for kind in ("svg", "json"):
            for visitor in (client, alice.browser):
                headers = visitor.get(f"/badge/{key}.{kind}").headers
                assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
                assert headers["Access-Control-Allow-Origin"] == "*"
                assert headers["Cache-Control"] == "public, max-age=30"
                assert headers["Content-Security-Policy"].startswith("default-src 'none';")
                assert "script" not in headers["Content-Security-Policy"]
                assert headers["X-Content-Type-Options"] == "nosniff"
                assert "Set-Cookie" not in headers

    def test_what_did_not_change_is_not_sent_again(
        self, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        for kind in ("svg", "json"):
            etag = client.get(f"/badge/{key}.{kind}").headers["ETag"]
            again = client.get(f"/badge/{key}.{kind}", headers={"If-None-Match": etag})
            assert (again.status_code, again.get_data()) == (304, b"")
        compute(database, campaign_id, 0)
        assert client.get(f"/badge/{key}.json", headers={"If-None-Match": etag}).status_code == 200

    def test_it_asks_the_database_a_handful_of_times_and_never_for_a_source(
        self, app: Flask, client: FlaskClient, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        key = make_key(alice, database, campaign_id)
        asked: list[str] = []
        with app.app_context():
            engine = app.extensions["sqlalchemy"].engine
        sa.event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        assert client.get(f"/badge/{key}.svg").status_code == 200
        selects = [statement for statement in asked if statement.lstrip().lower().startswith("select")]
        assert len(selects) == 3
        assert not re.search(
            r"campaign\.(kernel|static_dataset|dataset_gen)\b|from (result|dataset)\b", " ".join(asked)
        )


class TestThePicture:
    """What the drawing promises, without a database."""

    STATUS = Status("Name", "running", 50.0, 1, 2, 1, 1)

    def test_its_parts_lie_side_by_side_and_hold_their_texts(self) -> None:
        root = ET.fromstring(draw(self.STATUS, "Wide WWW and 数字"))
        label, words = root.findall(f"{SVG}g/{SVG}text")
        paper, other, bar = root.findall(f"{SVG}g/{SVG}rect")
        assert float(paper.attrib["width"]) == float(label.attrib["textLength"]) + 14 == float(other.attrib["x"])
        assert float(other.attrib["width"]) == float(words.attrib["textLength"]) + 14
        assert float(root.attrib["width"]) == float(paper.attrib["width"]) + float(other.attrib["width"])
        assert float(bar.attrib["width"]) == float(other.attrib["width"]) / 2

    def test_letters_take_the_room_that_they_need(self) -> None:
        assert (
            estimate_width("iiii") < estimate_width("nnnn") < estimate_width("WWWW") < estimate_width("数数数数") * 1.1
        )
        assert estimate_width("e\u0301") == estimate_width("e")

    def test_it_carries_no_style_script_or_foreign_address(self) -> None:
        for picture in (draw(self.STATUS), draw_missing()):
            assert not re.search(r"style|script|href|url\((?!#)|@import", picture)
            assert re.findall(r"https?://[^\"]*", picture) == ["http://www.w3.org/2000/svg"]

    @pytest.mark.parametrize("state", ["running", "done", "paused", "waiting", "generating", "failed"])
    def test_its_text_is_readable_on_every_state(self, state: str) -> None:
        root = ET.fromstring(draw(Status("Name", state, 50.0, 1, 2, 1, 1)))
        ink = root.find(f"{SVG}g").attrib["fill"]  # type: ignore[union-attr]
        papers = [rect.attrib["fill"] for rect in root.findall(f"{SVG}g/{SVG}rect")[:2]]
        assert all(contrast(ink, paper) >= 4.5 for paper in papers)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
