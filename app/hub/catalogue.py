"""Campaigns as volunteers get them: kernel and static dataset, read once and framed once for everybody."""

from __future__ import annotations

import dataclasses
import time

import sqlalchemy as sa

from app.database import Database
from app.models import Campaign
from app.protocol import CampaignInfo, Hello, Limits, ServerText
from app.records import ScheduleView
from app.settings import Settings
from app.websocket import encode_text


@dataclasses.dataclass(frozen=True, slots=True)
class Definition:
    """One version of a campaign, ready to be sent."""

    campaign_id: int
    name: str
    kernel_version: int
    kernel_hash: str
    static_hash: str
    deadline_ms: int
    sloppy: bool
    kernel_frames: bytes = dataclasses.field(repr=False)
    static_frames: bytes = dataclasses.field(repr=False)

    def frames(self, hello: Hello, run: int, limits: Limits, ticket: str, *, resumed: bool) -> list[bytes]:
        """Return what a volunteer is sent when it begins on this campaign, less what it has.

        The first part is its own; the others are shared by everybody (D9).
        """
        if not hello.batched:
            return [b"", self.kernel_frames, self.static_frames]
        info = CampaignInfo(
            id=self.campaign_id,
            name=self.name,
            run=run,
            kernel_version=self.kernel_version,
            kernel_hash=self.kernel_hash,
            static_hash=self.static_hash,
            deadline_ms=self.deadline_ms,
            sloppy=self.sloppy,
            max_result_bytes=limits.result_bytes,
            max_batch_bytes=limits.batch_bytes,
            resume=ticket,
            resumed=resumed,
        )
        kernel = b"" if self.kernel_hash in hello.have else self.kernel_frames
        static = b"" if self.static_hash in hello.have else self.static_frames
        return [encode_text(info.encode()), kernel, static]


NAMES_KEPT_S = 1.0


class Catalogue:
    """The definitions in use, by campaign."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._default_deadline_ms = int(settings.dataset_deadline_s * 1000)
        self._definitions: dict[int, Definition] = {}
        self._named_at: dict[int, float] = {}

    def find(self, view: ScheduleView) -> Definition | None:
        """Return the version of a campaign that is in force, reading it when it is not the one at hand."""
        known = self._definitions.get(view.campaign_id)
        if known is not None and known.kernel_version == view.kernel_version:
            return self._rename(known)
        definition = self._database.read(lambda connection: self._read(connection, view.campaign_id))
        if definition is not None:
            self._definitions[view.campaign_id] = definition
            self._named_at[view.campaign_id] = time.monotonic()
        return definition

    def _rename(self, known: Definition) -> Definition:
        """Return a definition with the campaign's name as it is: for a new version, which it is not, all begin anew."""
        now = time.monotonic()
        if now - self._named_at[known.campaign_id] < NAMES_KEPT_S:
            return known
        self._named_at[known.campaign_id] = now
        query = sa.select(Campaign.name).where(Campaign.id == known.campaign_id)
        name = self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())
        if name is not None and name != known.name:
            known = self._definitions[known.campaign_id] = dataclasses.replace(known, name=name)
        return known

    def keep_only(self, campaign_ids: set[int]) -> None:
        """Let go of the definitions of other campaigns."""
        for campaign_id in self._definitions.keys() - campaign_ids:
            del self._definitions[campaign_id], self._named_at[campaign_id]

    def _read(self, connection: sa.Connection, campaign_id: int) -> Definition | None:
        row = connection.execute(
            sa.select(*_COLUMNS).where(Campaign.id == campaign_id, ~Campaign.deleted)
        ).one_or_none()
        if row is None:
            return None
        return Definition(
            campaign_id=campaign_id,
            name=row.name,
            kernel_version=row.kernel_version,
            kernel_hash=row.kernel_hash,
            static_hash=row.static_hash,
            deadline_ms=row.deadline_ms or self._default_deadline_ms,
            sloppy=row.sloppy,
            kernel_frames=encode_text(ServerText.KERNEL) + encode_text(row.kernel.decode()),
            static_frames=encode_text(ServerText.STATIC_DATASET) + encode_text(row.static_dataset.decode()),
        )


_COLUMNS = (
    Campaign.name,
    Campaign.kernel,
    Campaign.kernel_hash,
    Campaign.kernel_version,
    Campaign.static_dataset,
    Campaign.static_hash,
    Campaign.deadline_ms,
    Campaign.sloppy,
)
