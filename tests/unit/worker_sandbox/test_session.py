"""A generator that is pulled in steps: its child lives on between them, and each step has a time of its own."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from tests import sandbox
from tests.unit.worker_sandbox.runs import NOW_MS, assert_gone, chunks_of, returning
from worker_sandbox import GeneratorFailed, GeneratorKilled, Limits, Session

ENDLESS = "({ *main() { for (let n = 0; ; n++) yield { n, r: Math.random() }; } })"
FINITE = "({ *main() { for (let n = 0; n < 2500; n++) yield { n, r: Math.random() }; } })"


@pytest.fixture
def opened() -> Iterator[list[Session]]:
    """Sessions that a test opens; none leaves a child behind (G1)."""
    sessions: list[Session] = []
    yield sessions
    for session in sessions:
        session.end()
        assert_gone(session.pid)


@pytest.fixture
def endless(opened: list[Session]) -> Session:
    return start(opened, ENDLESS)


def start(opened: list[Session], source: str, **limits: float) -> Session:
    opened.append(Session(source, seed=1, now_ms=NOW_MS, limits=sandbox.fit(Limits(**limits)), in_steps=True))  # type: ignore[arg-type]
    return opened[-1]


def take(session: Session, count: int, **options: float) -> list[bytes]:
    return [blob for blobs in session.pull(count, **options) for blob in blobs]  # type: ignore[arg-type]


def numbers(blobs: list[bytes]) -> list[int]:
    return [msgpack.unpackb(blob)["n"] for blob in blobs]


def wait_until_stopped(pid: int) -> None:
    """A signal takes a moment to reach a process that runs."""
    give_up_at = time.monotonic() + 5
    while state_of(pid) != "T":
        assert time.monotonic() < give_up_at


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def cpu_limit_of(pid: int) -> tuple[int, int]:
    line = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "cpu time" in line)
    soft, hard = line.split()[3:5]
    return int(soft), int(hard)


def may_limit(pid: int) -> bool:
    """Whether this process may change the child's limits: root in a container may not."""
    try:
        resource.prlimit(pid, resource.RLIMIT_CPU)
    except PermissionError:
        return False
    return True


def test_datasets_come_in_the_numbers_that_are_asked_for_from_one_child(endless: Session) -> None:
    pid = endless.pid
    for first, count in ((0, 3), (3, 1000), (1003, 2500), (3503, 1)):
        assert numbers(take(endless, count)) == list(range(first, first + count))
    assert (endless.position, endless.pid, endless.has_ended) == (3504, pid, False)


@pytest.mark.parametrize("steps", [(2500,), (1, 2499), (999, 1, 1000, 500), (1001, 1499, 7), (4000,)])
def test_however_the_steps_are_cut_the_datasets_are_the_same_g5(opened: list[Session], steps: tuple[int, ...]) -> None:
    session = start(opened, FINITE)
    found = [blob for count in steps for blob in take(session, count)]
    assert found == [blob for chunk in chunks_of(FINITE) for blob in chunk]


def test_a_generator_says_what_it_is_and_when_it_has_ended(opened: list[Session]) -> None:
    session = start(opened, FINITE)
    assert len(take(session, 2500)) == 2500
    assert (session.is_lockstep, session.has_ended) == (True, False)
    assert take(session, 1) == []
    assert session.has_ended
    assert take(session, 1) == []
    array = start(opened, returning("[{ n: 1 }, { n: 2 }]"))
    assert numbers(take(array, 10)) == [1, 2]
    assert (array.is_lockstep, array.has_ended) == (False, True)


def test_a_step_ends_early_when_its_text_is_long_enough_and_the_next_one_goes_on(opened: list[Session]) -> None:
    session = start(opened, "({ *main() { for (let n = 0; ; n++) yield { n, text: 'x'.repeat(1000) }; } })")
    first = take(session, 1000, units=50_000)
    assert 49 <= len(first) <= 51
    assert numbers(take(session, 3)) == [len(first), len(first) + 1, len(first) + 2]


