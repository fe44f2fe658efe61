"""What every test may use: both databases, the site's application, and the cast: Alice owns it, Bob is a stranger."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache

from app import create_app, migrate
from app.database import Database
from app.settings import Settings
from tests import cast, postgres, sandbox
from tests.processes import Site, run_site

if sandbox.is_best_effort():  # The site's processes run generators on this machine as well as it lets them.
    os.environ.setdefault("SANDBOX", "best-effort")

if TYPE_CHECKING:
    from playwright.sync_api import Playwright


class Compiled(BytecodeCache):
    """Templates that were compiled in this process: most tests make an application, which would compile them anew."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was compiled from the same source."""
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._kept[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
BOTH_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, which can run once in a process; loaded only where a test asks for it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, copied for each test: migrating anew would take most of the suite's time."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgres.Server]:
    """A real PostgreSQL server with a migrated template database."""
    with postgres.run_server() as server:
        server.make_template()
        yield server


@contextlib.contextmanager
def make_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make a migrated, empty database, and yield its address."""
    if kind == "sqlite":
        folder.mkdir(exist_ok=True)
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "manyhands.sqlite3")
        yield f"sqlite:///{folder}/manyhands.sqlite3"
        return
    server: postgres.Server = request.getfixturevalue("postgresql_server")
    with server.lend() as name:
        yield server.url(name)


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated, empty database: each test that asks for it runs on SQLite and on PostgreSQL."""
    with make_database(request.param, tmp_path / "instance", request) as url:
        yield url


@pytest.fixture(params=BOTH_DATABASES, scope="module")
def socket_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running socket process that the tests of a module share, on SQLite and on PostgreSQL.

    It hands out no spare copies, so that whoever waits, waits; test_spares.py is about them.
    """
    folder = tmp_path_factory.mktemp("site") / "instance"
    with make_database(request.param, folder, request) as url, run_site(folder, url, "socket", MAX_SPARES="0") as site:
        yield site


@pytest.fixture
def shared_database(socket_site: Site) -> Iterator[Database]:
    """The database of the shared socket process."""
    database = Database(socket_site.environ["DATABASE_URL"])
    yield database
    database.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A way to the database as the background process has it."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a fresh installation without a captcha."""
    return Settings(instance_dir=str(tmp_path / "instance"), database_url=database_url, captcha="off")


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The site."""
    app = create_app("web", settings)
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody who has not signed in."""
    return app.test_client()


@pytest.fixture
def alice(app: Flask) -> cast.Person:
    """Alice, signed in: she owns what the test makes."""
    return cast.come_in(app, "Alice", "Ames", "alice@example.org")


@pytest.fixture
def bob(app: Flask) -> cast.Person:
    """Bob, signed in: a stranger to Alice's things."""
    return cast.come_in(app, "Bob", "Bell", "bob@example.org")
