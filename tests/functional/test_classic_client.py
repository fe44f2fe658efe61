"""A plain client that speaks only i, r and n."""

from __future__ import annotations

import time

import pytest
from websockets.exceptions import ConnectionClosed

from app.database import Database
from tests.campaigns import KERNEL, make_campaign, read_progress, read_results
from tests.processes import Site
from tests.volunteers import Classic, finish, run_together


def double_odd_ones(dataset: dict[str, int]) -> int | None:
    return dataset["n"] * 2 if dataset["n"] % 2 else None


def test_it_finishes_a_campaign_and_is_closed_with_1000(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, [{"n": n} for n in range(100)])
    acknowledged, code = finish(socket_site.socket_url, campaign, double_odd_ones)
    assert code == 1000
    assert sorted(dataset["n"] for dataset in acknowledged) == list(range(100))
    assert read_results(shared_database, campaign) == {n: double_odd_ones({"n": n}) for n in range(100)}
    progress = read_progress(shared_database, campaign)
    assert (progress.value_count, progress.nothing_count, progress.failed_count) == (50, 50, 0)


def test_it_gets_kernel_and_static_dataset_exactly_as_uploaded(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, [{"n": 1}], static_dataset="zażółć\r\n\u2028 {}")
    client = Classic.open(socket_site.socket_url, campaign)
    assert client.receive_dataset() == {"n": 1}
    assert client.kernel == KERNEL
    assert client.static_dataset == "zażółć\r\n\u2028 {}"


def test_asking_for_any_campaign_gives_one_that_has_work(shared_database: Database, socket_site: Site) -> None:
    done = make_campaign(shared_database, [{"n": 1}])
    finish(socket_site.socket_url, done, double_odd_ones)
    open_one = make_campaign(shared_database, [{"n": 2}, {"n": 3}])
    acknowledged, code = finish(socket_site.socket_url, -1, double_odd_ones)
    assert code == 1000
    assert [dataset["n"] for dataset in acknowledged] == [2, 3]
    assert read_results(shared_database, open_one) == {0: None, 1: 6}


def test_asking_for_any_campaign_when_none_needs_help_is_closed_with_1013(socket_site: Site) -> None:
    # Whoever comes in the moment before the server has seen that a campaign is over is told that it is: 1000.
    give_up_at = time.monotonic() + 10
    while (code := ask_for_any(socket_site)) == 1000 and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert code == 1013


def ask_for_any(site: Site) -> int:
    client = Classic.open(site.socket_url, -1)
    with pytest.raises(ConnectionClosed) as closed:
        client.receive_dataset()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def test_a_nil_result_counts_as_no_result(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, [{"n": 1}])
    client = Classic.open(socket_site.socket_url, campaign)
    client.receive_dataset()
    client.socket.send("r")
    client.socket.send(b"\xc0")
    with pytest.raises(ConnectionClosed) as closed:
        client.receive_dataset()
    assert closed.value.rcvd.code == 1000
    assert read_progress(shared_database, campaign).nothing_count == 1


def test_a_dataset_goes_to_another_client_at_once_when_its_socket_closes(
    shared_database: Database, socket_site: Site
) -> None:
    campaign = make_campaign(shared_database, [{"n": 1}])
    first = Classic.open(socket_site.socket_url, campaign)
    assert first.receive_dataset() == {"n": 1}
    second = Classic.open(socket_site.socket_url, campaign)
    with pytest.raises(TimeoutError):  # it is kept waiting: no message, no close
        second.receive_dataset(timeout_s=1)
    first.socket.close()
    while True:
        letter = second.socket.recv(5)
        if letter == "d":
            break
    second.socket.recv(5)


def test_fifty_clients_share_a_campaign_and_each_dataset_is_computed_once(
    shared_database: Database, socket_site: Site
) -> None:
    campaign = make_campaign(shared_database, [{"n": n} for n in range(2000)])
    acknowledged: list[int] = []

    def work(_number: int) -> None:
        datasets, _code = finish(socket_site.socket_url, campaign, double_odd_ones)
        acknowledged.extend(dataset["n"] for dataset in datasets)

    for thread in run_together(50, work):
        thread.join(60)
    assert sorted(acknowledged) == list(range(2000))
    assert read_progress(shared_database, campaign).done == 2000
