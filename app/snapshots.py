"""Downloads of finished campaigns, kept as files: made once, sent in parts, known again by their tag.

Promises, cited by the tests:
K1 a file is whole or not there: it is written under another name and renamed when it is complete. One that was written
   before the machine last started is not used, because a power cut keeps names whose bytes are lost.
K2 whoever asks while a file is written reads it as it grows, in whatever process; nobody writes it a second time.
K3 a name stands for one content for ever. It is made of numbers and a hash, never of what a visitor typed.
K4 all files together have no more than so many bytes: the one that was not asked for the longest goes first. A sweep
   takes away what belongs to a run that is over or to a campaign that is deleted, and what nobody asked for in a month.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa

from app import drafts
from app.drafts import Draft, Reader
from app.models import Campaign, Schedule

log = logging.getLogger(__name__)
FOLDER = "snapshots"
UNUSED_S = 30 * 86_400.0
LAYOUT = 1  # of the files: another number when the same values are written differently
_NAME = re.compile(r"(?P<campaign>\d+)-(?P<run>\d+)-(?P<values>\d+)-[0-9a-f]{32}\.[a-z]+(\.gz)?")
_BOOT = Path("/proc/sys/kernel/random/boot_id")

# Writes the whole content into a draft and returns when its newest value was stored, in ms since 1970. It runs in a
# thread of its own, which in a web process is a greenlet.
Writer = Callable[[Draft], int]


class Changed(Exception):
    """The campaign is not in the state any more that a file is to stand for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """What a file stands for: a state of a campaign, and a way to write it."""

    campaign_id: int
    run: int
    value_count: int
    content: str  # a hash of all that the bytes follow from
    ending: str
    is_gzip: bool

    @property
    def name(self) -> str:
        """The file's name (K3)."""
        state = f"{self.campaign_id}-{self.run}-{self.value_count}"
        return f"{state}-{self.content}.{self.ending}{'.gz' if self.is_gzip else ''}"


def make_key(campaign: Campaign, value_count: int, ending: str, fields: tuple[str, ...], *, is_gzip: bool) -> Key:
    """Return the key of a campaign's download.

    Within a run values only ever come to those that are there, so that their number says which they are. The seed is in
    it because a database may give the number of a campaign that is gone to another one.
    """
    schedule = campaign.schedule
    parts = (LAYOUT, campaign.id, campaign.seed, schedule.run, schedule.generated, schedule.digest, value_count)
    parts_of_file = (ending, fields, is_gzip and zlib.ZLIB_RUNTIME_VERSION)
    content = hashlib.sha256(repr((*parts, *parts_of_file)).encode()).hexdigest()[:32]
    return Key(campaign.id, schedule.run, value_count, content, ending, is_gzip)


class Snapshots:
    """The files of one host, which its web processes share.

    Args:
        instance_dir: where the folder is made, for this user's eyes only.
        max_bytes: of all files together; a larger one is sent and not kept.
    """

    def __init__(self, instance_dir: str, max_bytes: int) -> None:
        self._root = Path(instance_dir) / FOLDER
        self._folder = self._root / (_BOOT.read_text().strip() if _BOOT.exists() else "boot")
        self._max_bytes = max_bytes

    def find(self, key: Key) -> Reader | None:
        """Open a file, or return None where there is none. Its date of change is that of its newest value."""
        path = self._folder / key.name
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            return None
        os.utime(file.fileno(), ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
        return Reader(file, path, is_whole=True)

    def open(self, key: Key, write: Writer, grace_s: float, unsized_s: float) -> Reader:
        """Open a file that can be read at once: the whole, or its draft, which is begun where there is none (K1, K2).

        Args:
            grace_s: how long the whole is waited for; see `Reader.settle`.
            unsized_s: how long where its size is not known before.

        Raises:
            whatever `write` raises before there is anything to read; then there is no file.
        """
        while True:
            if reader := self._enter(key, write):
                try:
                    reader.settle(grace_s, unsized_s)
                    return reader
                except drafts.Left:
                    reader.close()
                except BaseException:
                    reader.close()
                    raise
            time.sleep(drafts.LOOK_S)  # somebody else has just come or gone

    def _enter(self, key: Key, write: Writer) -> Reader | None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if reader := self.find(key):
            return reader
        path = self._folder / key.name
        draft = drafts.take_draft(path)
        if draft is None:
            return drafts.open_reader(path)
        if path.exists():  # it was finished between the two looks
            draft.discard()
            draft.close()
            return None
        reader = drafts.open_reader(path, draft)
        # A daemon: a process that ends does not wait for it, and its lock goes with it.
        threading.Thread(target=self._make, args=(key, draft, write), daemon=True).start()
        return reader

    def _make(self, key: Key, draft: Draft, write: Writer) -> None:
        try:
            size_bytes = draft.finish(write(draft))
            draft.keep(is_named=size_bytes <= self._max_bytes)
            if size_bytes <= self._max_bytes:
                self._make_room(key)
        except BaseException as error:
            draft.discard(error)
            if not isinstance(error, Changed):
                log.warning("the download %s was not made", key.name, exc_info=True)
        finally:
            draft.close()

    def _make_room(self, kept: Key) -> None:
        """Take away what the new file outdates, then the files that were not asked for the longest (K4)."""
        state = (kept.campaign_id, kept.run, kept.value_count)
        others = []
        for path, found in self._iter_files():
            if found != state and found[0] == kept.campaign_id:
                path.unlink(missing_ok=True)
            elif stat := _find_stat(path):
                others.append((path.name == kept.name, stat.st_atime_ns, stat.st_size, path))
        left = sum(size for _, _, size, _ in others)
        for is_new, _, size, path in sorted(others):
            if left <= self._max_bytes or is_new:
                return
            path.unlink(missing_ok=True)
            left -= size

    def sweep(self, find_runs: Callable[[], Mapping[int, int]]) -> int:
        """Take away what nobody is to have any more (K4), and return how many files it were.

        Args:
            find_runs: asks for the present run of every campaign that is not deleted.
        """
        if not self._root.exists():
            return 0
        gone = [path for path in self._root.glob("*/*") if path.parent != self._folder]
        files = list(self._iter_files())
        runs = find_runs() if files else {}
        oldest_ns = time.time_ns() - int(UNUSED_S * 1e9)
        for path, (campaign_id, run, _) in files:
            stat = _find_stat(path)
            if runs.get(campaign_id) != run or (stat and stat.st_atime_ns < oldest_ns):
                gone.append(path)
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone) + drafts.sweep(self._folder)

    def _iter_files(self) -> Iterator[tuple[Path, tuple[int, int, int]]]:
        """Yield each file with the campaign, the run and the number of values that its name tells."""
        for path in self._folder.glob("*"):
            if match := _NAME.fullmatch(path.name):
                yield path, (int(match["campaign"]), int(match["run"]), int(match["values"]))


def _find_stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def find_runs(connection: sa.Connection) -> dict[int, int]:
    """Return the present run of every campaign that is not deleted."""
    query = sa.select(Schedule.campaign_id, Schedule.run).where(~Schedule.deleted)
    return {row.campaign_id: row.run for row in connection.execute(query)}
