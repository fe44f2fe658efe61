"""Files that are read while they are written: whoever asked for one gets its bytes as they come.

A draft is a file that has not got its own name yet. Its writer holds a lock on it, which ends with the process, however
that ends. Readers need nothing but the disk, so that they may be in any process. They see

    a draft   somebody holds its lock
    a whole   it may not be written to any more, or it has its own name
    a rest    neither: its writer failed or was killed. Whoever takes it up writes the same bytes, from the beginning

Beside a draft lies what its writer knows of the whole before the first byte: true for good, as a name stands for one
content (K3 of snapshots.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import stat
import time
from pathlib import Path
from typing import IO

CHUNK_BYTES = 1 << 16
LOOK_S = 0.02  # between looks at a draft that somebody writes
FIRST_LOOK_S = 0.001
DRAFT, FACTS = ".part", ".facts"
_WHOLE = 0o400


class Left(Exception):
    """The one who wrote the draft is gone, and it is not whole."""


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file: its size, and when its newest value was stored, in ms since 1970. None: not known."""

    size_bytes: int | None = None
    newest_ms: int | None = None


class Draft:
    """What a writer fills, from the first byte to the last.

    Args:
        path: the name that it gets when it is whole.
        file: open alone (`take_draft`), and empty.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.file = file
        self.error: BaseException | None = None
        self._facts = _facts_of(path)
        self._size_bytes: int | None = None

    def announce(self, facts: Facts) -> None:
        """Tell readers of the whole, before the first byte."""
        self._size_bytes = facts.size_bytes
        self._facts.write_text(json.dumps(dataclasses.astuple(facts)) + "\n")

    def finish(self, newest_ms: int) -> int:
        """Write what is left in buffers, date the file, and return its size in bytes.

        Raises:
            ValueError: it has another size than was announced.
        """
        self.file.flush()
        size_bytes = os.fstat(self.file.fileno()).st_size
        if self._size_bytes not in (None, size_bytes):
            raise ValueError(f"{self.path.name} has {size_bytes} bytes, and {self._size_bytes} were announced")
        os.utime(self.file.fileno(), ns=(time.time_ns(), newest_ms * 1_000_000))
        return size_bytes

    def keep(self, *, is_named: bool) -> None:
        """Give a finished file its name, or none: then who has it open reads it to its end."""
        self._facts.unlink(missing_ok=True)
        if is_named:
            os.replace(self.file.name, self.path)
        else:
            os.unlink(self.file.name)
        # After the name: a draft that nobody may write to could not be taken up by the next one.
        os.fchmod(self.file.fileno(), _WHOLE)

    def discard(self, error: BaseException | None = None) -> None:
        """Take the draft away. Its readers get the error, where they are of this process."""
        self.error = error
        self._facts.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.file.name)

    def close(self) -> None:
        """Let go of the file, and of its lock."""
        with contextlib.suppress(OSError):  # bytes for which there was no room are tried once more
            self.file.close()


class Reader:
    """Reads a file from any place, a draft as it grows; an iterator of its bytes.

    It gives the end of a file only when that is whole (K6): the last byte of a draft whose size is known stays back
    until then.

    Args:
        file: open for reading.
        path: the name that it has, or gets when it is whole.
        draft: what this process writes, where it is that.
    """

    def __init__(self, file: IO[bytes], path: Path, *, is_whole: bool, draft: Draft | None = None) -> None:
        self._file, self._path, self._draft = file, path, draft
        self._is_whole = is_whole
        self._told: Facts | None = None
        self._position = 0

    def settle(self, grace_s: float, unsized_s: float) -> None:
        """Wait until there is something to send: the whole, or after so many seconds the first bytes.

        Args:
            grace_s: how long the whole is waited for where its size is known before.
            unsized_s: how long where it is not.

        Raises:
            Left: another process wrote it, or another request, and does so no more.
            whatever this request's own writer raised.
        """
        began_at, pause_s = time.monotonic(), FIRST_LOOK_S
        while not self.look():
            limit_s = unsized_s if self.find_facts().size_bytes is None else grace_s
            if time.monotonic() - began_at >= limit_s and os.fstat(self._file.fileno()).st_size > 0:
                return
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LOOK_S)

    def look(self) -> bool:
        """Say whether the file is whole.

        Raises:
            as `settle`.
        """
        self._is_whole = self._is_whole or self._is_read_only() or self._is_left_whole()
        return self._is_whole

    def find_facts(self) -> Facts:
        """Return what is known of the file by now."""
        if self._is_whole:
            status = os.fstat(self._file.fileno())
            return Facts(status.st_size, status.st_mtime_ns // 1_000_000)
        self._told = self._told or _read_facts(self._path)
        return self._told or Facts()

    def _is_read_only(self) -> bool:
        return not os.fstat(self._file.fileno()).st_mode & stat.S_IWUSR

    def _is_left_whole(self) -> bool:
        """Say so of a draft that nobody holds any more; False: somebody does."""
        if not _lock(self._file, fcntl.LOCK_SH):
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        # It was finished since the last look; or its writer was killed when it had its name.
        if self._is_read_only() or _is_file_at(self._file, self._path):
            return True
        raise (self._draft and self._draft.error) or Left()

    def __iter__(self) -> Reader:
        return self

    def __next__(self) -> bytes:
        while True:
            is_whole = self._is_whole
            if chunk := os.pread(self._file.fileno(), self._count_readable(), self._position):
                self._position += len(chunk)
                return chunk
            if is_whole:
                raise StopIteration
            if not self.look():
                time.sleep(LOOK_S)

    def _count_readable(self) -> int:
        if self._is_whole or self._told is None or self._told.size_bytes is None:
            return CHUNK_BYTES
        return max(0, min(CHUNK_BYTES, self._told.size_bytes - 1 - self._position))

    def seekable(self) -> bool:
        """Say that it can begin anywhere."""
        return True

    def seek(self, position: int) -> None:
        """Go on at a position."""
        self._position = position

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._position

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def take_draft(path: Path) -> Draft | None:
    """Open the draft of a file alone, made where there is none, and empty it; None while somebody else has it."""
    file = _open_alone(path.with_name(f"{path.name}{DRAFT}"))
    if file is None:
        return None
    file.truncate()
    return Draft(path, file)


def open_reader(path: Path, draft: Draft | None = None) -> Reader | None:
    """Open the draft of a file for reading; None where there is none."""
    try:
        file = path.with_name(f"{path.name}{DRAFT}").open("rb", buffering=0)
    except FileNotFoundError:
        return None
    return Reader(file, path, is_whole=False, draft=draft)


def sweep(folder: Path) -> int:
    """Take away the drafts of a folder whose writers are gone, and return how many it were."""
    drafts = [draft for path in folder.glob(f"*{DRAFT}") if (draft := take_draft(path.with_suffix("")))]
    for draft in drafts:
        draft.discard()
        draft.close()
    return len(drafts)


def _facts_of(path: Path) -> Path:
    return path.with_name(f"{path.name}{FACTS}")


def _read_facts(path: Path) -> Facts | None:
    try:
        told = _facts_of(path).read_text()
    except FileNotFoundError:
        return None
    if not told.endswith("\n"):  # it is being written
        return None
    return Facts(*json.loads(told))


def _open_alone(path: Path) -> IO[bytes] | None:
    file = open(path, "r+b", buffering=CHUNK_BYTES, opener=_create)  # noqa: SIM115 - handed to the caller
    if _lock(file, fcntl.LOCK_EX) and _is_file_at(file, path):
        return file
    file.close()
    return None


def _create(path: str, _flags: int) -> int:
    # Never emptied by opening: another one may be writing it.
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _lock(file: IO[bytes], kind: int) -> bool:
    """Lock a file unless somebody else has. It never waits in C, where all of a gevent process would wait."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_file_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
