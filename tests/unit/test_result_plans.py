"""However many results there are, a page reads the rows that it shows: each of its queries goes by a key."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import campaigns, results
from app.database import Database
from app.models import Campaign
from benchmarks import filling
from benchmarks.databases import FreshDatabase
from tests.unit.stored_results import load

RESULTS = 100_000  # with a tenth of them PostgreSQL goes by the key unasked
Page = Callable[[Session, Campaign], object]
PAGES: dict[str, Page] = {
    "first": results.list_results,
    "middle": lambda session, campaign: results.list_results(session, campaign, RESULTS // 2),
    "last": lambda session, campaign: results.list_results(session, campaign, RESULTS - 10),
    "one": lambda session, campaign: results.get_result(session, campaign, RESULTS // 2),
    "value": lambda session, campaign: results.get_value(session, campaign, RESULTS // 2),
    "neighbours": lambda session, campaign: results.find_neighbours(session, campaign, RESULTS // 2),
    "errors": lambda session, campaign: results.list_errors(session, campaign, 5),
    "overview": campaigns.get_overview,
    "campaign": campaigns.list_kernel_errors,
}


@pytest.fixture
def session(database: Database, database_url: str, tmp_path: Path) -> Iterator[Session]:
    with Session(database.engine) as session:
        yield session


@pytest.fixture
def campaign_id(database: Database, database_url: str, tmp_path: Path) -> int:
    fresh = FreshDatabase(database.engine.dialect.name, database_url, tmp_path, None)
    campaign_id = filling.fill_campaign(fresh, RESULTS)
    filling.fill_results(fresh, campaign_id, RESULTS)
    return campaign_id


@contextlib.contextmanager
def listen(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Yield the list of all statements that are run meanwhile, with their parameters."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        heard.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", hear)
    yield heard
    sa.event.remove(database.engine, "before_cursor_execute", hear)


def explain(connection: sa.Connection, statement: str, parameters: Any) -> str:
    """Run a statement and return how that was done; on PostgreSQL with the number of rows that each step gave."""
    is_sqlite = connection.engine.dialect.name == "sqlite"
    how = "explain query plan" if is_sqlite else "explain (analyze, costs off, timing off, summary off)"
    plan = "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{how} {statement}", parameters))
    connection.exec_driver_sql(statement, parameters)  # what it sets for the rest of the transaction counts too
    return plan


@pytest.mark.slow
def test_every_query_of_a_page_goes_by_a_key_and_sorts_nothing_whether_or_not_the_tables_are_analysed(
    database: Database, session: Session, campaign_id: int
) -> None:
    _check_pages(database, session, campaign_id)
    database.write(lambda connection: connection.execute(sa.text("analyze")))
    _check_pages(database, session, campaign_id)


def _check_pages(database: Database, session: Session, campaign_id: int) -> None:
    campaign = load(session, campaign_id)
    session.commit()
    for name, page in PAGES.items():
        with listen(database) as heard:
            page(session, campaign)
        with database.engine.connect() as connection:
            for statement, parameters in heard:
                plan = explain(connection, statement, parameters)
                _check(plan, f"{name}: {statement}\n{plan}")
        session.rollback()


def _check(plan: str, told: str) -> None:
    for table in ("result", "dataset"):
        assert not re.search(rf"(?i)seq scan on {table}\b|^scan {table}\b", plan, re.MULTILINE), told
    if re.search(r"(?i)\b(result|dataset)\b", plan):
        assert not re.search(r"(?i)\bsort\b|temp b-tree", plan), told
    read = [float(rows) for rows in re.findall(r"rows=([\d.]+)", plan)]
    assert max(read, default=0) <= 1000, told
