"""Frames to messages and back: the seed's dialect exactly, the batched one, and everything that is neither."""

from __future__ import annotations

import contextlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import CloseCode, ProtocolError
from app.protocol import (
    MAX_COMPUTE_MS,
    Answer,
    Batch,
    ClassicAnswer,
    Conversation,
    ErrorReport,
    Hello,
    Kind,
    Leaving,
    Limits,
    LoadFailed,
    ProgressNote,
    encode_datasets,
    parse_batch,
)

LIMITS = Limits(result_bytes=1000, batch_bytes=200_000, max_want=64)
BATCHED_HELLO = 'i7 {"v": 2, "threads": 4, "device": "laptop", "have": ["aa"], "resume": "t"}'


def converse(*frames: str | bytes) -> list[object]:
    conversation = Conversation(LIMITS)
    return [conversation.receive(frame) for frame in frames]


def code_of(*frames: str | bytes) -> CloseCode:
    *fine, bad = frames
    conversation = Conversation(LIMITS)
    for frame in fine:
        conversation.receive(frame)
    with pytest.raises(ProtocolError) as raised:
        conversation.receive(bad)
    assert raised.value.message
    return raised.value.code


def test_a_classic_client_says_hello_answers_and_asks_on() -> None:
    result = msgpack.packb([1, 2])
    assert converse("i7", "r", result, "n") == [
        Hello(7),
        None,
        ClassicAnswer(Answer(None, Kind.RESULT, data=result)),
        ClassicAnswer(Answer(None, Kind.NOTHING)),
    ]


def test_any_campaign_is_asked_for_with_minus_one() -> None:
    assert converse("i-1") == [Hello(-1)]


def test_a_nil_result_is_as_n() -> None:
    assert converse("i7", "r", b"\xc0")[2] == ClassicAnswer(Answer(None, Kind.NOTHING))


@pytest.mark.parametrize(
    "hello", ["", "n", "7", "i", "i 7", "i7.5", "i--1", "i+1", "i१", "k", "i7 ", "i7 {", "i7 []", b"i7"]
)
def test_a_first_frame_that_is_no_hello_breaks_the_protocol(hello: str | bytes) -> None:
    assert code_of(hello) is CloseCode.BROKEN_PROTOCOL


@pytest.mark.parametrize("hello", ["i-2", "i2147483648", "i9999999999"])
def test_a_campaign_that_cannot_be_is_said_not_to_exist(hello: str) -> None:
    assert code_of(hello) is CloseCode.NO_SUCH_CAMPAIGN


@pytest.mark.parametrize(
    "options",
    [
        '{"v": 1}',
        "{}",
        '{"v": 2, "threads": 0}',
        '{"v": 2, "threads": 257}',
        '{"v": 2, "threads": true}',
        '{"v": 2, "threads": 1.5}',
        '{"v": 2, "have": "aa"}',
        '{"v": 2, "have": [1]}',
        "[" * 5000,
    ],
)
def test_hello_options_out_of_range_break_the_protocol(options: str) -> None:
    assert code_of(f"i7 {options}") is CloseCode.BROKEN_PROTOCOL


def test_a_hello_that_is_too_long_is_refused_by_its_size() -> None:
    assert code_of("i7 " + " " * 9000) is CloseCode.TOO_BIG


@pytest.mark.parametrize("frames", [("x",), (b"\x01",), ("r", "n"), ("r", "r"), ("i7",), ("rr",), ("",)])
def test_classic_frames_out_of_turn_break_the_protocol(frames: tuple[str | bytes, ...]) -> None:
    assert code_of("i7", *frames) is CloseCode.BROKEN_PROTOCOL


@pytest.mark.parametrize("result", [b"", b"\xc1", b"\x01\x02", b"\x92\x01", b"\xd9\xff", b"hello"])
def test_a_result_that_is_not_exactly_one_msgpack_value_breaks_the_protocol(result: bytes) -> None:
    assert code_of("i7", "r", result) is CloseCode.BROKEN_PROTOCOL


def test_a_result_over_its_limit_is_too_big() -> None:
    assert code_of("i7", "r", msgpack.packb(b"x" * 1001)) is CloseCode.TOO_BIG


def test_a_batched_hello_says_threads_device_and_what_it_has() -> None:
    expected = Hello(7, batched=True, threads=4, device="laptop", have=frozenset({"aa"}), resume="t")
    assert converse(BATCHED_HELLO) == [expected]


