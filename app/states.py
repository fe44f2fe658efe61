"""The states of things, one enum each."""

from __future__ import annotations

import enum


class Generation(enum.StrEnum):
    """How far the dataset generator has come."""

    WAITING = "waiting"  # nobody runs the generator; background claims it
    RUNNING = "running"  # the process named in schedule.generator runs it
    DONE = "done"  # every dataset is stored
    FAILED = "failed"  # the generator could not finish; schedule.generation_error says why


class Intent(enum.StrEnum):
    """What the owner wants of the campaign."""

    RUNNING = "running"
    PAUSED = "paused"


class ResultKind(enum.IntEnum):
    """How a dataset ended."""

    VALUE = 0  # main returned something: data holds it
    NOTHING = 1  # main returned null or undefined
    FAILED = 2  # max_attempts tries threw or timed out
