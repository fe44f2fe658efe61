"""The parent: starts a child, talks to it, keeps the clock, and makes sure that nothing of it remains.

Promises of this package, which the tests cite:

G1  When a run is left, however it is left, the child and all in its process group are dead and reaped.
G2  The parent waits for the child, and reads what it sent, no longer than `limits.wall_s` for each request, whatever
    the child does; it finishes the chunk at hand. The first request shares that time with the start and the opening. A
    replay has a time of its own. Only the consumer's time does not count.
G3  Nothing the child sends can do more than end its own run with GeneratorFailed.
G4  A limit that cannot be set means SandboxUnavailable, and the generator does not run.
G5  The same source, seed and time give the same datasets, in however many requests they are asked for; a run with
    `skip` gives the same from there on.
G6  Between requests nothing of a generator runs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from worker_sandbox.clock import Clock
from worker_sandbox.failures import SandboxUnavailable, from_exit
from worker_sandbox.frames import FrameReader
from worker_sandbox.limits import Limits

CHILD = Path(__file__).with_name("child.py")
READ_BYTES = 2**16
COMPLAINT_BYTES = 4096  # Of what the child's Python prints when it cannot even start.
EXIT_S = 1.0  # For a child that has closed its output to end by itself, so that its exit status can be told.
CPUCLOCK_SCHED = 2  # clock_getcpuclockid(3), which Python does not have for other processes.


class Child:
    """One child process. `frames` talks to it, `end` leaves nothing of it."""

    def __init__(self, limits: Limits, script: Path = CHILD) -> None:
        self.limits = limits
        self.clock = Clock(limits.wall_s)
        self._is_ready = False
        self._output_ended = False
        self._complaint = b""
        self._request = b""
        self._process = start(limits, script)
        self.pid = self._process.pid
        self._selector = selectors.DefaultSelector()
        self._selector.register(_pipe(self._process.stdout), selectors.EVENT_READ)
        self._selector.register(_pipe(self._process.stderr), selectors.EVENT_READ)

    def ask(self, request: bytes) -> None:
        """Send a line to the child, while its frames are read."""
        stdin = _pipe(self._process.stdin)
        if not self._request and not stdin.closed:
            self._selector.register(stdin, selectors.EVENT_WRITE)
        self._request += request

    def allow_cpu(self, cpu_s: float) -> None:
        """Give the child so much processor time from now on, where this process may: root in a container may not.

        Where it may not, the limit on the child's whole life is all there is besides the clock (G2).
        """
        with contextlib.suppress(ProcessLookupError, OSError, ValueError):
            spent_s = time.clock_gettime(~self.pid << 3 | CPUCLOCK_SCHED)
            _soft, hard = resource.prlimit(self.pid, resource.RLIMIT_CPU)
            soft = int(spent_s + cpu_s) + 1
            soft = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
            resource.prlimit(self.pid, resource.RLIMIT_CPU, (soft, hard))

    def suspend(self) -> None:
        """Stop the child's processes: whatever runs in there, nothing does until `resume` (G6)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the child go on."""
        self._signal(signal.SIGCONT)

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        """Every frame of the child after the one that says it is ready, up to the end of its output."""
        reader = FrameReader(self.limits.frame_bytes)
        while not self._output_ended:
            for frame in reader.feed(self._exchange()):
                yield from self._after_ready(*frame)
        raise self._ended_early()

    def end(self) -> None:
        """Kill the process group and reap the child (G1). May be called again."""
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            _pipe(pipe).close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _exchange(self) -> bytes:
        """Wait once, serve every pipe that is ready, and return what came on standard output."""
        output = b""
        for key, _ in self._selector.select(self.clock.left_s()):
            if key.fileobj is self._process.stdin:
                self._write(key.fd)
            elif key.fileobj is self._process.stdout:
                output = self._read(key)
                self._output_ended = not output
            else:
                self._complaint = (self._complaint + self._read(key))[-COMPLAINT_BYTES:]
        return output

    def _write(self, descriptor: int) -> None:
        """Write some of the request; close the pipe when nobody is there to read."""
        stdin = _pipe(self._process.stdin)
        try:
            self._request = self._request[os.write(descriptor, self._request[:READ_BYTES]) :]
        except BrokenPipeError:
            self._request = b""
            self._selector.unregister(stdin)
            stdin.close()
            return
        if not self._request:
            self._selector.unregister(stdin)

    def _read(self, key: selectors.SelectorKey) -> bytes:
        data = os.read(key.fd, READ_BYTES)
        if not data:
            self._selector.unregister(key.fileobj)
        return data

    def _after_ready(self, kind: bytes, body: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pass a frame on, but for the first one, which says whether the sandbox stands (G4)."""
        if self._is_ready:
            yield kind, body
        elif kind == b"R":
            self._is_ready = True
        elif kind == b"U":
            layer, _, detail = body.decode(errors="replace").partition("\n")
            raise SandboxUnavailable(layer, detail)
        else:
            raise SandboxUnavailable("start", f"the child began with a frame {kind!r}")

    def _ended_early(self) -> Exception:
        """About a child whose output ended before the frame that ends a run."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_S)
        self.end()
        status = self._process.returncode
        if self._is_ready or status == -signal.SIGKILL:
            return from_exit(status, self.limits)
        complaint = self._complaint.decode(errors="replace").strip().split("\n")[-1]
        return SandboxUnavailable("start", f"the child ended with status {status}: {complaint}")


def start(limits: Limits, script: Path) -> subprocess.Popen[bytes]:
    """A child with an empty environment, in its own session, with pipes only. Raises SandboxUnavailable."""
    command = [sys.executable, "-I", "-S", "-B", str(script)]
    engine_limits = f"{limits.memory_bytes}:{limits.stack_bytes}:{limits.wall_s}"
    resources = [f"{name}:{soft}:{hard}" for name, soft, hard in limits.resources]
    effort = "best-effort" if limits.best_effort else "strict"
    arguments = [str(os.getpid()), str(_engine_folder()), engine_limits, effort, *resources]
    try:
        process = subprocess.Popen(
            command + arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={},
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxUnavailable("start", str(error)) from error
    os.set_blocking(_pipe(process.stdin).fileno(), False)
    return process


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # Popen was told to make all three.
    return pipe


def _engine_folder() -> Path:
    """Where the engine's extension module lies, which the child cannot find by itself."""
    found = importlib.util.find_spec("_quickjs")
    if found is None or found.origin is None:
        raise SandboxUnavailable("engine", "the quickjs-ng package is not installed")
    return Path(found.origin).parent
