"""Leases: how datasets go out to members and come back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from app.dispatcher import spares
from app.dispatcher.decisions import Store
from app.dispatcher.holding import Holding
from app.dispatcher.state import RETRY_ALONE_S, CampaignState, Held, HeldBlock, Lease, Member
from app.errors import ProtocolError
from app.protocol import Answer, ErrorReport, Kind
from app.records import Block, Failure, Outcome
from app.states import ResultKind

NOBODY = -1  # the member of a store that nobody waits for
# Numbers, because drivers take their time over an enum's members.
VALUE, NOTHING, FAILED = ResultKind.VALUE.value, ResultKind.NOTHING.value, ResultKind.FAILED.value


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that the dispatcher goes by.

    Args:
        grace_s: seconds beyond its deadline before a dataset is given to another.
        block_max: most datasets to fetch at once.
        block_max_bytes: about the most bytes that come of a fetch (D9).
        max_attempts: tries of a dataset, before it counts as failed (D6).
        max_losses: volunteers that may vanish over a dataset, before it counts as failed.
        max_held: datasets that one volunteer may hold.
        max_grant_bytes: bytes of datasets in one frame, beyond its first dataset (D9).
        max_spares: spare copies of one campaign's datasets that are out at once (D7).
        release_after_s: seconds that a campaign without members keeps its ranges.
        pause_patience_s: seconds that a batched volunteer of a paused campaign stays.
    """

    grace_s: float = 15.0
    block_max: int = 4096
    block_max_bytes: int = 4 << 20
    max_attempts: int = 3
    max_losses: int = 10
    max_held: int = 1024
    max_grant_bytes: int = 4 << 20
    max_spares: int = 16
    release_after_s: float = 5.0
    pause_patience_s: float = 900.0


@dataclasses.dataclass(slots=True)
class Statistics:
    """Counts of what was not stored, and why."""

    duplicates: int = 0  # answered before, by this member or by another
    stale: int = 0  # of a run that is over, or a campaign that is gone
    lapsed: int = 0
    spares: int = 0


class Books(Protocol):
    """What leasing needs of the dispatcher."""

    rules: Rules
    holding: Holding
    peers: int
    campaigns: dict[int, CampaignState]
    statistics: Statistics

    def charge(self, campaign_id: int, seconds: float) -> None:
        """Count computing time of a member that takes any campaign (D10)."""


def add_block(campaign: CampaignState, block: Block) -> int:
    """Make the datasets of a freshly leased range pending; return the bytes that they take."""
    held_block = HeldBlock(block.campaign_id, block.run, block.low, len(block.datasets))
    held_block.held_bytes = sum(len(data) for _position, data, _attempts in block.datasets)
    campaign.blocks.add(held_block)
    campaign.pending.extend([Held(position, data, held_block, attempts) for position, data, attempts in block.datasets])
    return held_block.held_bytes


def grant(books: Books, member: Member, now: float) -> list[tuple[int, bytes]]:
    """Lease pending datasets to a member, as many as it wants and as is fair (D1); return (lease number, data)."""
    campaign, rules = member.campaign, books.rules
    limit = min(member.want, rules.max_held - len(member.leases))
    if limit > member.threads:
        limit = min(limit, _share(member, books.peers))
    helds: list[Held] = []
    size = 0
    while len(helds) < limit and size < rules.max_grant_bytes:
        held = campaign.pop_pending(member.volunteer, now)
        if held is None:
            break
        campaign.out[held] = None
        helds.append(held)
        size += len(held.data)
    is_spare = not helds and rules.max_spares > 0
    if is_spare:
        helds = _take_spares(books, member, now)
    granted = _lease(member, helds, rules.grace_s, now, is_spare=is_spare)
    member.want -= len(granted)
    campaign.handed_out += len(granted)
    return granted


