"""What the dispatcher remembers: members, campaigns, and the datasets that this process holds."""

from __future__ import annotations

import dataclasses
from collections import deque

from app.records import ScheduleView
from app.states import Generation, Intent

RETRY_ALONE_S = 5.0  # a dataset that failed here may be tried here again when nobody else asked for that long
RETRIES_SCANNED = 32
NOBODY_FAILED: frozenset[int] = frozenset()


@dataclasses.dataclass(slots=True, eq=False)
class HeldBlock:
    """A leased range; when nothing of it remains, its row in the ledger goes.

    A range of another process, of which this one computes copies (D7), is `borrowed`: its row is not ours.
    """

    campaign: int
    run: int
    low: int
    remaining: int
    held_bytes: int = 0
    borrowed: bool = False


@dataclasses.dataclass(slots=True, eq=False)
class Held:
    """One dataset of a leased range.

    It is in exactly one place (D8): pending, a retry, out with `copies` live leases, or answered.
    """

    position: int
    data: bytes
    block: HeldBlock
    attempts: int = 0
    losses: int = 0
    copies: int = 0  # leases that have neither been answered nor lapsed
    answered: bool = False
    failed_by: set[int] | frozenset[int] = NOBODY_FAILED  # volunteers
    retry_at: float = 0.0


@dataclasses.dataclass(slots=True, eq=False)
class Lease:
    """The right of one member to compute one dataset until a deadline."""

    held: Held
    granted_at: float
    deadline: float
    kernel_version: int  # that the dataset was handed out under: its result is of that kernel
    is_spare: bool = False
    lapsed: bool = False  # given to others, yet an answer counts if it is the first


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
    is_parked: bool = False
    parked_want: int = 0  # what it adds to its campaign's waiting_want
    told_idle: bool = False
    leaving: bool = False  # its End or Reassign was decided
    moving_to: int | None = None  # the campaign that it goes to when its hands are empty (D10)
    came_at: float = 0.0  # to this campaign
    has_resumed: bool = False  # it holds the leases of the connection whose ticket it brought


@dataclasses.dataclass(slots=True, eq=False)
class Departed:
    """What a lost connection held, for the one that comes back with its ticket (D4)."""

    campaign: int
    volunteer: int
    leases: dict[int, Lease]
    next_lease: int
    until: float


