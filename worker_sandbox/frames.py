"""The child's frames, cut out of the bytes that arrive. No I/O."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from worker_sandbox.failures import unreadable_output

HEADER = struct.Struct("<cI")
KINDS = (b"R", b"A", b"I", b"C", b"P", b"E", b"X", b"K", b"U")


class FrameReader:
    """Keeps what has arrived of a frame until the rest does; never more than one frame of `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every frame that is complete with `data`, as (kind, body).

        Raises GeneratorFailed for what is no frame.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            if kind not in KINDS or length > self._limit:
                raise unreadable_output("it is not made of frames")
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            yield kind, body
