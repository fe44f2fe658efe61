"""The processes that are measured: our own as the Procfile has them, and the peers'."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import paths
from benchmarks.databases import FreshDatabase
from tests.processes import find_free_port

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 60.0


class Server:
    """A running server: its port, and its process group's id."""

    def __init__(self, command: list[str], port: int, environ: Mapping[str, str], log: Path) -> None:
        self.port = port
        self._log = log
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                command, cwd=paths.ROOT, env=environ, stdout=output, stderr=output, start_new_session=True
            )
        self.group = self._process.pid

    def wait_until_served(self) -> None:
        """Wait until somebody listens on the port."""
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_at and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the server does not serve:\n{self._log.read_text()[-4000:]}")

    def read_log(self) -> str:
        """Return what the server has said so far."""
        return self._log.read_text()

    def stop(self) -> None:
        """End the server cleanly, so that what it has yet to store is stored."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        self._process.wait()


@contextlib.contextmanager
def _run(command: list[str], port: int, environ: Mapping[str, str], log: Path) -> Iterator[Server]:
    server = Server(command, port, environ, log)
    try:
        server.wait_until_served()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def run_ours(name: str, database: FreshDatabase, **settings: str) -> Iterator[Server]:
    """Run a process of the Procfile by its name, with the settings that it ships with but for those given."""
    port = find_free_port()
    environ = {
        **os.environ,
        "INSTANCE_DIR": str(database.folder),
        "DATABASE_URL": database.url,
        "PORT" if name == "web" else "SOCKET_PORT": str(port),
        "CONNECTIONS_PER_ADDRESS": "100000",  # a load client is many volunteers at one address
        **settings,
    }
    command = _read_procfile()[name].replace("python", sys.executable, 1).split()
    with _run(command, port, environ, database.folder / f"{name}.log") as server:
        time.sleep(1.0)  # its workers listen before the last of them is up
        yield server


@contextlib.contextmanager
def run_background(database: FreshDatabase, **settings: str) -> Iterator[Server]:
    """Run the background process, which listens nowhere, with the settings that it ships with but for those given."""
    environ = {**os.environ, "INSTANCE_DIR": str(database.folder), "DATABASE_URL": database.url, **settings}
    command = _read_procfile()["background"].replace("python", sys.executable, 1).split()
    server = Server(command, 0, environ, database.folder / "background.log")
    try:
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while database.ask("select count(*) from process where kind = 'background'") == 0:
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"the background process does not start:\n{server.read_log()[-4000:]}")
            time.sleep(0.05)
        yield server
    finally:
        server.stop()


def _read_procfile() -> dict[str, str]:
    lines = (paths.ROOT / "Procfile").read_text().splitlines()
    return {name.strip(): command.strip() for name, command in (line.split(":", 1) for line in lines if line)}


@contextlib.contextmanager
def run_naive_peer(database: FreshDatabase) -> Iterator[Server]:
    """Run the first version that anybody would write: flask-sock as it comes, a transaction of the ORM per message."""
    port = find_free_port()
    environ = {**os.environ, "PEER_DATABASE_URL": database.url}
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-b", f"127.0.0.1:{port}", "--no-control-socket"]
    command += ["--worker-connections", "20000", "--chdir", str(paths.PEERS), "naive:app"]
    with _run(command, port, environ, database.folder / "naive.log") as server:
        time.sleep(1.0)
        yield server


@contextlib.contextmanager
def run_tornado_peer(database: FreshDatabase) -> Iterator[Server]:
    """Run Tornado with the same transaction of the ORM per message, from its own virtual environment."""
    port = find_free_port()
    environ = {**os.environ, "PEER_DATABASE_URL": database.url, "PEER_PORT": str(port)}
    command = [str(paths.PEER_PYTHON), str(paths.PEERS / "tornado_peer.py")]
    with _run(command, port, environ, database.folder / "tornado.log") as server:
        yield server
