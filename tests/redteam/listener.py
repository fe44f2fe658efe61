"""The place that leaks go to: HTTP, WebSocket and UDP on an origin of its own. Whatever reaches it is written down.

It answers as an accomplice would, so that an attack that gets through gets all the way: any origin may read, a script
is a script, a socket is accepted.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator

HOST = "127.0.0.2"
HEAD_MAX_BYTES = 1 << 16
WEBSOCKET_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SCRIPT = b"self.leaked = true; /* from elsewhere */"
STREAM = b"data: hello\n\n"
WASM = b"\0asm\x01\0\0\0"


class Listener:
    """Every connection and datagram, with the first line of what it said."""

    def __init__(self) -> None:
        self.port = 0
        self._hits: list[str] = []
        self._datagrams: dict[str, socket.socket] = {}
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """Host and port of the HTTP and WebSocket server."""
        return f"{HOST}:{self.port}"

    def write_down(self, line: str) -> None:
        """Keep one hit."""
        with self._lock:
            self._hits.append(line)

    def find_hits(self, token: str) -> list[str]:
        """Return what came with a token, datagrams included."""
        with self._lock:
            found = [hit for hit in self._hits if token in hit]
            datagrams = self._datagrams.get(token)
        return found + (_drain(datagrams) if datagrams else [])

    def open_datagrams(self, token: str) -> str:
        """Give a token a UDP port of its own, since a datagram need not carry it; return host and port."""
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setblocking(False)
        receiver.bind((HOST, 0))
        self._datagrams[token] = receiver
        return f"{HOST}:{receiver.getsockname()[1]}"

    def close(self) -> None:
        """Close the UDP ports."""
        for receiver in self._datagrams.values():
            receiver.close()


def _drain(receiver: socket.socket) -> list[str]:
    hits = []
    with contextlib.suppress(BlockingIOError):
        while True:
            hits.append(f"UDP {receiver.recv(2048)[:20]!r}")
    return hits


class _Visitor(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        head = self._read_head()
        line, _, rest = head.partition(b"\r\n")
        self.server.listener.write_down(line.decode("latin-1") or "a connection that said nothing")
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", rest)
        with contextlib.suppress(OSError):
            if key:
                self._accept_socket(key[1])
            else:
                self._answer(line)

    def _read_head(self) -> bytes:
        head = b""
        self.request.settimeout(5)
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in head and len(head) < HEAD_MAX_BYTES:
                chunk = self.request.recv(4096)
                if not chunk:
                    break
                head += chunk
        return head

    def _accept_socket(self, key: bytes) -> None:
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_MAGIC).digest())
        self.request.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.request.recv(4096)

    def _answer(self, line: bytes) -> None:
        kind, body = _accomplice(line)
        self.request.sendall(
            b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\n"
            b"Access-Control-Allow-Methods: *\r\nCross-Origin-Resource-Policy: cross-origin\r\n"
            b"Service-Worker-Allowed: /\r\nConnection: close\r\nContent-Type: "
            + kind
            + b"\r\nContent-Length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )


def _accomplice(line: bytes) -> tuple[bytes, bytes]:
    path = line.split(b" ")[1] if line.count(b" ") > 1 else b""
    if path.endswith(b".wasm"):
        return b"application/wasm", WASM
    if path.endswith(b".events"):
        return b"text/event-stream", STREAM
    if path.endswith(b".json"):
        return b"application/json", b"{}"
    return b"text/javascript", SCRIPT


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    listener: Listener


@contextlib.contextmanager
def run_listener() -> Iterator[Listener]:
    """Listen on free ports until the block ends."""
    listener = Listener()
    with _Server((HOST, 0), _Visitor) as server:
        server.listener = listener
        listener.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown()
            thread.join()
            listener.close()
