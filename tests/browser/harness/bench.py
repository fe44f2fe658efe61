"""What the harness tests stand on: real pages with their real headers, a scripted volunteers' server, another site.

The volunteers' server is a real WebSocket server that speaks the batched dialect as docs/protocol.md has it, and can do
what the real one does only in trouble: restart, refuse, change the campaign.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
from flask import Flask
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from werkzeug.serving import make_server

from app import extensions
from app.blueprints import embed
from app.models import Campaign, User
from app.settings import Settings

NOTHING, RESULT, ERROR, GIVEN_BACK = range(4)


def digest(text: str) -> str:
    """Return the SHA-256 of a text, as campaigns carry it."""
    return hashlib.sha256(text.encode()).hexdigest()


class VolunteerServer:
    """One campaign for every connection; grants datasets against `want`, records all that it is told."""

    def __init__(self, kernel: str, datasets: list[Any], static: str = "", **campaign: Any) -> None:
        self.kernel, self.static, self.pending = kernel, static, list(enumerate(datasets))
        self.campaign = {
            "id": 1,
            "name": "Test",
            "run": 1,
            "kernel_version": 1,
            "deadline_ms": 60_000,
            "sloppy": False,
            "max_result_bytes": 16 << 20,
            "max_batch_bytes": 32 << 20,
            "resume": "ticket",
            **campaign,
        }
        self.close_when_done = True
        self.total = len(datasets)
        self.results: dict[int, Any] = {}
        self.errors: dict[int, dict[str, str]] = {}
        self.hellos: list[dict[str, Any]] = []
        self.wants: list[int] = []
        self.given_back = 0
        self.load_failures: list[dict[str, str]] = []
        self.progress: list[dict[str, Any]] = []
        self.origins: list[str | None] = []
        self.left = 0
        self.broken: list[str] = []
        self.connections: set[_Connection] = set()
        self.changed = threading.Condition()

    def wait(self, condition: Callable[[], object], seconds: float = 20) -> None:
        """Wait until `condition` holds; fail with what was recorded when it does not."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), self.describe()

    def describe(self) -> str:
        """Return the record, for a failing test."""
        return (
            f"{len(self.results)} results, {len(self.errors)} errors of {self.total}; pending {len(self.pending)}; "
            f"errors {list(self.errors.items())[:3]}; load failures {self.load_failures}; hellos {self.hellos}; "
            f"wants {self.wants[-10:]}; given back {self.given_back}; broken {self.broken}"
        )

    @property
    def finished(self) -> bool:
        """Whether every dataset has a result or an error."""
        return len(self.results) + len(self.errors) == self.total

    def close_all(self, code: int) -> None:
        """End every connection."""
        for connection in list(self.connections):
            connection.socket.close(code)

    def switch(self, kernel: str, datasets: list[Any]) -> None:
        """Change the campaign on every connection: `u`, then the new one."""
        with self.changed:
            self.kernel = kernel
            self.pending = list(enumerate(datasets))
            self.results, self.errors, self.total = {}, {}, len(datasets)
            for connection in list(self.connections):
                connection.leases = dict.fromkeys(connection.leases)
                connection.want = 0
                connection.socket.send("u")
                connection.send_campaign(frozenset())

    def serve_one(self, socket: ServerConnection) -> None:
        """Serve one connection to its end."""
        connection = _Connection(self, socket)
        self.origins.append(socket.request.headers.get("Origin") if socket.request else None)
        self.connections.add(connection)
        try:
            connection.run()
        except ConnectionClosed:
            pass
        except Exception as error:
            self.broken.append(repr(error))
            raise
        finally:
            self.connections.discard(connection)
            with self.changed:
                self.pending += [(p, d) for item in connection.leases.values() if item for p, d in [item]]
                self.changed.notify_all()


