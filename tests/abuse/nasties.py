"""Frames that are not what the protocol asks for: written by hand, and made from a seed."""

from __future__ import annotations

import random

import msgpack

from tests.rawsocket import BINARY, TEXT, encode

# Not one msgpack value, each in its own way.
NOT_MSGPACK = [
    b"",
    b"\xc1",  # the byte that msgpack does not use
    b"\xa5abc",  # text, cut
    b"\xc4\x05abc",  # binary, cut
    b"\xdb\xff\xff\xff\xffabc",  # text that declares 4 GB
    b"\xc6\xff\xff\xff\xff",  # binary that does
    b"\xdd\xff\xff\xff\xff",  # an array of 2³² elements, none of which comes
    b"\xdf\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff" * 13_000,
    b"\x91" * 65,  # nested without an end
    b"\x91" * 100_000 + b"\xc0",  # nested too deep
    b"\x81\xa1k" * 70 + b"\xc0",
    b"\xc0\xc0",  # two values
    b"\x92\xc0",
    b"\x81\x01\x02",  # a key that is a number
    b"\x81\x90\x02",
    b"\x81\xc0\x02",
    b"\xa2\xff\xfe",  # text that is not UTF-8
    b"\xa3\xed\xa0\x80",
    b"\xc9\xff\xff\xff\xff\x01",  # an extension that declares 4 GB
    b"\xd4\x85x",  # an extension type that readers refuse
    b"\xd6\xff",
    b"\xdc",
    b"not msgpack at all",
    b"\x93" + b"\xdd\x0f\xff\xff\xff" * 3,
]
# msgpack, and no batch.
NOT_BATCHES: list[object] = [
    None,
    0,
    "text",
    [],
    [1],
    [1, 2],
    [1, [], 3],
    [-1, []],
    [1.5, []],
    ["1", []],
    [2**63, []],
    [1, {}],
    [1, [1]],
    [1, [[]]],
    [1, [[0]]],
    [1, [[0, 0]]],
    [1, [[0, 0, 0, b"", b""]]],
    [1, [[-1, 0, 0]]],
    [1, [[2**63, 0, 0]]],
    [1, [[0, 4, 0]]],
    [1, [[0, -1, 0]]],
    [1, [[0, "1", 0]]],
    [1, [[0, 0, -1]]],
    [1, [[0, 0, 0.5]]],
    [1, [[0, 0, 0, b"x"]]],
    [1, [[0, 1, 0]]],
    [1, [[0, 1, 0, "text"]]],
    [1, [[0, 1, 0, 7]]],
    [1, [[0, 1, 0, b"\xc1"]]],
    [1, [[0, 1, 0, b""]]],
    [1, [[0, 2, 0, b"\xc0"]]],
    [1, [[0, 2, 0, b"\xc1"]]],
    [1, [[0, 3, 0, b""]]],
    [True, []],
    [None, []],
    [1, [[True, 0, 0]]],
    [1, [[0, [], 0]]],
    [[[[[]]]], []],
]
NOT_TEXTS = [
    "",
    "z",
    "p",
    "pnull",
    "p[]",
    "p{",
    'p{"a":',
    "x",
    "x1",
    "b ",
    "bb",
    "r",
    "n",
    "i1",
    "[" * 50_000,
    "p" + "[" * 50_000,
]
NOT_HELLOS = [
    "",
    "i",
    "i ",
    "i-",
    "i-2",
    "i1.5",
    "ione",
    "i1 ",
    "i1 {}",
    "i1 []",
    'i1 {"v": 1}',
    "i99999999999",
    "hello",
    "k",
]
NOT_HELLOS += ["i1 " + "[" * 5000, 'i1 {"v": 2, "threads": 1e9}', 'i1 {"v": 2, "have": [1]}', "i\u0661"]


def iter_junk(hello: bytes, batched_hello: bytes) -> list[bytes]:
    """Return every hand-written piece behind what makes it the next thing to be read, in both dialects."""
    batches = [msgpack.packb(batch) for batch in NOT_BATCHES]
    return [
        *(encode(TEXT, text.encode()) for text in NOT_HELLOS),
        *(hello + encode(TEXT, b"r") + encode(BINARY, data) for data in NOT_MSGPACK),
        *(batched_hello + encode(BINARY, data) for data in NOT_MSGPACK),
        *(batched_hello + encode(BINARY, msgpack.packb([0, [[0, 1, 0, data]]])) for data in NOT_MSGPACK),
        *(batched_hello + encode(BINARY, batch) for batch in batches),
        *(batched_hello + encode(TEXT, text.encode()) for text in NOT_TEXTS),
    ]


class Fuzzer:
    """Makes junk from a seed: values bent a little, bytes without sense, frames with wrong bits."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def make_frames(self, count: int) -> bytes:
        """Return so many frames' bytes."""
        return b"".join(self._make_frame() for _ in range(count))

    def _make_frame(self) -> bytes:
        draw = self._random
        kind = draw.random()
        if kind < 0.02:
            return draw.randbytes(draw.randrange(1, 40))  # no frame at all
        if kind < 0.05:
            return encode(draw.randrange(16), self._bytes(), fin=draw.random() < 0.5, rsv=draw.choice([0, 0, 0, 1, 4]))
        if kind < 0.3:
            return encode(TEXT, draw.choice(["p{}", 'p{"note": "x"}', *NOT_TEXTS[:8]]).encode())
        if kind < 0.6:
            return encode(BINARY, b"\x92\x00\x90")  # well-formed, so that what follows is read
        return encode(BINARY, self._bend(msgpack.packb(self._value(4))))

    def _bytes(self) -> bytes:
        return self._random.randbytes(self._random.randrange(60))

    def _bend(self, data: bytes) -> bytes:
        bent = bytearray(data)
        for _ in range(self._random.randrange(3)):
            bent[self._random.randrange(len(bent))] = self._random.randrange(256)
        return bytes(bent[: self._random.randrange(1, len(bent) + 1)])

    def _value(self, depth: int) -> object:
        draw = self._random
        leaves = [None, True, draw.randrange(-5, 5), 2**62, 0.5, "text", self._bytes()]
        if depth == 0 or draw.random() < 0.3:
            return draw.choice(leaves)
        return [self._value(depth - 1) for _ in range(draw.randrange(5))]
