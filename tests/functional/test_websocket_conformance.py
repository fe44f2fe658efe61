"""RFC 6455 as the Autobahn suite asks for it, case by case, against an echo in the real gunicorn gevent worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.echo import MAX_MESSAGE_BYTES, Echo, run_echo
from tests.rawsocket import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    RawFrame,
    RawSocket,
    encode,
    encode_close,
)

LENGTHS = [0, 1, 125, 126, 127, 128, 65535, 65536, 300_000]
KAPPA = "κόσμε".encode()


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    with run_echo(tmp_path_factory.mktemp("echo")) as echo:
        yield echo


@pytest.fixture
def client(echo: Echo) -> Iterator[RawSocket]:
    with RawSocket(echo.port) as client:
        yield client


def expect_close(client: RawSocket, code: int) -> None:
    assert client.receive_close().code == code


# 1 Framing


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_message_of_any_length_comes_back(client: RawSocket, opcode: int, length: int) -> None:
    data = bytes(n % 128 for n in range(length))
    client.send(encode(opcode, data))
    assert client.receive() == RawFrame(opcode, data)


@pytest.mark.parametrize(("length", "chop"), [(0, 1), (125, 1), (126, 1), (65535, 997), (65536, 997), (300_000, 4093)])
def test_a_message_in_chops_comes_back(client: RawSocket, length: int, chop: int) -> None:
    data = b"*" * length
    client.send(encode(BINARY, data), chop=chop)
    assert client.receive() == RawFrame(BINARY, data)


def test_the_mask_is_undone_whatever_it_is(client: RawSocket) -> None:
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x00\x01\x02\x03"):
        client.send(encode(TEXT, b"hello", mask=mask))
        assert client.receive() == RawFrame(TEXT, b"hello")


def test_many_messages_in_one_segment_come_back_in_order(client: RawSocket) -> None:
    messages = [b"%d" % n for n in range(1000)]
    client.send(b"".join(encode(TEXT, message) for message in messages))
    assert [client.receive().data for _ in messages] == messages


# 2 Pings and pongs


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"*" * 125])
def test_a_ping_is_answered_with_its_payload(client: RawSocket, data: bytes) -> None:
    client.send(encode(PING, data))
    assert client.receive() == RawFrame(PONG, data)


def test_a_ping_in_chops_is_answered(client: RawSocket) -> None:
    client.send(encode(PING, b"*" * 125), chop=1)
    assert client.receive() == RawFrame(PONG, b"*" * 125)


def test_a_ping_that_is_too_long_is_refused(client: RawSocket) -> None:
    client.send(encode(PING, b"*" * 126))
    expect_close(client, 1002)


@pytest.mark.parametrize("data", [b"", b"unsolicited"])
def test_an_unsolicited_pong_is_ignored(client: RawSocket, data: bytes) -> None:
    client.send(encode(PONG, data) + encode(PING, b"after"))
    assert client.receive() == RawFrame(PONG, b"after")


@pytest.mark.parametrize("chop", [None, 1])
def test_ten_pings_are_answered_in_order(client: RawSocket, chop: int | None) -> None:
    client.send(b"".join(encode(PING, b"%d" % n) for n in range(10)), chop=chop)
    assert [client.receive() for _ in range(10)] == [RawFrame(PONG, b"%d" % n) for n in range(10)]


# 3 and 4 Reserved bits and opcodes


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_a_reserved_bit_is_refused(client: RawSocket, opcode: int, rsv: int) -> None:
    client.send(encode(TEXT, b"before"))
    assert client.receive() == RawFrame(TEXT, b"before")
    client.send(encode(opcode, b"", rsv=rsv) + encode(PING))
    expect_close(client, 1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("data", [b"", b"payload"])
def test_a_reserved_opcode_is_refused(client: RawSocket, opcode: int, data: bytes) -> None:
    client.send(encode(opcode, data))
    expect_close(client, 1002)


# 5 Fragmentation


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("parts", [[b"a", b"b"], [b"", b"", b""], [b"", b"middle", b""], [b"*" * 70_000] * 3])
@pytest.mark.parametrize("chop", [None, 509])
def test_a_message_in_fragments_comes_back_whole(
    client: RawSocket, opcode: int, parts: list[bytes], chop: int | None
) -> None:
    client.send(fragments(opcode, parts), chop=chop)
    assert client.receive() == RawFrame(opcode, b"".join(parts))


def fragments(opcode: int, parts: list[bytes], between: bytes = b"") -> bytes:
    frames = [encode(opcode if n == 0 else CONT, part, fin=n == len(parts) - 1) for n, part in enumerate(parts)]
    return between.join(frames)


@pytest.mark.parametrize("chop", [None, 1])
def test_pings_between_fragments_are_answered_first(client: RawSocket, chop: int | None) -> None:
    client.send(fragments(TEXT, [b"a", b"b", b"c"], between=encode(PING, b"now") + encode(PONG, b"x")), chop=chop)
    assert [client.receive() for _ in range(3)] == [RawFrame(PONG, b"now")] * 2 + [RawFrame(TEXT, b"abc")]


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_in_fragments_is_refused(client: RawSocket, opcode: int) -> None:
    client.send(encode(opcode, b"", fin=False) + encode(CONT, b""))
    expect_close(client, 1002)


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("before", [b"", encode(TEXT, b"whole")])
def test_a_continuation_of_nothing_is_refused(client: RawSocket, before: bytes, fin: bool) -> None:
    client.send(before + encode(CONT, b"what", fin=fin))
    expect_close(client, 1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fin", [True, False])
def test_a_new_message_inside_of_one_is_refused(client: RawSocket, opcode: int, fin: bool) -> None:
    client.send(encode(TEXT, b"begun", fin=False) + encode(opcode, b"another", fin=fin))
    expect_close(client, 1002)


def test_two_messages_in_fragments_after_each_other_come_back(client: RawSocket) -> None:
    client.send(fragments(TEXT, [b"a", b"b"]) + fragments(BINARY, [b"c", b"d"]))
    assert [client.receive() for _ in range(2)] == [RawFrame(TEXT, b"ab"), RawFrame(BINARY, b"cd")]


# 6 UTF-8

VALID = [
    b"",
    "Hello-µ@ßöäüàá-UTF-8!!".encode(),
    KAPPA,
    b"\x00",
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xed\x9f\xbf",  # the last before the surrogates
    b"\xee\x80\x80",  # the first after them
    b"\xef\xbf\xbd",
    b"\xef\xbf\xbe",  # U+FFFE is no character, and well-formed all the same
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf4\x8f\xbf\xbf",  # U+10FFFF
]
INVALID = [
    b"\x80",
    b"\xbf\x80",
    b"\xc2",
    b"\xe0\xa0",
    b"\xf0\x90\x80",
    KAPPA[:-1],
    b"\xc0\xaf",  # overlong
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",  # surrogates
    b"\xed\xaf\xbf",
    b"\xed\xb0\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xf4\x90\x80\x80",  # U+110000
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",  # five and six bytes
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xfe",
    b"\xff",
    KAPPA + b"\xed\xa0\x80edited",
]


@pytest.mark.parametrize("text", VALID, ids=repr)
def test_text_that_is_utf_8_comes_back_wherever_it_is_split(client: RawSocket, text: bytes) -> None:
    client.send(encode(TEXT, text))
    assert client.receive() == RawFrame(TEXT, text)
    for at in range(len(text) + 1):
        client.send(fragments(TEXT, [text[:at], text[at:]]))
        assert client.receive() == RawFrame(TEXT, text)
    client.send(fragments(TEXT, [text[n : n + 1] for n in range(len(text))] or [b""]))
    assert client.receive() == RawFrame(TEXT, text)


@pytest.mark.parametrize("text", INVALID, ids=repr)
@pytest.mark.parametrize("split", [None, 1, -1])
def test_text_that_is_not_utf_8_is_refused_wherever_it_is_split(
    client: RawSocket, text: bytes, split: int | None
) -> None:
    client.send(encode(TEXT, text) if split is None else fragments(TEXT, [text[:split], text[split:]]))
    expect_close(client, 1007)


def test_binary_need_not_be_utf_8(client: RawSocket) -> None:
    client.send(b"".join(encode(BINARY, data) for data in INVALID))
    assert [client.receive().data for _ in INVALID] == INVALID


# 7 Closing

# RFC 6455 section 7.4 and the registry at IANA, which added 1012 to 1014.
VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
INVALID_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535]


@pytest.mark.parametrize("code", VALID_CODES)
@pytest.mark.parametrize("reason", [b"", b"done", b"*" * 123, KAPPA])
def test_a_close_frame_is_echoed(client: RawSocket, code: int, reason: bytes) -> None:
    client.send(encode_close(code, reason))
    assert client.receive() == RawFrame(CLOSE, code.to_bytes(2, "big") + reason)
    client.expect_end()


def test_a_close_frame_without_a_code_is_echoed(client: RawSocket) -> None:
    client.send(encode(CLOSE))
    assert client.receive() == RawFrame(CLOSE, b"")
    client.expect_end()


@pytest.mark.parametrize("code", INVALID_CODES)
def test_a_code_that_nobody_may_send_is_refused(client: RawSocket, code: int) -> None:
    client.send(encode_close(code))
    expect_close(client, 1002)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\x03", 1002), (b"\x03\xe8" + b"*" * 124, 1002), (b"\x03\xe8" + KAPPA[:-1], 1007), (b"\x03\xe8\xff", 1007)],
)
def test_a_malformed_close_frame_is_refused(client: RawSocket, data: bytes, code: int) -> None:
    client.send(encode(CLOSE, data))
    expect_close(client, code)


@pytest.mark.parametrize(
    "after", [encode(TEXT, b"late"), encode(PING, b"late"), encode_close(1001), encode(3), b"\xff" * 300_000]
)
def test_whatever_follows_a_close_frame_is_ignored(client: RawSocket, after: bytes) -> None:
    client.send(encode_close(1000) + after)
    assert client.receive() == RawFrame(CLOSE, b"\x03\xe8")
    client.expect_end()


@pytest.mark.parametrize("ending", [encode_close(1000), encode(3), encode(BINARY, b"", declared=1 << 40)])
def test_what_came_right_before_the_end_is_answered_before_it(client: RawSocket, ending: bytes) -> None:
    client.send(encode(TEXT, b"one") + fragments(TEXT, [b"t", b"wo"]) + encode(PING) + ending)
    assert [client.receive() for _ in range(2)] == [RawFrame(TEXT, b"one"), RawFrame(TEXT, b"two")]
    assert client.receive() == RawFrame(PONG, b"")
    assert client.receive().opcode == CLOSE
    client.expect_end()


def test_a_close_frame_gets_its_answer_after_all_that_was_under_way(client: RawSocket) -> None:
    # The kernel's buffers hold a few megabytes; the rest waits in the outbox when the close frame comes.
    client.send(encode(TEXT, b"shared") * 4 + encode(BINARY, b"own" * 100_000))
    client.send(encode_close(1000, b"enough"))
    frames = [client.receive() for _ in range(6)]
    assert [len(frame.data) for frame in frames[:5]] == [4 * MAX_MESSAGE_BYTES] * 4 + [300_000]
    assert (frames[5].code, frames[5].reason) == (1000, "enough")
    client.expect_end()


def test_a_close_frame_inside_of_a_fragmented_message_ends_the_connection(client: RawSocket) -> None:
    client.send(encode(TEXT, b"begun", fin=False) + encode_close(1000))
    assert client.receive_close().code in (1000, 1002)


def test_a_client_that_goes_without_a_close_frame_leaves_nothing_behind(echo: Echo) -> None:
    leaving = [RawSocket(echo.port) for _ in range(20)]
    for number, client in enumerate(leaving):
        client.send(encode(TEXT, b"half of a fra")[: -number % 20])
        (client.reset if number % 2 else client.close)()
    echo.wait_for(connections=0, used_bytes=0)


# 9 Limits


def test_the_longest_message_comes_back_and_one_byte_more_is_refused(client: RawSocket) -> None:
    data = b"*" * MAX_MESSAGE_BYTES
    client.send(encode(BINARY, data))
    assert client.receive() == RawFrame(BINARY, data)
    client.send(encode(BINARY, b"", declared=MAX_MESSAGE_BYTES + 1))
    expect_close(client, 1009)


@pytest.mark.parametrize("declared", [1 << 32, (1 << 63) - 1, (1 << 64) - 1])
def test_a_frame_that_declares_too_much_is_refused_before_it_comes(client: RawSocket, declared: int) -> None:
    client.send(encode(BINARY, b"", declared=declared))
    expect_close(client, 1009)


@pytest.mark.parametrize("size", [1000, 65536, MAX_MESSAGE_BYTES])
def test_fragments_that_grow_over_the_limit_are_refused(client: RawSocket, size: int) -> None:
    count = MAX_MESSAGE_BYTES // size
    client.send(encode(BINARY, b"*" * size, fin=False))
    for _ in range(count - 1):
        client.send(encode(CONT, b"*" * size, fin=False))
    client.send(encode(PING))
    assert client.receive() == RawFrame(PONG, b"")
    client.send(encode(CONT, b"*" * (MAX_MESSAGE_BYTES - count * size + 1), fin=True))
    expect_close(client, 1009)


def test_fragments_without_end_are_refused(client: RawSocket) -> None:
    client.send(encode(TEXT, b"", fin=False) + encode(CONT, b"", fin=False) * 5000)
    expect_close(client, 1009)


@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
def test_a_frame_that_is_not_masked_is_refused(client: RawSocket, opcode: int) -> None:
    client.send(encode(opcode, b"", mask=None))
    expect_close(client, 1002)
