"""A pause on the real socket process: browsers stay, and have at once what their owner changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import ledger
from app.database import Database
from app.states import Intent
from tests.campaigns import change_kernel, make_campaign, read_results
from tests.processes import Site, run_site
from tests.volunteers import Batched, close_code

PATIENCE_S = 5.0


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    folder = tmp_path / "instance"
    with run_site(folder, database_url, "socket", MAX_SPARES="0", PAUSE_PATIENCE_S=str(PATIENCE_S)) as site:
        yield site


def set_intent(database: Database, campaign_id: int, intent: Intent) -> None:
    database.write(lambda connection: ledger.set_intent(connection, campaign_id, intent))


def test_a_browser_waits_out_a_pause_and_goes_on_with_the_new_kernel(database: Database, site: Site) -> None:
    campaign = make_campaign(database, [0, 1, 2])
    client = Batched.open(site.socket_url, campaign)
    client.send(1, [])
    ((lease, _dataset),) = client.receive_some()
    set_intent(database, campaign, Intent.PAUSED)
    with pytest.raises(TimeoutError):
        client.socket.recv(0.6)  # longer than the process takes to see the pause
    client.send(1, [[lease, 1, 1, b"\x07"]])
    assert client.receive() == []  # stored, and no more is handed out
    assert client.socket.recv(5) == "w"
    database.write(lambda connection: change_kernel(connection, campaign))
    assert client.socket.recv(5) == "u"
    client.receive_campaign()
    assert client.campaign["kernel_version"] == 2
    assert client.kernel is not None
    assert client.kernel.startswith("// run 1")
    client.send(1, [])
    assert client.receive() == []
    set_intent(database, campaign, Intent.RUNNING)
    assert [dataset for _lease, dataset in client.receive_some()] == [1]
    assert read_results(database, campaign) == {0: 7}


def test_a_browser_that_waited_long_is_sent_away(database: Database, site: Site) -> None:
    campaign = make_campaign(database, [0])
    set_intent(database, campaign, Intent.PAUSED)
    client = Batched.open(site.socket_url, campaign)
    client.send(1, [])
    assert close_code(client.socket, PATIENCE_S + 20) == 4409
