"""Runs real generators in real children, and sees to it that no child outlives its run."""

import os
from contextlib import AbstractContextManager
from typing import Any

import msgpack
import pytest

import worker_sandbox
from tests import sandbox
from worker_sandbox import Chunks, GeneratorFailed, Limits

NOW_MS = 1_700_000_000_000


def generate(source: str, *, limits: Limits | None = None, **options: Any) -> AbstractContextManager[Chunks]:
    """Run a generator with what this machine has of a sandbox."""
    return worker_sandbox.generate(source, limits=sandbox.fit(limits), **options)


def assert_gone(pid: int) -> None:
    """Dead and reaped: a zombie would still be found."""
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def chunks_of(source: str, *, seed: int = 1, now_ms: int = NOW_MS, **options: Any) -> list[list[bytes]]:
    run: Chunks | None = None
    try:
        with generate(source, seed=seed, now_ms=now_ms, **options) as run:
            return list(run)
    finally:
        if run is not None:
            assert_gone(run.pid)


def datasets_of(source: str, **options: Any) -> list[Any]:
    return [msgpack.unpackb(blob) for chunk in chunks_of(source, **options) for blob in chunk]


def failure_of(source: str, **options: Any) -> GeneratorFailed:
    with pytest.raises(GeneratorFailed) as caught:
        chunks_of(source, **options)
    return caught.value


def returning(datasets: str) -> str:
    """A generator whose main returns this JavaScript expression."""
    return "({ main() { return %s; } })" % datasets  # noqa: UP031 (braces)
