"""Downloads over real sockets while a finished campaign's file is made: slow clients, old ones, and a full disk."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from app.database import Database
from tests.campaigns import make_owner
from tests.conftest import make_database
from tests.functional.held_downloads import HELD_FILE
from tests.functional.outcomes import make, publish
from tests.processes import Site, run_site

pytestmark = pytest.mark.slow
VALUES = [os.urandom(100_000) for _ in range(120)]
WHOLE = msgpack.packb(VALUES)


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose web process makes downloads in halves."""
    folder = tmp_path_factory.mktemp("site") / "instance"
    with (
        make_database("sqlite", folder, request) as url,
        run_site(folder, url, "web", serving="tests.functional.held_downloads") as site,
    ):
        yield site


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """The address of downloads of a finished campaign of 12 MB whose results are public; the second half is held."""
    database = Database(site.environ["DATABASE_URL"])
    email = f"owner{os.urandom(4).hex()}@example.org"
    make_owner(database, email)
    campaign_id = make(database, email, len(VALUES), dict(enumerate(VALUES)))
    publish(database, campaign_id)
    database.dispose()
    (site.instance_dir / HELD_FILE).touch()
    yield f"/campaign/{campaign_id}/results/raw"
    go_on(site)


def go_on(site: Site) -> None:
    (site.instance_dir / HELD_FILE).unlink(missing_ok=True)


def ask(site: Site, address: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("localhost", site.port, timeout=20)
    connection.request("GET", address)
    return connection.getresponse()


def find_whole(site: Site) -> list[Path]:
    """Return the files that have their own names."""
    return list((site.instance_dir / "snapshots").rglob("*.msgpack"))


@contextlib.contextmanager
def full_disk(site: Site, size_bytes: int) -> Iterator[None]:
    """Let the site's worker write no file beyond a size: to it, the disk is full there."""
    (pid,) = site.worker_pids("web")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_client_that_does_not_read_holds_up_neither_the_file_nor_another_client(site: Site, address: str) -> None:
    slow, left = ask(site, address), ask(site, address)
    assert slow.getheader("Content-Length") == str(len(WHOLE))
    assert left.read(1000) == WHOLE[:1000]
    left.close()
    assert find_whole(site) == []
    go_on(site)
    assert ask(site, address).read() == WHOLE
    (path,) = find_whole(site)
    path.unlink()
    assert slow.read() == WHOLE
    slow.close()


def test_a_disk_that_is_full_from_the_beginning_is_told(site: Site, address: str) -> None:
    go_on(site)
    with full_disk(site, 60_000):
        refused = ask(site, address)
        problem = json.loads(refused.read())
    assert (refused.status, problem["type"].partition("#")[2]) == (507, "out-of-room")
    assert ask(site, address).read() == WHOLE


@pytest.mark.parametrize("ending", ["", ".jsonl"])
def test_a_disk_that_fills_in_the_middle_breaks_the_answer_off(site: Site, address: str, ending: str) -> None:
    with full_disk(site, len(WHOLE) * 2 // 3):
        answer = ask(site, address + ending)
        go_on(site)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        assert site.find_health("web") == 200


def test_a_client_of_http_1_0_is_not_told_a_half_as_the_whole_either(site: Site, address: str) -> None:
    with full_disk(site, len(WHOLE) * 2 // 3), socket.create_connection(("localhost", site.port), timeout=20) as client:
        client.sendall(f"GET {address}.jsonl HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        assert b" 200 OK" in client.recv(100)
        go_on(site)
        with pytest.raises(ConnectionResetError):
            read_to_end(client)


def read_to_end(client: socket.socket) -> None:
    while client.recv(1 << 16):
        pass
