"""What the hub asks of the ledger for the dispatcher: blocks of datasets, copies of others', and giving back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import gevent
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.dispatcher import Borrow, Decision, Dispatcher, Fetch, Release
from app.hub.heart import Heart
from app.hub.writer import UNAVAILABLE
from app.records import Block
from app.settings import Settings

log = logging.getLogger(__name__)

RETRY_S = 1.0


class Supply:
    """Carries out `Fetch`, `Borrow` and `Release`, each in a greenlet of its own.

    Args:
        act: acts on the decisions that follow.
        clock: seconds.
        may_lease: whether this process still takes work.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        heart: Heart,
        dispatcher: Dispatcher,
        *,
        act: Callable[[Iterable[Decision]], None],
        clock: Callable[[], float],
        may_lease: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._database = database
        self._heart = heart
        self._dispatcher = dispatcher
        self._act = act
        self._clock = clock
        self._may_lease = may_lease
        self._unsure: set[int] = set()  # campaigns whose last fetch may have committed without our hearing of it

    def doubt(self, campaign_id: int) -> None:
        """Compare what we know that we hold of a campaign with the ledger at the next fetch, or when it is let go."""
        self._unsure.add(campaign_id)

    def fetch(self, fetch: Fetch) -> None:
        """Lease a block, and tell the dispatcher what came of it, whatever happens."""
        block = None
        is_unsure = fetch.campaign in self._unsure
        self._unsure.discard(fetch.campaign)  # a doubt that arises while this is under way is for the next fetch
        try:
            if self._may_lease() and not self._heart.is_doubtful:
                block = self._database.write(lambda connection: self._take_block(connection, fetch, is_unsure))
                is_unsure = False
        except UNAVAILABLE as error:
            log.warning("no datasets could be fetched, trying again: %s", error)
            is_unsure = True
        finally:
            if is_unsure:
                self.doubt(fetch.campaign)
            self._act(self._dispatcher.fetched(fetch.campaign, fetch.run, block, self._clock()))
            if block is not None and block.low not in self._known_lows(fetch.campaign):
                self.doubt(fetch.campaign)  # it was not kept

    def _known_lows(self, campaign_id: int) -> list[int]:
        campaign = self._dispatcher.campaigns.get(campaign_id)
        return campaign.known_lows if campaign is not None else []

    def _take_block(self, connection: sa.Connection, fetch: Fetch, is_unsure: bool) -> Block | None:
        process = self._heart.process
        if is_unsure:
            # The last one may have committed without our hearing of it: what we do not know that we hold is free.
            ledger.release_unknown(connection, process, fetch.campaign, fetch.run, self._known_lows(fetch.campaign))
        appetite = ledger.Appetite(fetch.datasets, self._settings.block_max_bytes, self._heart.peers)
        return ledger.take_block(connection, process, fetch.campaign, fetch.run, appetite)

    def borrow(self, borrow: Borrow) -> None:
        """Read what other processes hold of a campaign without a result (D7)."""
        try:
            found = self._database.read(
                lambda connection: ledger.find_held_elsewhere(
                    connection, self._heart.process, borrow.campaign, borrow.run, borrow.datasets
                )
            )
        except UNAVAILABLE as error:
            log.warning("what other processes hold could not be read: %s", error)
            return
        self._act(self._dispatcher.borrowed(borrow.campaign, borrow.run, found, self._clock()))

    def release(self, release: Release) -> None:
        """Give ranges back, however often it takes: with those of a campaign in doubt that nobody serves any more."""
        if not release.lows and release.campaign not in self._unsure:
            return
        served = self._dispatcher.campaigns.get(release.campaign)
        if served is not None and served.fetching:  # it may be leasing one of them again, which we shall know then
            gevent.spawn_later(RETRY_S, self.release, release)
            return
        try:
            self._database.write(lambda connection: self._release(connection, release))
        except UNAVAILABLE as error:
            log.warning("ranges could not be given back, trying again: %s", error)
            gevent.spawn_later(RETRY_S, self.release, release)

    def _release(self, connection: sa.Connection, release: Release) -> None:
        process, campaign = self._heart.process, release.campaign
        if lows := set(release.lows).difference(self._known_lows(campaign)):  # else leased again since
            ledger.release(connection, process, campaign, release.run, sorted(lows))
        if campaign in self._unsure and campaign not in self._dispatcher.campaigns:
            # It stays in doubt until the next fetch, should this not commit, or somebody ask for it meanwhile.
            ledger.release_unknown(connection, process, campaign, release.run, [])