class _Connection:
    def __init__(self, server: VolunteerServer, socket: ServerConnection) -> None:
        self.server, self.socket = server, socket
        self.leases: dict[int, tuple[int, Any] | None] = {}
        self.last_lease = 0
        self.want = 0

    def run(self) -> None:
        hello = self.socket.recv()
        assert isinstance(hello, str)
        assert hello[0] == "i"
        number, _, options = hello[1:].partition(" ")
        words = {"campaign": int(number), **json.loads(options)}
        with self.server.changed:
            self.server.hellos.append(words)
            self.send_campaign(frozenset(words["have"]))
            self.server.changed.notify_all()
        for frame in self.socket:
            with self.server.changed:
                self.hear(frame)
                self.server.changed.notify_all()

    def send_campaign(self, have: frozenset[str]) -> None:
        server = self.server
        hashes = {"kernel_hash": digest(server.kernel), "static_hash": digest(server.static)}
        self.socket.send("c" + json.dumps({**server.campaign, **hashes}))
        for letter, text in (("k", server.kernel), ("s", server.static)):
            if digest(text) not in have:
                self.socket.send(letter)
                self.socket.send(text)

    def hear(self, frame: str | bytes) -> None:
        if isinstance(frame, str):
            self.hear_text(frame[0], frame[1:])
            return
        want, answers = msgpack.unpackb(frame)
        assert type(want) is int
        self.server.wants.append(want)
        self.want = want
        for answer in answers:
            self.hear_answer(*answer)
        self.grant()
        if self.server.close_when_done and self.server.finished:
            self.socket.close(1000)

    def hear_text(self, letter: str, rest: str) -> None:
        if letter == "x":
            self.server.load_failures.append(json.loads(rest))
        elif letter == "p":
            self.server.progress.append(json.loads(rest))
        else:
            assert letter == "b", letter
            self.server.left += 1
            self.socket.close(1000)

    def hear_answer(self, lease: int, kind: int, ms: int, payload: bytes | None = None) -> None:
        assert lease in self.leases, f"lease {lease} was never issued or is answered"
        assert type(ms) is int
        item = self.leases.pop(lease)
        if item is None:
            return
        position, dataset = item
        if kind == GIVEN_BACK:
            self.server.given_back += 1
            self.server.pending.append((position, dataset))
        elif kind == ERROR:
            self.server.errors[position] = msgpack.unpackb(payload or b"")
        else:
            self.server.results[position] = msgpack.unpackb(payload) if payload else None

    def grant(self) -> None:
        count = min(self.want, len(self.server.pending))
        granted = []
        for position, dataset in self.server.pending[:count]:
            self.last_lease += 1
            self.leases[self.last_lease] = (position, dataset)
            granted.append([self.last_lease, msgpack.packb(dataset)])
        del self.server.pending[:count]
        self.want -= count
        self.socket.send(msgpack.packb(granted))
        if self.want and not self.server.pending:
            self.socket.send("w")


@contextlib.contextmanager
def running_socket(server: VolunteerServer, port: int = 0) -> Iterator[int]:
    """Serve volunteers on a free port; gives the port."""
    listener = serve(server.serve_one, "127.0.0.1", port, compression=None, max_size=64 << 20)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener.socket.getsockname()[1]
    finally:
        listener.shutdown()
        server.close_all(1001)
        thread.join(10)


def pages_app(settings: Settings) -> Flask:
    """Return an application with the embed page's real routes and headers, and nothing else."""
    app = Flask("app")
    app.extensions["settings"] = settings
    extensions.init_database(app, settings)
    app.register_blueprint(embed.blueprint)
    return app


@contextlib.contextmanager
def running_pages(app: Flask) -> Iterator[int]:
    """Serve an application on a free port of localhost; gives the port."""
    server = make_server("localhost", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join(10)


class OtherSite:
    """Another site at 127.0.0.1: serves the pages it is given, and remembers every request."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        self.requests: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        """The site's address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def put(self, path: str, html: str, **headers: str) -> str:
        """Add a page and return its address."""
        self.pages[path] = (html, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.url + path


@contextlib.contextmanager
def running_site() -> Iterator[OtherSite]:
    """Serve another site on a free port."""
    site = OtherSite()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            html, headers = site.pages.get(self.path.partition("?")[0], ("", {}))
            body = html.encode()
            self.send_response(200)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                self.send_header(name, value)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing; `requests` has it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def chromium_args() -> list[str]:
    """Return the switches under which Chromium runs anywhere and talks to nobody but the test."""
    return [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]


def fill_database(template: Path, target: Path) -> None:
    """Copy a migrated, empty SQLite database."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(template.read_bytes())


def add_campaigns(app: Flask) -> None:
    """Store campaign 1, which may start by itself, and campaign 2, which may not."""
    now = dt.datetime.now(dt.UTC)
    with app.app_context(), extensions.writing() as session:
        owner = User(first_name="Alice", last_name="Ames", email="alice@example.org", date_added=now)
        for autostart in (True, False):
            session.add(
                Campaign(
                    owner=owner,
                    date_added=now,
                    name="Multiples",
                    description="Numbers that 123 divides",
                    kernel=b"",
                    kernel_hash="",
                    static_dataset=b"",
                    static_hash="",
                    dataset_gen=b"",
                    dataset_gen_hash="",
                    autostart=autostart,
                    seed=0,
                )
            )
