"""Values for people: as much of one as fits, from as many of its bytes as there are at hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import msgpack

from app.codec.pieces import MAX_DEPTH
from app.codec.text import dump, name_number, say_moment

SHOWN_BYTES = 16  # of a binary
DUMPED_BYTES = 2048  # of a binary that has lines of its own
_LENGTH_BYTES = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_NUMBER_BYTES = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_EXTENSION_LENGTH_BYTES = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSION_BYTES = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


@dataclasses.dataclass(frozen=True, slots=True)
class Rest:
    """The last element of an array, or the last key of a map, of which so many elements or entries were left out."""

    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """The beginning of a text or a binary that has so many bytes in all."""

    start: str | bytes
    size_bytes: int


class _Spent(Exception):
    """The bytes or the objects have run out."""


def unpack_value(data: bytes, *, max_objects: int = 1000, max_text_bytes: int = 1 << 14) -> Any:
    """Return a value, or its beginning, never more than so many objects with so many bytes of text each (C2).

    `data` may itself be only the beginning of a value. What is left out is marked by `Rest` and `Cut`; a value that
    has no beginning to show comes back as Rest(1).
    """
    try:
        return _Reader(data, max_objects, max_text_bytes).read()
    except _Spent:
        return Rest(1)


class _Reader:
    """Reads one value from where it stands."""

    def __init__(self, data: bytes, max_objects: int, max_text_bytes: int) -> None:
        self.data = data
        self.at = 0
        self.objects_left = max_objects
        self.depth = 0
        self.max_text_bytes = max_text_bytes

    def read(self) -> Any:
        if self.objects_left <= 0 or self.at >= len(self.data):
            raise _Spent
        self.objects_left -= 1
        first = self.data[self.at]
        if 0xA0 <= first < 0xC0 or 0xD9 <= first <= 0xDB or 0xC4 <= first <= 0xC6:
            return self._read_text(first)
        if 0x80 <= first < 0xA0 or 0xDC <= first <= 0xDF:
            return self._read_container(first)
        return self._unpack(1 + _NUMBER_BYTES.get(first, 0) + self._measure_extension(first))

    def _read_container(self, first: int) -> Any:
        if self.depth > MAX_DEPTH:  # only a value that was never checked; deeper, Python's own stack would end
            raise self._stop()
        count = self._read_length(first)
        self.depth += 1
        is_map = first < 0x90 or first in (0xDE, 0xDF)
        items = self._read_map(count) if is_map else self._read_array(count)
        self.depth -= 1
        return items

    def _read_length(self, first: int) -> int:
        self.at += 1
        if first < 0xC0:
            return first & (0x1F if first >= 0xA0 else 0x0F)
        return int.from_bytes(self._take(_LENGTH_BYTES[first]))

    def _take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise self._stop()
        self.at += count
        return taken

    def _stop(self) -> _Spent:
        # Whoever reads next, in an outer container, stops too: what follows cannot be found.
        self.objects_left = 0
        return _Spent()

    def _read_text(self, first: int) -> Any:
        size = self._read_length(first)
        start = self.data[self.at : self.at + min(size, self.max_text_bytes)]
        self.at += size
        is_cut = len(start) < size
        shown = start if 0xC4 <= first <= 0xC6 else start.decode(errors="ignore" if is_cut else "replace")
        return Cut(shown, size) if is_cut else shown

    def _read_array(self, count: int) -> list[Any]:
        items: list[Any] = []
        try:
            for _ in range(count):
                items.append(self.read())
        except _Spent:
            items.append(Rest(count - len(items)))
        return items

    def _read_map(self, count: int) -> dict[Any, Any]:
        items: dict[Any, Any] = {}
        done = 0
        try:
            while done < count:
                key = self.read()
                items[shorten(key) if isinstance(key, (list, dict)) else key] = self.read()
                done += 1
        except _Spent:
            items[Rest(count - done)] = None
        return items

    def _measure_extension(self, first: int) -> int:
        if first in _FIXED_EXTENSION_BYTES:
            return 1 + _FIXED_EXTENSION_BYTES[first]
        width = _EXTENSION_LENGTH_BYTES.get(first, 0)
        length = int.from_bytes(self.data[self.at + 1 : self.at + 1 + width])
        return width + 1 + length if width else 0

    def _unpack(self, size: int) -> Any:
        try:
            return msgpack.unpackb(self._take(size))
        except (ValueError, msgpack.UnpackException) as error:
            raise self._stop() from error


def shorten(value: Any, max_chars: int = 100) -> str:
    """Return a value of `unpack_value` as readable text on one line, for a table's cell."""
    text = _say(value)
    return text if len(text) <= max_chars else text[: max_chars - 1].rstrip() + "…"


