"""D9: what waits in a connection is counted, bounded and given back, however the connection ends."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from app.budget import Budget
from app.websocket import BACKLOG_BYTES, FREE_BYTES, NO_ROOM
from tests.echo import SHARED_FRAME, Echo, run_echo
from tests.rawsocket import BINARY, CONT, PING, PONG, TEXT, RawFrame, RawSocket, encode, encode_close

KILOBYTE, MEGABYTE = 1 << 10, 1 << 20
BUDGET_BYTES = 2 * MEGABYTE
OUTBOX_BYTES = 24 * MEGABYTE
ROOM_TIMEOUT_S = 1.5
STALL_TIMEOUT_S = 1.5


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    """An echo with little memory and little patience."""
    options = {"room_timeout_s": ROOM_TIMEOUT_S, "stall_timeout_s": STALL_TIMEOUT_S, "outbox_max_bytes": OUTBOX_BYTES}
    with run_echo(tmp_path_factory.mktemp("echo"), budget=BUDGET_BYTES, **options) as echo:
        yield echo


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    """An echo with much memory and much patience, so that a backlog stays where it is."""
    with run_echo(tmp_path_factory.mktemp("echo"), budget=1 << 40) as echo:
        yield echo


@pytest.fixture
def client(echo: Echo) -> Iterator[RawSocket]:
    with RawSocket(echo.port) as client:
        yield client
    echo.wait_for(connections=0, used_bytes=0)


def half(size: int) -> bytes:
    """Return the first bytes of a frame that declares twice as many."""
    return encode(BINARY, b"*" * size, declared=2 * size)


def half_in_fragments(size: int) -> bytes:
    return encode(BINARY, b"*" * (size // 2), fin=False) + encode(CONT, b"*" * (size // 2), fin=False)


def test_a_budget_counts_and_says_when_it_is_full() -> None:
    budget = Budget(100)
    budget.take(49)
    assert not budget.is_scarce
    budget.take(1)
    assert (budget.is_scarce, budget.is_full) == (True, False)
    budget.take(50)
    assert budget.is_full
    budget.give(100)
    assert (budget.used_bytes, budget.is_scarce, budget.is_full) == (0, False, False)


def test_one_at_a_time_has_the_turn_of_a_budget() -> None:
    budget, first, second = Budget(100), object(), object()
    assert budget.take_turn(first)
    assert not budget.take_turn(second)
    budget.end_turn(second)
    assert budget.take_turn(first)
    budget.end_turn(first)
    assert budget.take_turn(second)


@pytest.mark.parametrize("begin", [half, half_in_fragments])
def test_what_is_half_received_is_counted_beyond_what_is_free(
    echo: Echo, client: RawSocket, begin: Callable[[int], bytes]
) -> None:
    client.send(begin(FREE_BYTES - 100))
    client.send(b"")
    time.sleep(0.2)
    assert echo.state()["used_bytes"] == 0
    with RawSocket(echo.port) as other:
        other.send(begin(400 * KILOBYTE))
        echo.wait_for(used_bytes=400 * KILOBYTE - FREE_BYTES)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_long_message_is_counted_until_the_next_one_is_asked_for(echo: Echo, client: RawSocket, parts: int) -> None:
    data = b"slow" + b"*" * (300 * KILOBYTE)
    at = [len(data) * n // parts for n in range(parts + 1)]
    for n in range(parts):
        client.send(encode(BINARY if n == 0 else CONT, data[at[n] : at[n + 1]], fin=n == parts - 1))
    echo.wait_for(used_bytes=len(data) - FREE_BYTES)
    time.sleep(0.3)
    assert echo.state()["used_bytes"] == len(data) - FREE_BYTES
    assert client.receive() == RawFrame(BINARY, data)
    echo.wait_for(used_bytes=0)


def complete(client: RawSocket) -> None:
    client.send(b"*" * (300 * KILOBYTE))
    assert client.receive().opcode == BINARY


def end_with(code: int, data: bytes) -> Callable[[RawSocket], None]:
    def end(client: RawSocket) -> None:
        client.send(data)
        assert client.receive_close().code == code

    end.__name__ = f"end_with_{code}"
    return end


WHOLE_WAYS = [RawSocket.close, RawSocket.reset, complete]
FRAGMENT_WAYS = [
    RawSocket.close,
    RawSocket.reset,
    end_with(1002, encode(3)),
    end_with(1002, encode(TEXT)),
    end_with(1002, encode_close(1000)),
    end_with(1009, encode(CONT, declared=1 << 40)),
    end_with(1007, encode(CONT, b"\xff", fin=True)),
    end_with(1008, encode(PING) * 1000),
]


@pytest.mark.parametrize("way", WHOLE_WAYS, ids=lambda way: way.__name__)
def test_a_half_received_frame_is_given_back(echo: Echo, client: RawSocket, way: Callable[[RawSocket], None]) -> None:
    client.send(half(300 * KILOBYTE))
    echo.wait_for(used_bytes=300 * KILOBYTE - FREE_BYTES)
    way(client)
    echo.wait_for(used_bytes=0)


@pytest.mark.parametrize("way", FRAGMENT_WAYS, ids=lambda way: way.__name__)
def test_half_received_fragments_are_given_back(
    echo: Echo, client: RawSocket, way: Callable[[RawSocket], None]
) -> None:
    client.send(encode(TEXT, b"*" * (300 * KILOBYTE), fin=False))
    echo.wait_for(used_bytes=300 * KILOBYTE - FREE_BYTES)
    way(client)
    echo.wait_for(used_bytes=0)


def fill_outbox(echo: Echo, client: RawSocket) -> None:
    """Have the echo answer more than the kernel's buffers take, and read nothing of it."""
    client.send(encode(TEXT, b"shared") * 4 + encode(BINARY, b"*" * 300_000))
    echo.wait_for(used_bytes=len(encode(BINARY, b"*" * 300_000, mask=None)))


