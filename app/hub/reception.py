"""Which campaign a connection serves: at its hello, after a change, and when it moves to another (D10)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from app import ledger
from app.database import Database
from app.dispatcher import Decision, Dispatcher, End
from app.errors import CloseCode, ProtocolError
from app.hub.catalogue import Catalogue
from app.hub.connection import Connection
from app.hub.tickets import Tickets
from app.protocol import ANY_CAMPAIGN, Hello, Limits, ServerText
from app.records import ScheduleView
from app.states import Generation
from app.websocket import encode_text

log = logging.getLogger(__name__)

OFFERS_KEPT_S = 0.25
CHANGED_FRAME = encode_text(ServerText.CHANGED)


class Reception:
    """Takes volunteers in, and tells them what they serve.

    Args:
        act: acts on the decisions that follow.
        clock: seconds.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        dispatcher: Dispatcher,
        limits: Limits,
        *,
        act: Callable[[Iterable[Decision]], None],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._dispatcher = dispatcher
        self._limits = limits
        self._act = act
        self._clock = clock
        self._tickets = Tickets()
        self._offered_at = float("-inf")

    def greet(self, connection: Connection, hello: Hello) -> None:
        """Take in a connection that said hello.

        Raises:
            ProtocolError: there is nothing for it to do.
        """
        connection.hello = hello
        takes_any = hello.campaign_id == ANY_CAMPAIGN
        campaign_id = self._choose_campaign(hello.threads) if takes_any else hello.campaign_id
        view = self._open_campaign(campaign_id)
        self._define(connection, view)
        decisions = self._dispatcher.join(
            connection.id,
            campaign_id,
            volunteer=connection.volunteer,
            now=self._clock(),
            batched=hello.batched,
            takes_any=takes_any,
            threads=hello.threads,
            resumes=self._tickets.find(hello.resume),
        )
        connection.volunteer = self._dispatcher.members[connection.id].volunteer  # whoever came back keeps its name
        if not any(isinstance(decision, End) and decision.member == connection.id for decision in decisions):
            self._send_definition(connection, view.run)
        self._act(decisions)

    def offer(self, *, only_news: bool = False) -> None:
        """Look which campaigns need volunteers who take any, and move those who are needed more elsewhere.

        Weighing everybody takes a while; `only_news` does so when other campaigns need somebody than before.
        """
        pending = self._database.read(ledger.find_offers)
        self._offered_at = self._clock()
        if not only_news or pending.keys() != self._dispatcher.placing.shares.pending.keys():
            self._act(self._dispatcher.offered(pending, self._clock()))

    def renew(self, connection: Connection) -> None:
        """Tell a batched volunteer that its campaign changed, and what it is now."""
        member = self._dispatcher.members.get(connection.id)
        if member is not None:
            view = member.campaign.view
            self._define(connection, view)
            connection.socket.send_frames(CHANGED_FRAME)
            self._send_definition(connection, view.run)

    def move(self, connection: Connection, campaign_id: int | None) -> None:
        """Give a batched volunteer that takes any another campaign.

        Raises:
            ProtocolError: there is none.
        """
        member = self._dispatcher.members.get(connection.id)
        if member is None:
            return
        if campaign_id is None:
            campaign_id = self._choose_campaign(member.threads, other_than=member.campaign.id)
        self._open_campaign(campaign_id)
        if connection.id in self._dispatcher.members:
            self._dispatcher.move(connection.id, campaign_id, self._clock())
            self.renew(connection)

    def _define(self, connection: Connection, view: ScheduleView) -> None:
        """Read what a connection is to be given, and what its datasets may take from now on."""
        connection.definition = self._catalogue.find(view)
        campaign = self._dispatcher.campaigns.get(view.campaign_id)
        if connection.definition is not None and campaign is not None:
            campaign.deadline_s = connection.definition.deadline_ms / 1000

    def _choose_campaign(self, threads: int, other_than: int | None = None) -> int:
        placing = self._dispatcher.placing
        if self._clock() - self._offered_at > OFFERS_KEPT_S:
            self.offer()
        campaign_id = placing.place(threads, other_than)
        if campaign_id is None:  # one may have come since
            self.offer()
            campaign_id = placing.place(threads, other_than)
        if campaign_id is None:
            raise ProtocolError("No campaign needs volunteers now. Try again later.", CloseCode.TRY_LATER)
        return campaign_id

    def _open_campaign(self, campaign_id: int) -> ScheduleView:
        """Begin to serve a campaign, unless this process does already.

        One that is about to be closed is looked at anew: it may have been resumed or reset a moment ago.
        """
        known = self._dispatcher.campaigns.get(campaign_id)
        if known is not None and not known.is_closing:
            return known.view
        views = self._database.read(lambda connection: ledger.find_views(connection, [campaign_id]))
        if not views or views[0].deleted or (definition := self._catalogue.find(views[0])) is None:
            raise ProtocolError(f"There is no campaign {campaign_id}.", CloseCode.NO_SUCH_CAMPAIGN)
        if views[0].generation is Generation.FAILED:
            raise ProtocolError("The campaign's dataset generator failed.", CloseCode.NOT_RUNNING)
        self._act(self._dispatcher.looked(views, self._clock()))
        self._dispatcher.open_campaign(views[0], definition.deadline_ms / 1000)
        return views[0]

    def _send_definition(self, connection: Connection, run: int) -> None:
        if connection.definition is None or connection.hello is None:
            return
        member = self._dispatcher.members.get(connection.id)
        ticket = self._tickets.sign(connection.id)
        resumed = member is not None and member.has_resumed
        own, *shared = connection.definition.frames(connection.hello, run, self._limits, ticket, resumed=resumed)
        connection.socket.send_frames(own)
        for frames in filter(None, shared):
            connection.socket.send_shared(frames)
