"""The socket process as batched and misbehaving clients meet it, and the change channel."""

from __future__ import annotations

import contextlib
import socket as stdsocket
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest
import sqlalchemy as sa
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from app import ledger
from app.database import Database
from app.states import Intent
from tests.campaigns import KERNEL, change_kernel, make_campaign, read_progress, read_results
from tests.processes import Site, run_site
from tests.volunteers import Batched, Classic, close_code, finish

RESULT = msgpack.packb("r")


def wait_until(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up_at, "it never came to be"
        time.sleep(0.02)


def error_payload(message: str) -> bytes:
    packed: bytes = msgpack.packb({"name": "TypeError", "message": message, "stack": "at main (kernel.js:3:7)"})
    return packed


# The batched dialect


def test_a_batched_client_finishes_a_campaign_in_batches(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, list(range(100)))
    client = Batched.open(socket_site.socket_url, campaign, threads=4)
    assert client.campaign["id"] == campaign
    assert client.campaign["deadline_ms"] == 60_000
    assert client.kernel == KERNEL
    assert client.finish(lambda n: n * 2, want=8) == 1000
    assert client.largest_grant == 8
    assert read_results(shared_database, campaign) == {n: n * 2 for n in range(100)}


def test_what_a_client_has_is_not_sent_again(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, [1])
    first = Batched.open(socket_site.socket_url, campaign)
    have = [first.campaign["kernel_hash"], first.campaign["static_hash"]]
    again = Batched.open(socket_site.socket_url, campaign, have=have)
    assert again.kernel is None
    assert again.static_dataset is None
    again.send(1, [])
    assert again.receive_some() == [(0, 1)]


def test_given_back_datasets_go_to_whoever_waits(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, ["only"])
    first, second = (Batched.open(socket_site.socket_url, campaign) for _ in range(2))
    first.send(1, [])
    assert first.receive_some() == [(0, "only")]
    second.send(1, [])
    assert second.receive() == []
    first.send(0, [[0, 3, 0]])
    assert second.receive_some() == [(0, "only")]


def test_an_error_is_stored_with_its_text_and_the_dataset_fails_after_three(
    shared_database: Database, socket_site: Site
) -> None:
    campaign = make_campaign(shared_database, ["bad"])
    clients = [Batched.open(socket_site.socket_url, campaign) for _ in range(3)]
    for client in clients:
        client.send(1, [])
        ((lease, _data),) = client.receive_some()
        client.send(0, [[lease, 2, 1, error_payload("x is not a function")]])
    assert [close_code(client.socket) for client in clients] == [1000] * 3
    assert read_progress(shared_database, campaign).failed_count == 1
    query = sa.text("select name, message, stack, position from kernel_error where campaign_id = :c")
    rows = shared_database.read(lambda connection: connection.execute(query, {"c": campaign}).all())
    assert [tuple(row) for row in rows] == [("TypeError", "x is not a function", "at main (kernel.js:3:7)", 0)] * 3


def test_leaving_frees_everything_and_closes_with_1000(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, ["only"])
    first, second = (Batched.open(socket_site.socket_url, campaign) for _ in range(2))
    first.send(1, [])
    first.receive_some()
    second.send(1, [])
    assert second.receive() == []
    first.socket.send("b")
    assert close_code(first.socket) == 1000
    assert second.receive_some() == [(0, "only")]


def test_a_volunteer_for_any_campaign_is_moved_on_when_its_campaign_is_done(
    shared_database: Database, socket_site: Site
) -> None:
    first = make_campaign(shared_database, ["one"])
    client = Batched.open(socket_site.socket_url, -1)
    assert client.campaign["id"] == first
    client.send(1, [])
    ((lease, _data),) = client.receive_some()
    second = make_campaign(shared_database, ["two"])
    client.send(1, [[lease, 1, 1, RESULT]])
    assert client.receive() == []
    while client.socket.recv(10) != "u":
        pass
    client.receive_campaign()
    assert client.campaign["id"] == second
    client.send(1, [])
    ((lease, data),) = client.receive_some()
    assert data == "two"
    client.send(0, [[lease, 1, 1, RESULT]])
    assert close_code(client.socket) == 1013


# Changes


def test_pausing_reaches_waiting_volunteers_within_a_second_and_others_after_their_answer(
    shared_database: Database, socket_site: Site
) -> None:
    campaign = make_campaign(shared_database, ["one"])
    busy = Classic.open(socket_site.socket_url, campaign)
    assert busy.receive_dataset() == "one"
    waiting = Classic.open(socket_site.socket_url, campaign)
    shared_database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.PAUSED))
    assert close_code(waiting.socket) == 4409
    busy.answer("late but in time")
    assert close_code(busy.socket) in (1000, 4409)
    assert read_results(shared_database, campaign) == {0: "late but in time"}


