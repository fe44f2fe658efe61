"""The harness' msgpack against Python's, in both directions, on a seeded corpus and on odd values."""

from __future__ import annotations

import base64
import math
import random
import struct
from typing import Any

import msgpack
import pytest

from tests.unit.harness import node

LARGEST = 2**64 - 1
EDGES = [0, 1, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**53 + 1, LARGEST]


def encode(*expressions: str, limit: int = 1 << 24) -> list[Any]:
    """Return what Python reads of each JavaScript value, or its error as text."""
    return [read(answer) for answer in node.ask("codec_driver.mjs", {"encode": list(expressions), "max": limit})]


def decode(*blobs: bytes) -> list[Any]:
    """Return what Python reads of each blob after JavaScript has decoded and encoded it, or its error as text."""
    texts = [base64.b64encode(blob).decode() for blob in blobs]
    return [read(answer) for answer in node.ask("codec_driver.mjs", {"decode": texts})]


def read(answer: dict[str, str]) -> Any:
    """Return the value of one answer of the driver."""
    return msgpack.unpackb(base64.b64decode(answer["bytes"])) if "bytes" in answer else answer["error"]


def same(left: Any, right: Any) -> bool:
    """Say whether two values are equal, NaN and the sign of zero included."""
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack(">d", left) == struct.pack(">d", right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def make_value(rng: random.Random, depth: int = 0) -> Any:
    """Make a value as it can be in a dataset or a result."""
    kind = rng.randrange(10 if depth < 5 else 8)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind in (1, 2):
        edge = rng.choice(EDGES) + rng.randrange(-2, 3)
        return max(-(2**63), min(LARGEST, edge if rng.random() < 0.6 else -edge))
    if kind == 3:
        return rng.choice([0.5, -0.0, math.inf, -math.inf, math.nan, 1e300, 5e-324, rng.gauss(0, 1e6)])
    if kind in (4, 5, 6):
        letters = rng.choice(["ab\0\x7f", "éñ߿", "€\uffff\ufeff\u2028", "😀\U0010ffff", "a€😀"])
        return "".join(rng.choices(letters, k=rng.choice([0, 1, 23, 24, 31, 32, 85, 86, 255, 256, rng.randrange(9)])))
    if kind == 7:
        return rng.randbytes(rng.choice([0, 1, 255, 256, 65535, 65536, rng.randrange(40)]))
    size = rng.choice([0, 1, 15, 16, rng.randrange(6)]) if depth < 3 else rng.randrange(3)
    if kind == 8:
        return [make_value(rng, depth + 1) for _ in range(size)]
    names = ["__proto__", "constructor", "toString", "length", "", "0", "1", "é", "k" * 40]
    keys = rng.sample(names, min(size, len(names))) + [f"key {i}" for i in range(size - len(names))]
    return {key: make_value(rng, depth + 1) for key in keys}


def test_a_thousand_values_come_back_as_they_were() -> None:
    rng = random.Random(20)
    values = [make_value(rng) for _ in range(1000)]
    for value, returned in zip(values, decode(*map(msgpack.packb, values)), strict=True):
        assert same(returned, value), (value, returned)


def test_every_width_that_other_encoders_use_is_read() -> None:
    blobs = {
        b"\xca\x3f\xc0\x00\x00": 1.5,
        b"\xcc\x05": 5,
        b"\xcd\x00\x05": 5,
        b"\xce\x00\x00\x00\x05": 5,
        b"\xcf" + bytes(7) + b"\x05": 5,
        b"\xd0\xff": -1,
        b"\xd1\xff\xff": -1,
        b"\xd2\xff\xff\xff\xff": -1,
        b"\xd3" + b"\xff" * 8: -1,
        b"\xd9\x01a": "a",
        b"\xda\x00\x01a": "a",
        b"\xdb\x00\x00\x00\x01a": "a",
        b"\xc5\x00\x01a": b"a",
        b"\xc6\x00\x00\x00\x01a": b"a",
        b"\xdc\x00\x01\xc0": [None],
        b"\xdd\x00\x00\x00\x01\xc0": [None],
        b"\xde\x00\x01\xa1k\xc0": {"k": None},
        b"\xdf\x00\x00\x00\x01\xa1k\x01": {"k": 1},
        b"\x81\x05\x01": {"5": 1},
    }
    assert decode(*blobs) == list(blobs.values())


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "cut off"),
        (b"\xcd\x00", "cut off"),
        (b"\xa5abc", "cut off"),
        (b"\x92\x01", "cut off"),
        (b"\xdd\xff\xff\xff\xff", "cut off"),
        (b"\xdf\xff\xff\xff\xff", "cut off"),
        (b"\xc6\xff\xff\xff\xff", "cut off"),
        (b"\x01\x01", "followed by other bytes"),
        (b"\xc1", "byte 193"),
        (b"\xc7\x01\x01a", "byte 199"),
        (b"\xd4\x01a", "byte 212"),
        (b"\xa1\xff", "TypeError"),
        (b"\x81\xc0\x01", "map key"),
        (b"\x81\x90\x01", "map key"),
        (b"\x91" * 65 + b"\xc0", "nested deeper"),
    ],
)
def test_what_is_not_one_well_formed_value_is_refused(blob: bytes, message: str) -> None:
    assert message in decode(blob)[0]


def test_sixty_four_levels_pass() -> None:
    deep = b"\x91" * 64 + b"\xc0"
    value = decode(deep)[0]
    for _ in range(64):
        (value,) = value
    assert value is None


