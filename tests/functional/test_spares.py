"""Spare copies (D7) and tickets, over real sockets."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from app.database import Database
from tests.campaigns import make_campaign, read_progress, read_results
from tests.processes import run_site
from tests.volunteers import Batched, Classic, close_code


def test_an_idle_volunteer_computes_a_copy_of_what_a_slow_one_holds_and_ends_the_campaign(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    campaign = make_campaign(database, ["one"])
    with run_site(tmp_path / "instance", database_url, "socket") as site:
        slow = Classic.open(site.socket_url, campaign)
        assert slow.receive_dataset() == "one"
        idle = Batched.open(site.socket_url, campaign)
        idle.send(4, [])
        ((lease, dataset),) = idle.receive_some()
        assert dataset == "one"
        idle.send(0, [[lease, 1, 1, msgpack.packb("of the idle one")]])
        assert close_code(idle.socket) == 1000
        assert close_code(slow.socket) == 1000
    assert read_results(database, campaign) == {0: "of the idle one"}
    assert read_progress(database, campaign).done == 1


def test_at_most_so_many_copies_are_out_as_the_setting_says(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    campaign = make_campaign(database, [1, 2, 3])
    with run_site(tmp_path / "instance", database_url, "socket", MAX_SPARES="2") as site:
        holders = [Classic.open(site.socket_url, campaign) for _ in range(3)]
        held = [holder.receive_dataset() for holder in holders]
        idle = Batched.open(site.socket_url, campaign, threads=8)
        idle.send(8, [])
        assert sorted(dataset for _lease, dataset in idle.receive_some()) == sorted(held)[:2]


@pytest.mark.parametrize("database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
def test_a_copy_of_what_another_process_holds_ends_a_campaign(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    campaign = make_campaign(database, ["one"])
    names = ("socket", "socket.2")
    with run_site(tmp_path / "instance", database_url, *names, HEARTBEAT_S="0.2") as site:
        slow = Classic.open(site.socket_url, campaign)
        assert slow.receive_dataset() == "one"
        idle = Classic.open(site.socket_url_of("socket.2"), campaign)
        assert idle.receive_dataset() == "one"
        idle.answer("of the other process")
        assert close_code(idle.socket) == 1000
        assert close_code(slow.socket) == 1000
    assert read_results(database, campaign) == {0: "of the other process"}


def test_a_volunteer_that_comes_back_with_its_ticket_hands_in_what_it_computed(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    campaign = make_campaign(database, [1, 2])
    with run_site(tmp_path / "instance", database_url, "socket") as site:
        first = Batched.open(site.socket_url, campaign)
        first.send(2, [])
        granted = first.receive_some()
        first.socket.socket.close()  # as a lost network does: no close frame
        again = Batched.open(site.socket_url, campaign, resume=first.campaign["resume"])
        assert again.campaign["resumed"] is True
        again.send(0, [[lease, 1, 1, msgpack.packb(dataset * 10)] for lease, dataset in granted])
        again.receive()
        if len(granted) < 2:
            again.finish(lambda n: n * 10, 2)
    assert read_results(database, campaign) == {0: 10, 1: 20}


def test_a_made_up_ticket_names_nobodys_leases(tmp_path: Path, database_url: str, database: Database) -> None:
    campaign = make_campaign(database, [1, 2])
    with run_site(tmp_path / "instance", database_url, "socket") as site:
        first = Batched.open(site.socket_url, campaign)
        first.send(1, [])
        ((lease, _dataset),) = first.receive_some()
        connection = first.campaign["resume"].split(".")[0]
        thief = Batched.open(site.socket_url, campaign, resume=f"{connection}.{'0' * 32}")
        assert thief.campaign["resumed"] is False
        thief.send(0, [[lease, 1, 1, msgpack.packb("stolen")]])
        assert close_code(thief.socket) == 1002
        first.send(0, [[lease, 1, 1, msgpack.packb("mine")]])
        first.receive()
    assert list(read_results(database, campaign).values()) == ["mine"]
