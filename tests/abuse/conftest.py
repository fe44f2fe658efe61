"""A socket process that will be abused: many sockets from one address are let in, and patience is short."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import BOTH_DATABASES, make_database
from tests.processes import Site, run_site

ENVIRON = {
    "CONNECTIONS_PER_ADDRESS": "4000",
    "DATASET_DEADLINE_S": "3600",  # what is held while an abuse goes on, for minutes at full size, is not given away
    "HELLO_TIMEOUT_S": "3",
    "PING_TIMEOUT_S": "1",  # whoever takes nothing of its output for three of them is ended
}


@pytest.fixture(scope="module")
def abused_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running socket process on SQLite that the tests of a module share."""
    folder = tmp_path_factory.mktemp("abused") / "instance"
    with make_database("sqlite", folder, request) as url, run_site(folder, url, "socket", **ENVIRON) as site:
        yield site


@pytest.fixture(scope="module", params=BOTH_DATABASES)
def abused_site_on_both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same on SQLite and on PostgreSQL."""
    folder = tmp_path_factory.mktemp("abused") / "instance"
    with make_database(request.param, folder, request) as url, run_site(folder, url, "socket", **ENVIRON) as site:
        yield site