def test_values_are_encoded_as_the_kernel_reference_says() -> None:
    table: dict[str, Any] = {
        "undefined": None,
        "null": None,
        "true": True,
        "''": "",
        "1.0": 1,
        "0.1": 0.1,
        "-0": -0.0,
        "NaN": math.nan,
        "Infinity": math.inf,
        "-Infinity": -math.inf,
        "2**53 - 1": 2**53 - 1,
        "2**53": 2.0**53,
        "-(2**60)": -(2.0**60),
        "5n": 5,
        "2n**53n": 2**53,
        "2n**64n - 1n": LARGEST,
        "-(2n**63n)": -(2**63),
        "2n**64n": str(2**64),
        "-(2n**63n) - 1n": str(-(2**63) - 1),
        "10n**40n": str(10**40),
        "'\\ud800x'": "\ufffdx",
        "[1,,3]": [1, None, 3],
        "[undefined]": [None],
        "{a: undefined, b: null}": {"b": None},
        "Object.create(null)": {},
        "new Date(0)": "1970-01-01T00:00:00.000Z",
        "new Date(NaN)": None,
        "new Map([['a', 1], [2, [3]]])": [["a", 1], [2, [3]]],
        "new Set([1, 'b'])": [1, "b"],
        "new Uint8Array([1, 255])": b"\x01\xff",
        "new Uint8ClampedArray([300])": b"\xff",
        "new Uint8Array([1, 2, 3]).subarray(1, 2)": b"\x02",
        "new Uint8Array(300).buffer": bytes(300),
        "new DataView(new Uint8Array([1, 2, 3]).buffer, 1)": b"\x02\x03",
        "new Int8Array([-1])": [-1],
        "new Float64Array([0.5, -0])": [0.5, -0.0],
        "new BigUint64Array([2n**64n - 1n])": [LARGEST],
        "Object(1.5)": 1.5,
        "Object('x')": "x",
        "Object(false)": False,
        "Object(7n)": 7,
        "new (class Point { constructor() { this.x = 1; } get y() { return 2; } })()": {"x": 1},
        "{get a() { return 1; }}": {"a": 1},
        'JSON.parse(\'{"__proto__": {"a": 1}}\')': {"__proto__": {"a": 1}},
        "{toJSON() { return 1; }, valueOf: undefined}": "TypeError: result.toJSON is a function, which cannot be "
        "stored",
        "new Proxy({a: 1}, {})": {"a": 1},
        "new Proxy([1, 2], {})": [1, 2],
        "{[Symbol('s')]: 1, a: 2}": {"a": 2},
        "Object.defineProperty({}, 'hidden', {value: 1})": {},
        "new RangeError('low')": {"name": "RangeError", "message": "low"},
        "(function () { return arguments; })(1, 2)": {"0": 1, "1": 2},
    }
    for (expression, expected), encoded in zip(table.items(), encode(*table), strict=True):
        assert same(encoded, expected), (expression, encoded)


def test_what_cannot_be_stored_is_refused_with_the_way_to_it() -> None:
    table = {
        "() => 1": "the result is a function, which cannot be stored",
        "Symbol('s')": "the result is a symbol, which cannot be stored",
        "{a: [1, {b: () => 1}]}": "result.a[1].b is a function, which cannot be stored",
        "[Promise.resolve(1)]": "result[0] is a Promise (await it first), which cannot be stored",
        "/x/": "the result is a RegExp, which cannot be stored",
        "{m: new WeakMap()}": "result.m is a WeakMap, which cannot be stored",
        "(function* () {})()": "the result is a Generator, which cannot be stored",
        "new Proxy([], {get: () => 'x'})": "the result is an array without a length, which cannot be stored",
    }
    assert encode(*table) == [f"TypeError: {message}" for message in table.values()]


def test_cycles_and_depth_are_refused() -> None:
    cycle = "(() => { const a = []; a.push(a); return a; })()"
    nested = "Array(65).fill().reduce((inner) => [inner], 1)"
    refused = "RangeError: the result is nested deeper than 64 levels (does it contain itself?)"
    assert encode(cycle, nested) == [refused, refused]


def test_a_result_over_the_limit_is_refused_before_it_is_made() -> None:
    refused = "RangeError: the result is larger than 1000 bytes"
    large = [
        "'x'.repeat(1001)",
        "'é'.repeat(500)",
        "'x'.repeat(1e8)",
        "new Array(4e9)",
        "new Uint8Array(999)",
        "new Float64Array(1e7)",
        "Array(600).fill(500)",
        "Object.fromEntries(Array(300).fill().map((_, i) => [i, i]))",
        "new Map(Array(500).fill().map((_, i) => [i, i]))",
        "new Set(Array(600).fill().map((_, i) => i))",
    ]
    assert encode(*large, limit=1000) == [refused] * len(large)
    assert [
        len(value) for value in encode("'x'.repeat(995)", "'é'.repeat(498)", "new Uint8Array(995)", limit=1000)
    ] == [
        995,
        498,
        995,
    ]


def test_a_getter_that_throws_is_the_kernels_own_error() -> None:
    assert encode("{get a() { throw new URIError('mine'); }}") == ["URIError: mine"]


def test_a_collection_that_changes_while_it_is_read_stays_well_formed() -> None:
    growing = (
        "(() => { const m = new Map(); let n = 0; m.set(0, {get x() { if (n < 20) m.set(n += 1, n); return n; }}); "
    )
    shrinking = "(() => { const o = {get a() { delete o.b; return 1; }, b: 2, c: 3}; return o; })()"
    grown, shrunk = encode(growing + "return m; })()", shrinking)
    assert len(grown) == 2
    assert shrunk == {"a": 1, "c": 3}
