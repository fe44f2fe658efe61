"""Honest classic clients in a process of their own: `python -m tests.abuse.honest PORT CAMPAIGN CLIENTS THINK_S`.

Each answers dataset n with 2n after a moment's thought, and waits for the next one. A line on standard input names what
the latencies that follow belong to, an empty line: to nothing. "tell" prints them as JSON, "count" how many the present
name has; "end" ends the process.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import selectors
import socket as stdsocket
import sys
import time
from collections import defaultdict

import msgpack

from tests.rawsocket import BINARY, CLOSE, PING, PONG, TEXT, RawSocket, encode


class Client:
    """One client; `crowd` keeps what it learns."""

    def __init__(self, crowd: Crowd, port: int, campaign_id: int) -> None:
        self._crowd = crowd
        raw = RawSocket(port)
        self.socket = raw.socket
        self.socket.setblocking(False)
        self._buffer = bytearray()
        self._letter: str | None = None
        self._dataset: int | None = None
        self._asked_at = 0.0
        self._asked_for = ""
        self.socket.send(encode(TEXT, f"i{campaign_id}".encode()))

    def read(self) -> None:
        """Take in what has come."""
        data = self.socket.recv(1 << 16)
        assert data, "the server ended an honest connection"
        self._buffer += data
        while (frame := self._next_frame()) is not None:
            self._hear(*frame)

    def answer(self) -> None:
        """Send the result of the dataset at hand."""
        assert self._dataset is not None
        self._asked_at, self._asked_for = time.perf_counter(), self._crowd.label
        self.socket.send(encode(TEXT, b"r") + encode(BINARY, msgpack.packb(2 * self._dataset)))

    def _next_frame(self) -> tuple[int, bytes] | None:
        if len(self._buffer) < 2:
            return None
        size, start = self._buffer[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(self._buffer[2:start], "big")
        if len(self._buffer) < start + size:
            return None
        opcode, data = self._buffer[0] & 15, bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        return opcode, data

    def _hear(self, opcode: int, data: bytes) -> None:
        assert opcode != CLOSE, f"an honest client is sent away: {data[2:].decode()}"
        if opcode == PING:
            self.socket.send(encode(PONG, data))
        elif self._letter is None:
            self._letter = data.decode()
        else:
            if self._letter == "d":
                self._take(msgpack.unpackb(data))
            self._letter = None

    def _take(self, dataset: int) -> None:
        if self._dataset is not None:
            self._crowd.acknowledged.append(self._dataset)
            if self._asked_for and self._asked_for == self._crowd.label:
                self._crowd.latencies[self._asked_for].append(time.perf_counter() - self._asked_at)
        self._dataset = dataset
        self._crowd.answer_later(self)


class Crowd:
    """All clients, one loop."""

    def __init__(self, port: int, campaign_id: int, clients: int, think_s: float) -> None:
        self.label = ""
        self.latencies: dict[str, list[float]] = defaultdict(list)
        self.acknowledged: list[int] = []
        self._think_s = think_s
        self._due: list[tuple[float, int, Client]] = []
        self._count = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        for _ in range(clients):
            client = Client(self, port, campaign_id)
            self._selector.register(client.socket, selectors.EVENT_READ, client)

    def answer_later(self, client: Client) -> None:
        """Have a client answer after a moment's thought."""
        self._count += 1
        pause_s = self._think_s * random.uniform(0.5, 1.5)
        heapq.heappush(self._due, (time.perf_counter() + pause_s, self._count, client))

    def run(self) -> None:
        """Work until told to end."""
        while True:
            now = time.perf_counter()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2].answer()
            pause_s = max(0.0, self._due[0][0] - now) if self._due else None
            for key, _events in self._selector.select(pause_s):
                if key.data is not None:
                    key.data.read()
                elif not self._obey(os.read(0, 1000).decode()):
                    return

    def _obey(self, command: str) -> bool:
        *_, command, rest = command.split("\n")
        assert not rest
        if command == "tell":
            print(json.dumps({"latencies": self.latencies, "acknowledged": self.acknowledged}), flush=True)
        elif command == "count":
            print(len(self.latencies[self.label]), flush=True)
        else:
            self.label = command
        return command != "end"


def main(port: str, campaign_id: str, clients: str, think_s: str) -> None:
    """Work as the command line says."""
    stdsocket.setdefaulttimeout(20)
    Crowd(int(port), int(campaign_id), int(clients), float(think_s)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
