"""How campaigns share the volunteers who asked for any of them (D10).

Each campaign that needs somebody is due an equal part of their computing time, and none more than it can use: what one
leaves goes to the others (max-min fairness). What a campaign got too little of is made up for within a horizon, so that
three campaigns and twenty volunteers come out even in the long run. A campaign that is new, or needed nobody for a
while, starts level with the others and is owed nothing (start-time fair queueing: Goyal, Vin and Cheng, 1996).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

HORIZON_S = 5.0


@dataclasses.dataclass(slots=True)
class Claim:
    """One campaign's side of the sharing, in threads of volunteers who take any campaign.

    Args:
        campaign: its id.
        demand: threads that it could use now, those that it has included.
        threads: threads that it has.
        served_s: computing seconds that it has got, on the common scale.
    """

    campaign: int
    demand: float
    threads: int
    served_s: float


class Shares:
    """Computing seconds by campaign, on a scale on which all that need somebody start level."""

    def __init__(self) -> None:
        self.pending: dict[int, int] = {}  # campaigns that need somebody → datasets that nobody holds
        self._served_s: dict[int, float] = {}

    def charge(self, campaign: int, seconds: float) -> None:
        """Count computing time that a campaign got."""
        self._served_s[campaign] = self._served_s.get(campaign, 0.0) + seconds

    def offer(self, pending: Mapping[int, int], busy: Iterable[int]) -> None:
        """Take in which campaigns need somebody; `busy` ones have somebody, and keep their place on the scale."""
        kept = {*pending, *busy}
        level = min((s for c, s in self._served_s.items() if c in kept and c in self.pending), default=0.0)
        for campaign in pending:
            if campaign not in self.pending:
                self._served_s[campaign] = max(level, self._served_s.get(campaign, 0.0))
        self._served_s = {c: s - level for c, s in self._served_s.items() if c in kept}
        self.pending = dict(pending)

    def claim(self, campaign: int, threads: int, working: int) -> Claim:
        """Return a campaign's claim, of whose threads so many work."""
        demand = float(self.pending.get(campaign, 0) + working)
        return Claim(campaign, demand, threads, self._served_s.get(campaign, 0.0))


def divide(claims: list[Claim], threads: int) -> dict[int, float]:
    """Return how many threads each campaign should have, of all there are."""
    if not claims:
        return {}
    mean_s = sum(claim.served_s for claim in claims) / len(claims)
    targets: dict[int, float] = {}
    left, rest = float(threads), list(claims)
    while rest:
        due = {claim.campaign: max(0.0, left / len(rest) + (mean_s - claim.served_s) / HORIZON_S) for claim in rest}
        sated = [claim for claim in rest if claim.demand <= due[claim.campaign]]
        if not sated:
            scale = left / (sum(due.values()) or 1.0)
            return {**targets, **{campaign: part * scale for campaign, part in due.items()}}
        for claim in sated:
            targets[claim.campaign] = claim.demand
            left = max(0.0, left - claim.demand)
        rest = [claim for claim in rest if claim not in sated]
    return targets
