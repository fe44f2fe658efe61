"""Files that are read while they are written: as they come, by anybody, and to their end or not at all (K2, K5, K6)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import drafts
from app.drafts import Draft, Facts, Left, Reader
from app.snapshots import Snapshots
from tests.unit.kept_files import LARGE, files, get, make_key, read, write

ROOT = Path(__file__).resolve().parents[2]
FIRST, REST = os.urandom(3 * drafts.CHUNK_BYTES), os.urandom(drafts.CHUNK_BYTES + 5)
WHOLE = FIRST + REST
NEWEST_MS = 1_700_000_000_500


class HeldWriter:
    """Writes the first part, and the rest when it may go on."""

    def __init__(self, facts: Facts | None = None, error: Exception | None = None) -> None:
        self._facts, self._error = facts, error
        self.times = 0
        self.go_on = threading.Event()

    def __call__(self, draft: Draft) -> int:
        self.times += 1
        if self._facts:
            draft.announce(self._facts)
        draft.file.write(FIRST)
        draft.file.flush()
        assert self.go_on.wait(20)
        if self._error:
            raise self._error
        draft.file.write(REST)
        return NEWEST_MS


@pytest.fixture
def kept(tmp_path: Path) -> Snapshots:
    return Snapshots(str(tmp_path), LARGE)


def open_now(kept: Snapshots, writer: HeldWriter) -> Reader:
    """Open a file without waiting for the whole."""
    return kept.open(make_key(), writer, 0, 0)


def take(reader: Reader, size_bytes: int) -> bytes:
    """Read so many bytes, in whole chunks."""
    content = b""
    while len(content) < size_bytes:
        content += next(reader)
    return content


def names(folder: Path) -> list[str]:
    return [path.name for path in files(folder)]


def wait_for_whole(folder: Path) -> None:
    give_up_at = time.monotonic() + 20
    while names(folder) != [make_key().name]:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_k2_all_who_ask_read_the_bytes_before_the_file_has_its_name_and_one_writes_it(
    kept: Snapshots, tmp_path: Path
) -> None:
    writer = HeldWriter()
    readers = [open_now(kept, writer) for _ in range(3)]
    assert [take(reader, len(FIRST)) for reader in readers] == [FIRST] * 3
    assert kept.find(make_key()) is None
    writer.go_on.set()
    assert [read(reader) for reader in readers] == [REST] * 3
    assert names(tmp_path) == [make_key().name]
    assert (read(kept.find(make_key())), writer.times) == (WHOLE, 1)


def test_who_has_patience_gets_the_whole_at_once_and_who_has_not_hears_what_is_known(kept: Snapshots) -> None:
    facts = Facts(len(WHOLE), NEWEST_MS)
    writer = HeldWriter(facts)
    quick = open_now(kept, writer)
    assert (quick.look(), quick.find_facts()) == (False, facts)
    threading.Timer(0.1, writer.go_on.set).start()
    patient = get(kept, make_key(), writer)
    assert (patient.look(), patient.find_facts()) == (True, facts)
    assert (read(patient), read(quick)) == (WHOLE, WHOLE)


def test_a_file_whose_size_is_known_is_not_waited_for_as_long_as_one_whose_size_is_not(kept: Snapshots) -> None:
    sized = HeldWriter(Facts(len(WHOLE), NEWEST_MS))
    reader = kept.open(make_key(1), sized, 0, 60)
    assert not reader.look()
    sized.go_on.set()
    assert read(reader) == WHOLE
    unsized = HeldWriter(Facts(None, NEWEST_MS))
    threading.Timer(0.1, unsized.go_on.set).start()
    reader = kept.open(make_key(2), unsized, 0, 60)
    assert reader.look()
    assert read(reader) == WHOLE


def test_k2_a_part_is_read_from_where_it_begins(kept: Snapshots) -> None:
    writer = HeldWriter()
    with contextlib.closing(open_now(kept, writer)) as reader:
        reader.seek(len(FIRST) - 3)
        assert next(reader) == FIRST[-3:]
        writer.go_on.set()
        assert b"".join(reader) == REST


def test_k5_who_leaves_and_who_is_slow_hold_up_nobody(kept: Snapshots, tmp_path: Path) -> None:
    writer = HeldWriter()
    slow, left = open_now(kept, writer), open_now(kept, writer)
    next(slow)
    next(left)
    left.close()
    writer.go_on.set()
    wait_for_whole(tmp_path)
    assert read(get(kept, make_key(), writer)) == WHOLE
    files(tmp_path)[0].unlink()
    assert read(slow) == WHOLE[drafts.CHUNK_BYTES :]
    assert writer.times == 1


def test_k5_a_file_that_nobody_reads_any_more_is_ended(kept: Snapshots, tmp_path: Path) -> None:
    writer = HeldWriter(Facts(len(WHOLE), NEWEST_MS))
    open_now(kept, writer).close()
    writer.go_on.set()
    wait_for_whole(tmp_path)
    assert read(kept.find(make_key())) == WHOLE


def test_k6_who_has_read_a_part_of_what_fails_hears_of_it_and_nothing_is_left(kept: Snapshots, tmp_path: Path) -> None:
    writer = HeldWriter(Facts(len(WHOLE), NEWEST_MS), OSError("no space"))
    own, other = open_now(kept, writer), open_now(kept, writer)
    assert [take(reader, len(FIRST)) for reader in (own, other)] == [FIRST] * 2
    writer.go_on.set()
    with pytest.raises(OSError, match="no space"):
        next(own)
    with pytest.raises(Left):
        next(other)
    assert names(tmp_path) == []
    for reader in (own, other):
        reader.close()


def test_k6_who_got_nothing_of_what_fails_tries_it_anew(kept: Snapshots) -> None:
    writer = HeldWriter(error=OSError("no space"))
    with contextlib.closing(open_now(kept, writer)):
        answers: list[bytes | None] = []
        thread = threading.Thread(target=lambda: answers.append(read(get(kept, make_key(), write(WHOLE)))))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        writer.go_on.set()
        thread.join(20)
    assert answers == [WHOLE]


def test_k6_the_last_byte_of_what_has_a_known_size_comes_when_the_file_is_whole(kept: Snapshots) -> None:
    writer = HeldWriter(Facts(len(FIRST), NEWEST_MS))  # it will turn out to be longer
    reader = open_now(kept, writer)
    assert take(reader, len(FIRST) - 1) == FIRST[:-1]
    writer.go_on.set()
    with pytest.raises(ValueError, match="were announced"):
        next(reader)
    reader.close()
    assert kept.find(make_key()) is None


def test_k6_a_file_too_large_to_be_kept_is_read_to_its_end(tmp_path: Path) -> None:
    kept, writer = Snapshots(str(tmp_path), len(WHOLE) - 1), HeldWriter()
    readers = [open_now(kept, writer) for _ in range(2)]
    take(readers[0], len(FIRST))
    writer.go_on.set()
    assert [read(reader) for reader in readers] == [REST, WHOLE]
    assert names(tmp_path) == []


OTHER_PROCESS = """
import sys
sys.path.insert(0, {root!r})
from app.drafts import Facts
from app.snapshots import Key, Snapshots
def write(draft):
    draft.announce(Facts({size}, 7))
    draft.file.write(b"a" * 100_000)
    draft.file.flush()
    print("half", flush=True)
    sys.stdin.readline()
    draft.file.write(b"b" * 100_000)
    return 7
