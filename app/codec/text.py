"""Values as JSON. docs/results.md has the table.

JSON lacks some of msgpack: binary data becomes {"$base64": "…"}, an extension {"$ext": code, "$base64": "…"}, a
timestamp its ISO 8601 text, and the numbers NaN, Infinity and -Infinity the texts of these names, as in the JSON of
Protocol Buffers. Integers stay integers, whatever their size. A map's binary key becomes its base64 text.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from typing import Any

import msgpack

from app.codec.pieces import PIECE_BYTES, Close, Extension, Open, iter_pieces, unpack_small

_OPTIONS: dict[str, Any] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}
_encode = json.JSONEncoder(**_OPTIONS).encode
# Base64 turns whole groups of 3 bytes into 4 letters, so that the parts of a long one can be joined.
_BINARY_STEP = 3 << 14


def to_jsonable(value: Any) -> Any:
    """Return an unpacked value as what the json module can write without loss of meaning."""
    if isinstance(value, float):
        return value if math.isfinite(value) else name_number(value)
    if isinstance(value, msgpack.ExtType):  # a tuple too, hence before the array
        return _adapt(Extension(*value))
    if isinstance(value, (list, tuple)):
        return [to_jsonable(item) for item in value]
    if isinstance(value, dict):
        return {_key(key): to_jsonable(item) for key, item in value.items()}
    return value if value is None or isinstance(value, (str, int)) else _adapt(value)


def _adapt(value: Any) -> Any:
    """Return the JSON form of what JSON has nothing for."""
    if isinstance(value, bytes):
        return {"$base64": _base64(value)}
    if isinstance(value, Extension):
        return {"$ext": value.code, "$base64": _base64(value.data)}
    if isinstance(value, msgpack.Timestamp):
        return say_moment(value)
    raise TypeError(f"msgpack has no {type(value).__name__}")


_encode_quickly = json.JSONEncoder(**_OPTIONS, default=_adapt).encode


def dump(value: Any) -> str:
    """Return an unpacked value as one line of JSON."""
    return _encode(to_jsonable(value))


def name_number(value: float) -> str:
    """Return the name of a number that JSON has no digits for."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def say_moment(moment: msgpack.Timestamp) -> str:
    """Return a timestamp in ISO 8601, or its seconds since 1970 where no calendar goes."""
    try:
        return str(moment.to_datetime().isoformat()).replace("+00:00", "Z")
    except (OverflowError, ValueError):
        return f"{moment.seconds}.{moment.nanoseconds:09} s"


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return _base64(key) if isinstance(key, bytes) else dump(key)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def iter_json(data: bytes) -> Iterator[str]:
    """Yield a checked value's JSON in order, on one line: at once when it is small, else in pieces (C2)."""
    if len(data) <= PIECE_BYTES:
        yield _write(unpack_small(data))
        return
    writer = _Writer()
    for piece in iter_pieces(data):
        if isinstance(piece, Open):
            yield writer.open(piece.is_map)
        elif isinstance(piece, Close):
            yield writer.close()
        else:
            yield from writer.write(piece)


def _write(value: Any) -> str:
    # The encoder in C takes all but the numbers without digits and keys that are binary: three times as fast.
    try:
        return _encode_quickly(value)
    except (TypeError, ValueError):
        return dump(value)


class _Writer:
    """Puts commas, colons and brackets between the pieces."""

    def __init__(self) -> None:
        self.is_map = [False]
        self.seen = [0]  # keys and values written so far in each open container

    def open(self, is_map: bool) -> str:
        before = self._separate()
        self.is_map.append(is_map)
        self.seen.append(0)
        return before + ("{" if is_map else "[")

    def close(self) -> str:
        self.seen.pop()
        return "}" if self.is_map.pop() else "]"

    def write(self, items: tuple[Any, ...]) -> Iterator[str]:
        if len(items) == 1 and isinstance(items[0], (str, bytes)) and len(items[0]) > PIECE_BYTES:
            is_key = self.is_map[-1] and self.seen[-1] % 2 == 0
            yield self._separate()
            yield from _iter_long(_key(items[0]) if is_key else items[0])
        elif self.is_map[-1]:
            yield "".join(self._write_in_map(item) for item in items)
        else:
            before = self._separate()
            self.seen[-1] += len(items) - 1
            yield before + _write(items)[1:-1]

    def _write_in_map(self, item: Any) -> str:
        is_key = self.seen[-1] % 2 == 0
        return self._separate() + _write(_key(item) if is_key else item)

    def _separate(self) -> str:
        seen = self.seen[-1]
        self.seen[-1] += 1
        if seen == 0:
            return ""
        return ":" if self.is_map[-1] and seen % 2 else ","


def _iter_long(item: str | bytes) -> Iterator[str]:
    if isinstance(item, str):
        yield '"'
        for start in range(0, len(item), PIECE_BYTES):
            yield _encode(item[start : start + PIECE_BYTES])[1:-1]
        yield '"'
        return
    yield '{"$base64":"'
    for start in range(0, len(item), _BINARY_STEP):
        yield _base64(item[start : start + _BINARY_STEP])
    yield '"}'
