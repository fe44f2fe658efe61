"""Fragments (RFC 6455 section 5.4): a client's long frames are cut into them before they are parsed, and joined after.

The parser of the websockets library unmasks a frame in one step and keeps the last one until the next has come: with
frames of 32 MB the process would stand still for tens of milliseconds, and an idle connection would keep its last one.
"""

from __future__ import annotations

import io
import struct

PIECE_BYTES = 1 << 16
LAST, OPCODE, RESERVED, MASKED, SIZE = 0x80, 0x0F, 0x70, 0x80, 0x7F
LAST_DATA_OPCODE, CONTINUATION = 2, 0
MEDIUM = 126
MEDIUM_HEADER, LONG_HEADER = 8, 14  # bytes, with the mask; a short frame's is 6
FOR_EVER = 1 << 63
_EMPTY = io.BytesIO()  # nobody writes into it
_pack_header = struct.Struct("!BBQ").pack


class Splitter:
    """Stands between one connection's bytes and its parser, and knows where each frame ends.

    Args:
        max_bytes: a frame that declares to be longer is passed on as it is, for the parser to refuse.
    """

    __slots__ = ("_head", "_is_last", "_left", "_mask", "_max_bytes", "_opcode", "_passing", "_piece")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._passing = 0  # bytes of a frame to come that stays as it is
        self._head = b""  # of a frame whose length is not known yet
        self._left = 0  # bytes to come of the frame that is being cut
        self._piece = bytearray()  # of it
        self._mask = b""
        self._opcode = 0
        self._is_last = 0

    @property
    def is_cutting(self) -> bool:
        """Whether a long frame has begun and not ended."""
        return self._left > 0

    @property
    def held_bytes(self) -> int:
        """What came and was not passed on."""
        return len(self._piece) + len(self._head)

    def cut(self, data: bytes) -> bytes:
        """Return what to parse for these bytes."""
        if self._left:
            return self._go_on(data)
        if self._head:
            data, self._head = self._head + data, b""
        at, end = self._passing, len(data)
        while end - at > 1:
            size = data[at + 1] & SIZE
            if size < MEDIUM:
                at += size + 6
                continue
            if not self._is_plain(data[at], data[at + 1]):
                self._passing = FOR_EVER
                return data[:at] + _refuse(data[at], data[at + 1])
            if end - at < (MEDIUM_HEADER if size == MEDIUM else LONG_HEADER):
                break
            if size == MEDIUM:
                at += MEDIUM_HEADER + int.from_bytes(data[at + 2 : at + 4])
            else:
                length = int.from_bytes(data[at + 2 : at + 10])
                if PIECE_BYTES < length <= self._max_bytes:
                    return self._begin(data, at, length)
                at += LONG_HEADER + length
        if at < end:
            self._head = data[at:]
            self._passing = 0
            return data[:at]
        self._passing = at - end
        return data

    def clear(self) -> None:
        """Forget what is held."""
        self._piece, self._head = bytearray(), b""

    def _is_plain(self, first: int, second: int) -> bool:
        return first & OPCODE <= LAST_DATA_OPCODE and not first & RESERVED and bool(second & MASKED)

    def _begin(self, data: bytes, at: int, length: int) -> bytes:
        self._passing = 0
        self._left = length
        self._opcode, self._is_last = data[at] & OPCODE, data[at] & LAST
        self._mask = data[at + 10 : at + LONG_HEADER]
        return data[:at] + self._go_on(data[at + LONG_HEADER :])

    def _go_on(self, data: bytes) -> bytes:
        rest = data[self._left :]
        self._piece += data[: self._left] if rest else data
        self._left -= len(data) - len(rest)
        if self._left and len(self._piece) < PIECE_BYTES:
            return b""
        piece = self._take_piece()
        return piece + self.cut(rest) if rest else piece

    def _take_piece(self) -> bytes:
        piece, self._piece = self._piece, bytearray()
        first = self._opcode if self._left else self._opcode | self._is_last
        header = _pack_header(first, MASKED | SIZE, len(piece)) + self._mask
        turn = len(piece) % len(self._mask)
        self._mask = self._mask[turn:] + self._mask[:turn]
        self._opcode = CONTINUATION
        return b"".join((header, piece))


def _refuse(first: int, second: int) -> bytes:
    # The parser would read the whole of a long ping before it refuses it: it gets an empty one, cut in two.
    return bytes((first & ~LAST, second & MASKED, 0, 0, 0, 0))


class Joiner:
    """Puts the fragments of one connection's messages together."""

    __slots__ = ("_data", "count", "is_text")

    def __init__(self) -> None:
        self._data = _EMPTY
        self.count = 0
        self.is_text = False  # as the first fragment says

    @property
    def held_bytes(self) -> int:
        """What came of a message that is not whole yet."""
        return self._data.tell()

    def add(self, data: bytes | bytearray | memoryview, *, is_last: bool) -> bytes | None:
        """Take the next fragment; return the message when it is whole."""
        if not self.count:
            # It gives away what it has written without a copy: one of 32 MB takes tens of milliseconds.
            self._data = io.BytesIO()
        self._data.write(data)
        self.count += 1
        if not is_last:
            return None
        whole = self._data.getvalue()
        self.clear()
        return whole

    def clear(self) -> None:
        """Forget what is held."""
        self._data, self.count = _EMPTY, 0