def test_a_paused_campaign_turns_newcomers_away_until_it_is_resumed(
    shared_database: Database, socket_site: Site
) -> None:
    campaign = make_campaign(shared_database, ["one"])
    shared_database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.PAUSED))
    assert close_code(Classic.open(socket_site.socket_url, campaign).socket) == 4409
    shared_database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.RUNNING))
    wait_until(lambda: _serves(socket_site, campaign))


def _serves(site: Site, campaign: int) -> bool:
    try:
        return bool(Classic.open(site.socket_url, campaign).receive_dataset() == "one")
    except ConnectionClosed:
        return False


def test_deleting_sends_volunteers_away_with_4404(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, ["one", "two"])
    client = Classic.open(socket_site.socket_url, campaign)
    client.receive_dataset()
    shared_database.write(lambda connection: ledger.close_schedule(connection, campaign))
    assert close_code(client.socket) == 4404


def test_a_reset_while_results_are_in_flight_leaves_nothing_of_the_old_run(
    shared_database: Database, socket_site: Site
) -> None:
    campaign = make_campaign(shared_database, list(range(5)))
    batched = Batched.open(socket_site.socket_url, campaign)
    batched.send(2, [])
    old = batched.receive_some()
    classic = Classic.open(socket_site.socket_url, campaign)
    classic.receive_dataset()
    shared_database.write(lambda connection: ledger.reset(connection, campaign))
    assert batched.socket.recv(5) == "u"
    batched.receive_campaign()
    assert batched.campaign["run"] == 2
    batched.send(0, [[lease, 1, 1, msgpack.packb("old")] for lease, _data in old])
    assert batched.receive() == []
    classic.answer("old")
    assert classic.receive_dataset() == 0
    assert read_results(shared_database, campaign) == {}
    classic.socket.close()
    batched.socket.close()
    acknowledged, code = finish(socket_site.socket_url, campaign, lambda n: f"new {n}")
    assert code == 1000
    assert sorted(acknowledged) == list(range(5))
    assert read_results(shared_database, campaign) == {n: f"new {n}" for n in range(5)}


# What ends a connection, and nothing else


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (["hello"], 1002),
        ([b"\x00"], 1002),
        (["i999999"], 4404),
        (["i{campaign}", "n", "n"], 1002),
        (["i{campaign}", "r", "n"], 1002),
        (["i{campaign}", b"\x01"], 1002),
        (["i{campaign}", "r", b"not msgpack"], 1002),
        (['i{campaign} {"v": 2}', b"\xc1"], 1002),
        (['i{campaign} {"v": 2}', msgpack.packb([1, [[7, 0, 1]]])], 1002),
        (['i{campaign} {"v": 1}'], 1002),
    ],
)
def test_one_bad_frame_ends_one_connection_with_its_code_and_disturbs_nobody(
    shared_database: Database, socket_site: Site, frames: list[str | bytes], code: int
) -> None:
    campaign = make_campaign(shared_database, [])
    shared_database.write(
        lambda c: c.execute(
            sa.text("update schedule set generation = 'waiting' where campaign_id = :c"), {"c": campaign}
        )
    )
    honest = Classic.open(socket_site.socket_url, make_campaign(shared_database, ["one", "two"]))
    honest.receive_dataset()
    with connect(socket_site.socket_url, max_size=None, legacy=True) as client:
        with contextlib.suppress(ConnectionClosed):  # the first of them may have ended it already
            for frame in frames:
                client.send(frame.replace("{campaign}", str(campaign)) if isinstance(frame, str) else frame)
        assert close_code(client) == code
    honest.answer("fine")
    assert honest.receive_dataset() == "two"


def test_a_frame_over_the_limit_is_refused_by_its_declared_size(socket_site: Site) -> None:
    raw = _upgrade(socket_site)
    raw.sendall(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"\x00\x00\x00\x00")
    frame = raw.recv(1000)
    assert frame[0] == 0x88
    assert int.from_bytes(frame[2:4], "big") == 1009
    raw.close()


