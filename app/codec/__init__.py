"""msgpack with limits on bytes, depth and object count: what volunteers send is checked, never trusted.

Promises, cited by the tests:
C1 a value that `check_value` lets pass is one whole msgpack value that `msgpack.unpackb` reads with its defaults, also
   as an element of the arrays and maps that a download wraps around it.
C2 no function here holds more than a few megabytes of Python objects at once beside the value's own bytes (and, where
   one text or binary fills the value, that text): msgpack grows 70 times when it is unpacked as a whole.
C3 every value that passes has a JSON form (`iter_json`) and a readable beginning (`unpack_value`, `shorten`).

Extension types pass when a reader with defaults can make something of them: timestamps, and the codes 0 to 127.
"""

from __future__ import annotations

from app.codec.checks import InvalidValue, check_value, is_nil
from app.codec.display import SHOWN_BYTES, Cut, Rest, lay_out, shorten, unpack_value
from app.codec.pieces import MAX_DEPTH
from app.codec.text import dump, iter_json, to_jsonable

__all__ = [
    "MAX_DEPTH",
    "SHOWN_BYTES",
    "Cut",
    "InvalidValue",
    "Rest",
    "check_value",
    "dump",
    "is_nil",
    "iter_json",
    "lay_out",
    "shorten",
    "to_jsonable",
    "unpack_value",
]
