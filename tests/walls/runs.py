"""Runs attacks, and holds every one of them to what the parent promises."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import msgpack

import worker_sandbox
from tests import sandbox
from worker_sandbox import GeneratorFailed, Limits, SandboxUnavailable

HERE = Path(__file__).parent
CHILD = worker_sandbox.parent.CHILD
PYTHON_CHILD = HERE / "python_child.py"
RAW_CHILD = HERE / "raw_child.py"
LATE_S = 0.5
"""How long after the limit the parent may take to say what happened: what the product promises."""
TRIES, REST_S = 6, 0.5
"""A machine that is busy with other things may make anybody late, so that each further try comes after a longer rest; a
flaw of ours is late every time."""
GROWTH_BYTES = 64 * 2**20
PATIENT = Limits(wall_s=10)  # For what ends by itself, however busy the machine is.
KEPT, KEPT_BYTES = 1000, 1000  # The first datasets, if they are small: a consumer that keeps all would grow itself.


@dataclasses.dataclass(frozen=True)
class Observed:
    """What a run came to. datasets: the first small ones; count: how many there were in all."""

    datasets: list[Any]
    count: int
    error: GeneratorFailed | SandboxUnavailable | None
    took_s: float

    @property
    def said(self) -> list[Any]:
        """What `python_child.py` was told to say."""
        return [dataset["said"] for dataset in self.datasets]

    @property
    def message(self) -> str:
        """The sentence about the failure; empty: there was none."""
        return str(self.error or "")


def observe(source: str, *, script: Path = CHILD, limits: Limits | None = None, **options: Any) -> Observed:
    """Run a generator and return what was seen of it; fails when the run broke a promise.

    The promises: whatever happens, the parent knows within LATE_S after the limit, leaves no process of the child's
    session, grows by less than GROWTH_BYTES, and raises nothing but the two errors of the package.
    """
    limits = sandbox.fit(limits or Limits(wall_s=0.6))
    for number in range(TRIES):
        time.sleep(number * REST_S)
        peak_before, began = _reset_peak(), time.monotonic()
        seen = _run(source, script, limits, **options)
        seen = dataclasses.replace(seen, took_s=time.monotonic() - began)
        assert _peak() - peak_before < GROWTH_BYTES, "the parent grew"
        late_s = seen.took_s - limits.wall_s
        if late_s < LATE_S:
            return seen
    raise AssertionError(f"the parent was {late_s:.2f} s late")


def _run(source: str, script: Path, limits: Limits, **options: Any) -> Observed:
    datasets: list[Any] = []
    count, pid = 0, 0
    error: GeneratorFailed | SandboxUnavailable | None = None
    given = {"seed": 1, "now_ms": 0, **options}
    try:
        with worker_sandbox.generate(source, limits=limits, script=script, **given) as run:
            pid = run.pid
            for blobs in run:
                count += len(blobs)
                small = [blob for blob in blobs if len(blob) < KEPT_BYTES]
                datasets += map(msgpack.unpackb, small[: KEPT - len(datasets)])
    except (GeneratorFailed, SandboxUnavailable) as caught:
        error = caught
    _wait_until_gone(pid)
    return Observed(datasets, count, error, 0.0)


def observe_python(code: str, *, only: str | None = None, **options: Any) -> Observed:
    """Run Python in the child after its lock-down. only: the layers to put up, with commas; None: all of them."""
    options.setdefault("limits", PATIENT)
    header = "" if only is None else f"# only: {only}\n"
    return observe(header + code, script=PYTHON_CHILD, **options)


def _wait_until_gone(session: int, timeout_s: float = 1.0) -> None:
    """A child's own children take a moment to die after they were killed."""
    give_up_at = time.monotonic() + timeout_s
    while left := find_session(session):
        assert time.monotonic() < give_up_at, f"left behind: {left}"
        time.sleep(0.005)


def find_session(session: int) -> list[int]:
    """Return the processes of a session, with the zombies that this process has to reap."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # It has ended meanwhile.
            fields = path.read_text().rpartition(")")[2].split()
            is_others_zombie = fields[0] == "Z" and int(fields[1]) != os.getpid()
            if int(fields[3]) == session and not is_others_zombie:
                found.append(int(path.parent.name))
    return found


def _reset_peak() -> int:
    with contextlib.suppress(OSError):  # A kernel without it keeps the old peak, and both figures are of it.
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
