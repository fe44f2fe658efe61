"""Leases: how datasets go out to members and come back."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from app.dispatcher.decisions import Receipt, Store
from app.dispatcher.state import RETRY_ALONE_S, CampaignState, Held, HeldBlock, Lease, Member
from app.errors import ProtocolError
from app.protocol import Answer, ErrorReport, Kind
from app.records import Block, Failure, Outcome
from app.states import ResultKind

NOBODY = -1  # the member of a receipt that nobody waits for


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that the dispatcher goes by.

    Args:
        grace_s: seconds beyond its deadline before a dataset is given to another.
        block_max: most datasets to fetch at once.
        max_attempts: tries of a dataset, before it counts as failed (D6).
        max_losses: volunteers that may vanish over a dataset, before it counts as failed.
        max_held: datasets that one volunteer may hold.
        release_after_s: seconds that a campaign without members keeps its ranges.
    """

    grace_s: float = 15.0
    block_max: int = 1024
    max_attempts: int = 3
    max_losses: int = 10
    max_held: int = 1024
    release_after_s: float = 5.0


@dataclasses.dataclass(slots=True)
class Statistics:
    """Counts of what was not stored, and why."""

    duplicates: int = 0  # answered before, by this member or by another
    stale: int = 0  # of a run that is over, or a campaign that is gone
    lapsed: int = 0


class Books(Protocol):
    """What leasing needs of the dispatcher."""

    rules: Rules
    campaigns: dict[int, CampaignState]
    statistics: Statistics


def add_block(campaign: CampaignState, block: Block) -> None:
    """Make the datasets of a freshly leased range pending."""
    held_block = HeldBlock(block.campaign_id, block.run, block.low, len(block.datasets))
    campaign.blocks.add(held_block)
    campaign.pending.extend(
        Held(position, data, held_block, attempts=attempts) for position, data, attempts in block.datasets
    )


def grant(member: Member, rules: Rules, now: float) -> list[tuple[int, bytes]]:
    """Lease pending datasets to a member, as many as it wants and as is fair (D1); return (lease number, data)."""
    campaign, granted = member.campaign, []
    for _ in range(min(member.want, _share(member), rules.max_held - len(member.leases))):
        held = campaign.pop_pending(member.volunteer, now)
        if held is None:
            break
        granted.append((member.next_lease, held.data))
        turn = len(member.leases) // member.threads + 1  # those before it are computed first
        # Never before that of the lease before it, so that the first lease of a member is the first to lapse.
        floor = next(reversed(member.leases.values())).deadline if member.leases else 0.0
        deadline = max(floor, now + campaign.deadline_s * turn + rules.grace_s)
        member.leases[member.next_lease] = Lease(held, now, deadline)
        member.next_lease += 1
    member.want -= len(granted)
    campaign.leases_out += len(granted)
    campaign.handed_out += len(granted)
    return granted


