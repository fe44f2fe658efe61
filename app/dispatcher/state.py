"""What the dispatcher remembers: members, campaigns, and the datasets that this process holds."""

from __future__ import annotations

import dataclasses
from collections import deque

from app.records import ScheduleView

RETRY_ALONE_S = 5.0  # a dataset that failed here may be tried here again when nobody else asked for that long
RETRIES_SCANNED = 32


@dataclasses.dataclass(slots=True, eq=False)
class HeldBlock:
    """A leased range; when nothing of it remains, its row in the ledger goes."""

    campaign: int
    run: int
    low: int
    remaining: int


@dataclasses.dataclass(slots=True, eq=False)
class Held:
    """One dataset of a leased range.

    It is in exactly one place (D8): pending, a retry, a live lease, or answered. Copies in lapsed leases do not count.
    """

    position: int
    data: bytes
    block: HeldBlock
    attempts: int = 0
    losses: int = 0
    answered: bool = False
    failed_by: set[int] = dataclasses.field(default_factory=set)  # volunteers
    retry_at: float = 0.0


@dataclasses.dataclass(slots=True, eq=False)
class Lease:
    """The right of one member to compute one dataset until a deadline."""

    held: Held
    granted_at: float
    deadline: float
    lapsed: bool = False


@dataclasses.dataclass(slots=True, eq=False)
class Member:
    """One connection that serves a campaign."""

    id: int
    campaign: CampaignState
    volunteer: int
    batched: bool
    takes_any: bool
    threads: int
    want: int = 0
    leases: dict[int, Lease] = dataclasses.field(default_factory=dict)
    next_lease: int = 0
    has_failed_to_load: bool = False
    in_flight: int = 0  # answers on their way to the disk
    parked_want: int = 0  # what it adds to its campaign's waiting_want
    told_idle: bool = False
    leaving: bool = False  # its End or Reassign was decided


@dataclasses.dataclass(slots=True, eq=False)
class CampaignState:
    """One campaign as far as this process serves it."""

    view: ScheduleView
    deadline_s: float
    members: dict[int, Member] = dataclasses.field(default_factory=dict)
    waiting: dict[int, Member] = dataclasses.field(default_factory=dict)  # want > 0 and nothing to give; oldest first
    pending: deque[Held] = dataclasses.field(default_factory=deque)
    retries: list[Held] = dataclasses.field(default_factory=list)
    blocks: set[HeldBlock] = dataclasses.field(default_factory=set)
    fetching: bool = False
    dry_until: float = 0.0  # the ledger had nothing; not asked again before
    handed_out: int = 0
    handed_out_last_second: int = 0
    leases_out: int = 0
    threads: int = 0  # of all members
    waiting_want: int = 0  # of all that wait
    left_at: float = 0.0

    @property
    def id(self) -> int:
        """The campaign's id."""
        return self.view.campaign_id

    @property
    def run(self) -> int:
        """The run in force."""
        return self.view.run

    @property
    def stock(self) -> int:
        """Datasets held here that nobody computes."""
        return len(self.pending) + len(self.retries)

    @property
    def has_stock(self) -> bool:
        """Whether there is anything to hand out."""
        return bool(self.pending or self.retries)

    def park(self, member: Member) -> None:
        """Let a member wait behind the others for what it wants."""
        self.unpark(member)
        self.waiting[member.id] = member
        member.parked_want = member.want
        self.waiting_want += member.want

    def unpark(self, member: Member) -> None:
        """Take a member out of those that wait, if it is one of them."""
        if self.waiting.pop(member.id, None) is not None:
            self.waiting_want -= member.parked_want

    def pop_pending(self, volunteer: int, now: float) -> Held | None:
        """Take the next dataset for a volunteer: one that another failed at, else the first pending one."""
        self.retries = [held for held in self.retries if not held.answered] if self.retries else self.retries
        for index, held in enumerate(self.retries[:RETRIES_SCANNED]):
            if volunteer not in held.failed_by or now >= held.retry_at:
                del self.retries[index]
                return held
        while self.pending:
            held = self.pending.popleft()
            if not held.answered:  # a lapsed lease was answered after all
                return held
        return None

    def put_back(self, held: Held) -> None:
        """Make a dataset pending again, before the others: it has waited longest. Unless others may hold it now."""
        if not held.answered and held.block in self.blocks:
            self.pending.appendleft(held)

    @property
    def known_lows(self) -> list[int]:
        """The low ends of the ranges held here."""
        return sorted(block.low for block in self.blocks)

    def forget_stock(self) -> list[int]:
        """Drop every held block and return the low ends of those that were not finished."""
        lows = self.known_lows
        self.pending.clear()
        self.retries.clear()
        self.blocks.clear()
        return lows
