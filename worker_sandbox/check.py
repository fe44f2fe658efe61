"""What each layer of the sandbox is like on this machine: found out by putting them up, not by asking for versions."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from worker_sandbox import landlock, lockdown
from worker_sandbox.failures import GeneratorFailed, SandboxUnavailable
from worker_sandbox.limits import Limits
from worker_sandbox.parent import start
from worker_sandbox.session import generate

SCRIPT = Path(__file__).with_name("check_child.py")
TIMEOUT_S = 30.0
ENGINE = "ENGINE"
State = Literal["holds", "absent", "failed"]


@dataclass(frozen=True)
class Layer:
    """One layer. state: `absent` is what the kernel does not have; detail: why it does not hold, else what it is."""

    name: str
    state: State
    detail: str = ""


def check(*, best_effort: bool = False) -> list[Layer]:
    """Put every layer up in a child, in order, then run a generator; returns what became of each.

    best_effort: as in `Limits`, for the generator that is run last.
    """
    limits = Limits()
    try:
        output, status = _try_layers(limits)
    except SandboxUnavailable as error:
        return [Layer(error.layer, "failed", str(error))]
    found = {layer.name: layer for layer in map(_parse, output.splitlines())}
    names = [name for name, _ in lockdown.layers(limits.resources, 0)]
    missing = f"the child ended before, with status {status}"
    found_layers = [found.get(name, Layer(name, "failed", missing)) for name in names]
    return [_confirm(layer, status) for layer in found_layers] + [_try_engine(best_effort)]


def _try_layers(limits: Limits) -> tuple[str, int]:
    """Return what the child says, and its exit status."""
    process = start(limits, SCRIPT)
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    return output.decode(errors="replace"), process.returncode


def _parse(line: str) -> Layer:
    name, word, detail = (line.split("\t") + ["", ""])[:3]
    state: State = "holds" if word == "holds" else "absent" if word == "absent" else "failed"
    return Layer(name, state, detail)


def _confirm(layer: Layer, status: int) -> Layer:
    """The child ends with a system call that is on no list: only the filter's own signal proves the filter."""
    if layer.name == "SECCOMP" and layer.state == "holds" and status != -signal.SIGSYS:
        return Layer(layer.name, "failed", f"the system accepted it and lets any call through (status {status})")
    if layer.name == landlock.LAYER and layer.state == "holds":
        return Layer(layer.name, "holds", f"version {landlock.find_version()}")
    return layer


def _try_engine(best_effort: bool) -> Layer:
    try:
        with generate("({ main: () => [{}] })", seed=0, now_ms=0, limits=Limits(best_effort=best_effort)) as run:
            list(run)
    except (GeneratorFailed, SandboxUnavailable) as error:
        return Layer(ENGINE, "failed", str(error))
    return Layer(ENGINE, "holds", "a generator ran inside")
