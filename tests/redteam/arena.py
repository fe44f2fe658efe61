"""Runs attacks: uploads each as a campaign, embeds it in the page that a browser shows, and sees what came of it."""

from __future__ import annotations

import dataclasses
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgpack
import sqlalchemy as sa

from app.database import Database
from tests.campaigns import make_campaign, make_owner
from tests.processes import Site
from tests.redteam import ASKED
from tests.redteam.corpus import Case
from tests.redteam.embedder import Noticed, Stage
from tests.redteam.listener import Listener

DEADLINE_S = 1.0
ATTACKED = 1  # the position of the dataset under attack, between honest ones
HONEST = (0, 2, 3)
# A dataset under attack ends within its deadline and this.
GRACE_S = 2.0
GIVE_UP_S = 25.0
LOOK_EVERY_S = 0.05
# What was sent at the last moment has this long to arrive at the page around; leaks are counted at the very end.
SETTLE_S = 0.1

# What the harness itself asks of our processes, and nothing else: whatever they are asked beyond that is a leak.
OUR_REQUESTS = re.compile(
    r"GET (/embed/\d+\?autostart=1|/static/(dist/embed\.js|css/embed\.css)(\?v=[0-9a-f]{12})?|/inner|/ws|/healthz)"
)


@dataclasses.dataclass(frozen=True)
class Ending:
    """What is stored of one dataset: its kind (0 nothing, 1 a value, 2 failed), its value, and when."""

    kind: int
    value: Any
    at_ms: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """All that was seen of one attack, from outside."""

    case: Case
    token: str
    endings: dict[int, Ending]
    errors: dict[int | None, str]  # "name: message" by position; None: the kernel did not load
    finished: bool
    noticed: Noticed

    @property
    def took_ms(self) -> int:
        """From the answer before the dataset under attack to its own, as the server wrote them down."""
        return self.endings[ATTACKED].at_ms - self.endings[0].at_ms

    def describe(self) -> str:
        """Return it in a line, for a failing test."""
        return f"{self.case.id}: {self.endings} errors {self.errors} finished {self.finished} {self.noticed}"


@dataclasses.dataclass
class Arena:
    """A site, a listener and a page to attack, for one browser."""

    site: Site
    database: Database
    listener: Listener
    stage: Stage

    def __post_init__(self) -> None:
        """Make the account that the attacks belong to."""
        self._owner_id = make_owner(self.database, f"{secrets.token_hex(8)}@example.org")

    def run(self, cases: Sequence[Case], *, sandbox: str | None = None, away: bool = False) -> list[Outcome]:
        """Run attacks side by side. `away`: the embeds are scrolled out of sight once their kernels run."""
        tokens = [f"rt{secrets.token_hex(6)}" for _ in cases]
        ids = [self._upload(case, token) for case, token in zip(cases, tokens, strict=True)]
        self.stage.show([self._embed_of(number) for number in ids], sandbox)
        if away:
            self._wait(lambda: all(self._read_endings(number) for number in ids))
            self.stage.scroll_away()
        for number in ids:
            self._wait(lambda number=number: self._is_over(number))
        time.sleep(SETTLE_S)
        noticed = self.stage.look()
        triples = zip(cases, tokens, ids, strict=True)
        return [self._collect(case, token, number, noticed) for case, token, number in triples]

    def run_datasets(self, kernel: str, datasets: Sequence[Any], deadline_ms: int) -> dict[int, Ending]:
        """Run one kernel over datasets under a time limit of its own, and return how each ended."""
        campaign_id = make_campaign(
            self.database, datasets, owner_id=self._owner_id, kernel=kernel, static_dataset="", autostart=True
        )
        change = sa.text("update campaign set deadline_ms = :ms where id = :c")
        with self.database.transaction() as connection:
            connection.execute(change, {"ms": deadline_ms, "c": campaign_id})
        self.stage.show([self._embed_of(campaign_id)])
        self._wait(lambda: len(self._read_endings(campaign_id)) == len(datasets))
        return self._read_endings(campaign_id)

    def _embed_of(self, campaign_id: int) -> str:
        return f"http://localhost:{self.site.socket_port}/embed/{campaign_id}?autostart=1"

    def _upload(self, case: Case, token: str) -> int:
        datasets: list[Any] = [{"honest": f"{token}-{position}"} for position in range(4)]
        datasets[ATTACKED] = {"i": ATTACKED}
        source = self._fill_in(case.source, token)
        return make_campaign(
            self.database,
            datasets,
            owner_id=self._owner_id,
            name=case.id,
            kernel=source,
            static_dataset="",
            autostart=True,
        )

    def _fill_in(self, source: str, token: str) -> str:
        http = self.listener.host
        places = {
            "%HTTP%": f"http://{http}/{token}",
            "%WS%": f"ws://{http}/{token}",
            "%HOST%": http,
            "%SITE%": f"http://localhost:{self.site.socket_port}",
            "%WEB%": self.site.url,
            "%OURWS%": self.site.socket_url,
            "%TOKEN%": token,
        }
        if "%UDP%" in source:
            places["%UDP%"] = self.listener.open_datagrams(token)
        for place, value in places.items():
            source = source.replace(place, value)
        return source

    def _wait(self, condition: Any) -> None:
        give_up_at = time.monotonic() + GIVE_UP_S
        while not condition() and time.monotonic() < give_up_at:
            time.sleep(LOOK_EVERY_S)

    def _is_over(self, campaign_id: int) -> bool:
        return len(self._read_endings(campaign_id)) == 1 + len(HONEST) or None in self._read_errors(campaign_id)

    def _collect(self, case: Case, token: str, campaign_id: int, noticed: Noticed) -> Outcome:
        endings, errors = self._read_endings(campaign_id), self._read_errors(campaign_id)
        return Outcome(case, token, endings, errors, self._is_over(campaign_id), noticed)

    def _read_endings(self, campaign_id: int) -> dict[int, Ending]:
        query = sa.text("select position, kind, data, date_added from result where campaign_id = :c")
        rows = self.database.read(lambda connection: connection.execute(query, {"c": campaign_id}).all())
        return {row.position: Ending(row.kind, _unpack(row.data), row.date_added) for row in rows}

    def _read_errors(self, campaign_id: int) -> dict[int | None, str]:
        query = sa.text("select position, name, message from kernel_error where campaign_id = :c")
        rows = self.database.read(lambda connection: connection.execute(query, {"c": campaign_id}).all())
        return {row.position: f"{row.name}: {row.message}" for row in rows}

    def find_leaks(self, token: str) -> list[str]:
        """Return what reached the listener or our own server with a token in it."""
        return self.listener.find_hits(token) + [line for line in read_requests(self.site) if token in line]


def read_requests(site: Site) -> Iterator[str]:
    """Yield what our processes were asked: method and address."""
    for name in ("web", "socket"):
        lines = site.read_log(name).splitlines()
        yield from (line.removeprefix(ASKED) for line in lines if line.startswith(ASKED))


def _unpack(data: bytes | None) -> Any:
    return None if data is None else msgpack.unpackb(data, strict_map_key=False)
