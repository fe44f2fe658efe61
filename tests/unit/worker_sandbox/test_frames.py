"""Frames arrive in any pieces, and a child can make the parent keep no more than one of them (G3)."""

import struct

import pytest

from worker_sandbox import GeneratorFailed
from worker_sandbox.frames import FrameReader


def frame(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body


def test_frames_are_found_however_the_bytes_are_cut() -> None:
    frames = [(b"R", b""), (b"C", b"{}" * 50), (b"C", b""), (b"E", b"")]
    stream = b"".join(frame(*each) for each in frames)
    for size in (1, 2, 5, 7, len(stream)):
        reader = FrameReader(100)
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [found for piece in pieces for found in reader.feed(piece)] == frames


def test_a_frame_over_the_limit_is_refused_by_its_header() -> None:
    assert list(FrameReader(10).feed(frame(b"C", b"x" * 10))) == [(b"C", b"x" * 10)]
    with pytest.raises(GeneratorFailed, match="it is not made of frames"):
        list(FrameReader(10).feed(b"C" + struct.pack("<I", 11)))


@pytest.mark.parametrize("garbage", [b"\0\0\0\0\0", b"c\0\0\0\0", b"Traceback (most recent call last)", b"Q\1\0\0\0x"])
def test_what_is_no_frame_is_refused(garbage: bytes) -> None:
    with pytest.raises(GeneratorFailed, match="it is not made of frames"):
        list(FrameReader(1000).feed(garbage))
