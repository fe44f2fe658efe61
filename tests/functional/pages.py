"""What the tests of the site's pages share: forms sent, rows read and changed behind the site's back."""

from __future__ import annotations

import io
import re
from html import unescape

import sqlalchemy as sa
from werkzeug.test import TestResponse

from app import errors
from app.database import Database
from app.models import Campaign, Schedule
from tests import cast

KERNEL = "({main: function (dataset) { return dataset; }})"
GENERATOR = "({main: function () { return [{x: 1}]; }})"
FORM = {"name": "Squares", "description": "All of them", "kernel_text": KERNEL, "dataset_gen_text": GENERATOR}


def file(content: bytes, name: str = "source.js") -> tuple[io.BytesIO, str]:
    """Return a file as the test client sends it."""
    return io.BytesIO(content), name


def make(person: cast.Person, **fields: object) -> int:
    """Make a campaign through the upload form and return its id."""
    response = person.post("/campaign/new", {**FORM, **fields})
    assert response.status_code == 303, response.get_data(as_text=True)
    return int(response.location.removeprefix("/campaign/"))


def update_schedule(database: Database, campaign_id: int, **values: object) -> None:
    """Change a campaign's schedule as the background or socket process would."""
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id).values(**values)
    database.write(lambda connection: connection.execute(update))


def insert(database: Database, table: type, **values: object) -> None:
    """Store a row."""
    database.write(lambda connection: connection.execute(sa.insert(table).values(**values)))


def read(database: Database, campaign_id: int, *columns: sa.orm.attributes.InstrumentedAttribute[object]) -> sa.Row:
    """Return columns of a campaign and its schedule."""
    query = sa.select(*columns).select_from(Campaign).join(Schedule, Schedule.campaign_id == Campaign.id)
    return database.read(lambda connection: connection.execute(query.where(Campaign.id == campaign_id)).one())


def problem(kind: str, status: int, detail: str, **extra: object) -> dict[str, object]:
    """Return an error as a program gets it from the test's site."""
    made = errors.make_problem(kind, status, detail)
    return {**made, "type": f"http://localhost:5000{made['type']}", **extra}


def error_of(response: TestResponse, field: str) -> str:
    """Return the text that stands next to a field, or "" when there is none."""
    match = re.search(rf'id="{field}-error"[^>]*>([^<]*)<', response.get_data(as_text=True))
    return unescape(match[1]) if match else ""


def text(response: TestResponse) -> str:
    """Return a page's HTML with its entities resolved."""
    return unescape(response.get_data(as_text=True))
