"""A run of a dataset generator: opened once, then asked for datasets, step by step or all at once."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path

from worker_sandbox.datasets import DatasetPacker
from worker_sandbox.failures import (
    from_report,
    stopped_by_engine,
    unreadable_output,
)
from worker_sandbox.limits import Limits
from worker_sandbox.parent import CHILD, Child

UNBOUNDED = 2**53
UTF8_PER_UNIT = 3  # A UTF-16 unit is three bytes of UTF-8 at most.
LIFE_CPU_S = 3600  # A child that lives from pull to pull; after this it is killed, and replayed in a fresh one.


class Session:
    """One generator in one child. A context manager: when it is left, nothing of the child remains (G1).

    source: one JavaScript file, an expression (or a program whose completion value counts) that evaluates to
    `{main}`.
    seed: what `Math.random` starts from. now_ms: what `Date` says, in milliseconds since 1970; it stands still.
    in_steps: a lock-step generator is going to be pulled from for as long as somebody needs datasets. Then the
    limits on their number and size in all are for arrays alone, and so is the one on processor time.

    Making it raises SandboxUnavailable when the child cannot be started. Every other method raises that when a
    limit could not be set, and GeneratorFailed for whatever the generator does wrong; after either there is
    nothing more to ask. The child dies with the thread that made the session; any thread may use it, one at a time.
    """

    def __init__(
        self,
        source: str,
        *,
        seed: int,
        now_ms: int,
        limits: Limits | None = None,
        in_steps: bool = False,
        script: Path = CHILD,
    ) -> None:
        self.limits = limits or Limits()
        if in_steps:
            self.limits = dataclasses.replace(self.limits, life_cpu_s=LIFE_CPU_S)
        self._in_steps = in_steps
        self.position = 0
        """How many datasets came so far: the number of the next one."""
        self.is_lockstep = False
        """Whether `main` returned an iterator, such as a `function*` does, and not an array."""
        self.has_ended = False
        """Whether the generator said that there are no more datasets."""
        self._child = Child(self.limits, script)
        self.pid = self._child.pid
        self._frames = self._child.frames()
        self._packer = DatasetPacker(self.limits)
        self._is_open = False
        self._child.ask(_opening(source, seed, now_ms, self.limits))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def open(self) -> None:
        """Evaluate the source and call `main`, unless that was done."""
        if self._is_open:
            return
        with self._child.clock.running():
            kind, body = next(self._frames)
        if kind not in (b"A", b"I"):
            self._raise_failure(kind, body)
        self._is_open, self.is_lockstep = True, kind == b"I"
        if self.is_lockstep and self._in_steps:
            self._packer = DatasetPacker(dataclasses.replace(self.limits, datasets=UNBOUNDED, total_bytes=UNBOUNDED))

    def pull(self, count: int, *, units: int = UNBOUNDED, budget_s: float | None = None) -> Iterator[list[bytes]]:
        """Ask for the next `count` datasets and yield them as lists of msgpack blobs, as they come.

        units: how much JSON text, in UTF-16 units, may come before the request counts as answered early.
        budget_s: how long the parent waits for the answer; None: `limits.wall_s`, which the first request shares
        with the opening.
        """
        self.open()
        if self.has_ended or count <= 0:
            return
        if budget_s is not None or self.position:
            self._child.clock.restart(budget_s or self.limits.wall_s)
        if budget_s is not None or self.position or self._in_steps:
            self._child.allow_cpu(budget_s or self.limits.cpu_s)
        self._child.resume()
        self._child.ask(b"%d %d\n" % (count, units))
        yield from self._receive(count, units)
        self._child.suspend()

    def end(self) -> None:
        """Kill the child, if it lives (G1). May be called again."""
        self._child.end()

    def _receive(self, count: int, units: int) -> Iterator[list[bytes]]:
        last = self.position + count
        bytes_left = UTF8_PER_UNIT * units + self.limits.frame_bytes
        clock = self._child.clock
        with clock.running():
            for kind, body in self._frames:
                clock.left_s()
                if kind in (b"P", b"E"):
                    self.has_ended = kind == b"E"
                    return
                if kind != b"C":
                    self._raise_failure(kind, body)
                blobs = self._packer.pack(body)
                self.position += len(blobs)
                bytes_left -= len(body)
                if self.position > last or bytes_left < 0:
                    raise unreadable_output("there is more of it than was asked for")
                with clock.paused():
                    yield blobs

    def _raise_failure(self, kind: bytes, body: bytes) -> None:
        if kind == b"X":
            raise from_report(body, self.limits)
        if kind == b"K":
            raise stopped_by_engine(body, self.limits)
        raise unreadable_output("it is not made of frames")


class Chunks:
    """Iterates over the lists of msgpack blobs of one run. `pid` is the child's."""

    def __init__(self, session: Session, skip: int) -> None:
        self.pid = session.pid
        self._chunks = _iter_chunks(session, skip)

    def __iter__(self) -> Iterator[list[bytes]]:
        return self._chunks

    def __next__(self) -> list[bytes]:
        return next(self._chunks)


@contextlib.contextmanager
def generate(
    source: str, *, seed: int, now_ms: int, skip: int = 0, limits: Limits | None = None, script: Path = CHILD
) -> Iterator[Chunks]:
    """Run a dataset generator in a fresh child to its end; yields an iterator of lists of msgpack blobs, in order.

    source, seed, now_ms: as of `Session`. skip: how many datasets to leave out; the first one yielded is the one with
    that number. script: what to start in the child's place, for the tests of the walls around it.

    Entering raises SandboxUnavailable when the child cannot be started, iterating raises it when a limit
    cannot be set, and GeneratorFailed for whatever the generator does wrong, also after some lists have been
    yielded. To be left in the thread that entered it: the child dies with that thread.
    """
    with Session(source, seed=seed, now_ms=now_ms, limits=limits, script=script) as session:
        yield Chunks(session, skip)


def _iter_chunks(session: Session, skip: int) -> Iterator[list[bytes]]:
    for _ in session.pull(skip):
        pass
    yield from session.pull(session.limits.datasets + 1 - skip)  # One too many, to be told of it.


def _opening(source: str, seed: int, now_ms: int, limits: Limits) -> bytes:
    """What goes to the child first: the prelude's options in one line, the source in another, as JSON.

    In ASCII, because the engine's binding would cut a raw string at its first NUL.
    """
    options = {
        "chunk": limits.chunk,
        "chunkUnits": limits.chunk_bytes,
        "datasets": limits.datasets,
        "datasetUnits": limits.dataset_bytes,
        "depth": limits.depth,
        "nowMs": now_ms,
        "randomState": struct.unpack("<4i", hashlib.sha256(str(seed).encode()).digest()[:16]),
    }
    return f"{json.dumps(options)}\n{json.dumps(source)}\n".encode("ascii")
