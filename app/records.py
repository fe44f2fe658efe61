"""The values that travel between hub, dispatcher and ledger: what a row says, without the row."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from app.states import Generation, Intent


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """What is done of a run."""

    value_count: int = 0
    nothing_count: int = 0
    failed_count: int = 0
    compute_ms: int = 0
    result_bytes: int = 0

    @property
    def done(self) -> int:
        """Datasets that have an accepted outcome."""
        return self.value_count + self.nothing_count + self.failed_count


@dataclasses.dataclass(frozen=True, slots=True)
class Presence:
    """Who is there for a campaign at the moment: connections, and the threads that they offer."""

    volunteers: int = 0
    threads: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class ScheduleView:
    """What a hub needs to know of a campaign's schedule, read again every 250 ms."""

    campaign_id: int
    run: int
    kernel_version: int
    generation: Generation
    intent: Intent
    generated: int
    done: int
    deleted: bool

    @property
    def is_done(self) -> bool:
        """Every dataset that there will be has been generated and has its outcome."""
        return self.generation.is_over and self.done >= self.generated


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Datasets that this process may hand out: the pending ones of the positions low up to high."""

    campaign_id: int
    run: int
    low: int
    high: int
    datasets: list[tuple[int, bytes, int]]  # position, data, attempts that failed before


class Outcome(NamedTuple):
    """How a volunteer says a dataset ended: one row of result, if nobody was quicker.

    A tuple in the order of the statement's parameters, because tens of thousands are made and stored in a second.
    """

    campaign_id: int
    run: int
    position: int
    kind: int  # a ResultKind
    data: bytes | None
    compute_ms: int
    volunteer_id: int
    kernel_version: int


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """One throw, time-out or failed load of a kernel: one row of kernel_error. Position None: it did not load."""

    campaign_id: int
    run: int
    position: int | None
    volunteer_id: int
    kernel_version: int
    name: str
    message: str
    stack: str


@dataclasses.dataclass(frozen=True, slots=True)
class Visitor:
    """A volunteer's row, written with its first outcome."""

    id: int
    device: str
    agent: str
    address_hash: str


@dataclasses.dataclass(frozen=True, slots=True)
class GenerationClaim:
    """A campaign whose generator this process now runs; `generated` datasets are stored already.

    `digest` is theirs, in order, or None: nobody took it. `pending` of them were not handed out in this run.
    """

    campaign_id: int
    generated: int
    generated_bytes: int
    digest: str | None
    is_lockstep: bool
    pending: int


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: how many outcomes were new. The others had an outcome already (D3)."""

    new: int
    duplicates: int
