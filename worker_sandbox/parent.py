"""The parent: starts a child for one run, keeps the clock, and makes sure that nothing of it remains.

Promises, which the tests cite:

G1  When the context is left, however it is left, the child and all in its process group are dead and reaped.
G2  The parent waits for the child, and reads what it sent, for no longer than `limits.wall_s` in all, whatever the
    child does; it finishes the chunk at hand. Only the consumer's time does not count.
G3  Nothing the child sends can do more than end its own run with GeneratorFailed.
G4  A limit that cannot be set means SandboxUnavailable, and the generator does not run.
G5  The same source, seed and time give the same datasets; one with `skip` gives the same from there on.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import math
import os
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from worker_sandbox.datasets import DatasetPacker
from worker_sandbox.failures import (
    SandboxUnavailable,
    from_exit,
    from_report,
    ran_too_long,
    stopped_by_engine,
    unreadable_output,
)
from worker_sandbox.frames import FrameReader
from worker_sandbox.limits import Limits

CHILD = Path(__file__).with_name("child.py")
READ_BYTES = 2**16
COMPLAINT_BYTES = 4096  # Of what the child's Python prints when it cannot even start.
EXIT_S = 1.0  # For a child that has closed its output to end by itself, so that its exit status can be told.


class Chunks:
    """Iterates over the lists of msgpack blobs of one run. `pid` is the child's."""

    def __init__(self, child: Child, request: bytes, skip: int, limits: Limits) -> None:
        self.pid = child.pid
        self._chunks = _iter_chunks(child, request, DatasetPacker(limits, skip))

    def __iter__(self) -> Iterator[list[bytes]]:
        return self._chunks

    def __next__(self) -> list[bytes]:
        return next(self._chunks)


@contextlib.contextmanager
def generate(
    source: str,
    *,
    seed: int,
    now_ms: int,
    skip: int = 0,
    limits: Limits | None = None,
    best_effort: bool = False,
    script: Path = CHILD,
) -> Iterator[Chunks]:
    """Run a dataset generator in a fresh child; yields an iterator of lists of msgpack blobs, in order.

    source: one JavaScript file, an expression (or a program whose completion value counts) that evaluates to
    `{main}`.
    seed: what `Math.random` starts from. now_ms: what `Date` says, in milliseconds since 1970; it stands
    still.
    skip: how many datasets to leave out; the first one yielded is the one with that number.
    best_effort: go on without Landlock or seccomp where the kernel does not have them.
    script: what to start in the child's place, for the tests of the walls around it.

    Entering raises SandboxUnavailable when the child cannot be started, iterating raises it when a limit
    cannot be set, and GeneratorFailed for whatever the generator does wrong, also after some lists have been
    yielded. To be left in the thread that entered it: the child dies with that thread.
    """
    limits = limits or Limits()
    request = _request(source, seed, now_ms, skip, limits)
    child = Child(limits, best_effort, script)
    try:
        yield Chunks(child, request, skip, limits)
    finally:
        child.end()


def _request(source: str, seed: int, now_ms: int, skip: int, limits: Limits) -> bytes:
    """What goes to the child's standard input: the prelude's options in one line, then the source, as JSON.

    In ASCII, because the engine's binding would cut a raw string at its first NUL.
    """
    options = {
        "chunk": limits.chunk,
        "chunkUnits": limits.chunk_bytes,
        "datasets": limits.datasets,
        "datasetUnits": limits.dataset_bytes,
        "depth": limits.depth,
        "skip": skip,
        "nowMs": now_ms,
        "randomState": struct.unpack("<4i", hashlib.sha256(str(seed).encode()).digest()[:16]),
    }
    return f"{json.dumps(options)}\n{json.dumps(source)}".encode("ascii")


class Child:
    """One child process. `frames` talks to it, `end` leaves nothing of it."""

    def __init__(self, limits: Limits, best_effort: bool, script: Path) -> None:
        self.limits = limits
        self._ends_at = math.inf
        self._is_ready = False
        self._output_ended = False
        self._complaint = b""
        self._process = start(limits, best_effort, script)
        self.pid = self._process.pid

    def frames(self, request: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every frame of the child after the one that says it is ready, up to the end of its output."""
        process, reader = self._process, FrameReader(self.limits.frame_bytes)
        self._ends_at = time.monotonic() + self.limits.wall_s
        with selectors.DefaultSelector() as selector:
            selector.register(_pipe(process.stdin), selectors.EVENT_WRITE, memoryview(request))
            selector.register(_pipe(process.stdout), selectors.EVENT_READ)
            selector.register(_pipe(process.stderr), selectors.EVENT_READ)
            while not self._output_ended:
                for frame in reader.feed(self._exchange(selector)):
                    yield from self._after_ready(*frame)
        raise self._ended_early()

    def end(self) -> None:
        """Kill the process group and reap the child (G1). May be called again."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            _pipe(pipe).close()

    def _exchange(self, selector: selectors.BaseSelector) -> bytes:
        """Wait once, serve every pipe that is ready, and return what came on standard output."""
        output = b""
        for key, _ in selector.select(self.left_s()):
            if key.fileobj is self._process.stdin:
                self._write(selector, key)
            elif key.fileobj is self._process.stdout:
                output = self._read(selector, key)
                self._output_ended = not output
            else:
                self._complaint = (self._complaint + self._read(selector, key))[-COMPLAINT_BYTES:]
        return output

    def left_s(self) -> float:
        """Seconds left on the clock (G2). Raises GeneratorFailed when there are none."""
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise ran_too_long(self.limits)
        return left_s

    @contextlib.contextmanager
    def off_the_clock(self) -> Iterator[None]:
        """Stop the clock for as long as the consumer takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._ends_at += time.monotonic() - began

    def _write(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        """Write some of the request; close the pipe after the last of it, or when nobody is there to read."""
        try:
            rest = key.data[os.write(key.fd, key.data[:READ_BYTES]) :]
        except BrokenPipeError:
            rest = b""
        if rest:
            selector.modify(key.fileobj, selectors.EVENT_WRITE, rest)
        else:
            selector.unregister(key.fileobj)
            _pipe(self._process.stdin).close()

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> bytes:
        data = os.read(key.fd, READ_BYTES)
        if not data:
            selector.unregister(key.fileobj)
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
        if self._is_ready:
            return from_exit(status, self.limits)
        complaint = self._complaint.decode(errors="replace").strip().split("\n")[-1]
        return SandboxUnavailable("start", f"the child ended with status {status}: {complaint}")


def start(limits: Limits, best_effort: bool, script: Path) -> subprocess.Popen[bytes]:
    """A child with an empty environment, in its own session, with pipes only. Raises SandboxUnavailable."""
    command = [sys.executable, "-I", "-S", "-B", str(script)]
    engine_limits = f"{limits.memory_bytes}:{limits.stack_bytes}:{limits.wall_s}"
    resources = [f"{name}:{soft}:{hard}" for name, soft, hard in limits.resources]
    effort = "best-effort" if best_effort else "strict"
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


def _iter_chunks(child: Child, request: bytes, packer: DatasetPacker) -> Iterator[list[bytes]]:
    for kind, body in child.frames(request):
        child.left_s()
        if kind == b"C":
            blobs = packer.pack(body)
            with child.off_the_clock():
                yield blobs
        elif kind == b"E":
            return
        elif kind == b"X":
            raise from_report(body, child.limits)
        elif kind == b"K":
            raise stopped_by_engine(body, child.limits)
        else:
            raise unreadable_output("it is not made of frames")