def _share(member: Member) -> int:
    # Guided self-scheduling (Polychronopoulos and Kuck 1987): grants shrink as the rest does, so that no tab ends up
    # holding the tail; yet each thread gets something to do.
    campaign = member.campaign
    rest = max(0, campaign.view.generated - campaign.view.done - campaign.leases_out)
    return max(member.threads, -(-rest * member.threads // (2 * max(1, campaign.threads))))


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
    if not lease.lapsed:
        campaign.leases_out -= 1
    if held.answered:
        books.statistics.duplicates += 1
    elif answer.kind is Kind.GIVEN_BACK:
        if not lease.lapsed:
            campaign.put_back(held)
    elif answer.kind is Kind.ERROR:
        _fail(books, member, lease, answer.error or ErrorReport("Error", "", ""), store, now)
    else:
        kind = ResultKind.VALUE if answer.kind is Kind.RESULT else ResultKind.NOTHING
        elapsed_ms = int((now - lease.granted_at) * 1000)
        compute_ms = elapsed_ms if answer.compute_ms is None else min(answer.compute_ms, elapsed_ms)
        _finish(books, held, _outcome(member, held, campaign, kind, answer.data, compute_ms), store)


def _pop_lease(books: Books, member: Member, number: int | None) -> Lease | None:
    if number is None:  # the classic dialect: its only one
        if not member.leases:
            raise ProtocolError("No dataset is waiting for an answer.")
        return member.leases.pop(next(iter(member.leases)))
    if number >= member.next_lease:
        raise ProtocolError(f"Lease {number} was never issued on this connection.")
    lease = member.leases.pop(number, None)
    if lease is None:
        books.statistics.duplicates += 1
    return lease


def _outcome(
    member: Member, held: Held, campaign: CampaignState, kind: ResultKind, data: bytes | None, compute_ms: int
) -> Outcome:
    block, version = held.block, campaign.view.kernel_version
    return Outcome(block.campaign, block.run, held.position, kind, data, compute_ms, member.volunteer, version)


def _finish(books: Books, held: Held, outcome: Outcome, store: Store) -> None:
    held.answered = True
    store.outcomes.append(outcome)
    block = held.block
    block.remaining -= 1
    if block.remaining == 0:
        store.finished_blocks.append((block.campaign, block.run, block.low))
        books.campaigns[block.campaign].blocks.discard(block)


def _fail(books: Books, member: Member, lease: Lease, error: ErrorReport, store: Store, now: float) -> None:
    """Count an attempt; the last one makes the dataset FAILED, the others leave it for somebody else (D6)."""
    held = lease.held
    campaign = books.campaigns[held.block.campaign]
    held.attempts += 1
    store.failures.append(_failure(member, held, campaign, error))
    if held.attempts >= books.rules.max_attempts:
        _finish(books, held, _outcome(member, held, campaign, ResultKind.FAILED, None, 0), store)
        return
    held.failed_by.add(member.volunteer)
    held.retry_at = now + RETRY_ALONE_S
    if not lease.lapsed and held.block in campaign.blocks:  # else it is among the pending, or others' already
        campaign.retries.append(held)


def load_failure(member: Member, error: ErrorReport) -> Failure:
    """Return what is written of a kernel that did not load: no dataset is to blame."""
    view = member.campaign.view
    return Failure(
        view.campaign_id, view.run, None, member.volunteer, view.kernel_version, error.name, error.message, error.stack
    )


def _failure(member: Member, held: Held, campaign: CampaignState, error: ErrorReport) -> Failure:
    block, version = held.block, campaign.view.kernel_version
    return Failure(
        block.campaign, block.run, held.position, member.volunteer, version, error.name, error.message, error.stack
    )


def return_leases(books: Books, member: Member, *, blame: bool) -> Store | None:
    """Make a member's datasets pending again (D5); those that it was computing count one loss where it is to blame."""
    store = Store(Receipt(NOBODY, 0))
    for index, lease in reversed(list(enumerate(member.leases.values()))):
        _return_lease(books, member, lease, store, lost=blame and index < member.threads)
    member.leases.clear()
    return store if store.outcomes else None


def lapse(books: Books, member: Member, now: float) -> Store | None:
    """Make datasets whose deadline passed pending again. Their answers still count, if they are the first."""
    store = Store(Receipt(NOBODY, 0))
    for lease in member.leases.values():
        if lease.deadline > now:
            break  # the later ones have later deadlines
        if not lease.lapsed:
            books.statistics.lapsed += 1
            _return_lease(books, member, lease, store, lost=True)
            lease.lapsed = True
    return store if store.outcomes else None


def _return_lease(books: Books, member: Member, lease: Lease, store: Store, *, lost: bool) -> None:
    held = lease.held
    campaign = books.campaigns.get(held.block.campaign)
    if lease.lapsed or campaign is None or campaign.run != held.block.run:
        return
    campaign.leases_out -= 1
    if held.answered:
        return
    held.losses += lost
    if held.losses < books.rules.max_losses:
        campaign.put_back(held)
        return
    error = ErrorReport("VolunteersVanished", f"{held.losses} volunteers in a row vanished over this dataset.", "")
    store.failures.append(_failure(member, held, campaign, error))
    _finish(books, held, _outcome(member, held, campaign, ResultKind.FAILED, None, 0), store)
