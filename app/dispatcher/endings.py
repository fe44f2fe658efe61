"""Whether, and how, a member's service of its campaign ends.

A batched member of a paused campaign stays for a while, so that it has what its owner changes, and goes on, at once.
The classic dialect has no word for waiting, and a member that takes any campaign is needed elsewhere.
"""

from __future__ import annotations

from app.dispatcher.decisions import End, Reassign
from app.dispatcher.state import Member
from app.errors import CloseCode
from app.states import Generation, Intent


def find(member: Member, now: float, pause_patience_s: float) -> End | Reassign | None:
    """Say how a member's service ends now, if it does (a paused campaign waits for the answers in flight)."""
    view = member.campaign.view
    if member.leaving:
        return None
    if view.deleted:
        return _leave(member, CloseCode.NO_SUCH_CAMPAIGN, "The campaign was deleted.")
    if view.is_done and not member.in_flight:
        return _leave(member, CloseCode.DONE, "No more datasets.")
    if member.in_flight or member.leases:
        return None
    if view.generation is Generation.FAILED:
        return _leave(member, CloseCode.NOT_RUNNING, "The campaign's dataset generator failed.")
    if view.intent is Intent.PAUSED and not _waits(member, now, pause_patience_s):
        return _leave(member, CloseCode.NOT_RUNNING, "The campaign is paused.")
    if member.moving_to is not None:
        return Reassign(member.id, member.moving_to)
    return None


def _waits(member: Member, now: float, pause_patience_s: float) -> bool:
    if not member.batched or member.takes_any:
        return False
    return now - max(member.came_at, member.campaign.paused_at) < pause_patience_s


def _leave(member: Member, code: CloseCode, reason: str) -> End | Reassign:
    """Who came for any campaign goes on to another one: these codes would tell it never to come back."""
    if member.batched and member.takes_any:
        return Reassign(member.id)
    return End(member.id, code, reason)