def _upgrade(site: Site) -> stdsocket.socket:
    raw = stdsocket.create_connection(("127.0.0.1", site.socket_port))
    raw.sendall(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += raw.recv(1000)
    assert answer.startswith(b"HTTP/1.1 101")
    return raw


def test_a_hello_that_never_comes_ends_the_connection(tmp_path: Path, database_url: str) -> None:
    with run_site(tmp_path / "instance", database_url, "socket", HELLO_TIMEOUT_S="0.5") as site:
        with connect(site.socket_url, legacy=True) as client, pytest.raises(ConnectionClosed) as closed:
            client.recv(10)
        assert closed.value.rcvd.code == 1008
        assert closed.value.rcvd.reason == "No hello came."


def test_a_kernel_that_three_volunteers_cannot_load_is_paused_with_its_error(
    shared_database: Database, socket_site: Site
) -> None:
    campaign = make_campaign(shared_database, ["one"], kernel="({main: function () {")
    volunteers = [Batched.open(socket_site.socket_url, campaign) for _ in range(3)]
    for volunteer in volunteers:
        volunteer.socket.send('x{"name": "SyntaxError", "message": "Unexpected end of input", "stack": ""}')
    said = "The kernel does not load: SyntaxError: Unexpected end of input"
    wait_until(lambda: _find_pause_reason(shared_database, campaign) == said)
    assert read_progress(shared_database, campaign).done == 0
    shared_database.write(lambda connection: change_kernel(connection, campaign))
    for volunteer in volunteers:  # they are there still, and have the mended kernel
        assert volunteer.socket.recv(5) == "u"
        volunteer.receive_campaign()
        assert volunteer.campaign["kernel_version"] == 2


def _find_pause_reason(database: Database, campaign: int) -> str | None:
    reason = sa.text("select pause_reason from schedule where campaign_id = :c")
    return database.read(lambda connection: connection.execute(reason, {"c": campaign}).scalar_one())


def test_a_client_that_does_not_answer_pings_is_ended_unless_it_computes(tmp_path: Path, database_url: str) -> None:
    environ = {"PING_INTERVAL_S": "0.2", "PING_TIMEOUT_S": "0.5", "MAX_SPARES": "0"}
    with run_site(tmp_path / "instance", database_url, "socket", **environ) as site:
        database = Database(database_url)
        campaign = make_campaign(database, ["one"])
        computing, waiting = _upgrade(site), _upgrade(site)
        for raw in (computing, waiting):
            raw.sendall(_masked_text(f"i{campaign}"))
            time.sleep(0.5)
        assert _read_until_closed(waiting, timeout_s=15)
        assert not _read_until_closed(computing, timeout_s=1)
        computing.sendall(_masked_text("n"))
        assert _read_until_closed(computing, timeout_s=15)
        assert read_progress(database, campaign).nothing_count == 1
        database.dispose()


def _masked_text(text: str) -> bytes:
    return bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text.encode()


def _read_until_closed(raw: stdsocket.socket, timeout_s: float) -> bool:
    """Read and answer nothing; say whether the server closed the connection within the time."""
    raw.settimeout(timeout_s)
    give_up_at = time.monotonic() + timeout_s
    try:
        while time.monotonic() < give_up_at:
            if not raw.recv(65536):
                return True
    except TimeoutError:
        return False
    except OSError:
        return True
    return False


def test_a_client_that_floods_with_pings_is_ended(shared_database: Database, socket_site: Site) -> None:
    campaign = make_campaign(shared_database, ["one", "two"])
    honest = Classic.open(socket_site.socket_url, campaign)
    honest.receive_dataset()
    flood = _upgrade(socket_site)
    flood.sendall(_masked_text(f'i{campaign} {{"v": 2}}'))
    with contextlib.suppress(OSError):
        for _ in range(100):
            flood.sendall((bytes([0x89, 0x80]) + b"\0\0\0\0") * 100)
    assert _read_until_closed(flood, timeout_s=15)
    honest.answer("fine")
    assert honest.receive_dataset() == "two"


def test_a_request_that_is_no_upgrade_gets_one_answer(socket_site: Site) -> None:
    with stdsocket.create_connection(("127.0.0.1", socket_site.socket_port)) as raw:
        raw.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        answer = b""
        while data := raw.recv(65536):
            answer += data
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.startswith(b"HTTP/1.1 400")
