"""Clients that send junk, or more than they were asked for; honest ones hardly notice and lose nothing."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator

import msgpack
import pytest

from app.database import Database
from tests.abuse.bad_clients import (
    Flood,
    Provocations,
    hello,
    make_waiting_campaign,
    meanwhile,
    provoke,
    wait_for_end,
)
from tests.abuse.comparison import compare
from tests.abuse.conftest import ENVIRON
from tests.abuse.nasties import Fuzzer, iter_junk
from tests.campaigns import make_campaign, read_results
from tests.processes import Site
from tests.rawsocket import BINARY, TEXT, RawSocket, encode
from tests.scale import scaled

pytestmark = [pytest.mark.slow, pytest.mark.alone]
MEGABYTE = 1 << 20
JUNK_FRAMES = scaled(3000, 100_000)
JUNK_AT_ONCE = 50
HOARDERS = scaled(8, 200)
STALL_S = 3 * float(ENVIRON["PING_TIMEOUT_S"])


def batch(want: int, answers: list[list[object]]) -> bytes:
    return encode(BINARY, msgpack.packb([want, answers]))


def test_messages_that_cannot_be_read(abused_site: Site) -> None:
    campaign = make_waiting_campaign(abused_site)
    junk = iter_junk(hello(campaign, batched=False), hello(campaign, batched=True))
    random.Random(3).shuffle(junk)
    provocations = Provocations(abused_site, junk)
    compare(abused_site, provocations.run)
    provocations.finish()
    wrong = [(piece, code) for piece, code in provocations.codes if code not in (1002, 1009, 4404)]
    assert not wrong


def test_junk_frames(abused_site: Site) -> None:
    seed = int(os.environ.get("FUZZ_SEED", random.randrange(2**32)))
    print(f"FUZZ_SEED={seed}")
    campaign = make_waiting_campaign(abused_site)
    fuzzer, hellos, sent = Fuzzer(seed), [hello(campaign, batched=b) for b in (True, True, False)], [0]

    def send_some() -> None:
        begin = hellos[sent[0] % len(hellos)]
        close = provoke(abused_site, begin + fuzzer.make_frames(JUNK_AT_ONCE) + encode(BINARY, b"\xc1"))
        assert close is None or close.code in (1000, 1002, 1005, 1007, 1008, 1009, 3000), close
        sent[0] += JUNK_AT_ONCE

    compare(abused_site, lambda: meanwhile(send_some, 0.02))
    while sent[0] < JUNK_FRAMES:
        send_some()


def test_answers_that_nobody_asked_for(abused_site_on_both: Site) -> None:
    """Guessing lease numbers gets nowhere: what another holds is stored as it answers it, and as nobody else does."""
    site = abused_site_on_both
    database = Database(site.environ["DATABASE_URL"])
    campaign, waiting = make_campaign(database, [7]), make_waiting_campaign(site)
    forged, ours = msgpack.packb("forged"), msgpack.packb("ours")
    with RawSocket(site.socket_port) as holder:
        holder.send(hello(campaign, batched=False))  # a classic one need not answer pings while it computes
        assert receive_dataset(holder) == 7
        guesses = [*range(20), 2**31, 2**53 - 1]
        junk = [hello(campaign, batched=True) + batch(0, [[guess, 1, 1, forged]]) for guess in guesses]
        junk.append(hello(waiting, batched=False) + encode(TEXT, b"r") + encode(BINARY, forged))
        junk.append(hello(waiting, batched=False) + encode(TEXT, b"n"))
        provocations = Provocations(site, junk)
        compare(site, provocations.run)
        provocations.finish()
        assert {code for _junk, code in provocations.codes} == {1002}
        holder.send(encode(TEXT, b"r") + encode(BINARY, ours))
        assert wait_for_end(holder, 20) == 1000
    assert read_results(database, campaign) == {0: "ours"}
    database.dispose()


def receive_dataset(client: RawSocket) -> object:
    """Wait for a dataset and return it."""
    while (frame := client.receive()).opcode != BINARY:
        pass
    return msgpack.unpackb(frame.data)


def test_the_same_answer_again_and_again(abused_site: Site) -> None:
    database = Database(abused_site.environ["DATABASE_URL"])
    campaign = make_campaign(database, [1, 2])
    again: list[list[object]] = [[0, 1, 1, b"\x01"]]
    flood = Flood(abused_site, hello(campaign, batched=True) + batch(1, []) + batch(0, again), batch(0, again * 500))
    compare(abused_site, flood.run)
    flood.close()
    assert read_results(database, campaign).get(0, 1) == 1
    database.dispose()


TINY_BYTES = scaled(5, 15) * MEGABYTE  # a frame may have 16
TINY = {
    "nils": b"\xdd" + TINY_BYTES.to_bytes(4, "big") + b"\xc0" * TINY_BYTES,
    "maps": b"\xdd" + (TINY_BYTES // 4).to_bytes(4, "big") + b"\x81\xa1a\xc0" * (TINY_BYTES // 4),
}


@pytest.mark.parametrize("data", TINY.values(), ids=TINY)
def test_large_results_of_tiny_values(abused_site: Site, data: bytes) -> None:
    """They are walked through before anybody knows that no dataset was handed out for them."""
    campaign = make_waiting_campaign(abused_site)
    large = hello(campaign, batched=False) + encode(TEXT, b"r") + encode(BINARY, data)
    provocations = Provocations(abused_site, [large])
    compare(abused_site, provocations.run)
    assert {code for _junk, code in provocations.codes} == {1002}


@contextlib.contextmanager
def hoarders(site: Site, campaign: int) -> Iterator[list[RawSocket]]:
    """Clients that take a dataset of a megabyte, give it back, and ask for it again, and read nothing of it."""
    clients = [RawSocket(site.socket_port, receive_buffer=4096) for _ in range(HOARDERS)]
    asking = b"".join(batch(1, [[lease, 3, 0]]) for lease in range(200))
    for client in clients:
        client.send(hello(campaign, batched=True) + batch(1, []))
        time.sleep(0.02)
        client.send(asking)
    yield clients
    for client in clients:
        client.reset()


def test_clients_that_never_read(abused_site: Site) -> None:
    database = Database(abused_site.environ["DATABASE_URL"])
    campaign = make_campaign(database, [b"*" * (MEGABYTE - 100)] * (2 * HOARDERS), name="Large")
    database.dispose()

    @contextlib.contextmanager
    def abuse() -> Iterator[None]:
        with hoarders(abused_site, campaign):
            yield

    compare(abused_site, abuse)
    with hoarders(abused_site, campaign) as clients:
        time.sleep(2 * STALL_S)
        # What the kernel holds for them can be read; then the end comes, and none of the other two hundred datasets.
        assert all(read_to_the_end(client) < 20 * MEGABYTE for client in clients)


def read_to_the_end(client: RawSocket) -> int:
    """Return how many bytes come before the end of the connection."""
    total = 0
    with contextlib.suppress(ConnectionResetError):
        while data := client.socket.recv(MEGABYTE):
            total += len(data)
    return total
