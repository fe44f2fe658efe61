"""The dispatcher: events are its public methods, each of which returns the decisions that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.budget import Budget
from app.dispatcher import endings, leasing, spares
from app.dispatcher.decisions import Borrow, Decision, End, Fetch, Grant, Idle, Reassign, Release, Renew, Store
from app.dispatcher.departures import Departures
from app.dispatcher.holding import Holding
from app.dispatcher.leasing import Rules, Statistics
from app.dispatcher.placing import Placing
from app.dispatcher.state import CampaignState, Member
from app.errors import CloseCode
from app.protocol import Answer, ErrorReport
from app.records import Block, ScheduleView
from app.states import Intent

DRY_S = 1.0  # the ledger is asked again after this long when it had nothing to give


class Dispatcher:
    """The scheduling state of one socket process. See the promises in the package's docstring.

    Args:
        rules: the numbers that it goes by.
        budget: where the bytes of held datasets are counted (D9).
    """

    def __init__(self, rules: Rules, budget: Budget | None = None) -> None:
        self.rules = rules
        self.holding = Holding(budget or Budget(1 << 62), rules.block_max_bytes)
        self.peers = 1  # live socket processes, this one included
        self.campaigns: dict[int, CampaignState] = {}
        self.members: dict[int, Member] = {}
        self.statistics = Statistics()
        self.departures = Departures()
        self.placing = Placing()

    # --- events of members -------------------------------------------------------------------------------------------

    def open_campaign(self, view: ScheduleView, deadline_s: float) -> None:
        """Begin to serve a campaign that somebody asked for."""
        self.campaigns.setdefault(view.campaign_id, CampaignState(view, deadline_s))

    def join(
        self,
        member_id: int,
        campaign_id: int,
        *,
        volunteer: int,
        now: float,
        batched: bool = False,
        takes_any: bool = False,
        threads: int = 1,
        resumes: int | None = None,
    ) -> list[Decision]:
        """Take in a connection that said hello. A classic one is owed its first dataset at once.

        `resumes` is the id of a lost connection whose ticket this one holds: it may answer that one's leases (D4).
        """
        campaign = self.campaigns[campaign_id]
        member = Member(member_id, campaign, volunteer, batched, takes_any, threads, came_at=now)
        self.members[member_id] = member
        self._attach(member, campaign)
        decisions = self._resume(member, resumes, now) if resumes is not None and batched else []
        if (ending := self._find_ending(member, now)) is not None:
            return [*decisions, *self._end(member, ending)]
        member.want = 0 if batched else 1
        return [*decisions, *self._serve(member, now)] if member.want else decisions

    def answer(self, member_id: int, answers: Sequence[Answer], want: int, now: float) -> list[Decision]:
        """Take a member's answers; what it wants next counts once they have committed (D2).

        Raises:
            ProtocolError: an answer names a lease that this connection never had (D4).
        """
        member = self.members.get(member_id)
        if member is None:
            return []  # it came back on another connection, and this one still said something
        campaign = member.campaign
        if member.is_parked:
            self._unpark(member)
        member.want = 0
        leasing.refuse_lies(member, answers)
        store = Store(member_id, want)
        for answer in answers:
            leasing.take_answer(self, member, answer, store, now)
        # An answer that was given before may still be on its way to the disk: nothing overtakes it (D2).
        if answers or member.in_flight:
            member.in_flight += 1
            decisions: list[Decision] = [store]
        else:
            decisions = self._reply(member, want, now)
        return [*decisions, *self._feed(campaign, now)] if campaign.waiting else decisions

    def load_failed(self, member_id: int, error: ErrorReport, now: float) -> list[Decision]:
        """A member could not load the kernel: no dataset is to blame, and it gets none. Counted once a connection."""
        member = self.members.get(member_id)
        if member is None:
            return []
        self._unpark(member)
        member.want = 0
        leasing.return_leases(self, member, blame=False)
        member.leases.clear()
        if member.has_failed_to_load:
            return self._feed(member.campaign, now)
        member.has_failed_to_load = True
        member.in_flight += 1
        store = Store(member_id, 0, replies=False, failures=[leasing.load_failure(member, error)])
        return [store, *self._feed(member.campaign, now)]

    def committed(self, store: Store, now: float) -> list[Decision]:
        """Acknowledge what has committed, and hand out what the member wanted with it (D2)."""
        for campaign_id, _run, low in store.finished_blocks:
            if (campaign := self.campaigns.get(campaign_id)) is not None:
                campaign.ending.discard(low)
        member = self.members.get(store.member)
        if member is None:
            return []
        member.in_flight -= 1
        if not store.replies:
            return self._serve(member, now)
        # Only the newest wish counts: with another batch on its way, this reply is the acknowledgement alone.
        return self._reply(member, 0 if member.in_flight else store.want, now)

    def leave(self, member_id: int, now: float) -> list[Decision]:
        """A connection ended: its datasets are pending again at once (D5)."""
        member = self.members.pop(member_id, None)
        if member is None:
            return []
        self._unpark(member)
        store = leasing.return_leases(self, member, blame=True)
        self.departures.keep(member)
        campaign = self._detach(member, now)
        return [*([store] if store else []), *self._feed(campaign, now)]

    def move(self, member_id: int, campaign_id: int, now: float) -> None:
        """Give a member that takes any campaign another one. What it still computes of the old one may be answered."""
        member = self.members[member_id]
        self._unpark(member)
        self._detach(member, now)
        self._attach(member, self.campaigns[campaign_id])
        member.leaving, member.want, member.moving_to, member.came_at = False, 0, None, now
        member.has_failed_to_load = False

    # --- events of the ledger ----------------------------------------------------------------------------------------

    def fetched(self, campaign_id: int, run: int, block: Block | None, now: float) -> list[Decision]:
        """Take in the datasets that a `Fetch` leased, or hear that there were none."""
        campaign = self.campaigns.get(campaign_id)
        if campaign is None:
            return [Release(campaign_id, run, [block.low])] if block else []
        campaign.fetching = False
        self.holding.stop_expecting()
        is_void, campaign.fetch_is_void = campaign.fetch_is_void, False
        if block is None:
            campaign.dry_until = now + DRY_S
        elif block.run == campaign.run and not is_void:  # else a reset overtook it, and took its row away
            self.holding.take(leasing.add_block(campaign, block))
        return [*self._feed(campaign, now), *self._borrow(campaign, now)]

    def borrowed(
        self, campaign_id: int, run: int, datasets: Sequence[tuple[int, bytes, int]], now: float
    ) -> list[Decision]:
        """Take in what a `Borrow` found: (position, data, attempts) that other processes hold without a result."""
        campaign = self.campaigns.get(campaign_id)
        if campaign is None or campaign.run != run:
            return []
        spares.borrow(campaign, datasets)
        return self._feed(campaign, now)

    def looked(self, views: Iterable[ScheduleView], now: float) -> list[Decision]:
        """Take in what owners and other processes changed."""
        decisions: list[Decision] = []
        for view in views:
            campaign = self.campaigns.get(view.campaign_id)
            if campaign is not None and campaign.view != view and view.run >= campaign.run:
                decisions += self._change(campaign, view, now)
        return decisions

    def offered(self, pending: Mapping[int, int], now: float) -> list[Decision]:
        """Take in which campaigns need volunteers who take any, with the number of datasets that nobody holds (D10)."""
        decisions: list[Decision] = []
        for member in self.placing.choose_movers(self.members.values(), pending, now):
            if (ending := self._find_ending(member, now)) is not None:  # else it goes when its hands are empty
                decisions += self._end(member, ending)
        return decisions

    def distrust(self, campaign_id: int) -> None:
        """Forget what is held of a campaign: what the ledger refused is leased anew, with the rest of its range."""
        if (campaign := self.campaigns.get(campaign_id)) is not None:
            self._forget_stock(campaign)

    def disown(self) -> None:
        """Forget everything not handed out: this process was declared dead, and others may hold it now.

        A block that is on its way is not kept: the hub compares what is held with the ledger before it fetches again.
        """
        for campaign in self.campaigns.values():
            self._forget_stock(campaign)
            campaign.fetch_is_void = campaign.fetching

    def tick(self, now: float) -> list[Decision]:
        """Once a second: lapse leases, measure rates, look again for those who wait, let go of unused campaigns."""
        decisions: list[Decision] = []
        self.departures.expire(now)
        for member in list(self.members.values()):
            if member.leases:
                decisions += self._lapse(member, now)
        for campaign in list(self.campaigns.values()):
            campaign.handed_out_last_second, campaign.handed_out = campaign.handed_out, 0
            decisions += self._close(campaign, now)
            decisions += self._feed(campaign, now)
            decisions += self._release_unused(campaign, now)
        return decisions

    def charge(self, campaign_id: int, seconds: float) -> None:
        """Count computing time of a member that takes any campaign (D10)."""
        self.placing.shares.charge(campaign_id, seconds)

    # --- handing out -------------------------------------------------------------------------------------------------

    def _reply(self, member: Member, want: int, now: float) -> list[Decision]:
        member.want = want
        return self._serve(member, now, is_reply=True)

    def _serve(self, member: Member, now: float, is_reply: bool = False) -> list[Decision]:
        campaign = member.campaign
        decisions: list[Decision] = []
        if member.leaving or member.moving_to is not None:
            member.want = 0
        granted = leasing.grant(self, member, now) if member.want > 0 and campaign.is_runnable else []
        if granted:
            member.told_idle = False
        if granted or (is_reply and member.batched):
            decisions.append(Grant(member.id, granted, is_reply))
        may_end = campaign.is_closing or member.moving_to is not None
        if may_end and (ending := self._find_ending(member, now)) is not None:
            return decisions + self._end(member, ending)
        # What it got less than it wanted while there is more, it was not to get: it asks again with its next answers.
        # So does one that holds all that it may: nothing is fetched for it.
        if member.want > 0 and (not granted or not campaign.has_stock):
            member.want = min(member.want, self.rules.max_held - len(member.leases))
            if member.want > 0:
                decisions += self._park(member)
        return decisions + self._refill(campaign, now)

    def _park(self, member: Member) -> list[Decision]:
        member.campaign.park(member)
        if member.batched and not member.told_idle and not member.leases:
            member.told_idle = True
            return [Idle(member.id)]
        return []

    def _unpark(self, member: Member) -> None:
        member.told_idle = False
        member.campaign.unpark(member)

    def _feed(self, campaign: CampaignState, now: float) -> list[Decision]:
        decisions: list[Decision] = []
        for _ in range(len(campaign.waiting)):
            has_some = campaign.has_stock or spares.may_hand_out(campaign, self.rules.max_spares, now)
            if not has_some or not campaign.is_runnable:
                break
            member = next(iter(campaign.waiting.values()))
            campaign.unpark(member)
            decisions += self._serve(member, now)
        return decisions + self._refill(campaign, now)

    def _refill(self, campaign: CampaignState, now: float) -> list[Decision]:
        if campaign.fetching or now < campaign.dry_until:
            return []
        rate = max(campaign.handed_out, campaign.handed_out_last_second)
        if campaign.waiting:
            if campaign.waiting_want <= len(campaign.pending):
                return []  # they are about to get it
        # A block is on its way before the last one has gone; more than one ahead would only be held.
        elif not rate or campaign.stock > min(rate // 2, self.rules.block_max):
            return []
        if not campaign.is_runnable or not campaign.members or not self.holding.has_room:
            return []
        campaign.fetching = True
        self.holding.expect()
        size = max(campaign.waiting_want, 2 * rate, 1)
        return [Fetch(campaign.id, campaign.run, min(size, self.rules.block_max))]

    def _borrow(self, campaign: CampaignState, now: float) -> list[Decision]:
        room = self.rules.max_spares - campaign.spares_out
        if self.peers < 2 or not campaign.waiting or not spares.may_hand_out(campaign, self.rules.max_spares, now):
            return []
        return [Borrow(campaign.id, campaign.run, room)]

    # --- changes -----------------------------------------------------------------------------------------------------

    def _change(self, campaign: CampaignState, view: ScheduleView, now: float) -> list[Decision]:
        before = campaign.view
        campaign.see(view)
        decisions: list[Decision] = []
        if view.intent is Intent.PAUSED and before.intent is not Intent.PAUSED:
            campaign.paused_at = now
        if view.run != before.run:
            self._forget_stock(campaign)  # the reset took the rows of the old run's leases away
            campaign.forget_hands()
        if (view.run, view.kernel_version) != (before.run, before.kernel_version):
            decisions += self._renew(campaign, kernel_changed=view.kernel_version != before.kernel_version)
        # Fewer are done when failed ones are to be tried again.
        if (view.generated, view.run, view.intent) != (before.generated, before.run, before.intent) or (
            view.done < before.done
        ):
            campaign.dry_until = 0.0
        return [*decisions, *self._close(campaign, now), *self._feed(campaign, now)]

    def _close(self, campaign: CampaignState, now: float) -> list[Decision]:
        decisions: list[Decision] = []
        for member in list(campaign.members.values()) if campaign.is_closing else ():
            if (ending := self._find_ending(member, now)) is not None:
                decisions += self._end(member, ending)
        return decisions

    def _find_ending(self, member: Member, now: float) -> End | Reassign | None:
        return endings.find(member, now, self.rules.pause_patience_s)

    def _renew(self, campaign: CampaignState, *, kernel_changed: bool) -> list[Decision]:
        decisions: list[Decision] = []
        for member in list(campaign.members.values()):
            if member.batched:
                self._unpark(member)
                member.want = 0  # it asks again, knowing the new campaign
                member.has_failed_to_load &= not kernel_changed
                decisions.append(Renew(member.id))
            elif kernel_changed:  # the classic dialect has no word for a new kernel
                decisions += self._end(member, End(member.id, CloseCode.RESTARTING, "The kernel changed."))
        return decisions

    def _end(self, member: Member, ending: End | Reassign) -> list[Decision]:
        self._unpark(member)
        member.leaving = True
        return [ending]

    def _lapse(self, member: Member, now: float) -> list[Decision]:
        store = leasing.lapse(self, member, now)
        decisions: list[Decision] = [] if store is None else [store]
        last = member.leases[next(reversed(member.leases))]
        if not member.leaving and last.deadline <= now:
            reason = "No answer before the datasets' deadline."
            decisions += self._end(member, End(member.id, CloseCode.TRY_LATER, reason))
        return decisions

    # --- coming and going --------------------------------------------------------------------------------------------

    def _resume(self, member: Member, old_id: int, now: float) -> list[Decision]:
        decisions: list[Decision] = []
        if (old := self.members.get(old_id)) is not None and old.campaign is member.campaign:
            reason = "You came back on another connection."
            decisions = [End(old_id, CloseCode.GOING_AWAY, reason), *self.leave(old_id, now)]
        departed = self.departures.take(old_id, member.campaign.id)
        if departed is not None:
            member.leases, member.next_lease = departed.leases, departed.next_lease
            member.volunteer, member.has_resumed = departed.volunteer, True
        return decisions

    def _rests(self, campaign: CampaignState, now: float) -> bool:
        """Say whether members of a paused campaign wait so long that what is held for them need not be."""
        is_paused = campaign.view.intent is Intent.PAUSED and not (campaign.out or campaign.copied or campaign.fetching)
        return is_paused and now - campaign.paused_at >= self.rules.release_after_s

    def _attach(self, member: Member, campaign: CampaignState) -> None:
        member.campaign = campaign
        campaign.members[member.id] = member
        campaign.threads += member.threads

    def _detach(self, member: Member, now: float) -> CampaignState:
        campaign = member.campaign
        del campaign.members[member.id]
        campaign.threads -= member.threads
        campaign.left_at = now
        return campaign

    def _forget_stock(self, campaign: CampaignState) -> list[int]:
        lows, size = campaign.forget_stock()
        self.holding.give(size)
        return lows

    def _release_unused(self, campaign: CampaignState, now: float) -> list[Decision]:
        in_use = campaign.members or campaign.fetching or campaign.out or campaign.copied
        if campaign.blocks and self._rests(campaign, now):
            return [Release(campaign.id, campaign.run, self._forget_stock(campaign))]
        if campaign.left_at is None:
            campaign.left_at = now  # whoever it was opened for is on its way
        if in_use or now - campaign.left_at < self.rules.release_after_s:
            return []
        del self.campaigns[campaign.id]
        return [Release(campaign.id, campaign.run, self._forget_stock(campaign))]