def close_and_read_on(client: RawSocket) -> None:
    client.send(encode_close(1000))
    assert client.receive_close().code == 1000
    client.close()


def be_aborted(client: RawSocket) -> None:
    client.send(encode(TEXT, b"abort"))


def test_who_does_not_take_its_answers_is_not_asked_for_more(roomy: Echo) -> None:
    with RawSocket(roomy.port) as client:
        client.send(encode(TEXT, b"shared") * 4 + encode(BINARY, b"*" * 100_000) * 12)
        client.socket.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            client.send(encode(BINARY, b"*" * 100_000) * 200)
        used = roomy.state()["used_bytes"]
        assert BACKLOG_BYTES < used < BACKLOG_BYTES + 300_000
        client.socket.settimeout(20)
        assert [len(client.receive().data) for _ in range(16)] == [4 * MEGABYTE] * 4 + [100_000] * 12


@pytest.mark.parametrize(
    "way", [RawSocket.close, RawSocket.reset, close_and_read_on, be_aborted], ids=lambda way: way.__name__
)
def test_what_waits_in_an_outbox_is_given_back(roomy: Echo, way: Callable[[RawSocket], None]) -> None:
    with RawSocket(roomy.port) as client:
        fill_outbox(roomy, client)
        way(client)
        roomy.wait_for(connections=0, used_bytes=0)


def test_what_waits_in_an_outbox_is_given_back_as_it_is_read(roomy: Echo) -> None:
    with RawSocket(roomy.port) as client:
        fill_outbox(roomy, client)
        assert [len(client.receive().data) for _ in range(5)] == [4 * MEGABYTE] * 4 + [300_000]
        roomy.wait_for(connections=1, used_bytes=0)


