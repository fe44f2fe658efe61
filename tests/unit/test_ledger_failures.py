"""Retries of failed datasets on both databases: where each dataset is afterwards, and what the counters say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.ledger import Appetite, Batch, Retried
from app.ledger.failures import RANGE_DATASETS, RANGE_SPAN, STEP
from app.records import Block, Failure, Outcome
from app.states import Intent, ResultKind
from tests.campaigns import make_campaign, read_progress

ME, OTHER = 11, 12
NOW_MS = 1_700_000_000_000
PARALLEL = 4


@pytest.fixture(autouse=True)
def processes(database: Database) -> None:
    """Both processes are alive."""
    for process in (ME, OTHER):
        database.write(lambda connection, process=process: ledger.enter_process(connection, process, "socket", 60))


def take(database: Database, campaign: int, process: int = ME, datasets: int = 100_000) -> Block | None:
    appetite = Appetite(datasets, 1 << 24)
    return database.write(lambda connection: ledger.take_block(connection, process, campaign, 1, appetite))


def positions(block: Block | None) -> list[int]:
    return [] if block is None else [position for position, _data, _attempts in block.datasets]


def take_all(database: Database, campaign: int, process: int = OTHER) -> list[list[int]]:
    """Take blocks until there are none, and return the positions of each."""
    blocks = []
    while (block := take(database, campaign, process)) is not None:
        blocks.append(positions(block))
    return blocks


def end(
    database: Database, campaign: int, done: list[int], failed: list[int], *, finished: list[int], process: int = ME
) -> None:
    """Store outcomes as a dispatcher does: with a failed dataset's three errors, and the blocks that end with them."""
    outcomes = [Outcome(campaign, 1, p, ResultKind.VALUE, b"\x01", 5, 99, 1) for p in done]
    outcomes += [Outcome(campaign, 1, p, ResultKind.FAILED, None, 0, 99, 1) for p in failed]
    failures = [Failure(campaign, 1, p, volunteer, 1, "E", "m", "") for p in failed for volunteer in (1, 2, 3)]
    batch = Batch(outcomes=outcomes, failures=failures, finished_blocks=[(campaign, 1, low) for low in finished])
    database.write(lambda connection: ledger.store(connection, process, batch, NOW_MS))


def retry(database: Database, campaign: int, chosen: list[int] | None = None, run: int = 1) -> int:
    """Retry in steps until there are no more, and return how many datasets were made pending."""
    count, after = 0, -1
    while True:
        step = database.write(lambda c, after=after: ledger.retry(c, campaign, run, chosen, after))
        count += step.count
        if step.after is None:
            return count
        after = step.after


def failed_count(database: Database, campaign: int) -> int:
    """Return the counter, after comparing it with the table that it counts."""
    query = sa.text("select count(*) from result where campaign_id = :c and run = 1 and kind = 2")
    counted = database.read(lambda connection: connection.execute(query, {"c": campaign}).scalar_one())
    assert read_progress(database, campaign).failed_count == counted
    return int(counted)


def lease_rows(database: Database) -> list[tuple[int, int, int | None]]:
    query = sa.text("select low, high, process from lease order by low")
    return [tuple(row) for row in database.read(lambda connection: connection.execute(query).all())]


def fail(database: Database, campaign: int, failed: list[int], total: int) -> None:
    """Compute a whole campaign, some of whose datasets fail."""
    block = take(database, campaign)
    assert len(positions(block)) == total
    end(database, campaign, sorted(set(range(total)) - set(failed)), failed, finished=[0])
    assert lease_rows(database) == []


def test_a_retried_dataset_is_pending_again_with_no_attempts_and_off_the_counters(database: Database) -> None:
    campaign = make_campaign(database, list(range(6)))
    fail(database, campaign, [2, 4], 6)
    assert retry(database, campaign, [4]) == 1
    assert failed_count(database, campaign) == 1
    assert read_progress(database, campaign).done == 5
    block = take(database, campaign, OTHER)
    assert block is not None
    assert [(position, attempts) for position, _data, attempts in block.datasets] == [(4, 0)]
    assert take(database, campaign, OTHER) is None


