"""An echo over app.websocket, served by the real gunicorn gevent worker: what a conformance suite needs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_sock
import gevent
from flask import Flask

from app.budget import Budget
from app.websocket import WebSocket, encode_binary
from tests.processes import ROOT, find_free_port

OPTIONS = "ECHO_OPTIONS"
MAX_MESSAGE_BYTES = 1 << 20
SLOW_S = 1.0
SHARED_FRAME = encode_binary(b"*" * (4 << 20))


def make_app() -> Flask:
    """Make the application that gunicorn serves. ECHO_OPTIONS: WebSocket's options as JSON, a budget as its bytes.

    Two texts are no messages: "abort" ends the connection at once, "shared" asks for SHARED_FRAME. A binary message
    that begins with "slow" is answered after SLOW_S.
    """
    options = {"max_message_bytes": MAX_MESSAGE_BYTES, **json.loads(os.environ.get(OPTIONS, "{}"))}
    budget = Budget(options.pop("budget", 1 << 40))
    live: list[WebSocket] = []
    app = Flask("echo")
    flask_sock.Server = WebSocket
    app.config["SOCK_SERVER_OPTIONS"] = {"budget": budget, **options}

    @flask_sock.Sock(app).route("/ws")
    def echo(socket: WebSocket) -> None:
        live.append(socket)
        try:
            while (message := socket.receive()) != "abort":
                if message == "shared":
                    socket.send_shared(SHARED_FRAME)
                else:
                    if message[:4] == b"slow":
                        gevent.sleep(SLOW_S)
                    socket.send(message)
            socket.abort()
        finally:
            socket.linger()
            live.remove(socket)

    @app.route("/state")
    def state() -> dict[str, int]:
        return {"used_bytes": budget.used_bytes, "connections": len(live)}

    return app


@dataclasses.dataclass
class Echo:
    """A running echo."""

    port: int
    pid: int

    def state(self) -> dict[str, int]:
        """Return the bytes that its budget holds, and how many connections there are."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/state", timeout=10) as answer:
            state: dict[str, int] = json.load(answer)
            return state

    def wait_for(self, timeout_s: float = 20.0, **expected: int) -> None:
        """Wait until its state is as expected."""
        give_up_at = time.monotonic() + timeout_s
        while not expected.items() <= (state := self.state()).items():
            assert time.monotonic() < give_up_at, state
            time.sleep(0.02)


@contextlib.contextmanager
def run_echo(folder: Path, **options: Any) -> Iterator[Echo]:
    """Serve an echo on a free port; options are WebSocket's, and `budget` in bytes."""
    port = find_free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "--no-control-socket", "--worker-connections", "2000"]
    environ = {**os.environ, OPTIONS: json.dumps(options)}
    with open(folder / f"echo{port}.log", "ab") as log:
        process = subprocess.Popen(
            [*command, "-b", f"127.0.0.1:{port}", "tests.echo:make_app()"],
            cwd=ROOT,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        echo = Echo(port, process.pid)
        _wait_until_served(echo, process, Path(log.name))
        yield echo
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_served(echo: Echo, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at and process.poll() is None:
        with contextlib.suppress(OSError):
            echo.state()
            return
        time.sleep(0.05)
    raise AssertionError(f"the echo does not serve:\n{log.read_text()[-4000:]}")
