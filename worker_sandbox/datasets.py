"""Turns the JSON text that comes out of the child into msgpack blobs, and trusts none of it."""

from __future__ import annotations

import itertools
import json
from typing import Any, NoReturn

import msgpack

from worker_sandbox.failures import (
    dataset_too_large,
    datasets_too_large,
    too_many_datasets,
    unreadable_output,
)
from worker_sandbox.limits import Limits


class DatasetPacker:
    """Packs chunk after chunk and keeps the limits on datasets, which count over the whole run."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._position = 0
        self._bytes = 0
        self._pack = msgpack.Packer().pack

    def pack(self, body: bytes) -> list[bytes]:
        """One msgpack blob for each JSON object in `body`, which has commas between them.

        An integer that fits is a msgpack integer, any other number a 64-bit float: numbers are JavaScript's.
        Raises GeneratorFailed for anything that is not a list of objects within the limits.
        """
        datasets = _parse(body)
        if self._position + len(datasets) > self._limits.datasets:
            raise too_many_datasets(self._limits)
        is_flat = b"[" not in body and body.count(b"{") == len(datasets)
        return [self._pack_one(dataset, is_flat) for dataset in datasets]

    def _pack_one(self, dataset: object, is_flat: bool) -> bytes:
        if type(dataset) is not dict:
            raise unreadable_output(f"dataset {self._position} is not an object")
        if not is_flat and _is_deeper(dataset, self._limits.depth):
            raise unreadable_output(f"dataset {self._position} is nested too deeply")
        try:
            blob: bytes = self._pack(dataset)
        except (ValueError, OverflowError) as error:  # Surrogates, an integer beyond 64 bits.
            raise unreadable_output(f"dataset {self._position}: {error}") from error
        self._bytes += len(blob)
        if len(blob) > self._limits.dataset_bytes:
            raise dataset_too_large(self._position, self._limits)
        if self._bytes > self._limits.total_bytes:
            raise datasets_too_large(self._limits)
        self._position += 1
        return blob


def _parse(body: bytes) -> list[Any]:
    try:
        parsed = json.loads(f"[{body.decode()}]", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise unreadable_output("it is not JSON") from error
    if not isinstance(parsed, list):
        raise unreadable_output("it is not a list")
    return parsed


def _is_deeper(dataset: dict[str, object], levels: int) -> bool:
    """Whether objects and arrays are nested in more than `levels` levels; the dataset itself is the first.

    Level by level, because a megabyte may hold 300,000 empty arrays, and a call for each would take half a second.
    """
    level: list[Any] = [dataset]
    for _ in range(levels):
        members = itertools.chain.from_iterable(each.values() if type(each) is dict else each for each in level)
        level = [member for member in members if type(member) is dict or type(member) is list]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
