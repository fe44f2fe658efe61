"""The real processes, started as the Procfile does, on free ports; ended by their process groups' ids.

A name with a number, such as ``socket.2`` or ``background.2``, is another host: a process of the same kind with a port
and an instance folder of its own, on the same database.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
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
    """An installation: a database, an instance folder, ports, and the processes that run on them.

    `serving` is the module that configures gunicorn; another than the default is how tests put faults in.
    """

    def __init__(self, instance_dir: Path, database_url: str, *, serving: str = "", **environ: str) -> None:
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
        self._serving = serving
        self._ports = {"web": self.port, "socket": self.socket_port}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """The site's address."""
        return f"http://localhost:{self.port}"

    @property
    def socket_url(self) -> str:
        """The volunteers' socket."""
        return f"ws://localhost:{self.socket_port}/ws"

    def socket_url_of(self, name: str) -> str:
        """The volunteers' socket of one of several socket processes."""
        return f"ws://localhost:{self._port_of(name)}/ws"

    def start(self, *names: str) -> None:
        """Start processes by the names that they have in the Procfile, and wait until they serve."""
        for name in names:
            with open(self.log_path(name), "ab") as log:
                self._processes[name] = subprocess.Popen(
                    self._command_of(name),
                    cwd=ROOT,
                    env=self._environ_of(name),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        for name in names:
            if _kind_of(name) in ("web", "socket"):
                self._wait_until_served(name)

    def is_running(self, name: str) -> bool:
        """Whether a process that was started has not ended by itself."""
        return self._processes[name].poll() is None

    def pid(self, name: str) -> int:
        """Return the id of a process, which is that of its group."""
        return self._processes[name].pid

    def worker_pids(self, name: str) -> list[int]:
        """Return the pids of a gunicorn's workers, which change when it replaces one."""
        pid = self._processes[name].pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def read_log(self, name: str) -> str:
        """Return what a process has said so far."""
        return self.log_path(name).read_text()

    def find_health(self, name: str) -> int | None:
        """Return the status that a process gives of itself; None: it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port_of(name)}/healthz", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def _port_of(self, name: str) -> int:
        return self._ports.setdefault(name, find_free_port())

    def _environ_of(self, name: str) -> dict[str, str]:
        kind = _kind_of(name)
        if kind == name:
            return {**self.environ, "MANYHANDS_SURFACE": kind}
        folder = self.instance_dir / name
        folder.mkdir(exist_ok=True)
        ports = {f"{'SOCKET_' if kind == 'socket' else ''}PORT": str(self._port_of(name))}
        return {**self.environ, **ports, "INSTANCE_DIR": str(folder), "MANYHANDS_SURFACE": kind}

    def _command_of(self, name: str) -> list[str]:
        kind = _kind_of(name)
        if self._serving and kind in ("web", "socket"):
            return [sys.executable, "-m", "gunicorn", "-c", f"python:{self._serving}"]
        return _read_procfile()[kind].replace("python", sys.executable, 1).split()

    def log_path(self, name: str) -> Path:
        """Return where a process' output goes."""
        return self.instance_dir / f"{name}.log"

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and all its workers."""
        os.killpg(self._processes[name].pid, number)

    def reload(self, name: str) -> None:
        """Tell a gunicorn to replace its workers by new ones, as an operator does after a change of settings."""
        self._processes[name].send_signal(signal.SIGHUP)

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
                self.signal(name, signal.SIGCONT)  # a stopped process does not end
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes.clear()

    def _wait_until_served(self, name: str) -> None:
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_at:
            ended = not self.is_running(name)
            if self.find_health(name) == 200:
                return
            if ended:
                break
            time.sleep(0.05)
        raise AssertionError(f"{name} does not serve:\n{self.log_path(name).read_text()[-4000:]}")


def _kind_of(name: str) -> str:
    return name.split(".")[0]


def _read_procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name.strip(): command.strip() for name, command in (line.split(":", 1) for line in lines if line)}


@contextlib.contextmanager
def run_site(instance_dir: Path, database_url: str, *names: str, serving: str = "", **environ: str) -> Iterator[Site]:
    """Start an installation's processes, and end them whatever happens."""
    site = Site(instance_dir, database_url, serving=serving, **environ)
    try:
        site.start(*names)
        yield site
    finally:
        site.stop()
