"""What volunteers send is checked (C1), never unpacked as a whole when it is large (C2), and always has a form (C3)."""

from __future__ import annotations

import base64
import json
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import codec
from app.codec import checks
from app.codec.pieces import PIECE_BYTES

# The machine may be busy: no test here is about speed.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

LIMIT = 16 << 20
MEGABYTE = 1 << 20


def check(data: bytes, **kwargs: int) -> None:
    codec.check_value(data, **{"max_bytes": LIMIT, **kwargs})


def array(*items: bytes) -> bytes:
    """Return an array that is too large to be checked as a whole, with these elements after many others."""
    many = PIECE_BYTES
    return b"\xdd" + (many + len(items)).to_bytes(4, "big") + b"\x01" * many + b"".join(items)


def mapping(*items: bytes) -> bytes:
    """Return a map too large to be checked as a whole, with these keys and values after many others."""
    many = PIECE_BYTES // 2
    pairs = b"".join(b"\xa2" + f"{number:02x}".encode()[-2:] + b"\x01" for number in range(many))
    return b"\xdf" + (many + len(items) // 2).to_bytes(4, "big") + pairs + b"".join(items)


BROKEN = {
    b"": "ends before it is complete",
    b"\x92\x01": "ends before it is complete",
    b"\x81\xa1k": "ends before it is complete",
    b"\xa5hell": "ends before it is complete",
    b"\xcb\x00": "ends before it is complete",
    b"\xdd\xff\xff\xff\xff": "ends before it is complete",
    b"\xdf\xff\xff\xff\xff\xa1k": "ends before it is complete",
    b"\xdb\xff\xff\xff\xffx": "ends before it is complete",
    b"\xc6\xff\xff\xff\xffx": "ends before it is complete",
    b"\xc9\xff\xff\xff\x00\x01x": "ends before it is complete",
    b"\xc9\xff\xff\xff\xff": "ends before it is complete",  # msgpack's skip() takes this for a whole value
    b"\x01\x02": "bytes after its end",
    b"\x90\xc0": "bytes after its end",
    b"\xc1": "0xc1",
    b"\x91\xc1": "0xc1",
    b"\xa1\xff": "not UTF-8",
    b"\x91\xa3\xed\xa0\x80": "not UTF-8",  # a lone surrogate
    b"\x81\x01\x02": "key is neither text nor binary",
    b"\x81\xc0\x02": "key is neither text nor binary",
    b"\x81\x90\x02": "key is neither text nor binary",
    b"\xd4\xfb\x00": "code must be 0",
    b"\xc7\x03\xffabc": "timestamp",
    b"\xd7\xff" + b"\xff" * 8: "nanoseconds",
}


@pytest.mark.parametrize("data", BROKEN, ids=lambda data: data.hex()[:20])
def test_what_a_reader_would_stumble_over_is_refused_with_the_reason(data: bytes) -> None:
    with pytest.raises(codec.InvalidValue, match=BROKEN[data]):
        check(data)


# The same at the end of values that are checked piece by piece. Bytes after the end would become part of the array.
@pytest.mark.parametrize("data", [data for data in BROKEN if data not in (b"", b"\x01\x02", b"\x90\xc0")], ids=repr)
def test_it_is_refused_too_when_it_hides_in_a_large_array(data: bytes) -> None:
    with pytest.raises(codec.InvalidValue, match=BROKEN[data]):
        check(array(data))


@pytest.mark.parametrize("data", [data for data in BROKEN if data not in (b"", b"\x01\x02", b"\x90\xc0")], ids=repr)
def test_it_is_refused_too_when_it_hides_in_a_large_map(data: bytes) -> None:
    with pytest.raises(codec.InvalidValue, match=BROKEN[data]):
        check(mapping(b"\xa1k", data))


@pytest.mark.parametrize("key", [b"\x01", b"\xc0", b"\x90", array(), mapping()], ids=lambda key: key.hex()[:10])
def test_a_large_map_with_a_key_that_is_not_text_is_refused(key: bytes) -> None:
    with pytest.raises(codec.InvalidValue, match="key is neither text nor binary"):
        check(mapping(b"\xa1k", array(), key, b"\x01"))


def test_a_large_value_with_a_byte_too_many_or_too_few_is_refused() -> None:
    whole = mapping(b"\xa1k", array(array()))
    check(whole)
    with pytest.raises(codec.InvalidValue, match="bytes after its end"):
        check(whole + b"\x00")
    with pytest.raises(codec.InvalidValue, match="ends before"):
        check(whole[:-1])


def test_a_value_over_the_limit_is_refused_with_both_sizes() -> None:
    check(b"\xc4\x03abc", max_bytes=5)
    with pytest.raises(codec.InvalidValue, match="5 bytes; the limit is 4"):
        check(b"\xc4\x03abc", max_bytes=4)


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1k", b"\xdc\x00\x01", b"\xdf\x00\x00\x00\x01\xa1k"], ids=repr)
@pytest.mark.parametrize(
    "leaf", [b"\x01", b"\xc5\xff\xff" + b"\x91" * 0xFFFF, array()], ids=["small", "binary", "array"]
)
def test_nesting_is_counted_exactly_whatever_the_containers_are(opening: bytes, leaf: bytes) -> None:
    deepest = codec.MAX_DEPTH - leaf.startswith(b"\xdd")
    check(opening * deepest + leaf)
    with pytest.raises(codec.InvalidValue, match="deeper than 64 levels"):
        check(opening * (deepest + 1) + leaf)


def test_many_containers_beside_each_other_are_not_deep() -> None:
    check(msgpack.packb([[]] * 50_000))
    check(msgpack.packb([[1]] * 500_000))


def test_the_depth_that_msgpack_itself_reads_is_the_one_relied_on() -> None:
    msgpack.unpackb(b"\x91" * checks.READER_DEPTH + b"\x01")
    with pytest.raises(msgpack.StackError):
        msgpack.unpackb(b"\x91" * (checks.READER_DEPTH + 1) + b"\x01")


SIZE = MEGABYTE
HOSTILE: dict[str, bytes] = {
    "arrays": b"\xdd" + SIZE.to_bytes(4, "big") + b"\x90" * SIZE,
    "nils": b"\xdd" + SIZE.to_bytes(4, "big") + b"\xc0" * SIZE,
    "texts": b"\xdd" + (SIZE // 4).to_bytes(4, "big") + b"\xa3abc" * (SIZE // 4),
    "maps": b"\xdd" + (SIZE // 4).to_bytes(4, "big") + b"\x81\xa1k\xc0" * (SIZE // 4),
    "arrays in arrays": b"\xdd\x00\x00\x00\x04" + (b"\xdd\x00\x04\x00\x00" + b"\x90" * 0x40000) * 4,
    "arrays in a map": b"\xdf\x00\x00\x00\x04" + (b"\xa1k\xdd\x00\x04\x00\x00" + b"\x90" * 0x40000) * 4,
    "declared lengths": b"\xdd\xff\xff\xff\xff" * 60,
    "declared lengths in much data": b"\xdd\xff\xff\xff\xff" * 60 + b"\x90" * SIZE,
}
WELL_FORMED = [name for name in HOSTILE if not name.startswith("declared")]


def peak_bytes(act: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_checking_hostile_megabytes_costs_no_more_than_copies_of_them(name: str) -> None:
    data = HOSTILE[name]

    def act() -> None:
        if name in WELL_FORMED:
            check(data)
        else:
            with pytest.raises(codec.InvalidValue, match="ends before"):
                check(data)

    # msgpack's own buffer and one filtered copy hold the bytes again; the objects must not come to more than this.
    assert peak_bytes(act) < 2 * len(data) + 9 * MEGABYTE


@pytest.mark.parametrize("item", [b"\xc0", b"\x81\xa1a\xc0", b"\x92\x01\xa1b"], ids=["nils", "maps", "arrays"])
def test_others_get_turns_while_many_small_values_are_checked(item: bytes) -> None:
    count, pauses = MEGABYTE // len(item), [0]

    def pause() -> None:
        pauses[0] += 1

    data = b"\xdd" + count.to_bytes(4, "big") + item * count
    codec.check_value(data, max_bytes=LIMIT, pause=pause)
    assert pauses[0] >= len(data) // checks.SKIP_BYTES + len(data) // checks.WALK_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("name", WELL_FORMED)
def test_megabytes_become_json_without_becoming_objects(name: str) -> None:
    data = HOSTILE[name]
    letters = 0

    def act() -> None:
        nonlocal letters
        letters = sum(map(len, codec.iter_json(data)))

    assert peak_bytes(act) < 9 * MEGABYTE
    assert letters > len(data)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_showing_megabytes_costs_no_more_than_what_is_shown(name: str) -> None:
    data = HOSTILE[name]
    texts: list[str] = []

    def act() -> None:
        value = codec.unpack_value(data)
        texts.extend([codec.shorten(value), codec.lay_out(value)])

    assert peak_bytes(act) < 2 * MEGABYTE
    assert len(texts[0]) <= 100
    assert "more" in texts[1]


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**64 - 1, -(2**63), 1.5, math.inf, "", "é", b"\xff", [], {}, {"a": [1, {"b": None}]},
     {b"k": 1}, msgpack.Timestamp(1, 5), msgpack.ExtType(5, b"x"), "x" * 200_000, b"x" * 200_000, list(range(100_000))],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_what_msgpack_reads_with_its_defaults_is_accepted(value: object) -> None:
    check(msgpack.packb(value))


def test_only_nil_is_nil() -> None:
    assert codec.is_nil(msgpack.packb(None))
    assert not any(codec.is_nil(msgpack.packb(value)) for value in (False, 0, "", b"", [], [None], {}))


JSON_FORMS: list[tuple[Any, Any]] = [
    (2**64 - 1, 18446744073709551615),
    (-(2**63), -9223372036854775808),
    (b"\x00\xff", {"$base64": "AP8="}),
    ({b"\x00\xff": 1}, {"AP8=": 1}),
    ({1: 2, None: 3, False: 4}, {"1": 2, "null": 3, "false": 4}),
    (msgpack.ExtType(7, b"a"), {"$ext": 7, "$base64": "YQ=="}),
    (msgpack.Timestamp(0, 5_000_000), "1970-01-01T00:00:00.005000Z"),
    (msgpack.Timestamp(2**60, 0), "1152921504606846976.000000000 s"),
    ([math.inf, -math.inf, 1e300], ["Infinity", "-Infinity", 1e300]),
    ({"a": [1, {"b": b""}]}, {"a": [1, {"b": {"$base64": ""}}]}),
    ('quote " slash \\ line \n é \u2028 \x00', 'quote " slash \\ line \n é \u2028 \x00'),
]


@pytest.mark.parametrize(("value", "form"), JSON_FORMS, ids=repr)
def test_every_value_has_a_json_form(value: Any, form: Any) -> None:
    text = codec.dump(value)
    assert json.loads(text) == form
    assert "\n" not in text


def test_not_a_number_is_named_in_json() -> None:
    assert codec.dump([math.nan]) == '["NaN"]'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.binary() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.slow
@settings(max_examples=30)
@given(VALUES, st.integers(0, 3))
def test_small_and_large_values_have_the_same_json(value: Any, copies: int) -> None:
    alone = codec.dump(value)
    element = msgpack.packb(value)
    assert list(codec.iter_json(element)) == [alone]
    large = "".join(codec.iter_json(array(element, *[element] * copies, mapping(b"\xa1k", element))))
    inner = json.loads(large)
    assert inner[PIECE_BYTES:-1] == [json.loads(alone)] * (copies + 1)
    assert inner[-1]["k"] == json.loads(alone)


@given(VALUES)
def test_every_value_passes_and_every_shorter_or_longer_one_does_not(value: Any) -> None:
    data = msgpack.packb(value)
    check(data)
    for broken in (data[:-1], data + b"\x00"):
        with pytest.raises(codec.InvalidValue):
            check(broken)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_pass_exactly_when_msgpack_reads_them(data: bytes) -> None:
    try:
        msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException):
        with pytest.raises(codec.InvalidValue):
            check(data)
    else:
        check(data)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_can_be_shown(data: bytes) -> None:
    value = codec.unpack_value(data)
    assert len(codec.shorten(value, 40)) <= 40
    assert codec.lay_out(value)


@given(VALUES)
def test_a_value_within_the_limits_is_shown_whole(value: Any) -> None:
    assert codec.unpack_value(msgpack.packb(value), max_objects=10_000, max_text_bytes=10_000) == value


@given(VALUES, st.data())
def test_the_beginning_of_a_value_can_be_shown(value: Any, draw: st.DataObject) -> None:
    data = msgpack.packb(value)
    end = draw.draw(st.integers(0, len(data) - 1))
    assert codec.shorten(codec.unpack_value(data[:end]))


def test_long_texts_and_binaries_become_json_whole() -> None:
    text, binary = "é\n" * 200_000, bytes(range(256)) * 1000
    shown = json.loads("".join(codec.iter_json(msgpack.packb({"text": text, "binary": binary}))))
    assert shown["text"] == text
    assert base64.b64decode(shown["binary"]["$base64"]) == binary


def test_a_long_binary_key_becomes_text_in_json() -> None:
    key = b"\xff" * 100_000
    assert json.loads("".join(codec.iter_json(msgpack.packb({key: 1})))) == {base64.b64encode(key).decode(): 1}
