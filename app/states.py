"""The states of things, one enum each."""

from __future__ import annotations

import enum


class Generation(enum.StrEnum):
    """How far the dataset generator has come."""

    WAITING = "waiting"  # nobody runs the generator; background claims it
    RUNNING = "running"  # the process named in schedule.generator runs it
    RESTING = "resting"  # enough is pending: a lock-step generator is pulled again when that has fallen to half
    FULL = "full"  # a lock-step generator has more datasets than the quota allows: it waits for its owner
    DONE = "done"  # every dataset is stored, or no more will come: schedule.generation_error says why, where it does
    FAILED = "failed"  # the generator could not finish, and nothing of it counts; schedule.generation_error says why

    @property
    def is_over(self) -> bool:
        """Whether what is stored is all that there is to compute, for as long as nobody does something about it."""
        return self in (Generation.DONE, Generation.FULL)


class Intent(enum.StrEnum):
    """What the owner wants of the campaign."""

    RUNNING = "running"
    PAUSED = "paused"


class ResultKind(enum.IntEnum):
    """How a dataset ended."""

    VALUE = 0  # main returned something: data holds it
    NOTHING = 1  # main returned null or undefined
    FAILED = 2  # max_attempts tries threw or timed out


class PreviewState(enum.StrEnum):
    """How far a preview has come."""

    WAITING = "waiting"
    RUNNING = "running"  # a background process runs it
    DONE = "done"  # there is an answer, which may be an error
