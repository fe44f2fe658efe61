"""Which campaign a volunteer who takes any is given, and who moves to another one (D10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from app.dispatcher.sharing import Claim, Shares, divide
from app.dispatcher.state import Member

STAY_S = 2.0  # a volunteer at work is left where it came to for so long: a kernel has to be loaded


class Placing:
    """Weighs what the campaigns are due against where the volunteers are."""

    def __init__(self) -> None:
        self.shares = Shares()
        self._threads: Counter[int] = Counter()  # of members who take any, by the campaign that they serve or go to
        self._working: Counter[int] = Counter()

    def place(self, threads: int, other_than: int | None = None) -> int | None:
        """Return the campaign that a volunteer with so many threads is given; None when none needs one."""
        claims = self._claims()
        targets = divide(claims, sum(claim.threads for claim in claims) + threads)
        gainer = self._find_gainer(claims, targets, other_than)
        if gainer is None:
            return None
        self._threads[gainer.campaign] += threads
        return gainer.campaign

    def choose_movers(self, members: Iterable[Member], pending: Mapping[int, int], now: float) -> list[Member]:
        """Tell members where to go, as far as that brings the shares nearer to even; return them."""
        volunteers = [member for member in members if member.takes_any]
        self._count(volunteers)
        self.shares.offer(pending, self._threads)
        claims = self._claims()
        targets = divide(claims, sum(self._threads.values()))
        return [
            m for m in sorted(volunteers, key=_is_busy) if _may_move(m, now) and self._send(m, claims, targets, now)
        ]

    def _send(self, member: Member, claims: list[Claim], targets: Mapping[int, float], now: float) -> bool:
        here = next(claim for claim in claims if claim.campaign == member.campaign.id)
        gainer = self._find_gainer(claims, targets, here.campaign)
        if gainer is None:
            return False
        gain = here.threads - targets[here.campaign] + targets[gainer.campaign] - gainer.threads
        has_nothing_here = not _is_busy(member) and here.campaign not in self.shares.pending
        # One that needs somebody gets somebody, though a volunteer of many threads be more than it can use.
        can_go = here.threads > member.threads or gainer.served_s <= here.served_s
        has_nobody_there = gainer.threads == 0 and can_go and _has_stayed(member, now)
        if gain <= member.threads and not has_nothing_here and not has_nobody_there:
            return False
        here.threads -= member.threads
        gainer.threads += member.threads
        member.moving_to = gainer.campaign
        return True

    def _find_gainer(
        self, claims: Iterable[Claim], targets: Mapping[int, float], other_than: int | None
    ) -> Claim | None:
        """Return the campaign that lacks most of its due, of those with datasets that nobody holds or comes for.

        Those that have nobody come first.
        """
        needy = [c for c in claims if c.campaign in self.shares.pending and c.threads < c.demand]
        needy = [c for c in needy if c.campaign != other_than]
        return max(needy, key=lambda c: (c.threads == 0, targets[c.campaign] - c.threads), default=None)

    def _count(self, volunteers: Iterable[Member]) -> None:
        self._threads.clear()
        self._working.clear()
        for member in volunteers:
            campaign = member.campaign.id if member.moving_to is None else member.moving_to
            self._threads[campaign] += member.threads
            self._threads[member.campaign.id] += 0
            # Who is on the way there comes for what is pending: that need is not to be counted twice.
            self._working[campaign] += member.threads if _is_busy(member) and member.moving_to is None else 0

    def _claims(self) -> list[Claim]:
        """Return the claims of all campaigns that need somebody, or have somebody who takes any."""
        ids = {*self.shares.pending, *self._threads}
        return [self.shares.claim(i, self._threads[i], self._working[i]) for i in sorted(ids)]


def _is_busy(member: Member) -> bool:
    return bool(member.leases or member.in_flight)


def _may_move(member: Member, now: float) -> bool:
    if not member.batched or member.leaving or member.moving_to is not None:
        return False
    return (member.is_parked and not _is_busy(member)) or _has_stayed(member, now)


def _has_stayed(member: Member, now: float) -> bool:
    return now - member.came_at >= STAY_S
