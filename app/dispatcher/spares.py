"""Spare copies (D7): when nothing is pending, an idle volunteer computes what another has been holding for longest.

So one slow tab cannot hold up a campaign's end (backup tasks: Dean and Ghemawat, MapReduce, 2004, section 3.6). The
first answer wins (D3); the other counts as a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from app.dispatcher.state import NOBODY_FAILED, CampaignState, Held, HeldBlock, Lease, Member

SCANNED = 32
BORROWED_LOW = -1


def may_hand_out(campaign: CampaignState, max_spares: int, now: float) -> bool:
    """Whether the campaign is at its end: all is generated, nothing is pending here, and the ledger has no more."""
    return (
        campaign.spares_out < max_spares
        and not campaign.has_stock
        and now < campaign.dry_until
        and not campaign.fetching
        and campaign.view.generation.is_over
        and campaign.is_runnable
    )


def take(member: Member, max_spares: int, now: float) -> Held | None:
    """Choose what a member computes a copy of: the oldest of our own, then one of another process."""
    campaign = member.campaign
    if not may_hand_out(campaign, max_spares, now):
        return None
    held = _find_own(campaign, member) or _pop_borrowed(campaign, member)
    if held is None:
        return None
    campaign.spares_out += 1
    if held.block.borrowed:
        campaign.borrowed_out.add(held.position)
    else:
        del campaign.out[held]
    campaign.copied[held] = None
    return held


def _find_own(campaign: CampaignState, member: Member) -> Held | None:
    hers = {lease.held for lease in member.leases.values()}
    for held in islice(campaign.out, SCANNED):
        if held not in hers and member.volunteer not in held.failed_by:
            return held
    return None


def _pop_borrowed(campaign: CampaignState, member: Member) -> Held | None:
    failed = campaign.borrowed_failed
    for held in campaign.borrowed:
        if member.volunteer not in failed.get(held.position, NOBODY_FAILED):
            campaign.borrowed.remove(held)
            return held
    return None


def end_copy(campaign: CampaignState, lease: Lease) -> None:
    """Count one live lease of a dataset less."""
    held = lease.held
    held.copies -= 1
    if held.copies == 0 and not lease.is_spare and not held.answered:
        campaign.out.pop(held, None)  # as nearly always
        return
    if lease.is_spare:
        campaign.spares_out -= 1
    if held.copies == 0:
        forget(campaign, held)
    elif held.copies == 1 and held in campaign.copied:
        del campaign.copied[held]
        campaign.out[held] = None  # the one that is left may be copied again


def forget(campaign: CampaignState, held: Held) -> None:
    """Take a dataset out of those that are handed out."""
    if held in campaign.out:
        del campaign.out[held]
    else:
        campaign.copied.pop(held, None)
    if held.block.borrowed:
        campaign.borrowed_out.discard(held.position)


def borrow(campaign: CampaignState, datasets: Iterable[tuple[int, bytes, int]]) -> None:
    """Take in (position, data, attempts) that other processes hold, in place of what was known of them."""
    block = HeldBlock(campaign.id, campaign.run, BORROWED_LOW, 0, borrowed=True)
    campaign.borrowed.clear()
    for position, data, attempts in datasets:
        if position not in campaign.borrowed_out:
            campaign.borrowed.append(Held(position, data, block, attempts))
