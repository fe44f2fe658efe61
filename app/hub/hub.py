"""The hub: one per socket process."""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable

import gevent
import sqlalchemy as sa
from simple_websocket import ConnectionClosed

from app import ledger
from app.database import Database
from app.dispatcher import (
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
from app.errors import CloseCode, ProtocolError
from app.hub.catalogue import Catalogue
from app.hub.connection import Connection, Visit
from app.hub.heart import Heart
from app.hub.writer import UNAVAILABLE, Writer
from app.protocol import (
    ANY_CAMPAIGN,
    Batch,
    ClassicAnswer,
    Conversation,
    Hello,
    Leaving,
    Limits,
    LoadFailed,
    Message,
    ProgressNote,
    ServerText,
    encode_datasets,
)
from app.records import Block, ScheduleView
from app.settings import Settings
from app.states import Generation
from app.websocket import WebSocket, encode_binary, encode_text

log = logging.getLogger(__name__)

TICK_S = 1.0
FLUSH_S = 10.0
D_FRAME = encode_text(ServerText.DATASET)
WAIT_FRAME = encode_text(ServerText.WAIT)
CHANGED_FRAME = encode_text(ServerText.CHANGED)


class Hub:
    """Serves volunteers' sockets. Call `start` once, `serve` for each connection, `stop` at the end."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.limits = Limits(settings.result_max_bytes, settings.batch_max_bytes, settings.max_want)
        self.dispatcher = Dispatcher(_rules(settings))
        self.catalogue = Catalogue(database, settings)
        self.heart = Heart(settings, database, clock, reborn=self.dispatcher.disown)
        self.writer = Writer(
            database,
            process=lambda: self.heart.process,
            committed=self._committed,
            refused=self._refused,
        )
        self.is_stopping = False
        self._connections: dict[int, Connection] = {}
        self._addresses: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._unsure: set[int] = set()  # campaigns whose last fetch may have committed without our hearing of it
        self._greenlets: list[gevent.Greenlet] = []
        self._actions: dict[type, Callable[..., None]] = {
            Grant: self._grant,
            Idle: self._idle,
            End: self._end,
            Renew: self._renew,
            Reassign: self._reassign,
            Fetch: lambda fetch: gevent.spawn(self._fetch, fetch),
            Release: lambda release: gevent.spawn(self._release, release),
            Store: self._store,
        }

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Enter the process in the ledger and begin to tick."""
        self.heart.enter()
        loops = (
            (self.writer.run, 0.0),
            (self._tick, TICK_S),
            (self._look, self.settings.change_poll_s),
            (self.heart.beat, self.settings.heartbeat_s),
        )
        self._greenlets = [gevent.spawn(_repeat, act, pause_s) for act, pause_s in loops]

    def stop(self) -> None:
        """Send everybody away to reconnect, store what has arrived, and give every lease back."""
        self.is_stopping = True
        for connection in list(self._connections.values()):
            connection.socket.close(CloseCode.RESTARTING, "The server restarts.")
        self.writer.flush(FLUSH_S)
        gevent.killall(self._greenlets)
        self.heart.leave()

    # --- connections -------------------------------------------------------------------------------------------------

    def serve(self, socket: WebSocket, visit: Visit) -> None:
        """Serve one connection until it ends; one bad frame ends it, and nothing else."""
        if (refusal := self._find_refusal(visit)) is not None:
            socket.close(*refusal)
            socket.linger()
            return
        conversation = Conversation(self.limits)
        connection = Connection(next(self._ids), socket, conversation, visit, volunteer=random.getrandbits(52))
        self._connections[connection.id] = connection
        self._addresses[visit.address] += 1
        try:
            self._converse(connection)
        except ConnectionClosed:
            pass
        except ProtocolError as error:
            socket.close(error.code, error.message)
        except UNAVAILABLE:
            log.exception("a volunteer is sent away, because the database cannot be read")
            socket.close(CloseCode.TRY_LATER, "The database cannot be reached. Try again in a moment.")
        except Exception:
            log.exception("a connection failed")
            socket.close(CloseCode.SERVER_ERROR, "The server failed.")
        finally:
            self._drop(connection)
        socket.linger()

    def _find_refusal(self, visit: Visit) -> tuple[CloseCode, str] | None:
        if self.is_stopping:
            return CloseCode.RESTARTING, "The server restarts."
        if len(self._connections) >= self.settings.connections_max:
            return CloseCode.TRY_LATER, "This server has all the volunteers it can hold."
        if self._addresses[visit.address] >= self.settings.connections_per_address:
            return CloseCode.REFUSED, "Too many connections from your address."
        return None

    def _converse(self, connection: Connection) -> None:
        with gevent.Timeout(self.settings.hello_timeout_s, ProtocolError("No hello came.", CloseCode.REFUSED)):
            frame = connection.socket.receive()
        while True:
            message = connection.conversation.receive(frame)
            if isinstance(message, Leaving):
                connection.socket.close(CloseCode.DONE, "Thank you.")
                return
            if message is not None:
                self._hear(connection, message)
            frame = connection.socket.receive()

    def _drop(self, connection: Connection) -> None:
        del self._connections[connection.id]
        self._addresses[connection.visit.address] -= 1
        if not self._addresses[connection.visit.address]:
            del self._addresses[connection.visit.address]
        self._act(self.dispatcher.leave(connection.id, self.clock()))

    def _hear(self, connection: Connection, message: Message) -> None:
        now = self.clock()
        match message:
            case ClassicAnswer(answer):
                self._act(self.dispatcher.answer(connection.id, [answer], 1, now))
            case Batch(want, answers):
                self._act(self.dispatcher.answer(connection.id, answers, want, now))
            case Hello():
                self._greet(connection, message)
            case LoadFailed(error):
                self._act(self.dispatcher.load_failed(connection.id, error, now))
            case ProgressNote():
                pass  # read and bounded, so that a harness may send it; nobody looks at it yet

    def _greet(self, connection: Connection, hello: Hello) -> None:
        connection.hello = hello
        takes_any = hello.campaign_id == ANY_CAMPAIGN
        campaign_id = self._choose_campaign() if takes_any else hello.campaign_id
        if campaign_id is None:
            raise ProtocolError("No campaign needs volunteers now. Try again later.", CloseCode.TRY_LATER)
        view = self._open_campaign(campaign_id)
        connection.definition = self.catalogue.find(view)
        decisions = self.dispatcher.join(
            connection.id,
            campaign_id,
            volunteer=connection.volunteer,
            now=self.clock(),
            batched=hello.batched,
            takes_any=takes_any,
            threads=hello.threads,
        )
        if not any(isinstance(decision, End) for decision in decisions):
            self._send_definition(connection, view.run)
        self._act(decisions)

    def _open_campaign(self, campaign_id: int) -> ScheduleView:
        """Begin to serve a campaign, unless this process does already."""
        if (known := self.dispatcher.campaigns.get(campaign_id)) is not None:
            return known.view
        views = self.database.read(lambda connection: ledger.find_views(connection, [campaign_id]))
        if not views or views[0].deleted or (definition := self.catalogue.find(views[0])) is None:
            raise ProtocolError(f"There is no campaign {campaign_id}.", CloseCode.NO_SUCH_CAMPAIGN)
        if views[0].generation is Generation.FAILED:
            raise ProtocolError("The campaign's dataset generator failed.", CloseCode.NOT_RUNNING)
        self.dispatcher.open_campaign(views[0], definition.deadline_ms / 1000)
        return views[0]

    def _choose_campaign(self, other_than: int | None = None) -> int | None:
        runnable = [i for i in self.database.read(ledger.find_runnable) if i != other_than]
        random.shuffle(runnable)
        return min(runnable, key=self._count_members, default=None)

    def _count_members(self, campaign_id: int) -> int:
        campaign = self.dispatcher.campaigns.get(campaign_id)
        return len(campaign.members) if campaign else 0

    def _send_definition(self, connection: Connection, run: int) -> None:
        if connection.definition is not None and connection.hello is not None:
            connection.socket.send_frames(connection.definition.frames(connection.hello, run, self.limits))

    # --- acting on decisions -----------------------------------------------------------------------------------------

    def _act(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            self._actions[type(decision)](decision)

    def _grant(self, grant: Grant) -> None:
        connection = self._connections.get(grant.member)
        if connection is None or connection.hello is None:
            return
        if connection.hello.batched:
            connection.socket.send_frames(encode_binary(encode_datasets(grant.datasets)))
        else:
            connection.socket.send_frames(D_FRAME + encode_binary(grant.datasets[0][1]))

    def _idle(self, idle: Idle) -> None:
        if (connection := self._connections.get(idle.member)) is not None:
            connection.socket.send_frames(WAIT_FRAME)

    def _end(self, end: End) -> None:
        if (connection := self._connections.get(end.member)) is not None:
            connection.socket.close(end.code, end.reason)

    def _renew(self, renew: Renew) -> None:
        gevent.spawn(self._try_or_end, self._send_change, renew.member)

    def _reassign(self, reassign: Reassign) -> None:
        gevent.spawn(self._try_or_end, self._move, reassign.member)

    def _try_or_end(self, act: Callable[[int], None], member_id: int) -> None:
        try:
            act(member_id)
        except Exception as error:
            if not isinstance(error, ProtocolError):
                log.warning("a volunteer could not be given a campaign, and is sent away: %s", error)
            self._end(End(member_id, CloseCode.TRY_LATER, "No campaign for you just now. Try again later."))

    def _send_change(self, member_id: int) -> None:
        connection, member = self._connections.get(member_id), self.dispatcher.members.get(member_id)
        if connection is not None and member is not None:
            view = member.campaign.view
            connection.definition = self.catalogue.find(view)
            connection.socket.send_frames(CHANGED_FRAME)
            self._send_definition(connection, view.run)

    def _move(self, member_id: int) -> None:
        member = self.dispatcher.members.get(member_id)
        if member is None:
            return
        campaign_id = self._choose_campaign(other_than=member.campaign.id)
        if campaign_id is None:
            raise ProtocolError("No campaign needs volunteers now.", CloseCode.TRY_LATER)
        self._open_campaign(campaign_id)
        if member_id in self.dispatcher.members:
            self.dispatcher.move(member_id, campaign_id, self.clock())
            self._send_change(member_id)

    def _fetch(self, fetch: Fetch) -> None:
        block = None
        try:
            if not self.heart.is_doubtful and not self.is_stopping:
                block = self.database.write(lambda connection: self._take_block(connection, fetch))
                self._unsure.discard(fetch.campaign)
        except UNAVAILABLE as error:
            log.warning("no datasets could be fetched, trying again: %s", error)
            self._unsure.add(fetch.campaign)
        finally:
            self._act(self.dispatcher.fetched(fetch.campaign, fetch.run, block, self.clock()))

    def _take_block(self, connection: sa.Connection, fetch: Fetch) -> Block | None:
        process = self.heart.process
        campaign = self.dispatcher.campaigns.get(fetch.campaign)
        if campaign is not None and fetch.campaign in self._unsure:
            # The last one may have committed without our hearing of it: what we do not know that we hold is free.
            ledger.release_unknown(connection, process, fetch.campaign, fetch.run, campaign.known_lows)
        appetite = ledger.Appetite(fetch.datasets, self.settings.block_max_bytes, self.heart.peers)
        return ledger.take_block(connection, process, fetch.campaign, fetch.run, appetite)

    def _release(self, release: Release) -> None:
        try:
            self.database.write(
                lambda connection: ledger.release(
                    connection, self.heart.process, release.campaign, release.run, release.lows
                )
            )
        except UNAVAILABLE as error:
            log.warning("ranges could not be given back, trying again: %s", error)
            gevent.spawn_later(TICK_S, self._release, release)

    # --- loops -------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._act(self.dispatcher.tick(self.clock()))
        self.catalogue.keep_only(set(self.dispatcher.campaigns))
        now = time.monotonic()
        for connection in list(self._connections.values()):
            self._keep_alive(connection, now)

    def _keep_alive(self, connection: Connection, now: float) -> None:
        socket, settings = connection.socket, self.settings
        if socket.closing_at is not None and now - socket.closing_at > settings.ping_timeout_s / 4:
            socket.abort()
        elif socket.pinged_at is None and now - socket.heard_at > settings.ping_interval_s:
            socket.ping()
        elif socket.pinged_at is not None and now - socket.pinged_at > settings.ping_timeout_s:
            # A single-threaded client cannot answer while it computes: its limit is the datasets' deadline.
            member = self.dispatcher.members.get(connection.id)
            if member is None or member.batched or not member.leases:
                socket.abort()

    def _look(self) -> None:
        """Read what owners and other processes changed: the only channel between processes."""
        campaign_ids = list(self.dispatcher.campaigns)
        if campaign_ids:
            views = self.database.read(lambda connection: ledger.find_views(connection, campaign_ids))
            self._act(self.dispatcher.looked(views, self.clock()))

    # --- the writer's questions and answers --------------------------------------------------------------------------

    def _store(self, store: Store) -> None:
        connection = self._connections.get(store.receipt.member)
        if connection is not None and not connection.is_known:
            store.visitor = connection.visitor
        self.writer.put(store)

    def _committed(self, store: Store) -> None:
        if (connection := self._connections.get(store.receipt.member)) is not None:
            connection.is_known = True
        self._act(self.dispatcher.committed(store.receipt, self.clock()))

    def _refused(self, store: Store) -> None:
        for campaign_id in {outcome.campaign_id for outcome in store.outcomes}:
            self.dispatcher.distrust(campaign_id)
            self._unsure.add(campaign_id)
        self._end(End(store.receipt.member, CloseCode.BROKEN_PROTOCOL, "This result cannot be stored."))


def _rules(settings: Settings) -> Rules:
    return Rules(
        grace_s=settings.lease_grace_s,
        block_max=settings.block_max,
        max_attempts=settings.max_attempts,
        max_losses=settings.max_losses,
        max_held=settings.max_want,
    )


def _repeat(act: Callable[[], None], pause_s: float) -> None:
    while True:
        gevent.sleep(pause_s)
        try:
            act()
        except UNAVAILABLE as error:
            log.warning("the database cannot be reached, trying again: %s", error)
        except Exception:
            log.exception("%s failed, and goes on", act)