def test_attempts_after_a_retry_count_and_the_errors_before_it_stay(database: Database) -> None:
    campaign = make_campaign(database, [0])
    fail(database, campaign, [0], 1)
    retry(database, campaign)
    take(database, campaign)
    error = Batch(failures=[Failure(campaign, 1, 0, 7, 1, "E", "again", "")])
    database.write(lambda connection: ledger.store(connection, ME, error, NOW_MS))
    database.write(lambda connection: ledger.free_leases(connection, ME))
    block = take(database, campaign, OTHER)
    assert block is not None
    assert [attempts for _position, _data, attempts in block.datasets] == [1]
    history = sa.text("select count(*), count(retried_at) from kernel_error")
    assert database.read(lambda connection: tuple(connection.execute(history).one())) == (4, 3)


def test_a_second_retry_finds_nothing_and_what_has_not_failed_is_passed_over(database: Database) -> None:
    campaign = make_campaign(database, list(range(4)))
    fail(database, campaign, [1], 4)
    assert retry(database, campaign, [0, 1, 1, 3, 99]) == 1
    before = lease_rows(database)
    assert retry(database, campaign, [0, 1, 3]) == retry(database, campaign) == retry(database, campaign, []) == 0
    assert lease_rows(database) == before
    assert failed_count(database, campaign) == 0


def test_a_retry_of_a_run_that_is_over_or_of_a_deleted_campaign_changes_nothing(database: Database) -> None:
    campaign = make_campaign(database, list(range(2)))
    fail(database, campaign, [0], 2)
    database.write(lambda connection: ledger.close_schedule(connection, campaign))
    assert retry(database, campaign) == 0
    other = make_campaign(database, list(range(2)))
    fail(database, other, [0], 2)
    database.write(lambda connection: ledger.reset(connection, other))
    assert retry(database, other) == retry(database, other, run=2) == 0
    assert lease_rows(database) == []


def test_a_paused_campaigns_failures_can_be_retried(database: Database) -> None:
    campaign = make_campaign(database, list(range(2)))
    fail(database, campaign, [0], 2)
    database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.PAUSED))
    assert retry(database, campaign) == 1
    assert take(database, campaign) is None
    database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.RUNNING))
    assert take_all(database, campaign) == [[0]]


def test_only_the_campaign_itself_is_retried(database: Database) -> None:
    campaign, other = (make_campaign(database, list(range(2))) for _ in range(2))
    for number in (campaign, other):
        fail(database, number, [0, 1], 2)
    assert retry(database, campaign) == 2
    assert failed_count(database, other) == 2
    assert take(database, other) is None


@pytest.mark.parametrize("failed", [[0], [3], [7], [0, 3, 7], [0, 1, 2]])
def test_a_dataset_whose_block_is_held_waits_for_the_blocks_end(database: Database, failed: list[int]) -> None:
    """Also the first one of the block, whose own row would have the block's key."""
    campaign = make_campaign(database, list(range(8)))
    block = take(database, campaign)
    assert block is not None
    end(database, campaign, [4], failed, finished=[])
    assert retry(database, campaign) == len(failed)
    assert lease_rows(database) == [(0, 8, ME)]  # no second row that overlaps
    assert take(database, campaign, OTHER) is None
    end(database, campaign, sorted(set(range(8)) - {4, *failed}), [], finished=[0])
    assert take_all(database, campaign) == [failed]
    end(database, campaign, failed, [], finished=[0], process=OTHER)
    assert read_progress(database, campaign).done == 8
    assert lease_rows(database) == []


@pytest.mark.parametrize("how", ["gives it back", "dies"])
def test_a_dataset_whose_holder_ends_before_its_block_does_is_pending_with_the_rest(
    database: Database, how: str
) -> None:
    campaign = make_campaign(database, list(range(5)))
    take(database, campaign)
    end(database, campaign, [1], [0, 2], finished=[])
    retry(database, campaign)
    if how == "dies":
        database.write(lambda connection: ledger.leave_process(connection, ME))
    else:
        database.write(lambda connection: ledger.release(connection, ME, campaign, 1, [0]))
    assert take_all(database, campaign) == [[0, 2, 3, 4]]


def test_a_dataset_in_a_free_range_is_handed_out_with_it_and_gets_no_range_of_its_own(database: Database) -> None:
    campaign = make_campaign(database, list(range(5)))
    take(database, campaign)
    end(database, campaign, [1], [0, 2], finished=[])
    database.write(lambda connection: ledger.free_leases(connection, ME))
    retry(database, campaign, [2])
    assert lease_rows(database) == [(0, 5, None)]
    assert take_all(database, campaign) == [[2, 3, 4]]


