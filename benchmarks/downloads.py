"""The download of a million results from the real web process, by their owner."""

from __future__ import annotations

import dataclasses
import http.client
import statistics
import time
from collections.abc import Iterator

import msgpack

from app import create_app
from app.settings import Settings
from benchmarks import filling, servers
from benchmarks.databases import FreshDatabase
from benchmarks.figures import Figure, at_least, at_most
from benchmarks.trials import Bench, Broken
from benchmarks.usage import find_worker, forget_peak_memory, read_memory, read_peak_memory
from tests.cast import come_in

RESULTS = 1_000_000
TIMES = 3
MEGABYTE = 1_000_000
READ_BYTES = 1 << 18
EMAIL = "owner@example.org"


@dataclasses.dataclass(frozen=True)
class DownloadRow:
    """The row on one kind of database."""

    name: str
    kind: str

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Download a few times; the median speed counts, and the most memory that the process had meanwhile."""
        with bench.databases.make(self.kind) as fresh:
            cookie = sign_in(fresh)
            owner_id = fresh.ask('select id from "user" where email = :email', email=EMAIL)
            # Not finished: the download of one that is would be sent from the file that the first one made.
            campaign_id = filling.fill_campaign(fresh, RESULTS, owner_id=owner_id, is_generating=True)
            filling.fill_results(fresh, campaign_id, RESULTS)
            with servers.run_ours("web", fresh) as server:
                worker = find_worker(server.group)
                fetch(server.port, f"/campaign/{campaign_id}", cookie)
                forget_peak_memory(worker)
                before = read_memory(worker)
                speeds = [self._download(server.port, campaign_id, cookie) for _ in range(TIMES)]
                peak = read_peak_memory(worker)
        database = "SQLite" if self.kind == "sqlite" else "PostgreSQL"
        title = f"results/raw of {RESULTS:,} results, {database}"
        details = {"speeds": speeds, "memory_before_bytes": before, "memory_peak_bytes": peak}
        speed = Figure(self.name, title, statistics.median(speeds), "MB/s", at_least(80), details=details)
        yield speed
        yield speed.part("peak memory of the web process", peak / MEGABYTE, "MB", at_most(80))
        yield speed.part("of which the downloads took", (peak - before) / MEGABYTE, "MB")

    @staticmethod
    def _download(port: int, campaign_id: int, cookie: str) -> float:
        begin = time.perf_counter()
        head, size = fetch(port, f"/campaign/{campaign_id}/results/raw", cookie)
        elapsed_s = time.perf_counter() - begin
        unpacker = msgpack.Unpacker()
        unpacker.feed(head)
        if unpacker.read_array_header() != RESULTS or size < RESULTS * filling.BYTES:
            raise Broken(f"the download has {size:,} bytes and begins with {head[:5].hex()}")
        return size / MEGABYTE / elapsed_s


def sign_in(fresh: FreshDatabase) -> str:
    """Make an account, and return the cookie of a browser that is signed in to it."""
    app = create_app("web", Settings(instance_dir=str(fresh.folder), database_url=fresh.url))
    browser = come_in(app, "Olive", "Owner", EMAIL).browser
    cookie = browser.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    return f"{cookie.key}={cookie.value}"


def fetch(port: int, path: str, cookie: str) -> tuple[bytes, int]:
    """Open a page, and return its first bytes and how many there were.

    Raises:
        Broken: the answer is not 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers={"Host": f"localhost:{port}", "Cookie": cookie})
    response = connection.getresponse()
    if response.status != 200:
        raise Broken(f"{path} answers {response.status}")
    head = chunk = response.read(READ_BYTES)
    size = len(head)
    while chunk := response.read(READ_BYTES):
        size += len(chunk)
    connection.close()
    return head, size


ROWS = (DownloadRow("download-sqlite", "sqlite"), DownloadRow("download-postgresql", "postgresql"))
