"""What the generators' sandbox is on this machine, by its own check: the tests expect that much, here and anywhere."""

from __future__ import annotations

import dataclasses
import functools

import worker_sandbox


@functools.cache
def find_layers() -> dict[str, worker_sandbox.Layer]:
    """Return every layer by name, with its state on this machine."""
    return {layer.name: layer for layer in worker_sandbox.check(best_effort=True)}


def holds(name: str) -> bool:
    """Say whether this machine has a layer."""
    return find_layers()[name].state == "holds"


def fit(limits: worker_sandbox.Limits | None = None) -> worker_sandbox.Limits:
    """Return these limits, or the usual ones, so that generators run on this machine."""
    return dataclasses.replace(limits or worker_sandbox.Limits(), best_effort=is_best_effort())


def is_best_effort() -> bool:
    """Say whether this machine lacks a layer that an operator may do without; then the tests do, too."""
    return any(layer.state == "absent" for layer in find_layers().values())