def test_a_process_that_was_declared_dead_does_not_end_a_range_that_a_retry_filled_again(database: Database) -> None:
    campaign = make_campaign(database, list(range(3)))
    take(database, campaign, ME)
    end(database, campaign, [], [0], finished=[])
    database.write(lambda connection: ledger.leave_process(connection, ME))
    retry(database, campaign)
    assert take_all(database, campaign) == [[0, 1, 2]]
    # It knows dataset 0 as failed, and its block as ended with the others' results.
    end(database, campaign, [1, 2], [], finished=[0], process=ME)
    database.write(lambda connection: ledger.leave_process(connection, OTHER))
    database.write(lambda connection: ledger.enter_process(connection, ME, "socket", 60))
    assert take_all(database, campaign, ME) == [[0]]


def test_a_process_that_was_declared_dead_does_not_end_the_range_that_a_retry_made(database: Database) -> None:
    campaign = make_campaign(database, list(range(3)))
    take(database, campaign, ME)
    database.write(lambda connection: ledger.leave_process(connection, ME))
    take(database, campaign, OTHER)
    end(database, campaign, [1, 2], [0], finished=[0], process=OTHER)
    retry(database, campaign)
    end(database, campaign, [1, 2], [], finished=[0], process=ME)  # all duplicates, and the key is the new range's
    assert take_all(database, campaign) == [[0]]


def test_neighbours_share_ranges_that_no_other_range_crosses(database: Database) -> None:
    campaign = make_campaign(database, list(range(40)))
    assert positions(take(database, campaign, datasets=10)) == list(range(10))
    assert positions(take(database, campaign, OTHER, datasets=10)) == list(range(10, 20))
    assert positions(take(database, campaign, datasets=20)) == list(range(20, 40))
    end(database, campaign, [0, 2, 3, 5, 6, 7, 8, 9], [1, 4], finished=[0])
    end(database, campaign, list(range(21, 39)), [20, 39], finished=[20])
    assert retry(database, campaign) == 4
    assert lease_rows(database) == [(1, 5, None), (10, 20, OTHER), (20, 40, None)]
    assert take_all(database, campaign, ME) == [[1, 4], [20, 39]]