def test_nothing_of_the_generator_runs_between_two_steps_g6(endless: Session) -> None:
    take(endless, 10)
    wait_until_stopped(endless.pid)
    assert numbers(take(endless, 1)) == [10]
    wait_until_stopped(endless.pid)


def test_each_step_has_a_time_of_its_own_g2(opened: list[Session]) -> None:
    busy = "({ *main() { for (let n = 0; ; n++) { for (let i = 0; i < 4e6; i++); yield { n }; } } })"
    session = start(opened, busy, wall_s=1.0, chunk=1)
    began, steps = time.process_time(), 0
    spent_s = 0.0
    while spent_s < 2.0:
        assert numbers(take(session, 1)) == [steps]
        steps += 1
        spent_s = time.clock_gettime(~session.pid << 3 | 2)
    assert time.process_time() - began < spent_s
    with pytest.raises(GeneratorFailed, match="ran longer than 1 second"):
        take(session, 1_000_000)


def test_the_processor_time_of_a_child_is_renewed_with_each_step(opened: list[Session]) -> None:
    session = start(opened, ENDLESS, cpu_s=6)
    take(session, 1)
    soft, hard = cpu_limit_of(session.pid)
    if not may_limit(session.pid):
        assert (soft, hard) == (3600, 3600)  # As much as it may ever have, because nobody could give it more.
        return
    assert 6 <= soft <= 6 + 2
    assert hard == 3600
    take(session, 400_000, budget_s=60.0)
    spent_s = time.clock_gettime(~session.pid << 3 | 2)
    assert 60 <= cpu_limit_of(session.pid)[0] <= 60 + 2
    take(session, 1)
    assert spent_s + 6 <= cpu_limit_of(session.pid)[0] <= spent_s + 6 + 2


def test_a_replay_has_the_time_that_it_is_given(opened: list[Session]) -> None:
    session = start(opened, ENDLESS, wall_s=0.5)
    with pytest.raises(GeneratorFailed, match="ran longer than 0.5 seconds"):
        take(session, 10_000_000)
    again = start(opened, ENDLESS, wall_s=0.5)
    assert len(take(again, 400_000, budget_s=60.0)) == 400_000


def test_a_child_that_was_killed_is_told_from_one_that_failed(endless: Session, opened: list[Session]) -> None:
    take(endless, 5)
    os.kill(endless.pid, signal.SIGKILL)
    with pytest.raises(GeneratorKilled):
        take(endless, 5)
    thrower = start(opened, "({ *main() { yield { n: 0 }; throw new Error('late'); } })")
    assert numbers(take(thrower, 1)) == [0]
    with pytest.raises(GeneratorFailed, match="Error: late") as caught:
        take(thrower, 1)
    assert not isinstance(caught.value, GeneratorKilled)


def test_an_endless_generator_is_bounded_by_what_it_is_asked_for_and_an_array_by_the_limits(
    opened: list[Session],
) -> None:
    assert len(take(start(opened, ENDLESS, datasets=10, total_bytes=10), 50)) == 50
    with pytest.raises(GeneratorFailed, match="more than 10 datasets"):
        take(start(opened, returning("Array.from({ length: 11 }, () => ({}))"), datasets=10), 50)
    with pytest.raises(GeneratorFailed, match="more than 10 datasets"):
        chunks_of(ENDLESS, limits=Limits(datasets=10))


def test_more_than_was_asked_for_ends_the_run_g3(endless: Session) -> None:
    endless._child.ask(b"7 9007199254740992\n")  # what a child might answer that does not stop where it should
    with pytest.raises(GeneratorFailed, match="more of it than was asked for"):
        take(endless, 3)


def test_a_session_that_is_left_while_its_child_is_at_work_leaves_nothing_behind_g1() -> None:
    with Session(ENDLESS, seed=1, now_ms=NOW_MS, limits=sandbox.fit()) as session:
        assert len(next(session.pull(5000))) == 1000
    assert_gone(session.pid)


def test_a_child_that_is_killed_before_it_was_ready_was_killed_too(endless: Session) -> None:
    os.kill(endless.pid, signal.SIGKILL)
    with pytest.raises(GeneratorKilled):
        take(endless, 1)
