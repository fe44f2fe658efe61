"""Downloads kept as files (K1 to K4), and those who write them at once, are killed at it, or run out of room.

How they are read while they are written (K2, K5, K6) is in test_drafts.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app import snapshots
from app.drafts import Draft, Facts
from app.snapshots import Snapshots
from tests.unit.kept_files import LARGE, files, get, make_key, read, write

ROOT = Path(__file__).resolve().parents[2]


def never(_draft: Draft) -> int:
    raise AssertionError("it was written again")


def test_a_file_is_written_once_and_read_from_its_beginning_with_the_date_of_its_newest_value(tmp_path: Path) -> None:
    kept, key = Snapshots(str(tmp_path), LARGE), make_key()
    assert kept.find(key) is None
    for writer in (write(b"abc"), never):
        reader = get(kept, key, writer)
        assert reader.find_facts() == Facts(3, 1_700_000_000_500)
        assert read(reader) == b"abc"
    assert read(get(Snapshots(str(tmp_path), LARGE), key, never)) == b"abc"
    assert [path.stat().st_mode & 0o777 for path in files(tmp_path)] == [0o400]


@pytest.mark.parametrize(
    "change",
    [{"campaign_id": 2}, {"run": 2}, {"values": 2}, {"seed": 6}, {"generated": 2}, {"digest": "e"}, {"ending": "jsonl"},
     {"fields": ()}, {"fields": ("result", "dataset")}, {"is_gzip": True}],
    ids=str,
)  # fmt: skip
def test_k3_whatever_changes_the_content_changes_the_name_and_the_tag(change: dict[str, object]) -> None:
    one, other = make_key(), make_key(**change)  # type: ignore[arg-type]
    assert one.name != other.name
    assert one.content != other.content
    assert make_key() == one


def test_k3_no_name_holds_what_a_visitor_typed() -> None:
    name = make_key(fields=("../../etc/passwd",)).name
    assert name.startswith("1-1-1-")
    assert set(name) <= set("0123456789abcdef-.csv")


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
def test_k1_who_fails_at_writing_leaves_nothing_and_the_next_one_writes_it(
    tmp_path: Path, error: BaseException
) -> None:
    kept = Snapshots(str(tmp_path), LARGE)

    def fail(draft: Draft) -> int:
        draft.announce(Facts(5, 1))
        draft.file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        get(kept, make_key(), fail)
    assert files(tmp_path) == []
    assert read(get(kept, make_key(), write(b"whole"))) == b"whole"


KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from app.snapshots import Key, Snapshots
def hang(draft):
    print("writing", flush=True)
    time.sleep(60)
Snapshots(sys.argv[1], 1 << 40).open(Key(1, 1, 1, {content!r}, "csv", False), hang, 60, 60)
"""


@pytest.mark.slow
def test_k1_k2_a_writer_that_is_killed_holds_nobody_up_and_its_half_is_never_read(tmp_path: Path) -> None:
    kept, key = Snapshots(str(tmp_path), LARGE), make_key()
    program = KILLED.format(root=str(ROOT), content=key.content)
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"writing\n"
        assert kept.find(key) is None
        answers: list[bytes | None] = []
        thread = threading.Thread(target=lambda: answers.append(read(get(kept, key, write(b"whole")))))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()  # it waits for the other process
        assert kept.sweep(lambda: {1: 1}) == 0
        os.kill(writer.pid, signal.SIGKILL)
        thread.join(20)
    assert answers == [b"whole"]
    assert [path.name for path in files(tmp_path)] == [key.name]


def test_k4_the_one_that_was_not_asked_for_the_longest_goes_first(tmp_path: Path) -> None:
    kept, keys = Snapshots(str(tmp_path), 250), [make_key(number) for number in range(4)]
    for number, key in enumerate(keys[:2]):
        get(kept, key, write(bytes(100))).close()
        path = next(path for path in files(tmp_path) if path.name == key.name)
        os.utime(path, (1000 + number, path.stat().st_mtime))
    assert read(kept.find(keys[0]))  # so that the second one is the oldest
    get(kept, keys[2], write(bytes(100))).close()
    assert [kept.find(key) is not None for key in keys] == [True, False, True, False]


def test_k4_a_file_beyond_the_limit_is_sent_and_not_kept_and_no_other_has_to_go_for_it(tmp_path: Path) -> None:
    kept = Snapshots(str(tmp_path), 100)
    get(kept, make_key(1), write(bytes(60))).close()
    assert read(get(kept, make_key(2), write(bytes(101)))) == bytes(101)
    assert [path.name for path in files(tmp_path)] == [make_key(1).name]
    assert read(get(Snapshots(str(tmp_path / "off"), 0), make_key(3), write(b"x"))) == b"x"
    assert files(tmp_path / "off") == []


def test_k4_a_new_state_of_a_campaign_takes_the_old_one_s_files_away(tmp_path: Path) -> None:
    kept = Snapshots(str(tmp_path), LARGE)
    for key in (make_key(values=1), make_key(2), make_key(values=2), make_key(values=2, is_gzip=True)):
        get(kept, key, write(b"x")).close()
    names = {make_key(2).name, make_key(values=2).name, make_key(values=2, is_gzip=True).name}
    assert {path.name for path in files(tmp_path)} == names


def test_k4_a_sweep_takes_what_is_over_deleted_unused_or_of_before_the_last_start(tmp_path: Path) -> None:
    kept = Snapshots(str(tmp_path), LARGE)
    assert kept.sweep(lambda: {}) == 0
    keys = {number: make_key(number) for number in (1, 2, 3, 4)}
    for key in keys.values():
        get(kept, key, write(b"x")).close()
    paths = {path.name: path for path in files(tmp_path)}
    old = paths[keys[4].name]
    os.utime(old, (time.time() - snapshots.UNUSED_S - 60, time.time()))
    (old.parent / f"{keys[1].name}.part").write_bytes(b"half")
    (old.parent / f"{keys[1].name}.facts").write_bytes(b"5 1")
    (tmp_path / "snapshots" / "an-earlier-start").mkdir()
    (tmp_path / "snapshots" / "an-earlier-start" / keys[1].name).write_bytes(b"lost by a power cut")
    assert kept.sweep(lambda: {1: 1, 2: 2, 4: 1}) == 5
    assert [path.name for path in files(tmp_path)] == [keys[1].name]