Snapshots({folder!r}, 1 << 40).open(Key(1, 1, 1, {content!r}, "csv", False), write, 60, 60)
"""


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which has written half of a file and goes on when it reads a line."""
    program = OTHER_PROCESS.format(root=str(ROOT), size=200_000, folder=str(tmp_path), content=make_key().content)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"half\n"
        yield process
        process.kill()


@pytest.mark.slow
def test_k2_what_another_process_writes_is_read_as_it_grows(
    kept: Snapshots, tmp_path: Path, other_process: subprocess.Popen[bytes]
) -> None:
    reader = open_now(kept, HeldWriter())
    assert (reader.find_facts(), take(reader, 100_000)) == (Facts(200_000, 7), b"a" * 100_000)
    assert kept.find(make_key()) is None
    assert kept.sweep(lambda: {1: 1}) == 0
    assert other_process.stdin
    other_process.stdin.write(b"\n")
    other_process.stdin.flush()
    assert read(reader) == b"b" * 100_000
    assert names(tmp_path) == [make_key().name]


@pytest.mark.slow
def test_k6_a_writer_that_is_killed_ends_what_its_readers_had_begun(
    kept: Snapshots, tmp_path: Path, other_process: subprocess.Popen[bytes]
) -> None:
    reader = open_now(kept, HeldWriter())
    take(reader, 100_000)
    other_process.kill()
    other_process.wait()
    with pytest.raises(Left):
        next(reader)
    reader.close()
    assert kept.sweep(lambda: {}) == 1
    assert names(tmp_path) == []


def test_k6_a_file_whose_writer_was_killed_when_it_had_its_name_is_whole(kept: Snapshots, tmp_path: Path) -> None:
    tmp_path.joinpath("snapshots").mkdir()
    path = tmp_path / "snapshots" / "file"
    draft = drafts.take_draft(path)
    reader = drafts.open_reader(path)
    assert draft
    assert reader
    draft.file.write(WHOLE)
    draft.file.flush()
    os.replace(draft.file.name, path)
    draft.close()
    assert read(reader) == WHOLE
