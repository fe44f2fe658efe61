"""One socket process: acts on the dispatcher's decisions as `app.hub` does.

What the hub does in greenlets of their own waits in `tasks` until the schedule lets it happen, in any order; a fetch
happens in two steps, since the transaction commits some time before this process hears of it. So does a commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from app.budget import Budget
from app.dispatcher import Borrow, Decision, Dispatcher, End, Fetch, Grant, Idle, Reassign, Release, Renew, Rules, Store
from app.errors import CloseCode, ProtocolError
from app.records import Block
from tests.unit.dispatcher.simulation.ledger import Ledger, Refused, Unavailable

if TYPE_CHECKING:
    from tests.unit.dispatcher.simulation.promises import Promises
    from tests.unit.dispatcher.simulation.tab import Tab

TTL_S = 6.0
OFFERS_KEPT_S = 0.25
ROOM_LIMIT_S = 10.0
FRAME_BYTES = 3
ANY = -1


class SocketProcess:
    """The shell around one dispatcher.

    Args:
        number: says which one it is, in a schedule that is printed.
        now: seconds.
        draw_id: draws ids of processes.
    """

    def __init__(
        self,
        number: int,
        ledger: Ledger,
        promises: Promises,
        rules: Rules,
        budget_bytes: int,
        now: float,
        draw_id: Callable[[], int],
    ) -> None:
        self.number = number
        self.ledger = ledger
        self.promises = promises
        self.budget = Budget(budget_bytes)
        self.dispatcher = Dispatcher(rules, self.budget)
        self.tabs: dict[int, Tab] = {}
        self.tasks: list[Fetch | Block | Borrow | Release | Renew | Reassign | Landed] = []
        self.is_stopped = False
        self.now = now
        self._draw_id = draw_id
        self._offered_at = float("-inf")
        self._full_since: float | None = None
        # supply
        self._unsure: set[int] = set()
        # heart
        self.id = draw_id()
        self.refreshed_at = self.steady_since = now
        ledger.processes[self.id] = now + TTL_S
        # writer
        self.queue: list[Store] = []
        self.segments: list[list[Store]] = []  # taken from the queue, not committed yet; the last one is next
        self._told_nothing_of: list[Store] = []  # it committed, and looked as if not
        self.unheard: deque[Store] = deque()  # committed, and nobody was told yet

    # --- connections -------------------------------------------------------------------------------------------------

    def greet(self, tab: Tab, resumes: int | None) -> None:
        """Take in a connection that said hello, or send it away."""
        campaign_id: int | None = tab.asked
        if tab.takes_any:
            self._offer_if_old()
            campaign_id = self.dispatcher.placing.place(tab.threads)
        if campaign_id is None or self.budget.is_full:
            tab.close(CloseCode.TRY_LATER)
            return
        if (refusal := self._open(campaign_id)) is not None:
            tab.close(refusal)
            return
        self.tabs[tab.id] = tab
        self._act(
            self.dispatcher.join(
                tab.id,
                campaign_id,
                volunteer=tab.volunteer,
                now=self.now,
                batched=tab.batched,
                takes_any=tab.takes_any,
                threads=tab.threads,
                resumes=resumes,
            )
        )

    def _open(self, campaign_id: int) -> CloseCode | None:
        if campaign_id not in self.dispatcher.campaigns:
            schedule = self.ledger.schedules[campaign_id]
            if schedule.is_over:
                return CloseCode.NO_SUCH_CAMPAIGN if schedule.deleted else CloseCode.NOT_RUNNING
            self.dispatcher.open_campaign(self.ledger.view(campaign_id), schedule.deadline_s)
        return None

    def hear(self, tab: Tab, event: Callable[[], list[Decision]]) -> None:
        """Let a message arrive; one that breaks the protocol ends its connection.

        Raises:
            ProtocolError: what the connection is ended for.
        """
        try:
            self._act(event())
        except ProtocolError:
            self.drop(tab)
            raise

    def drop(self, tab: Tab) -> None:
        """A connection is over."""
        if self.tabs.pop(tab.id, None) is not None:
            self.promises.left(tab)
            self._act(self.dispatcher.leave(tab.id, self.now))

    @property
    def reads(self) -> bool:
        """Whether it reads what its connections send (D9)."""
        return not self.is_stopped and not self.budget.is_full

    # --- acting on decisions -----------------------------------------------------------------------------------------

    def _act(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            if isinstance(decision, Grant):
                if (tab := self.tabs.get(decision.member)) is not None:
                    tab.receive(decision)
            elif isinstance(decision, Store):
                self._put(decision)
            elif isinstance(decision, End):
                self._end(decision.member, decision.code)
            elif not isinstance(decision, Idle):
                if isinstance(decision, Fetch):
                    self.promises.fetching(self, decision)
                self.tasks.append(decision)

    def _end(self, member: int, code: CloseCode) -> None:
        if (tab := self.tabs.get(member)) is not None:
            tab.close(code)

    def do_task(self, index: int) -> None:
        """Let one of the things under way happen."""
        match task := self.tasks.pop(index):
            case Fetch():
                self._fetch(task)
            case Landed():
                self._land(task)
            case Borrow():
                self._borrow(task)
            case Release():
                self._release(task)
            case Reassign():
                self._reassign(task)
            case Renew():
                self._renew(task.member)

    # --- supply ------------------------------------------------------------------------------------------------------

    def _fetch(self, fetch: Fetch) -> None:
        """The transaction; what came of it is heard of later."""
        is_doubtful = self.now - self.refreshed_at > TTL_S
        if is_doubtful or not self.ledger.is_reachable:
            self.tasks.append(Landed(fetch, None, failed=not is_doubtful))
            return
        unsure = fetch.campaign in self._unsure
        self._unsure.discard(fetch.campaign)
        if unsure:
            self.ledger.release_unknown(self.id, fetch.campaign, fetch.run, self._known_lows(fetch.campaign))
        peers = self.ledger.count_alive(self.now)
        block = self.ledger.take_block(self.id, fetch.campaign, fetch.run, fetch.datasets, peers)
        self.tasks.append(Landed(fetch, block))

    def lose_fetch(self) -> bool:
        """Let a fetch that committed look as if it had not; say whether there was one."""
        for task in self.tasks:
            if isinstance(task, Landed) and not task.failed:
                task.failed = True
                return True
        return False

    def _land(self, landed: Landed) -> None:
        fetch, block = landed.fetch, landed.block
        if landed.failed:
            self._unsure.add(fetch.campaign)
            block = None
        self._act(self.dispatcher.fetched(fetch.campaign, fetch.run, block, self.now))
        if block is not None and block.low not in self._known_lows(fetch.campaign):
            self._unsure.add(fetch.campaign)

    def _known_lows(self, campaign_id: int) -> list[int]:
        campaign = self.dispatcher.campaigns.get(campaign_id)
        return campaign.known_lows if campaign is not None else []

    def _borrow(self, borrow: Borrow) -> None:
        if self.ledger.is_reachable:
            found = self.ledger.find_held_elsewhere(self.id, borrow.campaign, borrow.run, borrow.datasets)
            self._act(self.dispatcher.borrowed(borrow.campaign, borrow.run, found, self.now))

    def _release(self, release: Release) -> None:
        served = self.dispatcher.campaigns.get(release.campaign)
        if not self.ledger.is_reachable or (served is not None and served.fetching):
            self.tasks.append(release)
            return
        lows = [low for low in release.lows if low not in self._known_lows(release.campaign)]
        self.ledger.release(self.id, release.campaign, release.run, lows)
        if release.campaign in self._unsure and release.campaign not in self.dispatcher.campaigns:
            self.ledger.release_unknown(self.id, release.campaign, release.run, [])

    # --- reception ---------------------------------------------------------------------------------------------------

    def _renew(self, member_id: int) -> None:
        member, tab = self.dispatcher.members.get(member_id), self.tabs.get(member_id)
        if member is not None and tab is not None:
            tab.hear_changed()

    def _reassign(self, reassign: Reassign) -> None:
        member = self.dispatcher.members.get(reassign.member)
        if member is None:
            return
        campaign_id = reassign.campaign
        if campaign_id is None:
            self._offer_if_old()
            campaign_id = self.dispatcher.placing.place(member.threads, other_than=member.campaign.id)
        if campaign_id is None or self._open(campaign_id) is not None:
            self._end(reassign.member, CloseCode.TRY_LATER)
        elif reassign.member in self.dispatcher.members:
            self.dispatcher.move(reassign.member, campaign_id, self.now)
            self._renew(reassign.member)

    def _offer_if_old(self) -> None:
        if self.now - self._offered_at > OFFERS_KEPT_S:
            self.offer()

    def offer(self, *, only_news: bool = False) -> None:
        """Look which campaigns need volunteers who take any."""
        if self.ledger.is_reachable:
            self._offered_at = self.now
            pending = self.ledger.find_offers()
            if not only_news or pending.keys() != self.dispatcher.placing.shares.pending.keys():
                self._act(self.dispatcher.offered(pending, self.now))

    # --- loops -------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """The hub's tick, once a second."""
        self.dispatcher.peers = max(1, self.ledger.count_alive(self.now))
        self.promises.ticking(self)
        self._act(self.dispatcher.tick(self.now))
        if self._serves_any():
            self.offer()
        self._lose_patience()

    def _lose_patience(self) -> None:
        if not self.budget.is_full:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = self.now
        elif self.now - self._full_since > ROOM_LIMIT_S:
            for tab in self.tabs.values():
                tab.close(CloseCode.TRY_LATER)

    def look(self) -> None:
        """Read what owners and other processes changed."""
        if self.ledger.is_reachable:
            self._act(self.dispatcher.looked([self.ledger.view(i) for i in self.dispatcher.campaigns], self.now))
            if self._serves_any():
                self.offer(only_news=True)

    def _serves_any(self) -> bool:
        return any(member.takes_any for member in self.dispatcher.members.values())

    def beat(self) -> None:
        """Give a sign of life, and end processes that give none."""
        if not self.ledger.is_reachable:
            return
        if self.now - self.refreshed_at > TTL_S or self.id not in self.ledger.processes:
            self._begin_anew()
            return
        self.ledger.processes[self.id] = self.now + TTL_S
        self.refreshed_at = self.now
        if self.now - self.steady_since > TTL_S:
            self.ledger.bury_dead(self.now)

    def _begin_anew(self) -> None:
        old, self.id = self.id, self._draw_id()
        self.dispatcher.disown()
        self.ledger.leave_process(old)
        self.ledger.processes[self.id] = self.now + TTL_S
        self.refreshed_at = self.steady_since = self.now

    # --- writer ------------------------------------------------------------------------------------------------------

    def _put(self, store: Store) -> None:
        if store.member in self.tabs:
            store.held_bytes = FRAME_BYTES
            self.budget.take(store.held_bytes)
        self.queue.append(store)

    @property
    def has_writing(self) -> bool:
        """Whether anything waits for a commit or for word of it."""
        return bool(self.queue or self.segments or self.unheard)

    def write(self, *, unheard: bool = False) -> None:
        """Take one step: tell of one commit, or commit what is next. `unheard`: it commits, and looks as if not."""
        if self.unheard:
            store = self.unheard.popleft()
            self.budget.give(store.held_bytes)
            self._act(self.dispatcher.committed(store, self.now))
            return
        if not self.segments and self.queue:
            self.segments.append(self.queue)
            self.queue = []
        if self.segments and self.ledger.is_reachable:
            self._commit(self.segments.pop(), unheard)

    def _commit(self, stores: list[Store], unheard: bool) -> None:
        try:
            if stores is not self._told_nothing_of:
                self.promises.storing(stores)
            self.ledger.store(stores)
        except Refused:
            self._bisect(stores)
            return
        if unheard:
            self._told_nothing_of = stores
            self.promises.counting_twice(stores)
            self.segments.append(stores)
        else:
            self.unheard.extend(stores)

    def _bisect(self, stores: list[Store]) -> None:
        if len(stores) > 1:
            middle = len(stores) // 2
            self.segments += [stores[middle:], stores[:middle]]
        else:
            self._refuse(stores[0])

    def _refuse(self, store: Store) -> None:
        self.budget.give(store.held_bytes)
        runs = {outcome.campaign_id: outcome.run for outcome in store.outcomes}
        for later in (*self.queue, *(later for segment in self.segments for later in segment)):
            later.finished_blocks = [key for key in later.finished_blocks if key[0] not in runs]
        for campaign_id, run in runs.items():
            self.dispatcher.distrust(campaign_id)
            self._unsure.add(campaign_id)
            if campaign_id not in self.dispatcher.campaigns:
                self._act([Release(campaign_id, run, [])])
        self.promises.refused(store)
        self._end(store.member, CloseCode.BROKEN_PROTOCOL)


class Landed:
    """A fetch that was tried, and of which nobody has heard yet."""

    def __init__(self, fetch: Fetch, block: Block | None, *, failed: bool = False) -> None:
        self.fetch = fetch
        self.block = block
        self.failed = failed


__all__ = ["ANY", "FRAME_BYTES", "TTL_S", "SocketProcess", "Unavailable"]