def _lease(
    member: Member, helds: Sequence[Held], grace_s: float, now: float, *, is_spare: bool
) -> list[tuple[int, bytes]]:
    """Give a member the right to compute datasets; return the leases' numbers with the datasets."""
    leases, number, threads = member.leases, member.next_lease, member.threads
    deadline_s, version = member.campaign.deadline_s, member.campaign.view.kernel_version
    # Never before the deadline of the lease before it, so that a member's first lease is the first to lapse.
    floor = leases[next(reversed(leases))].deadline if leases else 0.0
    granted = []
    for held in helds:
        # Those before it are computed first.
        deadline = now + grace_s + deadline_s * (1 + len(leases) // threads)
        leases[number] = Lease(held, now, deadline if deadline > floor else floor, version, is_spare)
        held.copies += 1
        granted.append((number, held.data))
        number += 1
    member.next_lease = number
    return granted


def _share(member: Member, peers: int) -> int:
    # Guided self-scheduling (Polychronopoulos and Kuck 1987): grants shrink as the rest does, so that no tab ends up
    # holding the tail; yet each thread gets something to do.
    campaign = member.campaign
    threads = max(1, campaign.threads) * max(1, peers)
    return max(member.threads, -(-campaign.rest * member.threads // (2 * threads)))


def _take_spares(books: Books, member: Member, now: float) -> list[Held]:
    helds: list[Held] = []
    idle_threads = member.threads - sum(not lease.lapsed for lease in member.leases.values())
    while len(helds) < min(member.want, idle_threads):
        held = spares.take(member, books.rules.max_spares, now)
        if held is None:
            break
        books.statistics.spares += 1
        helds.append(held)
    return helds


# --- answers ---------------------------------------------------------------------------------------------------------


def refuse_lies(member: Member, answers: Sequence[Answer]) -> None:
    """Look at all lease numbers before any of them counts: of a batch with a lie in it nothing is settled or stored.

    Raises:
        ProtocolError: this connection was never issued one of them (D4).
    """
    if not member.batched:
        if not member.leases:
            raise ProtocolError("No dataset is waiting for an answer.")
        return
    issued = member.next_lease
    for answer in answers:
        if answer.lease is not None and answer.lease >= issued:
            raise ProtocolError(f"Lease {answer.lease} was never issued on this connection.")


def take_answer(books: Books, member: Member, answer: Answer, store: Store, now: float) -> None:
    """Settle one lease by its answer, adding to `store` what has to be written."""
    lease = _pop_lease(books, member, answer.lease)
    if lease is None:
        return
    held = lease.held
    campaign = books.campaigns.get(held.block.campaign)
    if campaign is None or campaign.run != held.block.run:
        books.statistics.stale += 1
        return
    elapsed_ms = int((now - lease.granted_at) * 1000)
    compute_ms = elapsed_ms if answer.compute_ms is None else min(answer.compute_ms, elapsed_ms)
    if member.takes_any:
        books.charge(campaign.id, compute_ms / 1000)
    if not lease.lapsed:
        spares.end_copy(campaign, lease)
    if answer.kind is Kind.RESULT:
        _finish(books, campaign, lease, store, VALUE, answer.data, compute_ms, member.volunteer)
    elif answer.kind is Kind.NOTHING:
        _finish(books, campaign, lease, store, NOTHING, None, compute_ms, member.volunteer)
    elif held.answered:
        books.statistics.duplicates += 1
    elif answer.kind is Kind.ERROR:
        _fail(books, member, lease, answer.error or ErrorReport("Error", "", ""), store, now)
    elif not lease.lapsed and not held.copies:
        campaign.put_back(held)


def _pop_lease(books: Books, member: Member, number: int | None) -> Lease | None:
    if number is None:  # the classic dialect: its only one
        return member.leases.popitem()[1]
    lease = member.leases.pop(number, None)
    if lease is None:
        books.statistics.duplicates += 1
    return lease


def _finish(
    books: Books,
    campaign: CampaignState,
    lease: Lease,
    store: Store,
    kind: int,
    data: bytes | None,
    compute_ms: int,
    volunteer: int,
) -> None:
    held, version = lease.held, lease.kernel_version
    block = held.block
    store.outcomes.append(Outcome(block.campaign, block.run, held.position, kind, data, compute_ms, volunteer, version))
    if held.answered:
        # The ledger keeps the first that commits (D3), and that need not be the first that came: it may refuse one.
        books.statistics.duplicates += 1
        return
    held.answered = True
    if held.copies:
        spares.forget(campaign, held)
    campaign.finished += 1
    block.remaining -= 1
    # The row of a range that was forgotten is not ours to take away: the ledger may lack what it refused of it.
    if block.remaining == 0 and block in campaign.blocks:
        store.finished_blocks.append((block.campaign, block.run, block.low))
        campaign.blocks.discard(block)
        campaign.ending.add(block.low)
        books.holding.give(block.held_bytes)


def _fail(books: Books, member: Member, lease: Lease, error: ErrorReport, store: Store, now: float) -> None:
    """Count an attempt; the last one makes the dataset FAILED, the others leave it for somebody else (D6)."""
    held = lease.held
    campaign = books.campaigns[held.block.campaign]
    held.attempts += 1
    store.failures.append(_failure(member, lease, error))
    if held.attempts >= books.rules.max_attempts:
        _finish(books, campaign, lease, store, FAILED, None, 0, member.volunteer)
        return
    held.failed_by = {*held.failed_by, member.volunteer}
    held.retry_at = now + RETRY_ALONE_S
    if held.block.borrowed:
        campaign.borrowed_failed.setdefault(held.position, set()).add(member.volunteer)
    if lease.lapsed:
        campaign.keep_from(held)
    elif not held.copies:  # else it is for the holder of the other copy to end
        campaign.put_back(held)


def load_failure(member: Member, error: ErrorReport) -> Failure:
    """Return what is written of a kernel that did not load: no dataset is to blame."""
    view = member.campaign.view
    return Failure(
        view.campaign_id, view.run, None, member.volunteer, view.kernel_version, error.name, error.message, error.stack
    )


def _failure(member: Member, lease: Lease, error: ErrorReport) -> Failure:
    held, version = lease.held, lease.kernel_version
    block = held.block
    return Failure(
        block.campaign, block.run, held.position, member.volunteer, version, error.name, error.message, error.stack
    )


# --- leases that end without an answer ------------------------------------------------------------------------------


def return_leases(books: Books, member: Member, *, blame: bool) -> Store | None:
    """Make a member's datasets pending again (D5); those that it was computing count one loss where it is to blame.

    The leases stay in the member's hands as lapsed ones.
    """
    store = Store(NOBODY, 0)
    for index, lease in reversed(list(enumerate(member.leases.values()))):
        _return_lease(books, member, lease, store, lost=blame and index < member.threads)
    return store if store.outcomes else None


def lapse(books: Books, member: Member, now: float) -> Store | None:
    """Make datasets whose deadline passed pending again. Their answers still count, if they are the first."""
    store = Store(NOBODY, 0)
    for lease in member.leases.values():
        if lease.deadline > now:
            break  # the later ones have later deadlines
        if not lease.lapsed:
            books.statistics.lapsed += 1
            _return_lease(books, member, lease, store, lost=True)
    return store if store.outcomes else None


def _return_lease(books: Books, member: Member, lease: Lease, store: Store, *, lost: bool) -> None:
    held = lease.held
    campaign = books.campaigns.get(held.block.campaign)
    already, lease.lapsed = lease.lapsed, True
    if already or campaign is None or campaign.run != held.block.run:
        return
    spares.end_copy(campaign, lease)
    if held.answered:
        return
    held.losses += lost
    if held.copies:
        return  # somebody else computes it
    if held.losses < books.rules.max_losses:
        campaign.put_back(held)
        return
    error = ErrorReport("VolunteersVanished", f"{held.losses} volunteers in a row vanished over this dataset.", "")
    store.failures.append(_failure(member, lease, error))
    _finish(books, campaign, lease, store, FAILED, None, 0, member.volunteer)