def test_many_failures_are_retried_in_steps_and_come_in_ranges_of_bounded_size(database: Database) -> None:
    total = 2 * STEP + 700
    campaign = make_campaign(database, list(range(total)))
    failed = [p for p in range(total) if p % 2 == 0]
    fail(database, campaign, failed, total)
    first = database.write(lambda connection: ledger.retry(connection, campaign, 1))
    assert first == Retried(STEP, after=failed[STEP - 1])
    assert failed_count(database, campaign) == len(failed) - STEP
    assert retry(database, campaign) == len(failed) - STEP
    blocks = take_all(database, campaign)
    assert [p for block in blocks for p in block] == failed
    assert max(map(len, blocks)) == RANGE_DATASETS
    assert len(blocks) <= -(-len(failed) // RANGE_DATASETS) + 2
    assert failed_count(database, campaign) == 0


def test_large_datasets_are_retried_one_by_one(database: Database) -> None:
    large = make_campaign(database, ["x" * 900_000] * 3)
    fail(database, large, [0, 1, 2], 3)
    retry(database, large)
    assert take_all(database, large) == [[0], [1], [2]]


def test_datasets_that_lie_far_apart_get_ranges_of_their_own(database: Database) -> None:
    wide = make_campaign(database, list(range(3 * RANGE_SPAN)))
    fail(database, wide, [0, 5, RANGE_SPAN + 1, 3 * RANGE_SPAN - 1], 3 * RANGE_SPAN)
    retry(database, wide)
    assert take_all(database, wide) == [[0, 5], [RANGE_SPAN + 1], [3 * RANGE_SPAN - 1]]


def test_what_fails_again_during_a_long_retry_is_not_retried_twice(database: Database) -> None:
    campaign = make_campaign(database, list(range(STEP + 10)))
    fail(database, campaign, list(range(STEP + 10)), STEP + 10)
    step = database.write(lambda connection: ledger.retry(connection, campaign, 1))
    assert step.after == STEP - 1
    block = take(database, campaign)
    assert block is not None
    end(database, campaign, [], positions(block), finished=[block.low])
    following = database.write(lambda connection: ledger.retry(connection, campaign, 1, None, step.after))
    assert following == Retried(10)
    assert failed_count(database, campaign) == len(positions(block))


def test_retries_at_once_double_nothing(database: Database) -> None:
    campaign = make_campaign(database, list(range(200)))
    failed = list(range(0, 200, 3))
    fail(database, campaign, failed, 200)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(retry(database, campaign))) for _ in range(PARALLEL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [0, 0, 0, len(failed)]
    assert failed_count(database, campaign) == 0
    assert [p for block in take_all(database, campaign) for p in block] == failed


def test_the_counters_stay_exact_when_their_process_ends_after_the_retry(database: Database) -> None:
    campaign = make_campaign(database, list(range(4)))
    fail(database, campaign, [0, 1], 4)
    retry(database, campaign, [0])
    database.write(lambda connection: ledger.leave_process(connection, ME))
    assert failed_count(database, campaign) == 1
    assert read_progress(database, campaign).done == 3
    retry(database, campaign)
    assert failed_count(database, campaign) == 0


@pytest.mark.parametrize("first", ["the block's end", "the retry"])
def test_a_retry_and_the_end_of_its_block_at_once_lose_nothing(database: Database, first: str) -> None:
    """Each waits for the other on PostgreSQL; whoever comes second sees what the first one left."""
    campaign = make_campaign(database, list(range(3)))
    take(database, campaign)
    end(database, campaign, [1], [0], finished=[])
    ending = Batch([Outcome(campaign, 1, 2, ResultKind.VALUE, b"\x01", 5, 99, 1)], finished_blocks=[(campaign, 1, 0)])
    acts: dict[str, Callable[[sa.Connection], object]] = {
        "the block's end": lambda connection: ledger.store(connection, ME, ending, NOW_MS),
        "the retry": lambda connection: ledger.retry(connection, campaign, 1),
    }
    act = acts.pop(first)
    second = threading.Thread(target=database.write, args=tuple(acts.values()))
    with database.transaction() as connection:
        act(connection)
        second.start()
        time.sleep(0.3)  # it waits for this transaction
    second.join()
    assert take_all(database, campaign) == [[0]]
    assert failed_count(database, campaign) == 0


def test_a_retry_that_finds_its_block_reopened_before_still_holds_up_its_end(database: Database) -> None:
    campaign = make_campaign(database, list(range(3)))
    take(database, campaign)
    end(database, campaign, [], [0, 1], finished=[])
    retry(database, campaign, [0])
    ending = threading.Thread(target=lambda: end(database, campaign, [2], [], finished=[0]))
    with database.transaction() as connection:
        ledger.retry(connection, campaign, 1, [1])
        ending.start()
        time.sleep(0.3)
    ending.join()
    assert take_all(database, campaign) == [[0, 1]]


def test_a_block_that_a_retry_empties_while_its_holder_ends_it_is_not_dropped(database: Database) -> None:
    """Its range was reopened before, and nothing in it is pending but what the retry in progress takes back."""
    campaign = make_campaign(database, list(range(3)))
    take(database, campaign)
    end(database, campaign, [], [0, 1], finished=[])
    retry(database, campaign, [0])
    database.write(lambda connection: ledger.free_leases(connection, ME))
    assert positions(take(database, campaign)) == [0, 2]
    end(database, campaign, [0], [], finished=[])
    ending = threading.Thread(target=lambda: end(database, campaign, [2], [], finished=[0]))
    with database.transaction() as connection:
        ledger.retry(connection, campaign, 1, [1])
        ending.start()
        time.sleep(0.3)
    ending.join()
    assert take_all(database, campaign) == [[1]]


def test_retries_of_neighbours_at_once_make_no_ranges_that_overlap(database: Database) -> None:
    campaign = make_campaign(database, list(range(8)))
    fail(database, campaign, [1, 3, 5], 8)
    other = threading.Thread(target=lambda: retry(database, campaign, [3]))
    with database.transaction() as connection:
        ledger.retry(connection, campaign, 1, [1, 5])
        other.start()
        time.sleep(0.3)
    other.join()
    assert lease_rows(database) == [(1, 6, None)]
    assert take_all(database, campaign) == [[1, 3, 5]]


def test_an_error_keeps_the_moment_at_which_it_ceased_to_count(database: Database) -> None:
    campaign = make_campaign(database, [0])
    fail(database, campaign, [0], 1)
    retry(database, campaign)
    database.write(lambda connection: connection.execute(sa.text("update kernel_error set retried_at = 5")))
    block = take(database, campaign)
    assert block is not None
    end(database, campaign, [], [0], finished=[block.low])
    retry(database, campaign)
    moments = sa.text("select retried_at from kernel_error order by id")
    found = database.read(lambda connection: connection.execute(moments).scalars().all())
    assert found[:3] == [5, 5, 5]
    assert len(found) == 6
    assert min(found[3:]) > 5