def test_a_client_that_reads_nothing_is_ended(echo: Echo, client: RawSocket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(4):
            client.send(encode(TEXT, b"shared"))
    echo.wait_for(connections=0, used_bytes=0)
    with pytest.raises((EOFError, OSError)):
        client.receive_close()


def test_a_client_that_reads_slowly_is_heard_as_long_as_it_reads(echo: Echo, client: RawSocket) -> None:
    began_at = time.monotonic()
    for _ in range(4):
        client.send(encode(TEXT, b"shared"))
    rest = 4 * len(SHARED_FRAME)
    while rest:
        rest -= len(client.socket.recv(min(rest, MEGABYTE)))
        time.sleep(STALL_TIMEOUT_S / 10)
    assert time.monotonic() - began_at > STALL_TIMEOUT_S
    client.send(encode(PING))
    assert client.receive() == RawFrame(PONG, b"")


def test_an_outbox_that_grows_over_its_limit_ends_the_connection_at_once(roomy: Echo) -> None:
    with RawSocket(roomy.port) as client:
        with contextlib.suppress(OSError):
            for _ in range(40):
                client.send(encode(TEXT, b"shared"))
        roomy.wait_for(connections=0, used_bytes=0)


def test_shared_frames_are_in_nobodys_way(roomy: Echo) -> None:
    with RawSocket(roomy.port) as client:
        client.send(encode(TEXT, b"shared") * 4 + encode(TEXT, b"own"))
        time.sleep(0.5)
        assert roomy.state()["used_bytes"] == len(encode(TEXT, b"own", mask=None))
        for _ in range(4):
            assert len(client.receive().data) == 4 * MEGABYTE
        assert client.receive() == RawFrame(TEXT, b"own")


def test_when_memory_is_scarce_a_long_message_waits_and_is_refused_while_short_ones_are_served(echo: Echo) -> None:
    with contextlib.ExitStack() as stack:
        *hoarders, waiting, late, short = (stack.enter_context(RawSocket(echo.port)) for _ in range(6))
        for hoarder in hoarders:
            hoarder.send(half(357 * KILOBYTE))
        echo.wait_for(used_bytes=3 * (357 * KILOBYTE - FREE_BYTES))
        waiting.send(half(100 * KILOBYTE))
        echo.wait_for(used_bytes=3 * 357 * KILOBYTE + 100 * KILOBYTE - 4 * FREE_BYTES)
        late.send(encode(BINARY, b"*" * (100 * KILOBYTE)))
        for _ in range(100):
            short.send(encode(TEXT, b"short"))
            assert short.receive() == RawFrame(TEXT, b"short")
        assert BUDGET_BYTES / 2 < echo.state()["used_bytes"] < BUDGET_BYTES
        refused = waiting.receive_close()
        assert (refused.code, refused.reason) == (1013, NO_ROOM)
        assert late.receive() == RawFrame(BINARY, b"*" * (100 * KILOBYTE))
    echo.wait_for(connections=0, used_bytes=0)


def test_when_memory_is_scarce_long_messages_are_finished_one_after_the_other(echo: Echo) -> None:
    """Together they are far more than the budget: without turns, they would wait for one another."""
    done: list[int] = []

    def upload(number: int) -> None:
        with RawSocket(echo.port) as client:
            client.send(encode(BINARY, b"*" * (800 * KILOBYTE)), chop=50 * KILOBYTE, pause_s=0.005)
            assert len(client.receive().data) == 800 * KILOBYTE
            done.append(number)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == list(range(12))
    echo.wait_for(connections=0, used_bytes=0)


def test_when_memory_is_full_even_short_messages_wait_until_there_is_room(echo: Echo, client: RawSocket) -> None:
    with contextlib.ExitStack() as stack:
        hogs = [stack.enter_context(RawSocket(echo.port)) for _ in range(3)]
        for hog in hogs:
            hog.send(encode(TEXT, b"shared") * 3 + encode(BINARY, b"*" * 10_000) * 75)
        give_up_at = time.monotonic() + STALL_TIMEOUT_S
        while echo.state()["used_bytes"] < BUDGET_BYTES:
            assert time.monotonic() < give_up_at
        client.send(encode(TEXT, b"short"))
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.receive()
    client.socket.settimeout(20)
    assert client.receive() == RawFrame(TEXT, b"short")
