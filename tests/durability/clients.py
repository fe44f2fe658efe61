"""Volunteers that behave as docs/protocol.md says, classic and batched ones, over all their connections."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
import random
import re
import socket as stdsocket
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

if TYPE_CHECKING:
    from tests.durability.crowd import Crowd

RECONNECT = {1001, 1006, 1011, 1012, 1013}  # docs/protocol.md, "Close codes"
BROKEN = 1006
NOTHING_EVERY = 10  # each dataset whose number this divides has no result
OPEN_TIMEOUT_S = 5.0
BACK_OFF_S, BACK_OFF_MAX_S = 0.05, 1.0


class Fate(enum.Enum):
    """How a client leaves that does not say so."""

    RESET = "its connection is reset"
    SILENCE = "it keeps its connection open and neither reads nor answers"


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One dataset that a client computed. `run` is the one that it was told of."""

    client: int
    serial: int
    position: int
    run: int


@dataclasses.dataclass(frozen=True, slots=True)
class Habits:
    """How the clients of a crowd behave.

    Args:
        clients: how many there are.
        batched_share: how many of them speak the batched dialect.
        think_s: the longest that one dataset takes; each takes a random part of it.
        want: the most datasets that a batched client wants at a time.
        vanishing_share: how many of them vanish for good, half of those by each fate.
        vanish_after: answers that a client has given at most before it vanishes.
    """

    clients: int = 40
    batched_share: float = 0.5
    think_s: float = 0.03
    want: int = 16
    vanishing_share: float = 0.0
    vanish_after: int = 20


def encode_answer(answer: Answer) -> bytes | None:
    """Return what a client sends for a dataset: its square and who says so; None where it has no result."""
    if answer.position % NOTHING_EVERY == 0:
        return None
    packed: bytes = msgpack.packb([answer.position**2, answer.client, answer.serial])
    return packed


