"""Long frames are cut and nothing else changes: the parser sees the same messages however the bytes arrive."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from app.fragments import LONG_HEADER, PIECE_BYTES, Joiner, Splitter
from tests.rawsocket import BINARY, CLOSE, CONT, PING, TEXT, encode

MAX_BYTES = 5 * PIECE_BYTES
SIZES = (0, 1, 125, 126, 3000, 65535, 65536, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES - 1, 4 * PIECE_BYTES + 5)


def parse(protocol: Protocol, splitter: Splitter, data: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    """Let bytes arrive in parts; return the whole messages and the control frames, in order, and fragments joined."""
    seen, joiner, opcode = [], Joiner(), 0
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        protocol.receive_data(splitter.cut(data[start:end]))
        for frame in protocol.events_received():
            assert isinstance(frame, Frame)
            assert len(frame.data) < 2 * PIECE_BYTES
            if frame.opcode in (Opcode.PING, Opcode.CLOSE):
                seen.append((int(frame.opcode), bytes(frame.data)))
                continue
            opcode = int(frame.opcode) or opcode
            if (whole := joiner.add(frame.data, is_last=frame.fin)) is not None:
                seen.append((opcode, whole))
    return seen


@given(
    frames=st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), st.sampled_from(SIZES)), max_size=5),
    seed=st.integers(0, 2**32),
    parts=st.integers(1, 40),
)
def test_messages_come_out_as_they_were_however_their_bytes_arrive(
    frames: list[tuple[int, int]], seed: int, parts: int
) -> None:
    rng = random.Random(seed)
    wanted = [(opcode, rng.randbytes(min(size, 125 if opcode == PING else size))) for opcode, size in frames]
    data = b"".join(encode(opcode, payload) for opcode, payload in wanted)
    # Some of the cuts fall close to each other, into the headers.
    cuts = sorted({0, *(min(len(data), rng.randrange(len(data) + 1) + rng.choice((0, 1))) for _ in range(parts))})
    headers = [at for at in (data.find(b"\xff\x00\x00\x00\x00") + n for n in range(LONG_HEADER)) if at >= 0]
    cuts = sorted({*cuts, *rng.sample(headers, min(len(headers), 4)), *range(0, len(data), PIECE_BYTES)})
    assert parse(Protocol(SERVER, max_size=MAX_BYTES), Splitter(MAX_BYTES), data, cuts) == wanted


def test_long_fragments_of_a_message_are_cut_too() -> None:
    parts = [b"a" * (PIECE_BYTES + 7), b"b" * 10, b"c" * (2 * PIECE_BYTES)]
    data = encode(BINARY, parts[0], fin=False) + encode(PING, b"?") + encode(CONT, parts[1], fin=False)
    data += encode(CONT, parts[2]) + encode(CLOSE, b"\x03\xe8")
    cuts = [*range(1000, len(data), 1000)]
    seen = parse(Protocol(SERVER, max_size=MAX_BYTES), Splitter(MAX_BYTES), data, cuts)
    assert seen == [(PING, b"?"), (BINARY, b"".join(parts)), (CLOSE, b"\x03\xe8")]


REFUSED = {
    "longer than a message may be": encode(BINARY, b"", declared=MAX_BYTES + 1),
    "a reserved bit": bytes([0xC2]) + encode(BINARY, b"", declared=2 * PIECE_BYTES)[1:],
    "no mask": bytes([0x82, 127]) + (2 * PIECE_BYTES).to_bytes(8, "big"),
    "a long ping": encode(PING, b"", declared=2 * PIECE_BYTES),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_the_parser_refuses_reaches_it_at_once(data: bytes) -> None:
    protocol = Protocol(SERVER, max_size=MAX_BYTES)
    protocol.receive_data(Splitter(MAX_BYTES).cut(data))
    assert protocol.close_expected()


def test_a_long_frame_is_held_no_longer_than_a_piece() -> None:
    splitter = Splitter(MAX_BYTES)
    data = encode(BINARY, b"*" * (4 * PIECE_BYTES))
    given_back = 0
    for at in range(0, len(data), 5000):
        given_back += len(splitter.cut(data[at : at + 5000]))
        assert splitter.held_bytes < PIECE_BYTES
    assert (splitter.held_bytes, splitter.is_cutting) == (0, False)
    assert given_back > 4 * PIECE_BYTES


def test_a_long_message_is_joined_without_a_copy() -> None:
    """A copy of 16 MB stops the whole process for ten milliseconds, and needs its memory twice."""
    joiner, pieces = Joiner(), 64
    tracemalloc.start()
    try:
        for count in range(1, pieces):
            assert joiner.add(b"*" * PIECE_BYTES, is_last=False) is None
            assert joiner.held_bytes == count * PIECE_BYTES
        whole = joiner.add(b"*" * PIECE_BYTES, is_last=True)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert whole == b"*" * pieces * PIECE_BYTES
    assert joiner.held_bytes == 0
    assert most < 1.5 * len(whole)
