"""flask-sock's Server on the sans-I/O Protocol of the websockets library: one greenlet reads, anybody may write.

Against flask-sock's own (simple-websocket): about twice the round trips a second, a third of the memory, message
limits and pings that are on, and no permessage-deflate, which browsers always offer and which costs a connection
200 KB and 20 to 40 % of its CPU time.

Output goes through an outbox that never blocks: what the kernel's buffer does not take is drained by a greenlet that
lives as long as there is something to drain, so frames never interleave and a parked reader still hears the client.
"""

from __future__ import annotations

import contextlib
import os
import socket as stdsocket
import time
from collections import deque
from typing import Any, NoReturn

import gevent
import gevent.socket
from simple_websocket import ConnectionClosed
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, SERVER, Protocol, State
from websockets.server import ServerProtocol

RECEIVE_BYTES = 16384
MESSAGES_PER_TURN = 64
MAX_FRAGMENTS = 4096
MAX_CONTROL_PER_SECOND = 500
CONTROL = frozenset({Opcode.PING, Opcode.PONG})
CLOSE_TIMEOUT_S = 5.0
ABNORMAL = 1006


def encode_text(text: str) -> bytes:
    """Return a text frame's bytes, ready to be sent to any number of connections."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def encode_binary(data: bytes) -> bytes:
    """Return a binary frame's bytes."""
    return Frame(Opcode.BINARY, data).serialize(mask=False)


