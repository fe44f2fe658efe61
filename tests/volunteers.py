"""Volunteers that are programs: a classic client that speaks only i, r and n, and a batched one."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

Compute = Callable[[Any], Any]
TIMEOUT_S = 30.0


@dataclasses.dataclass
class Classic:
    """A plain client of the seed's protocol: one dataset at a time."""

    socket: ClientConnection
    kernel: str = ""
    static_dataset: str = ""

    @classmethod
    def open(cls, url: str, campaign_id: int) -> Classic:
        """Connect and say hello; the kernel and the static dataset are read with the first dataset."""
        socket = connect(url, max_size=None, compression=None, ping_interval=None, legacy=True)
        socket.send(f"i{campaign_id}")
        return cls(socket)

    def receive_dataset(self, timeout_s: float = TIMEOUT_S) -> Any:
        """Wait for the next dataset. Raises ConnectionClosed at the end, TimeoutError when none comes."""
        while True:
            letter = self.socket.recv(timeout_s)
            if letter == "d":
                return msgpack.unpackb(self.socket.recv(timeout_s), strict_map_key=False)
            text = self.socket.recv(timeout_s)
            assert isinstance(text, str)
            if letter == "k":
                self.kernel = text
            else:
                assert letter == "s"
                self.static_dataset = text

    def answer(self, result: Any) -> None:
        """Send a result, or n for None."""
        if result is None:
            self.socket.send("n")
        else:
            self.socket.send("r")
            self.socket.send(msgpack.packb(result))

    def work(self, compute: Compute) -> Iterator[Any]:
        """Compute datasets until the server closes; yield each dataset whose result is acknowledged."""
        dataset = self.receive_dataset()
        while True:
            self.answer(compute(dataset))
            try:
                following = self.receive_dataset()
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == 1000:
                    yield dataset  # the close says that everything is done
                raise
            yield dataset
            dataset = following


def close_code(socket: ClientConnection, timeout_s: float = TIMEOUT_S) -> int | None:
    """Read until the server closes and return its code; None: it did not say one."""
    try:
        while True:
            socket.recv(timeout_s)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def finish(url: str, campaign_id: int, compute: Compute) -> tuple[list[Any], int | None]:
    """Work on a campaign until it is done; return the datasets acknowledged and the close code."""
    client, acknowledged = Classic.open(url, campaign_id), []
    try:
        for dataset in client.work(compute):
            acknowledged.append(dataset)
    except ConnectionClosed as closed:
        return acknowledged, closed.rcvd.code if closed.rcvd else None
    raise AssertionError("the server never closed")


def run_together(count: int, act: Callable[[int], None]) -> list[threading.Thread]:
    """Start threads that each act with their number."""
    threads = [threading.Thread(target=act, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


@dataclasses.dataclass
class Batched:
    """A client of the batched dialect."""

    socket: ClientConnection
    campaign: dict[str, Any] = dataclasses.field(default_factory=dict)
    kernel: str | None = None
    static_dataset: str | None = None
    largest_grant: int = 0

    @classmethod
    def open(cls, url: str, campaign_id: int, **options: Any) -> Batched:
        """Connect, say hello, and read c, k and s, less what `have` says is there."""
        socket = connect(url, max_size=None, compression=None, ping_interval=None, legacy=True)
        socket.send(f"i{campaign_id} {json.dumps({'v': 2, 'threads': 1, 'device': 'test', **options})}")
        client = cls(socket)
        client.receive_campaign(set(options.get("have", [])))
        return client

    def receive_campaign(self, have: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        """Read a campaign's introduction."""
        text = self.socket.recv(TIMEOUT_S)
        assert isinstance(text, str)
        assert text.startswith("c"), text
        self.campaign = json.loads(text[1:])
        if self.campaign["kernel_hash"] not in have:
            assert self.socket.recv(TIMEOUT_S) == "k"
            self.kernel = str(self.socket.recv(TIMEOUT_S))
        if self.campaign["static_hash"] not in have:
            assert self.socket.recv(TIMEOUT_S) == "s"
            self.static_dataset = str(self.socket.recv(TIMEOUT_S))

    def send(self, want: int, answers: list[list[Any]]) -> None:
        """Send a batch."""
        self.socket.send(msgpack.packb([want, answers]))

    def receive(self, timeout_s: float = TIMEOUT_S) -> list[tuple[int, Any]]:
        """Wait for the next server batch, passing over w, and over d before one that comes unasked."""
        while True:
            frame = self.socket.recv(timeout_s)
            if isinstance(frame, bytes):
                return [(lease, msgpack.unpackb(data)) for lease, data in msgpack.unpackb(frame)]
            assert frame in ("w", "d"), frame

    def receive_some(self) -> list[tuple[int, Any]]:
        """Wait for the next server batch that holds datasets: a reply may be empty, and they come after it."""
        while True:
            if granted := self.receive():
                return granted

    def finish(self, compute: Compute, want: int) -> int | None:
        """Work until the server closes; return its code."""
        try:
            self.send(want, [])
            while True:
                granted = self.receive()
                if granted:
                    answers = [[lease, 1, 1, msgpack.packb(compute(dataset))] for lease, dataset in granted]
                    self.largest_grant = max(self.largest_grant, len(granted))
                    self.send(want, answers)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
