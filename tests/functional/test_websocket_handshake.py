"""The opening handshake (RFC 6455 section 4.2) against an echo in the real gunicorn gevent worker."""

from __future__ import annotations

import socket as stdsocket
from collections.abc import Iterator

import pytest

from tests.echo import Echo, run_echo
from tests.rawsocket import TEXT, RawFrame, RawSocket, encode, request

OFFERS = [
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "x-webkit-deflate-frame, permessage-bzip2",
]


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    with run_echo(tmp_path_factory.mktemp("echo")) as echo:
        yield echo


@pytest.fixture
def client(echo: Echo) -> Iterator[RawSocket]:
    with RawSocket(echo.port) as client:
        yield client


@pytest.mark.parametrize("offer", OFFERS)
def test_no_extension_is_accepted(echo: Echo, offer: str) -> None:
    with RawSocket(echo.port, Sec_WebSocket_Extensions=offer) as client:
        assert b"sec-websocket-extensions" not in client.answer.lower()
        client.send(encode(TEXT, b"plain"))
        assert client.receive() == RawFrame(TEXT, b"plain")
        client.send(encode(TEXT, b"deflated", rsv=4))
        assert client.receive_close().code == 1002


def test_no_subprotocol_is_accepted(echo: Echo) -> None:
    with RawSocket(echo.port, Sec_WebSocket_Protocol="chat, superchat") as client:
        assert b"sec-websocket-protocol" not in client.answer.lower()


def test_the_answer_to_the_key_is_the_one_of_the_standard(client: RawSocket) -> None:
    # RFC 6455 section 1.3 has this very pair.
    key, answer = "dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert key.encode() in request()
    assert b"sec-websocket-accept: " + answer.lower() in client.answer.lower()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Sec_WebSocket_Key": None}, {400}),
        ({"Sec_WebSocket_Key": "short"}, {400}),
        ({"Sec_WebSocket_Key": "!" * 24}, {400}),
        ({"Sec_WebSocket_Version": None}, {400}),
        ({"Sec_WebSocket_Version": "8"}, {400, 426}),
        ({"Sec_WebSocket_Version": "14"}, {400, 426}),
        ({"Upgrade": None}, {400, 426}),
        ({"Upgrade": "h2c"}, {400, 426}),
        ({"Connection": None}, {400, 426}),
        ({"Connection": "keep-alive"}, {400, 426}),
    ],
)
def test_a_handshake_that_is_wrong_gets_one_answer(
    echo: Echo, changes: dict[str, str | None], status: set[int]
) -> None:
    with stdsocket.create_connection(("127.0.0.1", echo.port), timeout=20) as raw:
        raw.sendall(request(**changes))
        raw.shutdown(stdsocket.SHUT_WR)
        answer = b""
        while data := raw.recv(65536):
            answer += data
    assert answer.count(b"HTTP/1.1 ") == 1
    assert int(answer.split()[1]) in status


def test_header_names_and_tokens_know_no_case(echo: Echo) -> None:
    with RawSocket(echo.port, Upgrade="WebSocket", Connection="keep-alive, UPGRADE") as client:
        client.send(encode(TEXT, b"hello"))
        assert client.receive() == RawFrame(TEXT, b"hello")
