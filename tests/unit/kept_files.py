"""Files that are kept as downloads are, for the tests of how they are written and read."""

from __future__ import annotations

import contextlib
from pathlib import Path

from app import snapshots
from app.drafts import Draft, Reader
from app.models import Campaign, Schedule
from app.snapshots import Key, Snapshots, Writer

LARGE = 1 << 40
PATIENCE_S = 60.0


def make_key(campaign_id: int = 1, run: int = 1, values: int = 1, **options: object) -> Key:
    given = {"seed": 5, "generated": 1, "digest": "d", "ending": "csv", "fields": ("result",), "is_gzip": False}
    given |= options
    campaign = Campaign(id=campaign_id, seed=given["seed"])
    campaign.schedule = Schedule(run=run, generated=given["generated"], digest=given["digest"])
    fields = given["fields"]
    assert isinstance(fields, tuple)
    return snapshots.make_key(campaign, values, str(given["ending"]), fields, is_gzip=bool(given["is_gzip"]))


def write(content: bytes) -> Writer:
    def writer(draft: Draft) -> int:
        draft.file.write(content)
        return 1_700_000_000_500

    return writer


def get(kept: Snapshots, key: Key, writer: Writer) -> Reader:
    """Open a file when it is whole."""
    return kept.open(key, writer, PATIENCE_S, PATIENCE_S)


def read(reader: Reader | None) -> bytes | None:
    if reader is None:
        return None
    with contextlib.closing(reader):
        return b"".join(reader)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