def test_a_batch_carries_every_kind_of_answer() -> None:
    result = msgpack.packb({"a": 1})
    error = msgpack.packb({"name": "TypeError", "message": "no", "stack": "at main"})
    frame = msgpack.packb([5, [[0, 0, 3], [1, 1, 4, result], [2, 2, 5, error], [3, 3, 0]]])
    assert converse(BATCHED_HELLO, frame)[1] == Batch(
        5,
        [
            Answer(0, Kind.NOTHING, 3),
            Answer(1, Kind.RESULT, 4, data=result),
            Answer(2, Kind.ERROR, 5, error=ErrorReport("TypeError", "no", "at main")),
            Answer(3, Kind.GIVEN_BACK, 0),
        ],
    )


def test_a_batch_over_64_kb_is_read_like_a_small_one() -> None:
    result = msgpack.packb("x" * 500)
    answers = [[lease, 1, 2, result] for lease in range(300)]
    frame = msgpack.packb([7, answers])
    assert len(frame) > 65536
    assert parse_batch(frame, LIMITS) == Batch(7, [Answer(lease, Kind.RESULT, 2, data=result) for lease in range(300)])


def test_numbers_that_a_client_chooses_are_bounded() -> None:
    batch = parse_batch(msgpack.packb([2**40, [[0, 0, 10**12]]]), LIMITS)
    assert batch.want == LIMITS.max_want
    assert batch.answers[0].compute_ms == MAX_COMPUTE_MS


@pytest.mark.parametrize(
    "batch",
    [
        [],
        [1],
        [1, [], 3],
        ["1", []],
        [-1, []],
        [1.0, []],
        [True, []],
        [1, [[]]],
        [1, [[0, 1, 2]]],
        [1, [[0, 0, 2, b"x"]]],
        [1, [[0, 4, 2]]],
        [1, [[0, 1, 2, "text"]]],
        [1, [[-1, 0, 2]]],
        [1, [[0.0, 0, 2]]],
        [1, [[0, 0, -2]]],
        [1, [[0, 1, 2, b"\x92"]]],
        [1, [[0, 2, 2, b"\x01"]]],
        [1, [{}]],
        [1, 7],
        7,
        None,
    ],
)
def test_a_batch_of_another_shape_breaks_the_protocol(batch: object) -> None:
    assert code_of(BATCHED_HELLO, msgpack.packb(batch)) is CloseCode.BROKEN_PROTOCOL


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\x92\x01", b"\x92\x01\x90\x00", b"\xdd\xff\xff\xff\xff"])
def test_a_batch_that_is_not_msgpack_breaks_the_protocol(frame: bytes) -> None:
    assert code_of(BATCHED_HELLO, frame) is CloseCode.BROKEN_PROTOCOL


def test_a_batch_over_its_limit_is_too_big() -> None:
    assert code_of(BATCHED_HELLO, b"\x00" * 200_001) is CloseCode.TOO_BIG


def test_a_large_frame_of_empty_arrays_is_refused_before_it_becomes_objects() -> None:
    junk = b"\x92\x01\xdc\xff\xff" + b"\x90" * 65535
    assert code_of(BATCHED_HELLO, junk + b"\x90" * 100_000) is CloseCode.BROKEN_PROTOCOL


def test_control_texts_of_the_batched_dialect() -> None:
    messages = converse(BATCHED_HELLO, 'x{"name": "SyntaxError", "message": "m"}', 'p{"progress": 0.5}', "b")[1:]
    assert messages == [
        LoadFailed(ErrorReport("SyntaxError", "m", "")),
        ProgressNote({"progress": 0.5}),
        Leaving(),
    ]


@pytest.mark.parametrize("text", ["n", "r", "x", "x[]", "p", "p1", "bye", "i7", ""])
def test_other_texts_break_the_batched_dialect(text: str) -> None:
    assert code_of(BATCHED_HELLO, text) is CloseCode.BROKEN_PROTOCOL


def test_error_texts_are_cut_and_cleaned_for_the_database() -> None:
    error = msgpack.packb({"name": "N" * 500, "message": "a\x00b", "stack": 5})
    answer = parse_batch(msgpack.packb([0, [[0, 2, 1, error]]]), LIMITS).answers[0]
    assert answer.error == ErrorReport("N" * 100, "a\ufffdb", "")


def test_the_server_batch_is_msgpack_pairs_of_lease_and_bytes() -> None:
    assert msgpack.unpackb(encode_datasets([(0, b"\x01"), (1, b"\x02")])) == [[0, b"\x01"], [1, b"\x02"]]


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_no_frame_whatever_raises_anything_but_a_protocol_error(frame: bytes | str) -> None:
    for hello in ("i7", BATCHED_HELLO):
        conversation = Conversation(LIMITS)
        conversation.receive(hello)
        with contextlib.suppress(ProtocolError):
            conversation.receive(frame)
