"""What every test of this folder begins with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database import Database
from tests.conftest import make_database
from tests.durability.clients import Habits
from tests.scale import scaled

# A dead process is followed soon, clients come from one address, and the ends of leases are in reach of a test.
ENVIRON = {
    "PROCESS_TTL_S": "2",
    "HEARTBEAT_S": "0.5",
    "CONNECTIONS_PER_ADDRESS": "1000",
    "SECRET_KEY": "the same on every host",
}


@pytest.fixture
def habits() -> Habits:
    """A crowd of the size that the run asks for."""
    return Habits(clients=scaled(40, 200))


@pytest.fixture
def datasets() -> list[int]:
    """A campaign's datasets of the size that the run asks for."""
    return list(range(scaled(2400, 20_000)))


@pytest.fixture
def shared_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a PostgreSQL database, which several hosts share: SQLite has room for one socket process."""
    with make_database("postgresql", tmp_path / "instance", request) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an SQLite database."""
    with make_database("sqlite", tmp_path / "instance", request) as url:
        yield url


@pytest.fixture
def shared(shared_url: str) -> Iterator[Database]:
    """The shared database."""
    database = Database(shared_url)
    yield database
    database.dispose()
