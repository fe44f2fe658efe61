"""Nothing acknowledged is lost, nothing is stored twice: the real socket process, killed while clients work."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from websockets.exceptions import WebSocketException

from app.database import Database
from tests.campaigns import make_campaign, read_progress, read_results
from tests.processes import Site, run_site
from tests.volunteers import Classic, finish, run_together

pytestmark = pytest.mark.slow
CLIENTS = 50
DATASETS = 4000


class Crowd:
    """Classic clients that reconnect until the campaign is done, and remember what was acknowledged to them."""

    def __init__(self, site: Site, campaign_id: int) -> None:
        self._site, self._campaign_id = site, campaign_id
        self._lock = threading.Lock()
        self._done = threading.Event()
        self.acknowledged: list[int] = []
        self.reconnects = 0
        self._threads = run_together(CLIENTS, self._live)

    def wait(self, timeout_s: float = 120.0) -> None:
        """Wait until every client was told that the campaign is done."""
        give_up_at = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, give_up_at - time.monotonic()))
            assert not thread.is_alive(), f"a client still works; {len(self.acknowledged)} acknowledged"

    def _live(self, _number: int) -> None:
        while not self._done.is_set():
            try:
                self._work()
            except (OSError, EOFError, TimeoutError, WebSocketException) as error:
                code = getattr(getattr(error, "rcvd", None), "code", None)
                if code == 1000:
                    self._done.set()
                self.reconnects += 1
                time.sleep(0.05)

    def _work(self) -> None:
        client = Classic.open(self._site.socket_url, self._campaign_id)
        for number in client.work(lambda n: n * n):
            with self._lock:
                self.acknowledged.append(number)


def test_killing_the_socket_process_again_and_again_loses_nothing_and_doubles_nothing(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    campaign = make_campaign(database, list(range(DATASETS)))
    environ = {"PROCESS_TTL_S": "2", "HEARTBEAT_S": "0.5", "CONNECTIONS_PER_ADDRESS": "1000"}
    with run_site(tmp_path / "instance", database_url, "socket", **environ) as site:
        crowd = Crowd(site, campaign)
        for share in (0.1, 0.4, 0.7):
            while len(crowd.acknowledged) < share * DATASETS:
                time.sleep(0.005)
            site.kill("socket")
            site.start("socket")
        crowd.wait()
    assert read_results(database, campaign) == {n: n * n for n in range(DATASETS)}
    assert set(crowd.acknowledged) <= set(range(DATASETS))
    assert len(crowd.acknowledged) == len(set(crowd.acknowledged))
    assert read_progress(database, campaign).done == DATASETS
    assert crowd.reconnects > CLIENTS
    leases = sa.text("select count(*) from lease where process is not null")
    assert database.read(lambda connection: connection.execute(leases).scalar_one()) == 0


def test_a_clean_restart_frees_every_dataset_that_clients_held(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    campaign = make_campaign(database, list(range(5)))
    with run_site(tmp_path / "instance", database_url, "socket") as site:
        holders = [Classic.open(site.socket_url, campaign) for _ in range(5)]
        held = [client.receive_dataset() for client in holders]
        waiting = [Classic.open(site.socket_url, campaign) for _ in range(15)]
        assert site.terminate("socket") == 0
        leases = sa.text("select count(*) from lease where process is not null")
        assert database.read(lambda connection: connection.execute(leases).scalar_one()) == 0
        assert (sorted(held), len(waiting)) == (list(range(5)), 15)
        site.start("socket")
        acknowledged, code = finish(site.socket_url, campaign, lambda n: n * n)
    assert (sorted(acknowledged), code) == (list(range(5)), 1000)
