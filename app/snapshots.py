"""Downloads of finished campaigns, kept as files: made once, sent in parts, known again by their tag.

Promises, cited by the tests:
K1 a file is whole or not there: it is written under another name and renamed when it is complete. One that was written
   before the machine last started is not used, because a power cut keeps names whose bytes are lost.
K2 whoever asks while a file is written waits for it; nobody writes it a second time.
K3 a name stands for one content for ever. It is made of numbers and a hash, never of what a visitor typed.
K4 all files together have no more than so many bytes: the one that was not asked for the longest goes first. A sweep
   takes away what belongs to a run that is over or to a campaign that is deleted, and what nobody asked for in a month.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from app.models import Campaign, Schedule

FOLDER = "snapshots"
UNUSED_S = 30 * 86_400.0
WAIT_S = 0.05  # between looks at a file that somebody else writes
LAYOUT = 1  # of the files: another number when the same values are written differently
_NAME = re.compile(r"(?P<campaign>\d+)-(?P<run>\d+)-(?P<values>\d+)-[0-9a-f]{32}\.[a-z]+(\.gz)?")
_DRAFT = ".part"
_BOOT = Path("/proc/sys/kernel/random/boot_id")

# Writes the whole content into a file and returns when its newest value was stored, in ms since 1970.
Writer = Callable[[IO[bytes]], int]


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

    def find(self, key: Key) -> IO[bytes] | None:
        """Open a file, or return None where there is none. Its date of change is that of its newest value."""
        try:
            file = (self._folder / key.name).open("rb")
        except FileNotFoundError:
            return None
        os.utime(file.fileno(), ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
        return file

    def get(self, key: Key, write: Writer) -> IO[bytes]:
        """Open a file, which is written first where there is none (K1, K2).

        Raises:
            whatever `write` raises; then there is no file.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            if file := self.find(key):
                return file
            draft = _open_alone(self._folder / f"{key.name}{_DRAFT}")
            if draft is None:
                time.sleep(WAIT_S)
            elif (self._folder / key.name).exists():  # it was finished between the two looks
                os.unlink(draft.name)
                draft.close()
            else:
                return self._make(key, draft, write)

    def _make(self, key: Key, draft: IO[bytes], write: Writer) -> IO[bytes]:
        try:
            draft.truncate()
            newest_ms = write(draft)
            draft.flush()
            os.utime(draft.fileno(), ns=(time.time_ns(), newest_ms * 1_000_000))
            self._keep(key, draft)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft.name)
            draft.close()
            raise
        fcntl.flock(draft, fcntl.LOCK_UN)
        draft.seek(0)
        return draft

    def _keep(self, key: Key, draft: IO[bytes]) -> None:
        if os.fstat(draft.fileno()).st_size > self._max_bytes:
            os.unlink(draft.name)  # whoever has it open reads it to its end
            return
        os.replace(draft.name, self._folder / key.name)
        self._make_room(key)

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
        return len(gone) + self._sweep_drafts()

    def _sweep_drafts(self) -> int:
        """Take away drafts whose writer is gone: its lock went with it."""
        abandoned = [draft for path in self._folder.glob(f"*{_DRAFT}") if (draft := _open_alone(path))]
        for draft in abandoned:
            os.unlink(draft.name)
            draft.close()
        return len(abandoned)

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


def _open_alone(path: Path) -> IO[bytes] | None:
    """Open a draft, made where there is none, that nobody else has open so; None while somebody has.

    The lock ends with its process, however that ends. It never waits in C, where all of a gevent process would wait.
    """
    file = open(path, "r+b", opener=_create)  # noqa: SIM115 - handed to the caller
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        named = _find_stat(path)
        if named is not None and os.path.samestat(named, os.fstat(file.fileno())):
            return file
    file.close()
    return None


def _create(path: str, _flags: int) -> int:
    # Never emptied by opening: another one may be writing it.
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def find_runs(connection: sa.Connection) -> dict[int, int]:
    """Return the present run of every campaign that is not deleted."""
    query = sa.select(Schedule.campaign_id, Schedule.run).where(~Schedule.deleted)
    return {row.campaign_id: row.run for row in connection.execute(query)}
