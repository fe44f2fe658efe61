"""Clients that hold connections and use them badly; honest ones hardly notice and lose nothing."""

from __future__ import annotations

import contextlib
import itertools
import socket as stdsocket
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.abuse.bad_clients import Flood, Provocations, hello, make_waiting_campaign, meanwhile, wait_for_end
from tests.abuse.comparison import compare
from tests.processes import Site
from tests.rawsocket import BINARY, CONT, PING, PONG, TEXT, RawSocket, encode, request
from tests.scale import scaled

pytestmark = [pytest.mark.slow, pytest.mark.alone]
SOCKETS = scaled(80, 1000)
OPENINGS_PER_S = 150


@contextlib.contextmanager
def slow_loris(site: Site, first: bytes, drip: bytes) -> Iterator[None]:
    """Hold many sockets that have sent something, and send on a byte a second each."""
    sockets = []
    for _ in range(SOCKETS):
        sockets.append(RawSocket(site.socket_port))
        sockets[-1].send(first)
        time.sleep(1 / OPENINGS_PER_S)
    turns = itertools.cycle(sockets)
    drops = itertools.cycle(drip)

    def send_one() -> None:
        with contextlib.suppress(OSError):
            next(turns).send(bytes([next(drops)]))

    with meanwhile(send_one, 1 / SOCKETS):
        yield
    for client in sockets:
        client.reset()


def test_slow_loris(abused_site: Site) -> None:
    campaign = make_waiting_campaign(abused_site)
    begun = hello(campaign, batched=True) + encode(BINARY, b"", declared=1 << 20)
    compare(abused_site, partial(slow_loris, abused_site, begun, b"*"))


def test_sockets_that_say_nothing(abused_site: Site) -> None:
    compare(abused_site, partial(slow_loris, abused_site, b"", encode(TEXT, b"i" + b"0" * 100)))


def test_a_hello_that_does_not_come_in_time_ends_the_connection_however_slowly_it_comes(abused_site: Site) -> None:
    silent, dripping = ([RawSocket(abused_site.socket_port) for _ in range(20)] for _ in range(2))
    half_shaken = stdsocket.create_connection(("127.0.0.1", abused_site.socket_port), timeout=20)
    half_shaken.sendall(request()[:-2])
    for byte in encode(TEXT, b"i1" + b"0" * 20)[:8]:
        for client in dripping:
            client.send(bytes([byte]))
        time.sleep(0.2)
    assert [wait_for_end(client, 20) for client in silent + dripping] == [1008] * 40
    assert half_shaken.recv(1000) == b""


def test_frames_that_declare_too_much(abused_site: Site) -> None:
    campaign = make_waiting_campaign(abused_site)
    sizes = [(32 << 20) + 1, 1 << 32, (1 << 63) - 1, (1 << 64) - 1]
    junk = [
        hello(campaign, batched=batched) + encode(BINARY, b"", declared=n) for n in sizes for batched in (True, False)
    ]
    provocations = Provocations(abused_site, [*junk, *(encode(TEXT, b"i", declared=n) for n in sizes)])
    compare(abused_site, provocations.run)
    provocations.finish()
    assert {code for _junk, code in provocations.codes} == {1009}


def test_fragments_without_end(abused_site: Site) -> None:
    campaign = make_waiting_campaign(abused_site)
    begin = hello(campaign, batched=True) + encode(BINARY, b"", fin=False)
    floods = [Flood(abused_site, begin, encode(CONT, b"*" * size, fin=False) * 200) for size in (0, 1)]
    for flood in floods:
        compare(abused_site, flood.run)
        flood.finish()
        assert set(flood.codes) == {1009}


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_a_flood_of_pings(abused_site: Site, opcode: int) -> None:
    campaign = make_waiting_campaign(abused_site)
    flood = Flood(abused_site, hello(campaign, batched=True), encode(opcode, b"*" * 100) * 100)
    compare(abused_site, flood.run)
    flood.finish()
    assert set(flood.codes) == {1008}


@pytest.mark.parametrize("message", [encode(TEXT, b"p{}"), encode(BINARY, b"\x92\x00\x90")], ids=["notes", "batches"])
def test_a_flood_of_messages_that_are_fine(abused_site: Site, message: bytes) -> None:
    campaign = make_waiting_campaign(abused_site)
    flood = Flood(abused_site, hello(campaign, batched=True), message * 500)
    compare(abused_site, flood.run)
    assert flood.sent_bytes > 100_000
    assert flood.codes == []
    flood.close()
