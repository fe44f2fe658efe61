"""What lost connections held, for a while: a volunteer that comes back with its ticket hands in what it computed (D4).

The datasets themselves were given back when the connection ended (D5): whoever answers first has computed them (D3).
"""

from __future__ import annotations

from collections import OrderedDict

from app.dispatcher.state import Departed, Member

LEASES_KEPT = 100_000


class Departures:
    """Departed members by their id; the oldest go when there are too many."""

    def __init__(self, leases_kept: int = LEASES_KEPT) -> None:
        self._departed: OrderedDict[int, Departed] = OrderedDict()
        self._leases_kept = leases_kept
        self.leases = 0

    def keep(self, member: Member) -> None:
        """Remember what a batched member held when its connection ended."""
        if not member.batched or not member.leases:
            return
        until = member.leases[next(reversed(member.leases))].deadline
        departed = Departed(member.campaign.id, member.volunteer, member.leases, member.next_lease, until)
        self._departed[member.id] = departed
        self.leases += len(member.leases)
        while self.leases > self._leases_kept:
            self._forget(next(iter(self._departed)))

    def take(self, member_id: int, campaign: int) -> Departed | None:
        """Hand over what a member held of a campaign; once."""
        departed = self._departed.get(member_id)
        if departed is None or departed.campaign != campaign:
            return None
        self._forget(member_id)
        return departed

    def expire(self, now: float) -> None:
        """Forget those whose datasets' deadlines have passed."""
        for member_id in [i for i, departed in self._departed.items() if departed.until <= now]:
            self._forget(member_id)

    def _forget(self, member_id: int) -> None:
        self.leases -= len(self._departed.pop(member_id).leases)
