"""The home page and the pages on which anybody helps: what they say is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import ledger
from app.blueprints import pages
from app.database import Database
from app.ledger import Batch
from app.models import Campaign, Schedule
from app.records import Outcome, Presence
from app.settings import Settings
from app.showcase import KEPT_S, PAGE_SIZE, Kept
from app.states import Generation, Intent, ResultKind
from tests.campaigns import make_campaign
from tests.conftest import BOTH_DATABASES, make_database

PROCESS = 11
HOUR_MS = 3_600_000


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """SQLite, but where what is asked of the database is what matters."""
    kind = getattr(request, "param", "sqlite")
    with make_database(kind, tmp_path / "instance", request) as url:
        yield url


on_both_databases = pytest.mark.parametrize("database_url", BOTH_DATABASES, indirect=True)


@pytest.fixture
def clock(app: Flask) -> Clock:
    """What the home page's memory goes by."""
    clock = Clock()
    for name in (pages.FIGURES, pages.RUNNING):
        app.extensions[name] = Kept(clock)
    return clock


def say(client: FlaskClient, path: str = "/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return unescape(answer.get_data(as_text=True))


def frames(html: str) -> list[str]:
    return re.findall(r'<iframe class="embed" src="([^"]*)"', html)


def facts(html: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", html))


def change(database: Database, campaign_id: int, **values: object) -> None:
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id).values(**values)
    database.write(lambda connection: connection.execute(update))


def compute(database: Database, campaign_id: int, count: int, volunteers: int = 2, each_ms: int = HOUR_MS) -> None:
    """Store values as a socket process does that is still there."""
    rows = [Outcome(campaign_id, 1, p, ResultKind.VALUE, b"\x01", each_ms, 1, 1) for p in range(count)]

    def store(connection: sa.Connection) -> None:
        ledger.leave_process(connection, PROCESS)
        ledger.enter_process(connection, PROCESS, "socket", 60)
        ledger.store(connection, PROCESS, Batch(rows), 0)
        ledger.note_presence(connection, PROCESS, {campaign_id: Presence(volunteers, volunteers)})

    database.write(store)


STATES_WITHOUT_HELP = [
    {"intent": Intent.PAUSED},
    {"generation": Generation.FAILED},
    {"deleted": True},
    {"generated": 0},  # done: nothing is left
]


class TestHome:
    """One screen: what it is, a campaign to help, and figures."""

    def test_a_visitor_may_help_a_listed_campaign_right_there(
        self, client: FlaskClient, database: Database, settings: Settings
    ) -> None:
        campaign = make_campaign(
            database, [1], name="Moths <b>", description="Counts moths", beneficiary="The moths' friends"
        )
        page = client.get("/")
        html = unescape(page.get_data(as_text=True))
        assert frames(html) == [f"{settings.compute_url}/embed/{campaign}"]
        assert f"frame-src {settings.compute_url}/embed/;" in page.headers["Content-Security-Policy"]
        assert "Counts moths" in html
        assert "For The moths' friends, by Olive Owner" in html
        assert f'href="/contribute/{campaign}"' in html
        assert "&lt;b&gt;" in page.get_data(as_text=True)

    def test_without_a_listed_campaign_that_runs_it_says_so(self, client: FlaskClient, database: Database) -> None:
        make_campaign(database, [1], listed=False, name="Unlisted")
        html = say(client)
        assert frames(html) == []
        assert "No campaign asks everybody for help just now" in html
        assert "Unlisted" not in html

    @on_both_databases
    @pytest.mark.parametrize("schedule", STATES_WITHOUT_HELP)
    def test_a_campaign_that_nobody_can_help_is_not_shown(
        self, client: FlaskClient, database: Database, schedule: dict[str, object]
    ) -> None:
        campaign = make_campaign(database, [1], name="Not now")
        change(database, campaign, **schedule)
        assert frames(say(client)) == []
        assert "Not now" not in say(client, "/contribute")

    def test_one_that_was_deleted_meanwhile_is_not_shown_from_memory(
        self, client: FlaskClient, database: Database, clock: Clock
    ) -> None:
        campaign = make_campaign(database, [1])
        assert frames(say(client))
        update = sa.update(Campaign).where(Campaign.id == campaign).values(deleted=True)
        database.write(lambda connection: connection.execute(update))
        assert frames(say(client)) == []

    def test_every_running_one_has_its_turn(self, client: FlaskClient, database: Database, clock: Clock) -> None:
        two = {make_campaign(database, [1], name=name) for name in ("One", "Two")}
        shown = {int(frames(say(client))[0].rsplit("/", 1)[1]) for _ in range(40)}
        assert shown == two

    @on_both_databases
    def test_its_figures_are_those_of_the_ledger(self, client: FlaskClient, database: Database) -> None:
        listed = make_campaign(database, [1, 2, 3])
        make_campaign(database, [1], listed=False)
        compute(database, listed, 2)
        assert facts(say(client)) == {
            "Results computed": "2",
            "Computing time given": "2 hours",
            "Campaigns running": "2",
            "Volunteers now": "2",
        }

    def test_where_nothing_was_computed_it_shows_no_noughts(self, client: FlaskClient, database: Database) -> None:
        assert "Nothing was computed here yet. The first campaign can be yours." in " ".join(say(client).split())
        assert facts(say(client)) == {}

    def test_it_says_how_many_wait_for_a_first_volunteer(self, client: FlaskClient, database: Database) -> None:
        make_campaign(database, [1])
        assert "Nothing was computed here yet. 1 campaign waits for the first volunteer." in " ".join(
            say(client).split()
        )

    def test_figures_are_kept_for_ten_seconds_and_read_anew_then(
        self, app: Flask, client: FlaskClient, database: Database, clock: Clock
    ) -> None:
        campaign = make_campaign(database, [1, 2, 3])
        compute(database, campaign, 1)
        assert facts(say(client))["Results computed"] == "1"
        compute(database, campaign, 3)
        clock.now += KEPT_S
        assert facts(say(client))["Results computed"] == "1"
        clock.now += 0.1
        assert facts(say(client))["Results computed"] == "3"

    def test_no_figure_counts_a_table_of_results_or_datasets(
        self, app: Flask, client: FlaskClient, database: Database
    ) -> None:
        compute(database, make_campaign(database, [1, 2]), 1)
        asked: list[str] = []
        with app.app_context():
            engine = app.extensions["sqlalchemy"].engine
        sa.event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        say(client)
        assert asked
        assert not re.search(
            r"from (result|dataset|lease)\b|campaign\.(kernel|static_dataset|dataset_gen)\b", " ".join(asked)
        )


class TestTheList:
    """Campaigns whose owners ask everybody."""

    @on_both_databases
    def test_it_says_what_for_whom_by_whom_and_how_far(self, client: FlaskClient, database: Database) -> None:
        campaign = make_campaign(
            database, [1, 2, 3, 4], name="Moths", description="Counts <moths>", beneficiary="Their friends"
        )
        compute(database, campaign, 1)
        html = say(client, "/contribute")
        assert f'<a href="/contribute/{campaign}">Moths</a>' in html
        for words in (
            "Counts <moths>",
            "For Their friends, by Olive Owner",
            "2 volunteers now",
            "25.0 % of 4 datasets",
        ):
            assert words in html
        assert "Counts &lt;moths&gt;" in client.get("/contribute").get_data(as_text=True)

    def test_nothing_is_said_of_volunteers_where_there_are_none(self, client: FlaskClient, database: Database) -> None:
        make_campaign(database, [1], name="Nobody yet")
        html = say(client, "/contribute")
        assert "Nobody yet" in html
        assert "volunteer" not in html.split("Nobody yet")[1].split("</li>")[0]

    def test_unlisted_ones_are_not_on_it(self, client: FlaskClient, database: Database) -> None:
        make_campaign(database, [1], listed=False, name="Private matters")
        html = say(client, "/contribute")
        assert "Private matters" not in html
        assert "No campaign asks for help just now" in html

    def test_it_comes_in_pages(self, client: FlaskClient, database: Database) -> None:
        made = [make_campaign(database, [1], name=f"Campaign {number}") for number in range(PAGE_SIZE + 2)]
        seen, path, pages_seen = [], "/contribute", 0
        while path:
            html = say(client, path)
            seen += [int(number) for number in re.findall(r'<h2><a href="/contribute/(\d+)"', html)]
            following = re.search(r'rel="next" href="([^"]*)"', html)
            path, pages_seen = following[1] if following else "", pages_seen + 1
        assert (seen, pages_seen) == (made[::-1], 2)

    @pytest.mark.parametrize("before", ["x", "-1", "1.5", "١"])
    def test_a_page_that_cannot_be_is_refused(self, client: FlaskClient, before: str) -> None:
        assert client.get("/contribute", query_string={"before": before}).status_code == 422

    def test_a_number_beyond_any_id_is_the_first_page(self, client: FlaskClient, database: Database) -> None:
        make_campaign(database, [1], name="Moths")
        assert "Moths" in say(client, f"/contribute?before={10**40}")


class TestOneCampaign:
    """The page that an embed's “What is this?” leads to."""

    def test_it_says_what_for_whom_and_how_far(self, client: FlaskClient, database: Database) -> None:
        campaign = make_campaign(database, [1, 2, 3, 4], description="Counts moths", beneficiary="Their friends")
        compute(database, campaign, 1)
        html = say(client, f"/contribute/{campaign}")
        assert "For Their friends. A computation of" in html
        assert facts(html) == {"Done": "25.0 %", "Datasets done": "1", "Time given": "1 hour", "Volunteers now": "2"}
        assert "Thank you" in html

    def test_one_that_is_done_thanks_and_leads_on(self, client: FlaskClient, database: Database) -> None:
        campaign = make_campaign(database, [1])
        compute(database, campaign, 1)
        html = say(client, f"/contribute/{campaign}")
        assert "It is done. Thank you!" in html
        assert frames(html) == []

    @pytest.mark.parametrize("schedule", STATES_WITHOUT_HELP[:2])
    def test_one_that_has_nothing_to_compute_says_so(
        self, client: FlaskClient, database: Database, schedule: dict[str, object]
    ) -> None:
        campaign = make_campaign(database, [1])
        change(database, campaign, **schedule)
        assert "It has nothing to compute right now" in say(client, f"/contribute/{campaign}")


def test_how_it_works_draws_the_way_of_the_data_for_eyes_and_ears(client: FlaskClient) -> None:
    html = say(client, "/how_it_works")
    for shape in ("wide", "tall"):
        picture = re.search(rf'<svg class="way {shape}".*?</svg>', html, re.DOTALL)
        assert picture
        assert f'role="img" aria-labelledby="{shape}-title {shape}-desc"' in picture[0]
        assert re.search(rf'<title id="{shape}-title">[^<]+</title>\s*<desc id="{shape}-desc">[^<]+</desc>', picture[0])
        assert "style=" not in picture[0]
        for step in range(1, 8):
            assert f">{step}</text>" in picture[0]
    for limit in ("Secrets.", "Certainty.", "Memory.", "Phones asleep."):
        assert limit in html
