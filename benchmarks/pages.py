"""The pages of a campaign with a million results beside those of one with a thousand, from the same web process."""

from __future__ import annotations

import dataclasses
import http.client
import statistics
import time
from collections.abc import Iterator

from benchmarks import filling, servers
from benchmarks.downloads import EMAIL, sign_in
from benchmarks.figures import Figure, at_most
from benchmarks.trials import Bench, Broken

FEW, MANY = 1_000, 1_000_000
TIMES = 60  # for each page, by turns
WARM_UP = 10
# What an owner opens; {middle} is in the midst of the results.
PAGES = {
    "the first page of results": "/campaign/{campaign}/results",
    "a page in the midst of them": "/campaign/{campaign}/results?after={middle}",
    "one result": "/campaign/{campaign}/results/{middle}",
    "the campaign's page": "/campaign/{campaign}",
}


@dataclasses.dataclass(frozen=True)
class PagesRow:
    """The row on one kind of database."""

    name: str
    kind: str

    def measure(self, bench: Bench) -> Iterator[Figure]:
        """Open each page of both campaigns by turns; the median counts."""
        with bench.databases.make(self.kind) as fresh:
            cookie = sign_in(fresh)
            owner_id = fresh.ask('select id from "user" where email = :email', email=EMAIL)
            campaigns = {}
            for results in (FEW, MANY):
                campaigns[results] = filling.fill_campaign(fresh, results, owner_id=owner_id)
                filling.fill_results(fresh, campaigns[results], results)
            with servers.run_ours("web", fresh) as server:
                visit = Visit(server.port, cookie)
                for page, path in PAGES.items():
                    paths = {n: path.format(campaign=id, middle=n // 2) for n, id in campaigns.items()}
                    yield self._compare(page, visit.take_turns(paths))

    def _compare(self, page: str, times_ms: dict[int, list[float]]) -> Figure:
        few, many = (statistics.median(times_ms[results]) for results in (FEW, MANY))
        database = "SQLite" if self.kind == "sqlite" else "PostgreSQL"
        return Figure(
            self.name,
            f"{page}, {MANY:,} results, {database}",
            many,
            "ms",
            ratio=many / few,
            ratio_of=f"× at {FEW:,}",
            target_ratio=at_most(1.5),
            details={"few_ms": times_ms[FEW], "many_ms": times_ms[MANY]},
        )


class Visit:
    """An owner's connection, which stays open as a browser's does."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Host": f"localhost:{port}", "Cookie": cookie, "Accept": "text/html"}

    def take_turns(self, paths: dict[int, str]) -> dict[int, list[float]]:
        """Open one page of each campaign after the other, and return how long each took, in milliseconds."""
        for path in [*paths.values()] * WARM_UP:
            self._open(path)
        times: dict[int, list[float]] = {results: [] for results in paths}
        for _ in range(TIMES):
            for results, path in paths.items():
                times[results].append(self._open(path))
        return times

    def _open(self, path: str) -> float:
        begin = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        elapsed_ms = 1000 * (time.perf_counter() - begin)
        if response.status != 200 or len(body) < 1000:
            raise Broken(f"{path} answers {response.status} with {len(body):,} bytes")
        return elapsed_ms


ROWS = (PagesRow("pages-sqlite", "sqlite"), PagesRow("pages-postgresql", "postgresql"))
