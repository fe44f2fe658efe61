"""The dispatcher: events are its public methods, each of which returns the decisions that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.dispatcher import leasing
from app.dispatcher.decisions import (
    Decision,
    End,
    Fetch,
    Grant,
    Idle,
    Reassign,
    Receipt,
    Release,
    Renew,
    Store,
)
from app.dispatcher.leasing import Rules, Statistics
from app.dispatcher.state import CampaignState, Member
from app.errors import CloseCode
from app.protocol import Answer, ErrorReport
from app.records import Block, ScheduleView
from app.states import Generation, Intent

DRY_S = 1.0  # the ledger is asked again after this long when it had nothing to give


class Dispatcher:
    """The scheduling state of one socket process. See the promises in the package's docstring."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.campaigns: dict[int, CampaignState] = {}
        self.members: dict[int, Member] = {}
        self.statistics = Statistics()

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
    ) -> list[Decision]:
        """Take in a connection that said hello. A classic one is owed its first dataset at once."""
        campaign = self.campaigns[campaign_id]
        member = Member(member_id, campaign, volunteer, batched, takes_any, threads)
        self.members[member_id] = campaign.members[member_id] = member
        campaign.threads += threads
        if (ending := self._ending(member)) is not None:
            return self._end(member, ending)
        member.want = 0 if batched else 1
        return self._serve(member, now) if member.want else []

    def answer(self, member_id: int, answers: Sequence[Answer], want: int, now: float) -> list[Decision]:
        """Take a member's answers; what it wants next counts once they have committed (D2).

        Raises:
            ProtocolError: an answer names a lease that this connection never had (D4).
        """
        member = self.members[member_id]
        self._unpark(member)
        member.want = 0
        store = Store(Receipt(member_id, want))
        for answer in answers:
            leasing.take_answer(self, member, answer, store, now)
        decisions: list[Decision] = []
        if store.outcomes or store.failures or member.in_flight:
            member.in_flight += 1
            decisions.append(store)
        else:
            decisions += self._reply(member, want, now)
        return decisions + self._feed(member.campaign, now)

    def load_failed(self, member_id: int, error: ErrorReport, now: float) -> list[Decision]:
        """A member could not load the kernel: no dataset is to blame, and it gets none. Counted once a connection."""
        member = self.members[member_id]
        self._unpark(member)
        member.want = 0
        leasing.return_leases(self, member, blame=False)
        if member.has_failed_to_load:
            return self._feed(member.campaign, now)
        member.has_failed_to_load = True
        member.in_flight += 1
        store = Store(Receipt(member_id, 0, replies=False), failures=[leasing.load_failure(member, error)])
        return [store, *self._feed(member.campaign, now)]

    def committed(self, receipt: Receipt, now: float) -> list[Decision]:
        """Acknowledge what has committed, and hand out what the member wanted with it (D2)."""
        member = self.members.get(receipt.member)
        if member is None:
            return []
        member.in_flight -= 1
        if not receipt.replies:
            return self._serve(member, now)
        # Only the newest wish counts: with another batch on its way, this reply is the acknowledgement alone.
        return self._reply(member, 0 if member.in_flight else receipt.want, now)

    def leave(self, member_id: int, now: float) -> list[Decision]:
        """A connection ended: its datasets are pending again at once (D5)."""
        member = self.members.pop(member_id, None)
        if member is None:
            return []
        self._unpark(member)
        store = leasing.return_leases(self, member, blame=True)
        campaign = self._detach(member, now)
        return [*([store] if store else []), *self._feed(campaign, now)]

    def move(self, member_id: int, campaign_id: int, now: float) -> None:
        """Give a member that takes any campaign another one. What it still computes of the old one may be answered."""
        member = self.members[member_id]
        self._unpark(member)
        self._detach(member, now)
        member.campaign = self.campaigns[campaign_id]
        member.campaign.members[member_id] = member
        member.campaign.threads += member.threads
        member.leaving, member.want = False, 0

    # --- events of the ledger ----------------------------------------------------------------------------------------

    def fetched(self, campaign_id: int, run: int, block: Block | None, now: float) -> list[Decision]:
        """Take in the datasets that a `Fetch` leased, or hear that there were none."""
        campaign = self.campaigns.get(campaign_id)
        if campaign is None:
            return [Release(campaign_id, run, [block.low])] if block else []
        campaign.fetching = False
        if block is None:
            campaign.dry_until = now + DRY_S
        elif block.run == campaign.run:  # else a reset overtook it, and took its row away
            leasing.add_block(campaign, block)
        return self._feed(campaign, now)

    def looked(self, views: Iterable[ScheduleView], now: float) -> list[Decision]:
        """Take in what owners and other processes changed."""
        decisions: list[Decision] = []
        for view in views:
            campaign = self.campaigns.get(view.campaign_id)
            if campaign is not None and campaign.view != view:
                decisions += self._change(campaign, view, now)
        return decisions

    def distrust(self, campaign_id: int) -> None:
        """Forget what is held of a campaign: what the ledger refused is leased anew, with the rest of its range."""
        if (campaign := self.campaigns.get(campaign_id)) is not None:
            campaign.forget_stock()

    def disown(self) -> None:
        """Forget everything not handed out: this process was declared dead, and others may hold it now."""
        for campaign in self.campaigns.values():
            campaign.forget_stock()

    def tick(self, now: float) -> list[Decision]:
        """Once a second: lapse leases, measure rates, look again for those who wait, let go of unused campaigns."""
        decisions: list[Decision] = []
        for member in list(self.members.values()):
            decisions += self._lapse(member, now)
        for campaign in list(self.campaigns.values()):
            campaign.handed_out_last_second, campaign.handed_out = campaign.handed_out, 0
            decisions += self._feed(campaign, now)
            decisions += self._release_unused(campaign, now)
        return decisions

    # --- handing out -------------------------------------------------------------------------------------------------

    def _reply(self, member: Member, want: int, now: float) -> list[Decision]:
        member.want = want
        return self._serve(member, now, is_reply=True)

    def _serve(self, member: Member, now: float, is_reply: bool = False) -> list[Decision]:
        decisions: list[Decision] = []
        may_grant = not member.leaving and _is_runnable(member.campaign.view)
        granted = leasing.grant(member, self.rules, now) if may_grant else []
        if granted or (is_reply and member.batched):
            decisions.append(Grant(member.id, granted, is_reply))
        if (ending := self._ending(member)) is not None:
            return decisions + self._end(member, ending)
        # What it got less than it wanted while there is more, it was not to get: it asks again with its next answers.
        if member.want > 0 and (not granted or not member.campaign.has_stock):
            decisions += self._park(member)
        return decisions + self._refill(member.campaign, now)

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
            if not campaign.has_stock or not _is_runnable(campaign.view):
                break
            member = next(iter(campaign.waiting.values()))
            campaign.unpark(member)
            decisions += self._serve(member, now)
        return decisions + self._refill(campaign, now)

    def _refill(self, campaign: CampaignState, now: float) -> list[Decision]:
        rate = max(campaign.handed_out, campaign.handed_out_last_second)
        if campaign.fetching or now < campaign.dry_until or not _is_runnable(campaign.view) or not campaign.members:
            return []
        if not campaign.waiting and (campaign.stock > rate // 2 or not rate):
            return []
        campaign.fetching = True
        size = max(campaign.waiting_want, 2 * rate, 1)
        return [Fetch(campaign.id, campaign.run, min(size, self.rules.block_max))]

    # --- changes -----------------------------------------------------------------------------------------------------

    def _change(self, campaign: CampaignState, view: ScheduleView, now: float) -> list[Decision]:
        before, campaign.view = campaign.view, view
        decisions: list[Decision] = []
        if view.run != before.run:
            campaign.forget_stock()  # the reset took the rows of the old run's leases away
            campaign.leases_out = 0
        if (view.run, view.kernel_version) != (before.run, before.kernel_version):
            decisions += self._renew(campaign, kernel_changed=view.kernel_version != before.kernel_version)
        if view.generated != before.generated or view.run != before.run or view.intent != before.intent:
            campaign.dry_until = 0.0
        if not _is_runnable(view) or view.is_done:
            for member in list(campaign.members.values()):
                if (ending := self._ending(member)) is not None:
                    decisions += self._end(member, ending)
        return decisions + self._feed(campaign, now)

    def _renew(self, campaign: CampaignState, *, kernel_changed: bool) -> list[Decision]:
        decisions: list[Decision] = []
        for member in list(campaign.members.values()):
            if member.batched:
                self._unpark(member)
                member.want = 0  # it asks again, knowing the new campaign
                decisions.append(Renew(member.id))
            elif kernel_changed:  # the classic dialect has no word for a new kernel
                decisions += self._end(member, End(member.id, CloseCode.RESTARTING, "The kernel changed."))
        return decisions

    def _ending(self, member: Member) -> End | Reassign | None:
        """Say whether, and how, a member's service ends now (a paused campaign waits for the answers in flight)."""
        view, busy = member.campaign.view, bool(member.leases or member.in_flight)
        if member.leaving:
            return None
        if view.deleted:
            return End(member.id, CloseCode.NO_SUCH_CAMPAIGN, "The campaign was deleted.")
        if view.is_done and not member.in_flight:
            if member.batched and member.takes_any:
                return Reassign(member.id)
            return End(member.id, CloseCode.DONE, "No more datasets.")
        if busy:
            return None
        if view.generation is Generation.FAILED:
            return End(member.id, CloseCode.NOT_RUNNING, "The campaign's dataset generator failed.")
        if view.intent is Intent.PAUSED:
            return End(member.id, CloseCode.NOT_RUNNING, "The campaign is paused.")
        return None

    def _end(self, member: Member, ending: End | Reassign) -> list[Decision]:
        self._unpark(member)
        member.leaving = True
        return [ending]

    def _lapse(self, member: Member, now: float) -> list[Decision]:
        store = leasing.lapse(self, member, now)
        decisions: list[Decision] = [] if store is None else [store]
        if not member.leaving and member.leases and all(lease.lapsed for lease in member.leases.values()):
            reason = "No answer before the datasets' deadline."
            decisions += self._end(member, End(member.id, CloseCode.TRY_LATER, reason))
        return decisions

    def _detach(self, member: Member, now: float) -> CampaignState:
        campaign = member.campaign
        del campaign.members[member.id]
        campaign.threads -= member.threads
        campaign.left_at = now
        return campaign

    def _release_unused(self, campaign: CampaignState, now: float) -> list[Decision]:
        unused = not campaign.members and not campaign.fetching and not campaign.leases_out
        if not unused or now - campaign.left_at < self.rules.release_after_s:
            return []
        del self.campaigns[campaign.id]
        lows = campaign.forget_stock()
        return [Release(campaign.id, campaign.run, lows)] if lows else []


def _is_runnable(view: ScheduleView) -> bool:
    return view.intent is Intent.RUNNING and not view.deleted and view.generation is not Generation.FAILED