class WebSocket:
    """One connection, from the handshake on.

    Args:
        environ: WSGI environment of the upgrade request, from gunicorn's gevent worker.
        max_message_bytes: a longer message, or a frame that declares to be longer, closes the connection with 1009.
        outbox_max_bytes: more output than this that the client does not read ends the connection.
    """

    mode = "gunicorn"  # flask-sock ends its response in gunicorn's way

    def __init__(
        self, environ: dict[str, Any], *, max_message_bytes: int = 1 << 20, outbox_max_bytes: int = 64 << 20
    ) -> None:
        self._socket = environ["gunicorn.socket"]
        self._socket.setsockopt(stdsocket.IPPROTO_TCP, stdsocket.TCP_NODELAY, 1)
        self._protocol = Protocol(SERVER, max_size=max_message_bytes)
        self._outbox: deque[memoryview] = deque()
        self._outbox_bytes = 0
        self._outbox_max_bytes = outbox_max_bytes
        self._messages = 0
        self._control = 0
        self._control_since = 0.0
        self._fragments: list[bytes] = []
        self._fragments_opcode = Opcode.CONT
        self._frames: deque[Frame] = deque()
        self.is_open = True
        self.heard_at = time.monotonic()
        self.pinged_at: float | None = None
        self.closing_at: float | None = None
        self._shake_hands(environ)

    def _shake_hands(self, environ: dict[str, Any]) -> None:
        headers = Headers()
        for name, value in environ.items():
            if name.startswith("HTTP_"):
                headers[name[5:].replace("_", "-")] = value
        handshake = ServerProtocol()
        response = handshake.accept(Request(environ.get("RAW_URI", "/"), headers))
        self.send_frames(response.serialize())
        if response.status_code != 101:
            self.is_open = False  # answered; `receive` says so

    # --- reading -----------------------------------------------------------------------------------------------------

    def receive(self) -> str | bytes:
        """Wait for the next whole message.

        Raises:
            ConnectionClosed: the connection has ended, in whatever way.
        """
        while True:
            while self._frames:
                message = self._assemble(self._frames.popleft())
                if message is not None:
                    self._let_others()
                    return message
            if not self.is_open:
                raise ConnectionClosed(ABNORMAL, None)
            self._read()

    def _let_others(self) -> None:
        # Reading what has arrived already does not switch greenlets: whoever sends a lot takes turns all the same.
        self._messages += 1
        if self._messages % MESSAGES_PER_TURN == 0:
            gevent.sleep(0)

    def _read(self) -> None:
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        if data:
            self.heard_at = time.monotonic()
            self.pinged_at = None
            self._protocol.receive_data(data)
            if len(data) == RECEIVE_BYTES:
                gevent.sleep(0)
        else:
            self.is_open = False
            self._protocol.receive_eof()
        frames = [event for event in self._protocol.events_received() if isinstance(event, Frame)]
        self._frames.extend(frames)
        self._send_protocol_output()
        self._count_control(sum(frame.opcode in CONTROL for frame in frames))
        if self._protocol.close_rcvd is not None:
            self.is_open = False
        elif self._protocol.state is not State.OPEN and self.closing_at is None:
            self.closing_at = time.monotonic()

    def _count_control(self, count: int) -> None:
        """End a connection that sends more pings and pongs than any honest one has a use for."""
        if self.heard_at - self._control_since > 1.0:
            self._control_since, self._control = self.heard_at, 0
        self._control += count
        if self._control > MAX_CONTROL_PER_SECOND and self.is_open:
            self._fail(1008, f"more than {MAX_CONTROL_PER_SECOND} pings in a second")

    def _assemble(self, frame: Frame) -> str | bytes | None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            if frame.fin:
                return self._decode(frame.opcode, bytes(frame.data))
            self._fragments_opcode, self._fragments = frame.opcode, [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT:
            self._fragments.append(bytes(frame.data))
            if len(self._fragments) > MAX_FRAGMENTS:
                self._fail(1009, f"a message in more than {MAX_FRAGMENTS} fragments")
            if frame.fin:
                data, self._fragments = b"".join(self._fragments), []
                return self._decode(self._fragments_opcode, data)
        return None

    def _decode(self, opcode: Opcode, data: bytes) -> str | bytes:
        if opcode is Opcode.BINARY:
            return data
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            self._fail(1007, "text that is not UTF-8", error)

    def _fail(self, code: int, reason: str, cause: Exception | None = None) -> NoReturn:
        self._protocol.fail(code, reason)
        self._send_protocol_output()
        self.closing_at = time.monotonic()
        raise ConnectionClosed(code, reason) from cause

    # --- writing -----------------------------------------------------------------------------------------------------

    def send(self, message: str | bytes) -> None:
        """Send one message; never blocks."""
        self.send_frames(encode_text(message) if isinstance(message, str) else encode_binary(message))

    def send_frames(self, data: bytes) -> None:
        """Send bytes that `encode_text` and `encode_binary` made; never blocks."""
        if not self.is_open or self._protocol.state is not State.OPEN:
            return
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._outbox:
            self._queue(memoryview(data))
            return
        try:
            # The descriptor does not block, and os.write is not gevent's: what does not fit comes back at once.
            sent = os.write(self._socket.fileno(), data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        if sent < len(data):
            self._queue(memoryview(data)[sent:])
            gevent.spawn(self._drain)

    def _queue(self, data: memoryview) -> None:
        self._outbox.append(data)
        self._outbox_bytes += len(data)
        if self._outbox_bytes > self._outbox_max_bytes:
            self.abort()

    def _drain(self) -> None:
        while self._outbox and self.is_open:
            data = self._outbox[0]
            try:
                self._socket.sendall(data)
            except OSError:
                self.abort()
                return
            self._outbox.popleft()
            self._outbox_bytes -= len(data)

    def _send_protocol_output(self) -> None:
        for data in self._protocol.data_to_send():
            if data is SEND_EOF or not data:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(stdsocket.SHUT_WR)
            else:
                self._write(data)

    # --- ending ------------------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Ask whether the client is there; any answer moves `heard_at`."""
        if self._protocol.state is State.OPEN:
            self.pinged_at = time.monotonic()
            self._protocol.send_ping(b"")
            self._send_protocol_output()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin to close: the reader then ends with ConnectionClosed when the client has answered, or by `abort`."""
        if self._protocol.state is State.OPEN and self.is_open:
            self.closing_at = time.monotonic()
            self._protocol.send_close(code, _fit(reason))
            self._send_protocol_output()

    def linger(self) -> None:
        """After a close, read what is still under way, so that the client gets the close frame and not a reset."""
        with gevent.Timeout(CLOSE_TIMEOUT_S, False):
            while self.is_open:
                self._read()
                self._frames.clear()
        self.is_open = False

    def abort(self) -> None:
        """End the connection at once; a reader that waits is woken."""
        self.is_open = False
        self._outbox.clear()
        with contextlib.suppress(OSError):
            self._socket.shutdown(stdsocket.SHUT_RDWR)


def _fit(reason: str) -> str:
    # A close frame holds 123 bytes of reason (RFC 6455 section 5.5).
    return reason.encode()[:123].decode(errors="ignore")