@dataclasses.dataclass(slots=True, eq=False)
class CampaignState:
    """One campaign as far as this process serves it."""

    view: ScheduleView
    deadline_s: float
    id: int = dataclasses.field(init=False)
    run: int = dataclasses.field(init=False)  # the one in force
    members: dict[int, Member] = dataclasses.field(default_factory=dict)
    waiting: dict[int, Member] = dataclasses.field(default_factory=dict)  # want > 0 and nothing to give; oldest first
    pending: deque[Held] = dataclasses.field(default_factory=deque)
    retries: list[Held] = dataclasses.field(default_factory=list)
    blocks: set[HeldBlock] = dataclasses.field(default_factory=set)
    ending: set[int] = dataclasses.field(default_factory=set)  # low ends of ranges whose last outcome has not committed
    # Datasets with live leases, oldest first: those that nobody else computes, and those with a spare copy (D7).
    out: dict[Held, None] = dataclasses.field(default_factory=dict)
    copied: dict[Held, None] = dataclasses.field(default_factory=dict)
    spares_out: int = 0
    borrowed: deque[Held] = dataclasses.field(default_factory=deque)  # of other processes' ranges, not handed out here
    borrowed_out: set[int] = dataclasses.field(default_factory=set)  # their positions while they are handed out here
    borrowed_failed: dict[int, set[int]] = dataclasses.field(default_factory=dict)  # position → volunteers it threw at
    fetching: bool = False
    fetch_is_void: bool = False  # it may have leased a block for the process that we are no longer
    dry_until: float = 0.0  # the ledger had nothing; not asked again before
    handed_out: int = 0
    handed_out_last_second: int = 0
    finished: int = 0  # since the view was read
    threads: int = 0  # of all members
    waiting_want: int = 0  # of all that wait
    paused_at: float = float("-inf")  # when it was last seen to be paused while it was served here
    left_at: float | None = None  # when it lost its last member, or was first seen without one
    is_runnable: bool = True
    is_closing: bool = False  # a member may have to go: the campaign is done, paused, deleted or cannot be generated

    def __post_init__(self) -> None:
        """Draw from the first view what is asked of it all the time."""
        self.see(self.view)

    def see(self, view: ScheduleView) -> None:
        """Take in how the ledger says it stands."""
        self.view, self.finished = view, 0
        self.id, self.run = view.campaign_id, view.run
        self.is_runnable = (
            view.intent is Intent.RUNNING and not view.deleted and view.generation is not Generation.FAILED
        )
        self.is_closing = view.is_done or not self.is_runnable

    @property
    def stock(self) -> int:
        """Datasets held here that nobody computes."""
        return len(self.pending) + len(self.retries)

    @property
    def has_stock(self) -> bool:
        """Whether there is anything to hand out."""
        return bool(self.pending or self.retries)

    @property
    def rest(self) -> int:
        """Datasets of the whole campaign that are neither finished nor out here, as far as this process knows."""
        gone = self.view.done + self.finished + len(self.out) + len(self.copied)
        return max(0, self.view.generated - gone)

    def park(self, member: Member) -> None:
        """Let a member wait behind the others for what it wants."""
        self.unpark(member)
        self.waiting[member.id] = member
        member.is_parked = True
        member.parked_want = member.want
        self.waiting_want += member.want

    def unpark(self, member: Member) -> None:
        """Take a member out of those that wait, if it is one of them."""
        if member.is_parked:
            del self.waiting[member.id]
            member.is_parked = False
            self.waiting_want -= member.parked_want

    def pop_pending(self, volunteer: int, now: float) -> Held | None:
        """Take the next dataset for a volunteer: one that another failed at, else the first pending one."""
        if self.retries and (held := self._pop_retry(volunteer, now)) is not None:
            return held
        pending = self.pending
        while pending:
            held = pending.popleft()
            if not held.answered:  # else a lapsed lease was answered after all
                return held
        return None

    def _pop_retry(self, volunteer: int, now: float) -> Held | None:
        self.retries = [held for held in self.retries if not held.answered]
        for index, held in enumerate(self.retries[:RETRIES_SCANNED]):
            if volunteer not in held.failed_by or now >= held.retry_at:
                del self.retries[index]
                return held
        return None

    def put_back(self, held: Held) -> None:
        """Make a dataset pending again, before the others: it has waited longest. Unless others may hold it now."""
        if held.answered or held.block not in self.blocks:
            return
        if held.failed_by:
            self.retries.append(held)
        else:
            self.pending.appendleft(held)

    def keep_from(self, held: Held) -> None:
        """Let a pending dataset that failed late, when its lease had lapsed, be tried by somebody else."""
        if held in self.pending:
            self.pending.remove(held)
            self.retries.append(held)

    @property
    def known_lows(self) -> list[int]:
        """The low ends of the ranges held here, with those whose rows go with the next commit."""
        return sorted({*self.ending, *(block.low for block in self.blocks)})

    def forget_stock(self) -> tuple[list[int], int]:
        """Drop every held block; return the low ends of those that were not finished, and how many bytes they took."""
        lows, size = sorted(block.low for block in self.blocks), sum(block.held_bytes for block in self.blocks)
        self.pending.clear()
        self.retries.clear()
        self.blocks.clear()
        self.ending.clear()
        self.borrowed.clear()
        return lows, size

    def forget_hands(self) -> None:
        """Count nothing as handed out any more: what was, was of a run that is over."""
        self.out.clear()
        self.copied.clear()
        self.borrowed_out.clear()
        self.borrowed_failed.clear()
        self.spares_out = 0
