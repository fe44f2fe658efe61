"""Whether bytes are one acceptable msgpack value, at about a microsecond for a small one."""

from __future__ import annotations

from collections.abc import Callable

import msgpack

from app.codec.pieces import MAX_DEPTH, PIECE_BYTES, Close, Open, iter_pieces, unpack_small
from app.errors import ManyhandsError

NIL = b"\xc0"
# msgpack's C code reads this many open containers and no more; a test holds it to that.
READER_DEPTH = 1024
_NOT_CONTAINERS = bytes({*range(256)} - {*range(0x80, 0xA0), *range(0xDC, 0xE0)})
_KEY_TYPES = (str, bytes)
SKIP_BYTES, WALK_BYTES = 1 << 15, 1 << 11  # between two pauses
Pause = Callable[[], object]


def _go_on() -> None:
    """Pause for nobody."""


class InvalidValue(ManyhandsError):
    """These bytes are not one msgpack value."""

    http_status = 422


def _measure_scalars() -> list[int]:
    """Return how long a number or a truth value is, by its first byte (msgpack specification); 0: something else."""
    lengths = [1] * 0x80 + [0] * 0x60 + [1] * 0x20
    lengths[0xC0] = lengths[0xC2] = lengths[0xC3] = 1
    for first, length in ((0xCA, 5), (0xCB, 9), (0xCC, 2), (0xD0, 2)):
        lengths[first] = length
    for first in (0xCC, 0xD0):
        lengths[first : first + 4] = [2, 3, 5, 9]
    return lengths


SCALAR_BYTES = _measure_scalars()
BIN8 = 0xC4


def is_nil(data: bytes) -> bool:
    """Say whether a checked value is nil."""
    return data == NIL


def check_value(data: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH, pause: Pause = _go_on) -> None:
    """Raise InvalidValue unless the bytes are exactly one msgpack value that every owner can read (C1).

    Refused: nothing, more than max_bytes, an incomplete value, bytes after its end, more than max_depth nested
    containers, text that is not UTF-8, map keys other than text and binary, malformed extension types.

    Megabytes of tiny values take a second: `pause` is called several times a millisecond, so that whoever has a
    clock can let others have a turn.
    """
    if len(data) > max_bytes:
        raise InvalidValue(f"it has {len(data):,} bytes; the limit is {max_bytes:,}")
    if data and (
        len(data) == SCALAR_BYTES[data[0]] or (data[0] == BIN8 and len(data) > 1 and len(data) == data[1] + 2)
    ):
        return  # a number or short binary, as most results are, needs no reader
    try:
        if len(data) <= PIECE_BYTES:
            # Before anything is unpacked: a header that declares 2³² elements makes the reader reserve room for them,
            # once for each open container, so that few containers may be open.
            if len(data) > max_depth and len(data.translate(None, _NOT_CONTAINERS)) > max_depth:
                _check_structure(data, max_depth, pause)
            unpack_small(data)
        else:
            _check_structure(data, max_depth, pause)
            _check_keys(data, pause)
    except msgpack.StackError as error:
        raise InvalidValue(f"it is nested deeper than {max_depth} levels") from error
    except (ValueError, msgpack.UnpackException) as error:
        raise InvalidValue(_explain(error)) from error


def _check_structure(data: bytes, max_depth: int, pause: Pause) -> None:
    # Skipping makes no objects. The value is skipped inside of so many arrays that max_depth are left of the reader's.
    outer = b"\x91" * (READER_DEPTH - max_depth)
    unpacker = msgpack.Unpacker(max_buffer_size=len(outer) + len(data))
    unpacker.feed(outer)
    view = memoryview(data)
    for at in range(0, len(data), SKIP_BYTES):
        unpacker.feed(view[at : at + SKIP_BYTES])
        if _skips(unpacker):
            break
        pause()
    else:
        raise msgpack.OutOfData
    if unpacker.tell() != len(outer) + len(data):
        raise msgpack.ExtraData(None, b"")


def _skips(unpacker: msgpack.Unpacker) -> bool:
    """Skip what was fed; say whether the value has ended. The reader goes on where it was when it is fed more."""
    try:
        unpacker.skip()
    except msgpack.OutOfData:
        return False
    return True


def _check_keys(data: bytes, pause: Pause) -> None:
    # True for each open map; beside it how many of its keys and values have gone by.
    open_containers: list[list[int]] = [[False, 0]]
    for piece in iter_pieces(data, WALK_BYTES):
        pause()
        is_map, seen = top = open_containers[-1]
        if isinstance(piece, Close):
            open_containers.pop()
            continue
        if isinstance(piece, Open):
            _check_key_types((piece,) if is_map and seen % 2 == 0 else ())
            open_containers.append([piece.is_map, 0])
            top[1] += 1
            continue
        if is_map:
            _check_key_types(piece[seen % 2 :: 2])
        top[1] += len(piece)


def _check_key_types(keys: tuple[object, ...]) -> None:
    for key in keys:
        if type(key) not in _KEY_TYPES:
            raise ValueError("a map's key is neither text nor binary")


def _explain(error: Exception) -> str:
    if isinstance(error, msgpack.ExtraData):
        return "there are bytes after its end"
    if isinstance(error, UnicodeDecodeError):
        return "a text in it is not UTF-8"
    if isinstance(error, msgpack.FormatError):
        return "it holds the byte 0xc1, which msgpack does not use"
    if isinstance(error, msgpack.OutOfData) or "incomplete" in str(error) or "exceeds max" in str(error):
        return "it ends before it is complete"
    if "map key" in str(error):
        return "a map's key is neither text nor binary"
    return str(error) or type(error).__name__
