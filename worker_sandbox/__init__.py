"""Runs dataset generators, which nobody has reviewed, where they can do no harm.

A generator runs in QuickJS, in a process of its own that has no files, no network and little of anything else
(`child.py`, `lockdown.py`); it hands out JSON text, which this side checks and packs (`parent.py`,
`datasets.py`).
This package imports nothing of the application.

What a dataset may be, for the people who write generators:

- a plain object of plain objects, arrays, strings, finite numbers, booleans and null, 64 levels deep at most;
- a field whose value is undefined is left out, as JSON does; an undefined in an array is refused, and so is
  anything else that could not be stored as what it is (functions, BigInt, Date, Map, typed arrays, objects of
  a class);
- integers up to 2**53 - 1 in size are stored as integers, every other number as a 64-bit float;
- only an object's own enumerable fields with string names are stored. -0 is stored as 0.

Datasets are numbered from 0. `Math.random` is seeded and the clock stands still, so that a run can be
repeated.
"""

from worker_sandbox.check import Layer, check
from worker_sandbox.failures import GeneratorFailed, GeneratorKilled, SandboxUnavailable
from worker_sandbox.limits import Limits
from worker_sandbox.session import Chunks, Session, generate

__all__ = [
    "Chunks",
    "GeneratorFailed",
    "GeneratorKilled",
    "Layer",
    "Limits",
    "SandboxUnavailable",
    "Session",
    "check",
    "generate",
]
