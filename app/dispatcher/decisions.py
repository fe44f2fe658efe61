"""What the dispatcher decides; the hub acts on it."""

from __future__ import annotations

import dataclasses

from app.errors import CloseCode
from app.records import Failure, Outcome, Visitor


@dataclasses.dataclass(slots=True)
class Grant:
    """Send these datasets to a member. As a reply it also acknowledges the member's batch, and may be empty."""

    member: int
    datasets: list[tuple[int, bytes]]  # lease number, msgpack
    is_reply: bool


@dataclasses.dataclass(slots=True)
class Idle:
    """Tell a member that there is nothing to hand out now; its wish is remembered."""

    member: int


@dataclasses.dataclass(slots=True)
class End:
    """Close a member's connection."""

    member: int
    code: CloseCode
    reason: str


@dataclasses.dataclass(slots=True)
class Renew:
    """Tell a batched member that its campaign changed, and what it is now."""

    member: int


@dataclasses.dataclass(slots=True)
class Reassign:
    """Give a batched member that takes any campaign another one: this one, or whichever needs it most."""

    member: int
    campaign: int | None = None


@dataclasses.dataclass(slots=True)
class Fetch:
    """Lease a block of a campaign's datasets from the ledger; `fetched` tells the dispatcher what came of it."""

    campaign: int
    run: int
    datasets: int


@dataclasses.dataclass(slots=True)
class Borrow:
    """Look at what other processes hold of a campaign without a result; `borrowed` hands copies of it out (D7)."""

    campaign: int
    run: int
    datasets: int


@dataclasses.dataclass(slots=True)
class Release:
    """Give ranges back to the ledger: nobody here computes them any more."""

    campaign: int
    run: int
    lows: list[int]


@dataclasses.dataclass(slots=True)
class Store:
    """Commit these together, then call `committed`: whom to answer then (D2), and what it wanted with it."""

    member: int
    want: int
    replies: bool = True  # whether the commit is answered by a batch
    outcomes: list[Outcome] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    finished_blocks: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)  # campaign, run, low
    visitor: Visitor | None = None  # the hub's: the volunteer's row, where it has none yet
    held_bytes: int = 0  # the hub's: what the message takes until it has committed (D9)


Decision = Grant | Idle | End | Renew | Reassign | Fetch | Borrow | Release | Store