class Client:
    """One volunteer, over all its connections."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.number = number
        self.final_code: int | None = None
        self.fate: Fate | None = None
        self.vanish_after = 0
        self._crowd = crowd
        self._random = random.Random(number)
        self._batched = self._random.random() < crowd.habits.batched_share
        self._serials = 0
        self._answered = 0
        self._progress = 0

    async def live(self) -> None:
        """Come back until told that it is over, or until it vanishes."""
        tries = 0
        while True:
            before = self._answered
            code = await self._visit()
            self._crowd.codes[code] += 1
            if code not in RECONNECT or self.has_vanished:
                self.final_code = code
                return
            tries = 0 if self._answered > before else tries + 1
            # Full jitter: whoever was sent away with all the others does not come back with all of them.
            await asyncio.sleep(self._random.uniform(BACK_OFF_S / 2, min(BACK_OFF_MAX_S, BACK_OFF_S * 2**tries)))

    @property
    def has_vanished(self) -> bool:
        """Whether its fate has met it."""
        return self.fate is not None and self._answered >= self.vanish_after

    async def _visit(self) -> int:
        url = self._random.choice(self._crowd.urls)
        try:
            async with connect(
                url,
                compression=None,
                proxy=None,
                ping_interval=None,
                max_size=None,
                max_queue=None,
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=2,
            ) as socket:
                visit = Batched if self._batched else Classic
                await visit(self, socket).work(self._crowd.campaign_id)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else BROKEN
        except (OSError, EOFError, TimeoutError, InvalidHandshake):
            pass
        return BROKEN

    # --- what both dialects need -------------------------------------------------------------------------------------

    @property
    def want(self) -> int:
        """How many datasets to ask for this time."""
        return self._random.randint(1, self._crowd.habits.want)

    def make_answer(self, data: bytes, run: int) -> Answer:
        """Compute one dataset."""
        dataset = msgpack.unpackb(data)
        position = dataset["n"] if isinstance(dataset, dict) else dataset
        answer = Answer(self.number, self._serials, position, run)
        self._serials += 1
        return answer

    async def think(self, datasets: int) -> None:
        """Take the time that datasets take."""
        await asyncio.sleep(sum(self._random.random() for _ in range(datasets)) * self._crowd.habits.think_s)

    def note_sent(self, answers: Sequence[Answer]) -> None:
        """Remember that answers are on their way."""
        self._answered += len(answers)
        self._crowd.sent.update({(answer.client, answer.serial): answer for answer in answers})

    def note_acknowledged(self, answers: Sequence[Answer]) -> None:
        """Remember that the server said that answers are stored."""
        self._crowd.note_acknowledged(answers)

    async def meet_fate(self, socket: ClientConnection, holding: int) -> None:
        """Vanish with datasets in hand, if it is time for it."""
        if not self.has_vanished:
            return
        self._crowd.abandoned += holding
        if self.fate is Fate.SILENCE:
            socket.transport.pause_reading()
            await self._crowd.over.wait()
        linger = struct.pack("ii", 1, 0)  # closing sends RST
        socket.transport.get_extra_info("socket").setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_LINGER, linger)
        socket.transport.abort()


class Classic:
    """One connection of a client of the classic dialect."""

    def __init__(self, client: Client, socket: ClientConnection) -> None:
        self._client = client
        self._socket = socket
        self._run = 1
        self._sent: list[Answer] = []

    async def work(self, campaign_id: int) -> None:
        """Compute until the connection ends. Raises ConnectionClosed."""
        await self._socket.send(f"i{campaign_id}")
        try:
            while True:
                data = await self._receive_dataset()
                self._acknowledge()
                answer = self._client.make_answer(data, self._run)
                await self._client.think(1)
                await self._client.meet_fate(self._socket, 1)
                await self._answer(answer)
        except ConnectionClosed as closed:
            # "The next dataset (or the close with 1000) says that the result is stored", and so does 4409.
            if closed.rcvd is not None and closed.rcvd.code in (1000, 4409):
                self._acknowledge()
            raise

    async def _receive_dataset(self) -> bytes:
        while (letter := await self._socket.recv()) != "d":
            text = await self._socket.recv()
            if letter == "k":
                self._run = read_run(str(text))
        data = await self._socket.recv()
        assert isinstance(data, bytes)
        return data

    async def _answer(self, answer: Answer) -> None:
        self._client.note_sent([answer])
        self._sent = [answer]
        result = encode_answer(answer)
        if result is None:
            await self._socket.send("n")
        else:
            await self._socket.send("r")
            await self._socket.send(result)

    def _acknowledge(self) -> None:
        self._client.note_acknowledged(self._sent)
        self._sent = []


class Batched:
    """One connection of a client of the batched dialect.

    A server batch does not say whether it is the reply to a client batch or came unasked. This client is certain of
    every acknowledgement all the same: while something that it wanted may still come, it sends its answers with a want
    of 0, and only the reply to that is empty.
    """

    def __init__(self, client: Client, socket: ClientConnection) -> None:
        self._client = client
        self._socket = socket
        self._run = 1
        self._unmet = 0
        self._is_certain = True
        self._has_changed = False

    async def work(self, campaign_id: int) -> None:
        """Compute until the connection ends. Raises ConnectionClosed."""
        threads = 1 + self._client.number % 4
        await self._socket.send(f"i{campaign_id} {json.dumps({'v': 2, 'threads': threads, 'device': 'crowd'})}")
        held = await self._ask([])
        while True:
            held = held or await self._wait()
            await self._client.think(len(held))
            await self._client.meet_fate(self._socket, len(held))
            held = await self._answer(held)

    async def _answer(self, held: list[tuple[int, Answer]]) -> list[tuple[int, Answer]]:
        answers = [answer for _lease, answer in held]
        self._client.note_sent(answers)
        packed = [_pack(lease, answer) for lease, answer in held]
        if self._unmet == 0 and self._is_certain:
            granted = await self._ask(packed)
            self._client.note_acknowledged(answers)
            return granted
        await self._socket.send(msgpack.packb([0, packed]))
        came: list[tuple[int, Answer]] = []
        while granted := await self._receive():
            came += granted
        self._client.note_acknowledged(answers)
        self._unmet, self._is_certain = 0, True
        return came or await self._ask([])

    async def _ask(self, packed: list[list[Any]]) -> list[tuple[int, Answer]]:
        want = self._client.want
        self._has_changed = False
        await self._socket.send(msgpack.packb([want, packed]))
        granted = await self._receive()
        self._unmet = want - len(granted)
        return granted

    async def _wait(self) -> list[tuple[int, Answer]]:
        """Wait for datasets that come unasked; ask again where the campaign changed."""
        while not self._has_changed:
            if granted := await self._receive_frame():
                self._unmet -= len(granted)
                return granted
        self._is_certain = False
        return await self._ask([])

    async def _receive(self) -> list[tuple[int, Answer]]:
        while (granted := await self._receive_frame()) is None:
            pass
        return granted

    async def _receive_frame(self) -> list[tuple[int, Answer]] | None:
        frame = await self._socket.recv()
        if isinstance(frame, bytes):
            return [(lease, self._client.make_answer(data, self._run)) for lease, data in msgpack.unpackb(frame)]
        if frame in ("k", "s"):
            await self._socket.recv()
        elif frame.startswith("c"):
            self._run = json.loads(frame[1:])["run"]
        elif frame == "u":
            self._has_changed = True
            self._is_certain = False
        return None


def _pack(lease: int, answer: Answer) -> list[Any]:
    result = encode_answer(answer)
    return [lease, 0, 1] if result is None else [lease, 1, 1, result]


def read_run(kernel: str) -> int:
    """Return the run that a kernel of a test says it belongs to; 1 where it says nothing."""
    match = re.search(r"// run (\d+)", kernel)
    return int(match[1]) if match else 1
