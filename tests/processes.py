"""The real processes, started as the Procfile does, on free ports; ended by their process groups' ids."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 30.0


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """An installation: a database, an instance folder, ports, and the processes that run on them."""

    def __init__(self, instance_dir: Path, database_url: str, **environ: str) -> None:
        self.port, self.socket_port, self.mail_port = (find_free_port() for _ in range(3))
        self.instance_dir = instance_dir
        instance_dir.mkdir(exist_ok=True)
        self.environ = {
            **os.environ,
            "INSTANCE_DIR": str(instance_dir),
            "DATABASE_URL": database_url,
            "PORT": str(self.port),
            "SOCKET_PORT": str(self.socket_port),
            "MAIL_PORT": str(self.mail_port),
            "CAPTCHA": "off",
            "PYTHONUNBUFFERED": "1",
            **environ,
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """The site's address."""
        return f"http://localhost:{self.port}"

    @property
    def socket_url(self) -> str:
        """The volunteers' socket."""
        return f"ws://localhost:{self.socket_port}/ws"

    def start(self, *names: str) -> None:
        """Start processes by the names that they have in the Procfile, and wait until they serve."""
        for name in names:
            command = _read_procfile()[name].replace("python", sys.executable, 1).split()
            with open(self.log_path(name), "ab") as log:
                self._processes[name] = subprocess.Popen(
                    command, cwd=ROOT, env=self.environ, stdout=log, stderr=log, start_new_session=True
                )
        for name in names:
            if name in ("web", "socket"):
                self._wait_until_served(name)

    def log_path(self, name: str) -> Path:
        """Return where a process' output goes."""
        return self.instance_dir / f"{name}.log"

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and all its workers."""
        os.killpg(self._processes[name].pid, number)

    def kill(self, name: str) -> None:
        """End a process as a power cut would."""
        self.signal(name, signal.SIGKILL)
        self._processes.pop(name).wait()

    def terminate(self, name: str, timeout_s: float = 30.0) -> int:
        """Ask a process to end, wait until it has, and return its exit code."""
        process = self._processes.pop(name)
        process.terminate()
        return process.wait(timeout_s)

    def stop(self) -> None:
        """End every process."""
        for name in list(self._processes):
            with contextlib.suppress(ProcessLookupError):
                self.signal(name, signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes.clear()

    def _wait_until_served(self, name: str) -> None:
        url = f"http://127.0.0.1:{self.port if name == 'web' else self.socket_port}/healthz"
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_at:
            ended = self._processes[name].poll() is not None
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
            if ended:
                break
            time.sleep(0.05)
        raise AssertionError(f"{name} does not serve:\n{self.log_path(name).read_text()[-4000:]}")


def _read_procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name.strip(): command.strip() for name, command in (line.split(":", 1) for line in lines if line)}


@contextlib.contextmanager
def run_site(instance_dir: Path, database_url: str, *names: str, **environ: str) -> Iterator[Site]:
    """Start an installation's processes, and end them whatever happens."""
    site = Site(instance_dir, database_url, **environ)
    try:
        site.start(*names)
        yield site
    finally:
        site.stop()
