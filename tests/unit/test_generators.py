"""Which generators live on between pulls, and which of them is used again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest

from app.generators import Kept, Run, _count_fitting
from app.records import GenerationClaim
from worker_sandbox import Session

ENDLESS = "({ *main() { for (let n = 0; ; n++) yield { n }; } })"


def make(campaign_id: int, count: int = 3) -> Run:
    """Start a generator that has made some datasets."""
    run = Run(campaign_id, Session(ENDLESS, seed=1, now_ms=0, in_steps=True))
    for blobs in run.session.pull(count):
        run.take(blobs)
    return run


def claim(run: Run, **changes: object) -> GenerationClaim:
    fields = {"generated": run.position, "digest": run.digest, "is_lockstep": True, "pending": 0, **changes}
    return GenerationClaim(run.campaign_id, generated_bytes=0, **fields)  # type: ignore[arg-type]


def lives(run: Run) -> bool:
    try:
        os.kill(run.session.pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def kept() -> Iterator[Kept]:
    kept = Kept(3)
    yield kept
    kept.retain(())


def start(kept: Kept, campaign_id: int) -> Run:
    run = kept.start(lambda: make(campaign_id))
    kept.rest(run)
    return run


def test_the_digest_is_that_of_all_datasets_in_order_however_they_were_taken() -> None:
    with Session(ENDLESS, seed=1, now_ms=0, in_steps=True) as session:
        run, blobs = Run(1, session), [b"\x01", b"\x02\x03", b"\x04"]
        run.take(blobs[:1])
        run.take([])
        run.take(blobs[1:])
        assert run.digest == hashlib.sha256(b"\x01\x02\x03\x04").hexdigest()
        assert run.position == 3


def test_the_least_recently_needed_one_makes_room_n5(kept: Kept) -> None:
    first, second, third = (start(kept, campaign_id) for campaign_id in (1, 2, 3))
    assert kept.find(claim(first)) is first
    kept.rest(first)
    fourth = start(kept, 4)
    assert [lives(run) for run in (first, second, third, fourth)] == [True, False, True, True]


def test_those_at_work_count_and_are_not_ended_n5(kept: Kept) -> None:
    working = [kept.start(lambda campaign_id=campaign_id: make(campaign_id)) for campaign_id in (1, 2)]  # type: ignore[misc]
    resting = start(kept, 3)
    last = start(kept, 4)
    assert [lives(run) for run in (*working, resting, last)] == [True, True, False, True]
    for run in working:
        kept.end(run)
        assert not lives(run)
    another = start(kept, 5)
    assert lives(last)
    assert lives(another)


@pytest.mark.parametrize("changes", [{"generated": 2}, {"generated": 4}, {"digest": "0" * 64}])
def test_one_that_is_not_where_the_schedule_says_is_ended_and_not_used_n1(
    kept: Kept, changes: dict[str, object]
) -> None:
    run = start(kept, 1)
    assert kept.find(claim(run, **changes)) is None
    assert not lives(run)


def test_one_that_is_used_is_not_found_again_until_it_rests(kept: Kept) -> None:
    run = start(kept, 1)
    assert kept.find(claim(run)) is run
    assert kept.find(claim(run)) is None
    kept.rest(run)
    assert kept.find(claim(run)) is run
    kept.end(run)


def test_those_that_nobody_needs_any_more_are_ended(kept: Kept) -> None:
    first, second = start(kept, 1), start(kept, 2)
    kept.retain({2})
    assert [lives(first), lives(second)] == [False, True]


@pytest.mark.parametrize(
    ("room", "room_bytes", "fitting"),
    [(5, 100, 3), (3, 6, 3), (2, 100, 2), (0, 100, 0), (5, 5, 2), (5, 3, 2), (5, 2, 1), (5, 0, 0), (5, -1, 0)],
)
def test_as_many_fit_as_neither_number_nor_bytes_forbid(room: int, room_bytes: int, fitting: int) -> None:
    assert _count_fitting([b"1", b"22", b"333"], room, room_bytes) == fitting
