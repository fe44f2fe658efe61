"""Reads a well-formed value in order, a piece at a time, so that a large one never is in memory as Python objects."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from typing import Any

import msgpack

MAX_DEPTH = 64  # open containers in a value; the harness' limit too
PIECE_BYTES = 1 << 16
ARRAY32, MAP32 = 0xDD, 0xDF
_HEADER_BYTES = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Open:
    """A container begins that is larger than a piece."""

    is_map: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Close:
    """The container that was opened last ends."""


@dataclasses.dataclass(frozen=True, slots=True)
class Extension:
    """A value of an extension type, which unlike msgpack's own class cannot be taken for an array."""

    code: int
    data: bytes


Piece = tuple[Any, ...] | Open | Close


def unpack_small(data: bytes) -> Any:
    """Unpack a value of at most PIECE_BYTES as a whole: arrays as tuples, which are cheaper, extensions as Extension.

    Raises:
        ValueError, msgpack.UnpackException: `msgpack.unpackb` refuses it too.
    """
    return msgpack.unpackb(data, use_list=False, ext_hook=_make_extension)


def _make_extension(code: int, data: bytes) -> Extension:
    return Extension(*msgpack.ExtType(code, data))  # refuses the codes that readers refuse


def iter_pieces(data: bytes, piece_bytes: int = PIECE_BYTES) -> Iterator[Piece]:
    """Yield what a value consists of: runs of whole values, and the ends of containers too large for a run.

    A map's keys and values come as a flat run: key, value, key, value. Only a single text, binary or extension can
    make a run larger than piece_bytes allow. The value must have the structure of msgpack (skip it first).

    Raises:
        ValueError: a text is not UTF-8, a small map has a key that is neither text nor binary, an extension type is
            malformed.
    """
    walk = _Walk(data, piece_bytes)
    left = [1]
    while left:
        if left[-1] == 0:
            left.pop()
            if left:
                yield Close()
        elif items := walk.take(left[-1]):
            left[-1] -= len(items)
            yield items
        else:
            is_map, count = walk.open()
            left[-1] -= 1
            left.append(count)
            yield Open(is_map)


class _Walk:
    """Where the reading is, and how many values the next piece is likely to hold."""

    def __init__(self, data: bytes, piece_bytes: int) -> None:
        self.view = memoryview(data)
        self.piece_bytes = piece_bytes
        self.at = 0
        self.likely = 1

    def take(self, most: int) -> tuple[Any, ...]:
        """Return the next values, at most so many; none when the next one is a container larger than a piece."""
        count = min(most, self.likely)
        while count > 1:
            try:
                items = self._read(count, self.piece_bytes)
            except (ValueError, msgpack.UnpackException):  # too many, or a bad one among them: found when alone
                count //= 2
                continue
            self.likely = count * 2
            return items
        self.likely = 2
        return self._take_one()

    def _take_one(self) -> tuple[Any, ...]:
        try:
            return self._read(1, self.piece_bytes)
        except (ValueError, msgpack.UnpackException):
            if self._is_container():
                return ()
            return self._read(1, len(self.view) - self.at)

    def _read(self, count: int, most_bytes: int) -> tuple[Any, ...]:
        unpacker = msgpack.Unpacker(
            max_buffer_size=most_bytes + _HEADER_BYTES,
            max_array_len=PIECE_BYTES,
            max_map_len=PIECE_BYTES,
            use_list=False,
            ext_hook=_make_extension,
        )
        unpacker.feed(struct.pack(">BI", ARRAY32, count))
        unpacker.feed(self.view[self.at : self.at + most_bytes])
        items: tuple[Any, ...] = unpacker.unpack()
        self.at += unpacker.tell() - _HEADER_BYTES
        return items

    def _is_container(self) -> bool:
        first = self.view[self.at]
        return 0x80 <= first < 0xA0 or 0xDC <= first <= MAP32

    def open(self) -> tuple[bool, int]:
        """Step into the container here; return whether it is a map, and how many keys and values it holds together."""
        first = self.view[self.at]
        is_map = first in (0xDE, MAP32) or 0x80 <= first < 0x90
        size = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}.get(first, 0)
        count = int.from_bytes(self.view[self.at + 1 : self.at + 1 + size]) if size else first & 0x0F
        self.at += 1 + size
        return is_map, count * 2 if is_map else count
