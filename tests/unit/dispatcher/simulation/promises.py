"""The promises, asserted after every event against books of the simulation's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from app.dispatcher import Fetch, Store
from app.dispatcher.state import CampaignState, Held, Lease
from app.protocol import Kind
from app.records import Outcome
from app.states import Generation, ResultKind
from tests.unit.dispatcher.simulation.ledger import Key, Ledger, Schedule

if TYPE_CHECKING:
    from app.dispatcher.state import Member
    from tests.unit.dispatcher.simulation.process import SocketProcess
    from tests.unit.dispatcher.simulation.tab import Sent, Tab

ALONE_S = 5.0
OUTCOME_OF = {Kind.RESULT: ResultKind.VALUE, Kind.NOTHING: ResultKind.NOTHING}


class Promises:
    """What was granted, answered and stored, as the tabs and the ledger saw it."""

    def __init__(self, ledger: Ledger, max_attempts: int, max_losses: int, *, counts_exactly: bool) -> None:
        self.ledger = ledger
        self.max_attempts = max_attempts
        self.max_losses = max_losses
        # A commit that nobody heard of is made again, and two processes' attempts add up: then there may be more.
        self.counts_exactly = counts_exactly
        self.issued: set[tuple[int, Key]] = set()  # volunteer, dataset
        self.answered: set[tuple[int, Key, ResultKind]] = set()
        self.errors: Counter[Key] = Counter()
        self.losses: Counter[Key] = Counter()
        self.threw: dict[tuple[int, Held], float] = {}  # volunteer, try → when
        self.threw_a_copy: set[tuple[int, int, Key]] = set()  # process, volunteer, dataset of another process
        self.tries: Counter[Held] = Counter()  # that threw
        self.unstored: set[tuple[int, Key]] = set()  # refused by the ledger: volunteer, dataset
        self.most_done: dict[tuple[int, int], int] = {}

    # --- what happens ------------------------------------------------------------------------------------------------

    def granted(self, process: SocketProcess, tab: Tab, number: int, data: bytes) -> Key:
        """A dataset reaches a tab: D1, D6, D7."""
        campaign_id, position = (int(part) for part in data.split(b":")[:2])
        member = process.dispatcher.members[tab.id]
        campaign = process.dispatcher.campaigns[campaign_id]
        lease = member.leases[number if tab.batched else next(reversed(member.leases))]
        held = lease.held
        key = (campaign_id, held.block.run, position)
        assert held.position == position, "D1: the wrong data"
        assert member.campaign is campaign, "D1: of a campaign that it does not serve"
        assert tab.takes_any or tab.asked == campaign_id, "D1: of a campaign that it did not ask for"
        assert held.block.run == campaign.run, "D1: of a run that is over"
        assert campaign.is_runnable, "D1: of a campaign that does not run"
        assert not held.answered, "D1: it has its outcome"
        self._check_attempts(process, tab, key, held)
        others = [mate for mate in _iter_leases(process) if mate.held is held and mate is not lease]
        live = [mate for mate in others if not mate.lapsed]
        assert not any(mate in member.leases.values() for mate in live), "D1: it holds that one already"
        if lease.is_spare:
            _check_spare(process, campaign, held, live)
        else:
            # A copy may have been decided on right after it, in the same breath.
            after = [mate for mate in live if mate.is_spare and mate.granted_at == lease.granted_at]
            assert live == after, "D1: somebody computes it"
            assert held.block in campaign.blocks, "D8: of a range that others may hold"
        self.issued.add((member.volunteer, key))
        return key

    def _check_attempts(self, process: SocketProcess, tab: Tab, key: Key, held: Held) -> None:
        volunteer = process.dispatcher.members[tab.id].volunteer
        if self.counts_exactly:
            assert held.attempts < self.max_attempts, "D6: it was tried often enough"
        assert self.tries[held] < self.max_attempts, "D6: it was tried often enough"
        threw_at = self.threw.get((volunteer, held))
        assert threw_at is None or process.now - threw_at >= ALONE_S, "D6: back to who failed at it"
        if held.block.borrowed:
            assert (process.number, volunteer, key) not in self.threw_a_copy, "D6: back to who failed at a copy"

    def fetching(self, process: SocketProcess, fetch: Fetch) -> None:
        """A block is asked for: D9."""
        campaign = process.dispatcher.campaigns[fetch.campaign]
        pending = sum(not held.answered for held in campaign.pending)
        assert pending <= process.dispatcher.rules.block_max, "D9: more than a block ahead"
        assert not process.budget.is_full, "D9: fetched, though memory is short"

    def answering(self, tab: Tab, number: int | None, key: Key, kind: Kind) -> None:
        """A tab is about to answer."""
        member = tab.process.dispatcher.members.get(tab.id)
        if member is None:
            return  # it came back on another connection: nothing that it says here counts
        if (outcome := OUTCOME_OF.get(kind)) is not None:
            self.answered.add((member.volunteer, key, outcome))
        elif kind is Kind.ERROR:
            self.errors[key] += 1
            lease = member.leases.get(next(reversed(member.leases), -1) if number is None else number)
            if lease is not None and not lease.held.answered:
                self._throwing(tab, member.volunteer, key, lease.held)

    def _throwing(self, tab: Tab, volunteer: int, key: Key, held: Held) -> None:
        self.threw[volunteer, held] = tab.process.now
        self.tries[held] += 1
        if held.block.borrowed:
            self.threw_a_copy.add((tab.process.number, volunteer, key))

    def left(self, tab: Tab) -> None:
        """A connection is about to be forgotten: what it computes counts as lost."""
        member = tab.process.dispatcher.members.get(tab.id)
        for lease in list(member.leases.values())[: tab.threads] if member else ():
            self._lose(lease)

    def ticking(self, process: SocketProcess) -> None:
        """What is past its deadline is about to count as lost."""
        for tab in process.tabs.values():
            member = process.dispatcher.members.get(tab.id)
            for lease in member.leases.values() if member else ():
                if lease.deadline <= process.now and not lease.lapsed:
                    self._lose(lease)

    def _lose(self, lease: Lease) -> None:
        block = lease.held.block
        self.losses[block.campaign, block.run, lease.held.position] += 1

    def storing(self, stores: Sequence[Store]) -> None:
        """A transaction is about to hold these: D4, D6."""
        for store in stores:
            for outcome in store.outcomes:
                if outcome.kind == ResultKind.FAILED:
                    self._check_failed(outcome)
                else:
                    self._check_answer(outcome)

    def counting_twice(self, stores: Sequence[Store]) -> None:
        """A transaction that nobody heard of will be made again, and its attempts count again."""
        self.errors.update(
            (f.campaign_id, f.run, f.position) for s in stores for f in s.failures if f.position is not None
        )

    def _check_answer(self, outcome: Outcome) -> None:
        key = (outcome.campaign_id, outcome.run, outcome.position)
        assert (outcome.volunteer_id, key) in self.issued, "D4: it was never given that dataset"
        assert (outcome.volunteer_id, key, outcome.kind) in self.answered, "D4: it never answered so"
        assert outcome.data in (None, b"poison", repr(key).encode()), "D4: the answer to another dataset"

    def _check_failed(self, outcome: Outcome) -> None:
        key = (outcome.campaign_id, outcome.run, outcome.position)
        has_thrown = self.errors[key] >= self.max_attempts
        assert has_thrown or self.losses[key] >= self.max_losses, "D6: it failed too early"

    def refused(self, store: Store) -> None:
        """The ledger did not take these."""
        self.unstored.update((o.volunteer_id, (o.campaign_id, o.run, o.position)) for o in store.outcomes)

    def acknowledged(self, tab: Tab, sent: Sent) -> None:
        """A tab hears that its results are safe: D2."""
        for key in sent.keys:
            is_stale = self.ledger.schedules[key[0]].run != key[1]
            volunteer = tab.process.dispatcher.members[tab.id].volunteer
            if not is_stale and (volunteer, key) not in self.unstored:
                assert key in self.ledger.committed, f"D2: {key} is acknowledged and not stored"

    def retried(self, campaign: int) -> None:
        """An owner has failed datasets tried again. A process that had one in hand still counts what was before."""
        self.most_done.pop((campaign, self.ledger.schedules[campaign].run), None)
        self.threw_a_copy = {entry for entry in self.threw_a_copy if entry[2][0] != campaign}

    # --- what holds after every event --------------------------------------------------------------------------------

    def check_ledger(self) -> None:
        """D3, D5 and D8, as far as the ledger knows them."""
        for schedule in self.ledger.schedules.values():
            self._check_schedule(schedule)

    def _check_schedule(self, schedule: Schedule) -> None:
        done = len(schedule.results)
        key = (schedule.id, schedule.run)
        assert done >= self.most_done.get(key, 0), "D8: done regressed"
        self.most_done[key] = done
        at = 0
        for low in sorted(schedule.rows):
            row = schedule.rows[low]
            assert row.process is None or row.process in self.ledger.processes, "D5: held by nobody"
            assert low >= at, "D8: a dataset is in two ranges"
            assert not schedule.pending_in(at, low), f"D8: lost in {at}–{low} of {schedule.id}"
            at = row.high
        assert not schedule.pending_in(at, schedule.cursor), f"D8: lost in {at}–{schedule.cursor} of {schedule.id}"

    def check_process(self, process: SocketProcess) -> None:
        """D4, D5, D7, D8 and D9, as far as one process knows them."""
        dispatcher = process.dispatcher
        assert dispatcher.members.keys() <= process.tabs.keys(), "D5: a connection that is gone holds on"
        live: dict[Held, list[Lease]] = {}
        for member in dispatcher.members.values():
            _check_member(member, dispatcher.rules.max_held)
            for lease in member.leases.values():
                if not lease.lapsed:
                    live.setdefault(lease.held, []).append(lease)
        used = sum(s.held_bytes for stores in (process.queue, process.unheard, *process.segments) for s in stores)
        for campaign in dispatcher.campaigns.values():
            _check_campaign(campaign, live, dispatcher.rules.max_spares)
            used += sum(block.held_bytes for block in campaign.blocks)
        assert used == process.budget.used_bytes, "D9: bytes were counted that nobody holds, or the other way round"


def _iter_leases(process: SocketProcess) -> Iterable[Lease]:
    return (lease for member in process.dispatcher.members.values() for lease in member.leases.values())


def _check_spare(process: SocketProcess, campaign: CampaignState, held: Held, live: list[Lease]) -> None:
    pending = [h for h in (*campaign.pending, *campaign.retries) if not h.answered]
    assert not pending, "D7: a copy, though something is pending"
    assert campaign.view.generation is Generation.DONE, "D7: a copy, though more is to come"
    assert campaign.dry_until > process.now, "D7: a copy, though the ledger was not asked"
    assert live or held.block.borrowed, "D7: a copy of what nobody computes"
    assert len(live) <= 1, "D7: copied twice"


def _check_member(member: Member, max_held: int) -> None:
    held = [lease for lease in member.leases.values() if not lease.is_spare]
    assert len(held) <= max_held, "D9: it holds more than it may"
    if not member.takes_any:
        assert all(lease.held.block.campaign == member.campaign.id for lease in held), "D4: of another campaign"
    deadlines = [lease.deadline for lease in member.leases.values()]
    assert deadlines == sorted(deadlines), "D5: a later lease lapses earlier"
    assert all(number < member.next_lease for number in member.leases), "D4: a number that was not issued"
    assert member.is_parked == (member.id in member.campaign.waiting)


def _check_campaign(campaign: CampaignState, live: dict[Held, list[Lease]], max_spares: int) -> None:
    mine = {
        held: leases
        for held, leases in live.items()
        if held.block.campaign == campaign.id and held.block.run == campaign.run
    }
    for held, leases in mine.items():
        assert held.copies == len(leases), "D8: a copy was lost or invented"
    unanswered = {held for held in mine if not held.answered}
    assert unanswered == {*campaign.out, *campaign.copied}, "D8: what is out is not what members hold"
    assert len(unanswered) == len(campaign.out) + len(campaign.copied), "D8: out and copied"
    spares = sum(lease.is_spare for leases in mine.values() for lease in leases)
    assert spares == campaign.spares_out <= max_spares, "D7: spares are miscounted, or too many"
    borrowed = [held.position for held in unanswered if held.block.borrowed]
    assert len(borrowed) == len(set(borrowed)), "D7: borrowed twice"
    stock = [held for held in (*campaign.pending, *campaign.retries) if not held.answered]
    places = Counter(held.block for held in (*stock, *unanswered))
    positions = [held.position for held in (*stock, *unanswered) if held.block in campaign.blocks]
    assert len(positions) == len(set(positions)), "D8: a dataset is in two places"
    assert all(held.block in campaign.blocks for held in stock), "D8: held of a range that others may hold"
    for block in campaign.blocks:
        assert places[block] == block.remaining > 0, "D8: a range lost or invented a dataset"
    assert campaign.waiting_want == sum(member.parked_want for member in campaign.waiting.values())
    assert campaign.threads == sum(member.threads for member in campaign.members.values())
