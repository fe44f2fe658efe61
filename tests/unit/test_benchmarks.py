"""The benchmark's own arithmetic, and its load client against servers that count for themselves."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import sqlalchemy as sa
from websockets.sync.server import ServerConnection, serve

from app.websocket import encode_binary, encode_text
from benchmarks import figures, load, paths, rows, usage
from benchmarks.databases import FreshDatabase
from benchmarks.figures import Figure, at_least, at_most
from benchmarks.load import Load, Run
from benchmarks.peers import schema
from benchmarks.trials import Broken, check_stored

RATE = Figure("a-row", "tasks", 20_000.0, "tasks/s", at_least(22_000), client_cpu_percent=8.4)


def test_a_figure_on_the_right_side_of_its_target_is_met_and_one_without_a_target_has_no_verdict() -> None:
    assert dataclasses.replace(RATE, measured=22_000.0).verdict == "met"
    assert RATE.part("p99", 15.0, "ms", at_most(15)).verdict == "met"
    assert RATE.part("CPU", 15.0, "µs").verdict == ""


def test_a_figure_that_misses_says_by_which_share_of_its_target_from_either_side() -> None:
    assert RATE.verdict == "missed by 9.1%"
    assert RATE.part("p99", 30.0, "ms", at_most(20)).verdict == "missed by 50.0%"
    both = dataclasses.replace(RATE, ratio=20.0, target_ratio=at_least(25))
    assert both.verdict == "missed by 9.1%, 20.0%"
    assert dataclasses.replace(both, ratio=25.0).verdict == "missed by 9.1%"


def test_the_table_has_a_line_for_each_figure_and_its_columns_stand_under_their_headings() -> None:
    lines = figures.format_table(
        [RATE, RATE.part("p99", 8.5, "ms", at_most(15), ratio=0.5, ratio_of="× theirs")]
    ).splitlines()
    assert len(lines) == 4
    starts = [match.start() for match in re.finditer("─+", lines[1])]
    assert all(line[start - 2 : start].strip() == "" for line in lines for start in starts if len(line) > start)
    assert re.split(r"\s{2,}", lines[2]) == ["tasks", "20,000 tasks/s", "≥ 22,000 tasks/s", "8 %", "missed by 9.1%"]
    assert re.split(r"\s{2,}", lines[3].strip()) == ["p99", "8.50 ms", "≤ 15.0 ms", "0.50 × theirs", "met"]


def test_a_figure_in_json_keeps_its_targets_its_verdict_and_what_it_belongs_to() -> None:
    part = RATE.part("p99", 8.5, "ms", at_most(15), details={"runs": 2})
    told = json.loads(json.dumps(part.as_json()))
    assert (told["of"], told["verdict"], told["details"]) == ("tasks", "met", {"runs": 2})
    assert told["target"] == {"limit": 15, "at_least": False}


def test_rows_are_chosen_by_name_by_prefix_or_all_but_the_long_ones() -> None:
    names = [row.name for row in rows.ROWS]
    assert len(set(names)) == len(names)
    assert [row.name for row in rows.choose("")] == names
    assert [row.name for row in rows.choose("classic-sqlite-100")] == ["classic-sqlite-100"]
    assert [row.name for row in rows.choose("classic-sqlite")] == ["classic-sqlite-100", "classic-sqlite-1000"]
    assert set(names) - {row.name for row in rows.choose("dispatch")} == {"active-5000"}
    assert rows.choose("nothing of the kind") == []


def test_a_process_is_read_from_proc_though_its_name_holds_brackets_and_spaces() -> None:
    fields = ["S", "7", "42", *["0"] * 8, "100", "50", "30", "20", *["0"] * 6, "11"]
    sample = usage.parse_stat(f"99 (a) S 1 (b) {' '.join(fields)} 0 0")
    assert (sample.pid, sample.parent, sample.group) == (99, 7, 42)
    assert sample.cpu_s == 200 / usage.TICKS_PER_S
    assert sample.memory_bytes == 11 * usage.PAGE_BYTES


def test_a_meter_counts_the_server_s_group_and_the_database_s_processes_and_nobody_else() -> None:
    moments = iter(([10.0, 20.0, 3.0, 4.0, 99.0], [11.0, 22.0, 3.5, 4.5, 999.0]))
    groups = [(1, 0, 1), (2, 1, 1), (50, 0, 50), (51, 50, 51), (70, 0, 70)]

    def read() -> Iterator[usage.Sample]:
        for (pid, parent, group), cpu_s in zip(groups, next(moments), strict=True):
            yield usage.Sample(pid, parent, group, cpu_s, 1000 * pid)

    meter = usage.Meter(1, 50, read)
    meter.start()
    spent = meter.stop()
    assert (spent.server_s, spent.database_s, spent.server_bytes) == (3.0, 1.0, 3000)


def make_run(*, acknowledged: int, answered: int) -> Run:
    """Return a run of which only these two numbers matter."""
    return Run(Load(1, 1.0), {"acknowledged": acknowledged, "answered": answered}, usage.Spent(0, 0, 0, 0))


@pytest.mark.parametrize(("stored", "is_good"), [(29, False), (30, True), (33, True), (34, False)])
def test_a_figure_counts_only_when_the_database_holds_what_was_acknowledged_and_no_more_than_was_sent(
    tmp_path: Path, stored: int, is_good: bool
) -> None:
    fresh = FreshDatabase("sqlite", f"sqlite:///{tmp_path}/some.sqlite3", tmp_path, None)
    with fresh.open() as database, database.transaction() as connection:
        connection.execute(sa.text("create table result (position integer)"))
        for position in range(stored):
            connection.execute(sa.text("insert into result values (:position)"), {"position": position})
    runs = [make_run(acknowledged=10, answered=11), make_run(acknowledged=20, answered=22)]
    with contextlib.nullcontext() if is_good else pytest.raises(Broken, match=f"30 .* {stored} stored, 33 sent"):
        check_stored(fresh, runs)


def test_a_peer_stores_each_result_before_it_sends_the_next_dataset_and_says_when_none_is_left(tmp_path: Path) -> None:
    sessions = schema.open_database(f"sqlite:///{tmp_path}/peer.sqlite3")
    schema.Base.metadata.create_all(sessions.kw["bind"])
    with sessions.begin() as session:
        session.add(schema.Campaign(id=1, kernel="k…", static_dataset="s…"))
        session.flush()
        session.add_all(schema.Dataset(campaign_id=1, data=bytes((number,))) for number in range(3))
    sent: list[str | bytes] = []
    volunteer, other = schema.Volunteer(sessions, sent.append), schema.Volunteer(sessions, lambda frame: None)
    assert volunteer.hear("i1")
    assert sent == ["k", "k…", "s", "s…", "d", b"\0"]
    assert other.hear("i1")  # takes the second dataset, and goes with it
    other.give_back()
    assert volunteer.hear("r")
    assert volunteer.hear(b"first")
    assert volunteer.hear("n")
    assert sent[6:] == ["d", b"\1", "d", b"\2"]
    assert not volunteer.hear("n")
    with sessions() as session:
        stored = {result.dataset_id: result.data for result in session.scalars(sa.select(schema.Result))}
        assert stored == {1: b"first", 2: None, 3: None}


def test_the_peers_run_on_the_project_s_own_versions_where_it_has_them() -> None:
    pins = re.compile(r'^\s*"?([\w\[\]-]+==[\w.]+)', re.MULTILINE)
    ours = set(pins.findall((paths.ROOT / "pyproject.toml").read_text()))
    theirs = set(pins.findall((paths.ROOT / "requirements" / "bench.in").read_text()))
    assert {pin for pin in theirs if not pin.startswith("tornado")} <= ours
    hashed = (paths.ROOT / "requirements" / "bench.txt").read_text()
    assert all(re.sub(r"\[.*\]", "", pin) + " " in hashed for pin in theirs)


# --- the load client -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Path:
    """The load client, built."""
    target = paths.LOAD_CLIENT.relative_to(paths.ROOT)
    subprocess.run(["make", "--silent", str(target)], cwd=paths.ROOT, check=True)
    return paths.LOAD_CLIENT


@contextlib.contextmanager
def run_server(talk: Callable[[ServerConnection], None]) -> Iterator[int]:
    """Run a WebSocket server that does nothing by itself, and yield its port."""
    with serve(talk, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


def ask(asked: Load, talk: Callable[[ServerConnection], None]) -> dict[str, Any]:
    """Run the load client against a server, and return what it counted."""
    with run_server(talk) as port:
        done = subprocess.run(asked.as_arguments(port, 1), capture_output=True, text=True, timeout=30, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@dataclasses.dataclass
class Counter:
    """A server of the classic dialect that hands so many datasets to each connection, and counts what comes back."""

    datasets: int
    dataset: bytes = b"\xc4\x00"
    piece_bytes: int = 0  # not 0: what is sent goes out in pieces of so many bytes
    results: list[bytes] = dataclasses.field(default_factory=list)

    def talk(self, connection: ServerConnection) -> None:
        """Serve one connection."""
        assert connection.recv() == "i1"
        self._send(connection, "k", "d", "s", "d")  # texts that look like letters
        for _ in range(self.datasets):
            self._send(connection, "d", self.dataset)
            assert connection.recv() == "r"
            result = connection.recv()
            assert isinstance(result, bytes)
            self.results.append(result)
        connection.close(1000)

    def _send(self, connection: ServerConnection, *frames: str | bytes) -> None:
        data = b"".join(encode_text(each) if isinstance(each, str) else encode_binary(each) for each in frames)
        size = self.piece_bytes or len(data)
        for start in range(0, len(data), size):
            connection.socket.sendall(data[start : start + size])


@pytest.mark.slow
@pytest.mark.parametrize("piece_bytes", [0, 1, 7])
@pytest.mark.parametrize("dataset_bytes", [0, 125, 126, 300, 70_000])
def test_the_load_client_counts_every_acknowledged_answer_however_the_frames_arrive(
    client: Path, dataset_bytes: int, piece_bytes: int
) -> None:
    datasets = 20 if piece_bytes == 0 or dataset_bytes < 1000 else 2
    counter = Counter(datasets, bytes(dataset_bytes), piece_bytes * (100 if dataset_bytes > 1000 else 1))
    told = ask(Load(3, 1.0, warm_up_s=0), counter.talk)
    assert told["acknowledged"] == told["answered"] == told["measured"] == len(counter.results) == 3 * datasets
    assert (told["connections"], told["failed"], told["errors"]) == (3, 0, 0)
    assert (told["closed"], told["close_codes"]) == (3, {"1000": 3})
    assert told["per_frame"] == 1
    assert told["p50_ms"] <= told["p90_ms"] <= told["p99_ms"] <= told["max_ms"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [5, 100, 255, 256, 257, 258, 259, 70_000])
def test_a_result_of_the_load_client_is_one_msgpack_value_of_the_size_that_was_asked_for(
    client: Path, size: int
) -> None:
    counter = Counter(2)
    ask(Load(1, 0.3, warm_up_s=0, result_bytes=size), counter.talk)
    assert [len(result) for result in counter.results] == [size, size]
    assert isinstance(msgpack.unpackb(counter.results[0]), bytes)


@dataclasses.dataclass
class BatchCounter:
    """A server of the batched dialect: sometimes it replies with nothing, and sends datasets unasked later."""

    batches: int
    granted: list[int] = dataclasses.field(default_factory=list)
    answered: list[list[Any]] = dataclasses.field(default_factory=list)
    wants: list[int] = dataclasses.field(default_factory=list)

    def talk(self, connection: ServerConnection) -> None:
        """Serve the only connection."""
        letter, options = str(connection.recv()).split(" ")
        assert (letter, json.loads(options)) == ("i1", {"v": 2, "threads": 4, "device": "load"})
        for text in ('c{"id": 1}', "k", "kernel", "s", "d"):
            connection.send(text)
        for number in range(self.batches):
            want, answers = msgpack.unpackb(connection.recv())
            self.wants.append(want)
            self.answered += answers
            grants = self._grant(want)
            # A third of them is a reply, a third comes unasked after an empty reply, a third before and with a reply.
            early = {0: 0, 1: want // 2, 2: want}[number % 3]
            if number % 3 == 2:
                connection.send(msgpack.packb([]))
                connection.send("w")
            if number % 3:
                connection.send("d")
                connection.send(msgpack.packb(grants[:early]))
            if number % 3 < 2:
                connection.send(msgpack.packb(grants[early:]))
        self.answered += msgpack.unpackb(connection.recv())[1]
        connection.close(1000)

    def _grant(self, count: int) -> list[tuple[int, bytes]]:
        first = 60_000 * len(self.granted)  # so that numbers of every length come
        leases = [first + number for number in range(count)]
        self.granted += leases
        return [(lease, bytes(lease % 300)) for lease in leases]


@pytest.mark.slow
@pytest.mark.parametrize("per_frame", [1, 16, 64])
def test_the_load_client_answers_each_lease_of_the_batched_dialect_once_with_as_many_to_a_frame(
    client: Path, per_frame: int
) -> None:
    counter = BatchCounter(9)
    told = ask(Load(1, 1.0, warm_up_s=0, batch=per_frame), counter.talk)
    assert counter.wants == [per_frame] * 9
    assert [answer[0] for answer in counter.answered] == counter.granted
    assert {tuple(answer[1:3]) for answer in counter.answered} == {(1, 0)}
    assert {len(answer[3]) for answer in counter.answered} == {100}
    assert isinstance(msgpack.unpackb(counter.answered[0][3]), bytes)
    # The first batch held no answer; the last one is acknowledged by the close.
    assert told["acknowledged"] == told["answered"] == len(counter.granted) == 9 * per_frame
    assert (told["unasked_frames"], told["per_frame"], told["errors"]) == (6, per_frame, 0)


@pytest.mark.slow
def test_a_load_client_that_thinks_answers_no_sooner_and_holds_its_connections_open_by_answering_pings(
    client: Path,
) -> None:
    pongs: list[float] = []

    def ping(connection: ServerConnection) -> None:
        assert connection.recv() == "i1"
        pong = connection.ping()
        threading.Thread(target=lambda: pong.wait(5) and pongs.append(pong.is_set())).start()
        with contextlib.suppress(Exception):
            connection.recv()

    told = ask(Load(5, 1.0, hold_s=1.0, sources=2), ping)
    assert (told["connections"], told["closed"], told["errors"], len(pongs)) == (5, 0, 0, 5)

    counter = Counter(1000)
    told = ask(Load(2, 1.0, warm_up_s=0, think_ms=200), counter.talk)
    assert 2 <= told["answered"] <= 2 * 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "frames",
    [b"\x01\x01x", b"\x82\x80\0\0\0\0", b"\xc1\x01d", encode_binary(b"without d"), encode_text("z"), encode_text("")],
    ids=["a fragment", "masked", "compressed", "not announced", "an unknown letter", "no letter"],
)
def test_a_server_that_breaks_the_protocol_is_an_error_that_ends_the_run(client: Path, frames: bytes) -> None:
    def break_it(connection: ServerConnection) -> None:
        connection.recv()
        connection.socket.sendall(frames)
        with contextlib.suppress(Exception):
            connection.recv()

    with run_server(break_it) as port, pytest.raises(load.LoadFailed, match=r"1 closed .* 1 errors: .*error"):
        load.drive(Load(1, 0.3, warm_up_s=0), port, 1, usage.Meter(-1, None))
