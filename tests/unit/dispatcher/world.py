"""A dispatcher with a ledger in memory and a clock that the test moves: acts on decisions as the hub does."""

from __future__ import annotations

import dataclasses
from collections import Counter, deque

from app.budget import Budget
from app.dispatcher import (
    Borrow,
    Decision,
    Dispatcher,
    End,
    Fetch,
    Grant,
    Idle,
    Reassign,
    Release,
    Renew,
    Rules,
    Store,
)
from app.protocol import Answer, ErrorReport, Kind
from app.records import Block, ScheduleView
from app.states import Generation, Intent, ResultKind

CAMPAIGN = 1
RULES = Rules(grace_s=5.0, block_max=16, max_attempts=3, max_losses=3, max_spares=0, release_after_s=5.0)
DEADLINE_S = 10.0


def view_of(generated: int, campaign: int = CAMPAIGN, **changes: object) -> ScheduleView:
    """Return the schedule of a running campaign whose datasets are all generated."""
    view = ScheduleView(campaign, 1, 1, Generation.DONE, Intent.RUNNING, generated, 0, False)
    return dataclasses.replace(view, **changes)  # type: ignore[arg-type]


class World:
    """One process and its ledger. Commits and fetches wait in queues until the test lets them happen."""

    def __init__(self, generated: int, *, rules: Rules = RULES, auto: bool = True, budget_bytes: int = 1 << 40) -> None:
        self.budget = Budget(budget_bytes)
        self.dispatcher = Dispatcher(rules, self.budget)
        self.view = view_of(generated)
        self.now = 1000.0
        self.auto = auto  # fetches and commits happen at once
        self.cursor = 0
        self.free: list[tuple[int, int]] = []
        self.leased: dict[int, int] = {}  # low → high
        self.results: dict[tuple[int, int], ResultKind] = {}  # (run, position)
        self.holding: dict[int, dict[int, int]] = {}  # member → lease → position
        self.replies: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        self.idle: list[int] = []
        self.renewed: list[int] = []
        self.reassigned: list[int] = []
        self.commits: deque[Store] = deque()
        self.fetches: deque[Fetch] = deque()
        self.borrows: list[Borrow] = []
        self.failures: list[str] = []
        self.versions: list[int] = []  # of the kernels that results and failures are of, as they are stored
        self.dispatcher.open_campaign(self.view, DEADLINE_S)

    # What members do.

    def join(self, member: int, *, batched: bool = False, threads: int = 1, takes_any: bool = False) -> None:
        """Let a member say hello."""
        self.holding[member] = {}
        self.act(
            self.dispatcher.join(
                member,
                CAMPAIGN,
                volunteer=1000 + member,
                now=self.now,
                batched=batched,
                threads=threads,
                takes_any=takes_any,
            )
        )

    def batch(self, member: int, want: int, answers: dict[int, Kind] | None = None) -> None:
        """Let a batched member send a batch."""
        parsed = [_answer(lease, kind) for lease, kind in (answers or {}).items()]
        for lease in answers or {}:
            self.holding[member].pop(lease, None)
        self.act(self.dispatcher.answer(member, parsed, want, self.now))

    def answer(self, member: int, kind: Kind = Kind.RESULT) -> None:
        """Let a classic member answer its dataset."""
        lease = next(iter(self.holding[member]), None)
        if lease is not None:
            del self.holding[member][lease]
        self.act(self.dispatcher.answer(member, [_answer(None, kind)], 1, self.now))

    def leave(self, member: int) -> None:
        """Let a member's connection end."""
        self.holding.pop(member, None)
        self.act(self.dispatcher.leave(member, self.now))

    def tick(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        self.now += seconds
        self.act(self.dispatcher.tick(self.now))

    def look(self, **changes: object) -> None:
        """Let the hub see the schedule, after an owner's change."""
        self.view = dataclasses.replace(self.view, **changes)  # type: ignore[arg-type]
        if "run" in changes:
            self.cursor, self.free, self.leased = 0, [], {}
        done = sum(1 for run, _position in self.results if run == self.view.run)
        self.view = dataclasses.replace(self.view, done=done)
        self.act(self.dispatcher.looked([self.view], self.now))

    # What the hub does.

    def act(self, decisions: list[Decision]) -> None:
        """Carry decisions out."""
        for decision in decisions:
            match decision:
                case Grant():
                    self._grant(decision)
                case Idle():
                    self.idle.append(decision.member)
                case End():
                    self.ended[decision.member] = decision.code
                case Renew():
                    self.renewed.append(decision.member)
                case Reassign():
                    self.reassigned.append(decision.member)
                case Fetch():
                    self.fetches.append(decision)
                case Borrow():
                    self.borrows.append(decision)
                case Release():
                    self._free([low for low in decision.lows if low in self.leased])
                case Store():
                    self.commits.append(decision)
        if self.auto:
            while self.fetches or self.commits:
                self.fetch()
                self.commit()

    def fetch(self) -> None:
        """Let the oldest fetch happen."""
        if self.fetches:
            fetch = self.fetches.popleft()
            block = self._take(fetch) if fetch.run == self.view.run else None
            self.act(self.dispatcher.fetched(fetch.campaign, fetch.run, block, self.now))

    def take(self) -> Block | None:
        """Let the oldest fetch's transaction commit, and tell nobody yet."""
        return self._take(self.fetches.popleft())

    def commit(self) -> None:
        """Let everything put in so far commit, and be acknowledged."""
        stores, self.commits = list(self.commits), deque()
        for store in stores:
            for outcome in store.outcomes:
                self.results.setdefault((outcome.run, outcome.position), outcome.kind)
            for _campaign, run, low in store.finished_blocks:
                if run == self.view.run:
                    self.leased.pop(low, None)
            self.failures += [failure.name for failure in store.failures]
            self.versions += [stored.kernel_version for stored in (*store.outcomes, *store.failures)]
        for store in stores:
            self.act(self.dispatcher.committed(store, self.now))

    def _grant(self, grant: Grant) -> None:
        member = self.dispatcher.members[grant.member]
        for lease, data in grant.datasets:
            position = int(data)
            assert position == member.leases[lease].held.position
            self.holding[grant.member][lease] = position
        if grant.is_reply:
            self.replies[grant.member] = self.replies.get(grant.member, 0) + 1

    def _take(self, fetch: Fetch) -> Block | None:
        while self.free:
            low, high = self.free.pop(0)
            datasets = self._datasets(low, high)
            if datasets:
                self.leased[low] = high
                return Block(CAMPAIGN, self.view.run, low, high, datasets)
        low, high = self.cursor, min(self.cursor + fetch.datasets, self.view.generated)
        if low == high or self.view.intent is Intent.PAUSED:
            return None
        self.cursor = high
        self.leased[low] = high
        return Block(CAMPAIGN, self.view.run, low, high, self._datasets(low, high))

    def _datasets(self, low: int, high: int) -> list[tuple[int, bytes, int]]:
        run = self.view.run
        return [(p, str(p).encode(), 0) for p in range(low, high) if (run, p) not in self.results]

    def _free(self, lows: list[int]) -> None:
        self.free += [(low, self.leased.pop(low)) for low in lows]

    def held_positions(self) -> list[int]:
        """Return the positions that members hold, in order."""
        return sorted(position for leases in self.holding.values() for position in leases.values())

    def check(self) -> None:
        """Assert what must hold after every event (D1, D4, D8)."""
        campaign = self.dispatcher.campaigns.get(CAMPAIGN)
        if campaign is None:
            return
        stock = [h for h in (*campaign.pending, *campaign.retries) if not h.answered]
        leases = [
            lease
            for member in self.dispatcher.members.values()
            for lease in member.leases.values()
            if not lease.lapsed and lease.held.block.run == campaign.run
        ]
        copies = Counter(lease.held for lease in leases)
        live = [held for held in copies if not held.answered]
        everywhere = [held.position for held in (*stock, *live)]
        assert len(everywhere) == len(set(everywhere)), "a dataset is in two places"
        assert all(held.copies == count for held, count in copies.items()), "a copy was lost or invented"
        assert {*campaign.out, *campaign.copied} == set(live), "what is out is not what members hold"
        assert campaign.spares_out == sum(lease.is_spare for lease in leases) <= self.dispatcher.rules.max_spares
        assert all(held.copies <= 1 + campaign.spares_out for held in live)
        assert campaign.waiting_want == sum(member.parked_want for member in campaign.waiting.values())
        assert campaign.threads == sum(member.threads for member in campaign.members.values())
        for block in campaign.blocks:
            remaining = sum(1 for held in (*stock, *live) if held.block is block)
            assert remaining == block.remaining, "a block lost or invented a dataset"


def _answer(lease: int | None, kind: Kind) -> Answer:
    if kind is Kind.RESULT:
        return Answer(lease, kind, 1, data=b"\x01")
    error = ErrorReport("Error", "thrown", "") if kind is Kind.ERROR else None
    return Answer(lease, kind, 1, error=error)