def _say(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(_say_entry(key, item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_say, value)) + "]"
    if isinstance(value, Rest):
        return f"… {value.count:,} more"
    if isinstance(value, Cut):
        return _say_cut(value)
    return _say_plain(value)


def _say_entry(key: Any, item: Any) -> str:
    return _say(key) if isinstance(key, Rest) else f"{_say(key)}: {_say(item)}"


def _say_cut(cut: Cut) -> str:
    if isinstance(cut.start, bytes):
        return _say_binary(cut.start, cut.size_bytes)
    return f'{dump(cut.start)[:-1]}…" ({cut.size_bytes:,} bytes)'


def _say_binary(start: bytes, size: int) -> str:
    shown = start[:SHOWN_BYTES].hex(" ")
    more = " …" if size > SHOWN_BYTES else ""
    return f"<{size:,} bytes: {shown}{more}>" if size else "<0 bytes>"


def _say_plain(value: Any) -> str:
    if isinstance(value, bytes):
        return _say_binary(value, len(value))
    if isinstance(value, msgpack.ExtType):
        return f"<extension {value.code}, {len(value.data):,} bytes>"
    if isinstance(value, msgpack.Timestamp):
        return say_moment(value)
    if isinstance(value, float) and value - value != 0:
        return name_number(value)
    return dump(value)


def lay_out(value: Any, width: int = 88) -> str:
    """Return a value of `unpack_value` as readable text on as many lines as it takes, two spaces a level.

    A value that is binary as a whole has 16 bytes to a line: where they begin, in hexadecimal digits, as ASCII.
    """
    start, size_bytes = (value.start, value.size_bytes) if isinstance(value, Cut) else (value, 0)
    if isinstance(start, bytes) and len(start) > SHOWN_BYTES:
        return "\n".join(_iter_dump(start, size_bytes or len(start)))
    return "\n".join(_lines("", value, width))


def _iter_dump(start: bytes, size_bytes: int) -> Iterator[str]:
    shown = start[:DUMPED_BYTES]
    for at in range(0, len(shown), SHOWN_BYTES):
        row = shown[at : at + SHOWN_BYTES]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        yield f"{at:06x}  {row.hex(' '):<{SHOWN_BYTES * 3 - 1}}  {letters}"
    if size_bytes > len(shown):
        yield f"… {size_bytes - len(shown):,} more bytes"


def _lines(label: str, value: Any, width: int) -> list[str]:
    line = label + _say(value)
    if len(line) <= width or not isinstance(value, (list, dict)) or not value:
        return [line]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return [label + start, *_indent(_blocks(value, width - 3)), end]


def _blocks(value: list[Any] | dict[Any, Any], width: int) -> list[list[str]]:
    """Return the lines of each thing in a container; plain elements share lines."""
    if isinstance(value, dict):
        return [
            [_say(key)] if isinstance(key, Rest) else _lines(f"{_say(key)}: ", item, width)
            for key, item in value.items()
        ]
    if any(isinstance(item, (list, dict)) for item in value):
        return [_lines("", item, width) for item in value]
    return [[row] for row in _fill([_say(item) for item in value], width)]


def _indent(blocks: list[list[str]]) -> list[str]:
    last = len(blocks) - 1
    return [
        f"  {line}{',' if number < last and place == len(block) - 1 else ''}"
        for number, block in enumerate(blocks)
        for place, line in enumerate(block)
    ]


def _fill(words: list[str], width: int) -> list[str]:
    """Return the words, parted by commas, in as few lines as the width allows."""
    rows = [words[0]]
    for word in words[1:]:
        if len(rows[-1]) + 2 + len(word) <= width:
            rows[-1] += f", {word}"
        else:
            rows.append(word)
    return rows
