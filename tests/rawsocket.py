"""A WebSocket client that can do everything wrong: it puts bytes on the wire as it is told (RFC 6455 section 5.2)."""

from __future__ import annotations

import dataclasses
import socket as stdsocket
import struct
import time

from websockets.frames import apply_mask

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
TIMEOUT_S = 20.0
HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@dataclasses.dataclass(frozen=True)
class RawFrame:
    """A frame as it came."""

    opcode: int
    data: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def code(self) -> int:
        """The code of a close frame; 1005: it has none."""
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.data[:2], "big") if self.data else 1005

    @property
    def reason(self) -> str:
        """The reason of a close frame."""
        return self.data[2:].decode()


def encode(
    opcode: int,
    data: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    declared: int | None = None,
) -> bytes:
    """Return a frame's bytes. `declared`: the length that its header tells, whatever the payload's is."""
    size = len(data) if declared is None else declared
    head = bytes([fin << 7 | rsv << 4 | opcode])
    masked = 0x80 if mask is not None else 0
    if size < 126:
        head += bytes([masked | size])
    elif size < 65536:
        head += struct.pack("!BH", masked | 126, size)
    else:
        head += struct.pack("!BQ", masked | 127, size)
    return head + data if mask is None else head + mask + bytes(apply_mask(data, mask))


def encode_close(code: int, reason: bytes = b"") -> bytes:
    """Return a close frame's bytes."""
    return encode(CLOSE, code.to_bytes(2, "big") + reason)


def request(path: str = "/ws", **changes: str | None) -> bytes:
    """Return an upgrade request. `changes`: headers by name with underscores; None leaves one out."""
    given = {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {name: value for name, value in {**HANDSHAKE, **given}.items() if value is not None}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class RawSocket:
    """A connection that has shaken hands."""

    def __init__(self, port: int, *, receive_buffer: int | None = None, **headers: str | None) -> None:
        self.socket = stdsocket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(stdsocket.IPPROTO_TCP, stdsocket.TCP_NODELAY, 1)
        self.socket.sendall(request(**headers))
        self._buffer = bytearray()
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        self.answer, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        assert self.answer.startswith(b"HTTP/1.1 101"), self.answer

    def send(self, data: bytes, chop: int | None = None, pause_s: float = 0.0) -> None:
        """Send bytes, in pieces of `chop` each in a segment of its own."""
        for at in range(0, len(data), chop or max(1, len(data))):
            self.socket.sendall(data[at : at + chop] if chop else data)
            if pause_s:
                time.sleep(pause_s)

    def receive(self) -> RawFrame:
        """Wait for the next frame. Raises EOFError at the end."""
        first, second = self._take(2)
        assert not second & 0x80, "a server's frame is not masked"
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
        return RawFrame(first & 0x0F, self._take(size), bool(first & 0x80), first >> 4 & 7)

    def receive_close(self) -> RawFrame:
        """Pass over everything until the server closes; then the connection must end, and not wait for our answer."""
        frame = self.find_close()
        self.expect_end()
        return frame

    def find_close(self) -> RawFrame:
        """Pass over everything until the server closes. It may wait for our close frame then."""
        while True:
            frame = self.receive()
            if frame.opcode == CLOSE:
                return frame

    def expect_end(self) -> None:
        """Fail unless the server says nothing more and ends its side of the connection."""
        assert not self._buffer, f"after the close frame came {bytes(self._buffer)!r}"
        assert self.socket.recv(1000) == b""

    def reset(self) -> None:
        """End the connection as a pulled plug does: with a reset."""
        self.socket.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """End the connection without a word."""
        self.socket.close()

    def __enter__(self) -> RawSocket:
        return self

    def __exit__(self, *_error: object) -> None:
        self.socket.close()

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self) -> None:
        data = self.socket.recv(1 << 20)
        if not data:
            raise EOFError("the server ended the connection")
        self._buffer += data
