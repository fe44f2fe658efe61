"""The hub: one per socket process."""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import gevent
from simple_websocket import ConnectionClosed

from app import ledger
from app.budget import Budget
from app.database import Database
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
from app.errors import CloseCode, ProtocolError
from app.hub.catalogue import Catalogue
from app.hub.connection import Connection, Visit
from app.hub.heart import Heart
from app.hub.reception import Reception
from app.hub.supply import Supply
from app.hub.writer import UNAVAILABLE, Writer
from app.protocol import (
    Batch,
    ClassicAnswer,
    Conversation,
    Hello,
    Leaving,
    Limits,
    LoadFailed,
    Message,
    ServerText,
    encode_datasets,
)
from app.records import Presence
from app.settings import Settings
from app.websocket import WebSocket, encode_binary, encode_text

log = logging.getLogger(__name__)

TICK_S = 1.0
FLUSH_S = 10.0
KILLS, KILL_S = 6, 0.5
D_FRAME = encode_text(ServerText.DATASET)
WAIT_FRAME = encode_text(ServerText.WAIT)


class Hub:
    """Serves volunteers' sockets. Call `start` once, `serve` for each connection, `stop` at the end."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.budget = Budget(settings.memory_budget_bytes)
        self.limits = Limits(settings.result_max_bytes, settings.batch_max_bytes, settings.max_want)
        self.dispatcher = Dispatcher(_rules(settings), self.budget)
        self.catalogue = Catalogue(database, settings)
        self.heart = Heart(settings, database, clock, reborn=self.dispatcher.disown, count_present=self._count_present)
        self.writer = Writer(
            database,
            process=lambda: self.heart.process,
            committed=self._committed,
            refused=self._refused,
        )
        self.reception = Reception(database, self.catalogue, self.dispatcher, self.limits, act=self._act, clock=clock)
        self.supply = Supply(
            settings,
            database,
            self.heart,
            self.dispatcher,
            act=self._act,
            clock=clock,
            may_lease=lambda: not self.is_stopping,
        )
        self.is_stopping = False
        self._connections: dict[int, Connection] = {}
        self._addresses: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._greenlets: list[gevent.Greenlet] = []
        self._actions: dict[type, Callable[..., object]] = {
            Grant: self._grant,
            Idle: self._idle,
            End: self._end,
            Renew: lambda renew: gevent.spawn(self._renew, renew),
            Reassign: lambda reassign: gevent.spawn(self._reassign, reassign),
            Fetch: lambda fetch: gevent.spawn(self.supply.fetch, fetch),
            Borrow: lambda borrow: gevent.spawn(self.supply.borrow, borrow),
            Release: lambda release: gevent.spawn(self.supply.release, release),
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
        self._greenlets = [gevent.spawn(repeat, act, pause_s) for act, pause_s in loops]

    def stop(self) -> None:
        """Send everybody away to reconnect, store what has arrived, and give every lease back."""
        self.is_stopping = True
        for connection in list(self._connections.values()):
            connection.socket.close(CloseCode.RESTARTING, "The server restarts.")
        self.writer.flush(FLUSH_S)
        end_loops(self._greenlets)
        self.heart.leave()

    # --- connections -------------------------------------------------------------------------------------------------

    def serve(self, socket: WebSocket, visit: Visit) -> None:
        """Serve one connection until it ends; one bad frame ends it, and nothing else."""
        if (refusal := self._find_refusal(visit)) is not None:
            socket.close(*refusal)
            socket.linger()
            return
        conversation = Conversation(self.limits, socket.let_others)
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
        if len(self._connections) >= self.settings.connections_max or self.budget.is_full:
            return CloseCode.TRY_LATER, "This server has all the volunteers it can hold."
        if self._addresses[visit.address] >= self.settings.connections_per_address:
            return CloseCode.REFUSED, "Too many connections from your address."
        return None

    def _converse(self, connection: Connection) -> None:
        receive, understand = connection.socket.receive, connection.conversation.receive
        with gevent.Timeout(self.settings.hello_timeout_s, ProtocolError("No hello came.", CloseCode.REFUSED)):
            frame = receive()
        while True:
            message = understand(frame)
            if message is not None:
                connection.frame_bytes = len(frame)
                self._hear(connection, message)
            del frame, message  # what may be long is not kept until the next one comes
            frame = receive()  # waits while the budget is full (D9)

    def _drop(self, connection: Connection) -> None:
        del self._connections[connection.id]
        self._addresses[connection.visit.address] -= 1
        if not self._addresses[connection.visit.address]:
            del self._addresses[connection.visit.address]
        self._act(self.dispatcher.leave(connection.id, self.clock()))

    def _hear(self, connection: Connection, message: Message) -> None:
        now = self.clock()
        if isinstance(message, ClassicAnswer):
            self._act(self.dispatcher.answer(connection.id, (message.answer,), 1, now))
        elif isinstance(message, Batch):
            self._act(self.dispatcher.answer(connection.id, message.answers, message.want, now))
        elif isinstance(message, Hello):
            self.reception.greet(connection, message)
        elif isinstance(message, LoadFailed):
            self._act(self.dispatcher.load_failed(connection.id, message.error, now))
        elif isinstance(message, Leaving):
            connection.socket.close(CloseCode.DONE, "Thank you.")
            raise ConnectionClosed(CloseCode.DONE, None)
        # A ProgressNote is read and bounded, so that a harness may send it; nobody looks at it yet.

    # --- acting on decisions -----------------------------------------------------------------------------------------

    def _act(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            self._actions[type(decision)](decision)

    def _grant(self, grant: Grant) -> None:
        connection = self._connections.get(grant.member)
        if connection is None or connection.hello is None:
            return
        if not connection.hello.batched:
            connection.socket.send_frames(D_FRAME + encode_binary(grant.datasets[0][1]))
            return
        frame = encode_binary(encode_datasets(grant.datasets))
        # What comes unasked is announced, so that nobody takes it for an acknowledgement.
        connection.socket.send_frames(frame if grant.is_reply else D_FRAME + frame)

    def _idle(self, idle: Idle) -> None:
        if (connection := self._connections.get(idle.member)) is not None:
            connection.socket.send_frames(WAIT_FRAME)

    def _end(self, end: End) -> None:
        if (connection := self._connections.get(end.member)) is not None:
            connection.socket.close(end.code, end.reason)

    def _renew(self, renew: Renew) -> None:
        self._try_or_end(renew.member, self.reception.renew)

    def _reassign(self, reassign: Reassign) -> None:
        self._try_or_end(reassign.member, lambda c: self.reception.move(c, reassign.campaign))

    def _try_or_end(self, member_id: int, act: Callable[[Connection], None]) -> None:
        try:
            if (connection := self._connections.get(member_id)) is not None:
                act(connection)
        except Exception as error:
            if not isinstance(error, ProtocolError):
                log.warning("a volunteer could not be given a campaign, and is sent away: %s", error)
            self._end(End(member_id, CloseCode.TRY_LATER, "No campaign for you just now. Try again later."))

    # --- loops -------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.dispatcher.peers = self.heart.peers
        self._act(self.dispatcher.tick(self.clock()))
        if self._serves_any():
            self.reception.offer()
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
        if self._serves_any():
            self.reception.offer(only_news=True)

    def _count_present(self) -> dict[int, Presence]:
        campaigns = self.dispatcher.campaigns.values()
        return {c.id: Presence(len(c.members), c.threads) for c in campaigns if c.members}

    def _serves_any(self) -> bool:
        return any(member.takes_any for member in self.dispatcher.members.values())

    # --- the writer's questions and answers --------------------------------------------------------------------------

    def _store(self, store: Store) -> None:
        connection = self._connections.get(store.member)
        if connection is not None:
            store.held_bytes = connection.frame_bytes
            self.budget.take(store.held_bytes)
            if not connection.is_known:
                store.visitor = connection.visitor
        self.writer.put(store)

    def _committed(self, store: Store) -> None:
        self.budget.give(store.held_bytes)
        if (connection := self._connections.get(store.member)) is not None:
            connection.is_known = True
        self._act(self.dispatcher.committed(store, self.clock()))

    def _refused(self, store: Store) -> None:
        self.budget.give(store.held_bytes)
        runs = {outcome.campaign_id: outcome.run for outcome in store.outcomes}
        self.writer.keep_rows(runs.keys())
        for campaign_id, run in runs.items():
            self.dispatcher.distrust(campaign_id)
            self.supply.doubt(campaign_id)
            if campaign_id not in self.dispatcher.campaigns:
                self._act([Release(campaign_id, run, [])])
        self._end(End(store.member, CloseCode.BROKEN_PROTOCOL, "This result cannot be stored."))


def _rules(settings: Settings) -> Rules:
    return Rules(
        grace_s=settings.lease_grace_s,
        block_max=settings.block_max,
        block_max_bytes=settings.block_max_bytes,
        max_attempts=settings.max_attempts,
        max_losses=settings.max_losses,
        max_held=settings.max_want,
        max_spares=settings.max_spares,
        pause_patience_s=settings.pause_patience_s,
    )


def end_loops(greenlets: Sequence[gevent.Greenlet]) -> None:
    """End what would go on for ever, and wait until it has ended.

    Several times if need be: where a kill comes while SQLAlchemy looks whether a connection is alive, the driver raises
    an error of the database in its place, after which a loop goes on.
    """
    for _ in range(KILLS):
        gevent.killall(greenlets, block=False)
        gevent.joinall(greenlets, timeout=KILL_S)
        if all(greenlet.dead for greenlet in greenlets):
            return
    log.error("a loop of the hub does not end")


def repeat(act: Callable[[], None], pause_s: float) -> None:
    """Act again and again, whatever fails, until killed."""
    while True:
        gevent.sleep(pause_s)
        try:
            act()
        except UNAVAILABLE as error:
            log.warning("the database cannot be reached, trying again: %s", error)
        except Exception:
            log.exception("%s failed, and goes on", act)
