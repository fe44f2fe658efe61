"""The ledger on both databases: each transition, and what it refuses."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.ledger import Appetite, Batch
from app.records import Block, Failure, Outcome, Stored, Visitor
from app.states import Generation, Intent, ResultKind
from tests.campaigns import make_campaign, make_owner, read_progress, read_results

ME, OTHER = 11, 12
HIGH_WATER = 100
NOW_MS = 1_700_000_000_000
HUNGRY = Appetite(datasets=1000, max_bytes=1 << 20)


def take(
    database: Database, campaign: int, *, process: int = ME, run: int = 1, appetite: Appetite = HUNGRY
) -> Block | None:
    return database.write(lambda connection: ledger.take_block(connection, process, campaign, run, appetite))


@pytest.fixture(autouse=True)
def processes(database: Database) -> None:
    """Both processes are alive."""
    for process in (ME, OTHER):
        database.write(lambda connection, process=process: ledger.enter_process(connection, process, "socket", 60))


def outcome(
    campaign: int, position: int, value: bytes | None = b"\x01", *, run: int = 1, kind: ResultKind = ResultKind.VALUE
) -> Outcome:
    return Outcome(campaign, run, position, kind, value, 5, 99, 1)


def store(database: Database, batch: Batch, process: int = ME) -> Stored:
    return database.write(lambda connection: ledger.store(connection, process, batch, NOW_MS))


def test_what_is_sent_again_after_a_commit_that_nobody_heard_of_counts_once(database: Database) -> None:
    campaign = make_campaign(database, [1, 2])
    failures = [Failure(campaign, 1, position, 99, 1, "Error", "thrown", "") for position in (0, None)]
    batch = Batch(outcomes=[outcome(campaign, 1)], failures=failures)
    store(database, batch)
    batch.may_be_stored = True
    assert store(database, batch) == Stored(new=0, duplicates=1)
    assert count(database, "select count(*) from kernel_error") == 2
    other = Failure(campaign, 1, 0, 100, 1, "Error", "thrown by another", "")
    store(database, Batch(failures=[*failures, other], may_be_stored=True))
    assert count(database, "select count(*) from kernel_error") == 3


def positions(block: Block | None) -> list[int]:
    return [] if block is None else [position for position, _data, _attempts in block.datasets]


def count(database: Database, query: str) -> int:
    return int(database.read(lambda connection: connection.execute(sa.text(query)).scalar_one()))


def test_blocks_are_handed_to_one_process_each_in_order_until_none_is_left(database: Database) -> None:
    campaign = make_campaign(database, list(range(10)))
    appetite = Appetite(datasets=4, max_bytes=1 << 20)
    blocks = [take(database, campaign, process=process, appetite=appetite) for process in (ME, OTHER, ME, OTHER)]
    assert [positions(block) for block in blocks] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], []]


def test_a_block_is_cut_to_its_bytes_and_to_a_fair_share_of_the_rest(database: Database) -> None:
    campaign = make_campaign(database, ["x" * 100] * 64)
    assert len(positions(take(database, campaign, appetite=Appetite(64, max_bytes=1020)))) == 10
    assert len(positions(take(database, campaign, appetite=Appetite(64, 1 << 20, processes=3)))) == 9
    assert len(positions(take(database, campaign, appetite=Appetite(64, max_bytes=1)))) == 1


def test_freed_blocks_are_handed_out_again_before_fresh_ones_less_what_is_done(database: Database) -> None:
    campaign = make_campaign(database, list(range(10)))
    take(database, campaign, appetite=Appetite(4, 1 << 20))
    store(database, Batch(outcomes=[outcome(campaign, 1)]))
    database.write(lambda connection: ledger.free_leases(connection, ME))
    assert positions(take(database, campaign, process=OTHER, appetite=Appetite(4, 1 << 20))) == [0, 2, 3]
    assert positions(take(database, campaign, process=OTHER, appetite=Appetite(4, 1 << 20))) == [4, 5, 6, 7]


def test_a_freed_block_whose_datasets_are_all_done_is_dropped(database: Database) -> None:
    campaign = make_campaign(database, [0, 1])
    take(database, campaign)
    store(database, Batch(outcomes=[outcome(campaign, 0), outcome(campaign, 1)]))
    database.write(lambda connection: ledger.free_leases(connection, ME))
    assert take(database, campaign) is None
    assert count(database, "select count(*) from lease") == 0


def test_only_what_a_process_knows_it_holds_survives_an_unsure_fetch(database: Database) -> None:
    campaign = make_campaign(database, list(range(8)))
    known = take(database, campaign, appetite=Appetite(4, 1 << 20))
    take(database, campaign, appetite=Appetite(4, 1 << 20))
    assert known is not None
    database.write(lambda connection: ledger.release_unknown(connection, ME, campaign, 1, [known.low]))
    assert positions(take(database, campaign)) == [4, 5, 6, 7]


def test_nothing_is_handed_out_of_a_paused_deleted_or_reset_campaign(database: Database) -> None:
    campaign = make_campaign(database, [0, 1])
    database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.PAUSED))
    assert take(database, campaign) is None
    database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.RUNNING))
    database.write(lambda connection: ledger.reset(connection, campaign))
    assert take(database, campaign, run=1) is None
    assert positions(take(database, campaign, run=2)) == [0, 1]
    other = make_campaign(database, [0])
    database.write(lambda connection: ledger.close_schedule(connection, other))
    assert take(database, other) is None


def test_the_first_result_of_a_dataset_wins_and_later_ones_are_counted(database: Database) -> None:
    campaign = make_campaign(database, [0, 1, 2])
    first = store(database, Batch(outcomes=[outcome(campaign, 0, b"\x01")]))
    second = store(database, Batch(outcomes=[outcome(campaign, 1), outcome(campaign, 0, b"\x02")]), process=OTHER)
    twice = store(database, Batch(outcomes=[outcome(campaign, 2, b"\x07"), outcome(campaign, 2, b"\x08")]))
    assert [(s.new, s.duplicates) for s in (first, second, twice)] == [(1, 0), (1, 1), (1, 1)]
    assert read_results(database, campaign) == {0: 1, 1: 1, 2: 7}


def test_counters_are_exact_over_kinds_and_processes(database: Database) -> None:
    campaign = make_campaign(database, list(range(6)))
    store(database, Batch(outcomes=[outcome(campaign, 0), outcome(campaign, 1, None, kind=ResultKind.NOTHING)]))
    store(database, Batch(outcomes=[outcome(campaign, 2, b"\xa3abc"), outcome(campaign, 0)]), process=OTHER)
    store(database, Batch(outcomes=[outcome(campaign, 3, None, kind=ResultKind.FAILED)]))
    progress = read_progress(database, campaign)
    assert (progress.value_count, progress.nothing_count, progress.failed_count) == (2, 1, 1)
    assert (progress.done, progress.compute_ms, progress.result_bytes) == (4, 20, 5)


def test_a_thousand_and_more_outcomes_go_in_one_batch(database: Database) -> None:
    campaign = make_campaign(database, list(range(2500)))
    stored = store(database, Batch(outcomes=[outcome(campaign, position) for position in range(2499, -1, -1)]))
    assert stored.new == 2500
    assert read_progress(database, campaign).done == 2500


def test_a_blocks_row_goes_with_its_last_result(database: Database) -> None:
    campaign = make_campaign(database, [0])
    block = take(database, campaign)
    assert block is not None
    store(database, Batch(outcomes=[outcome(campaign, 0)], finished_blocks=[(campaign, 1, block.low)]))
    assert count(database, "select count(*) from lease") == 0


def test_a_reset_begins_a_run_that_has_nothing_of_the_old_one(database: Database) -> None:
    campaign = make_campaign(database, [0, 1])
    take(database, campaign)
    store(database, Batch(outcomes=[outcome(campaign, 0)]))
    database.write(lambda connection: ledger.reset(connection, campaign))
    store(database, Batch(outcomes=[outcome(campaign, 1)]))  # late: of the old run
    assert read_results(database, campaign) == {}
    assert read_progress(database, campaign).done == 0
    assert positions(take(database, campaign, run=2)) == [0, 1]


def test_results_of_old_runs_are_swept_and_those_of_the_present_one_stay(database: Database) -> None:
    campaign = make_campaign(database, list(range(5)))
    store(database, Batch(outcomes=[outcome(campaign, position) for position in range(5)]))
    database.write(lambda connection: ledger.reset(connection, campaign))
    store(database, Batch(outcomes=[outcome(campaign, 0, run=2)]))
    while database.write(lambda connection: ledger.forget_old_results(connection, 2)):
        pass
    assert count(database, "select count(*) from result") == 1
    assert read_progress(database, campaign).done == 1
    assert count(database, "select count(*) from progress") == 1


def test_a_dead_process_gives_its_leases_back_and_its_counters_stay(database: Database) -> None:
    campaign = make_campaign(database, list(range(4)))
    take(database, campaign, appetite=Appetite(2, 1 << 20))
    store(database, Batch(outcomes=[outcome(campaign, 0)]))
    database.write(lambda connection: ledger.refresh_process(connection, ME, ttl_s=-1))
    assert database.write(ledger.bury_dead) == 1
    assert not database.write(lambda connection: ledger.refresh_process(connection, ME, 60))
    assert database.write(lambda connection: ledger.refresh_process(connection, OTHER, 60))
    assert positions(take(database, campaign, process=OTHER, appetite=Appetite(2, 1 << 20))) == [1]
    store(database, Batch(outcomes=[outcome(campaign, 1)]))  # the dead one was only late
    assert read_progress(database, campaign).done == 2
    assert database.read(lambda connection: ledger.count_alive(connection, "socket")) == 1


def test_views_say_what_a_hub_needs_and_done_is_derived(database: Database) -> None:
    campaign = make_campaign(database, [0, 1])
    store(database, Batch(outcomes=[outcome(campaign, 0)]))
    (view,) = database.read(lambda connection: ledger.find_views(connection, [campaign, 999]))
    assert (view.generation, view.intent, view.generated, view.done, view.is_done) == (
        Generation.DONE,
        Intent.RUNNING,
        2,
        1,
        False,
    )
    store(database, Batch(outcomes=[outcome(campaign, 1)]), process=OTHER)
    (view,) = database.read(lambda connection: ledger.find_views(connection, [campaign]))
    assert view.is_done


def test_campaigns_for_any_volunteer_are_listed_running_ones_with_something_to_hand_out(database: Database) -> None:
    owner = make_owner(database)
    good = make_campaign(database, [0, 1], owner_id=owner)
    unlisted = make_campaign(database, [0], owner_id=owner, listed=False)
    paused = make_campaign(database, [0], owner_id=owner)
    taken = make_campaign(database, [0], owner_id=owner)
    database.write(lambda connection: ledger.set_intent(connection, paused, Intent.PAUSED))
    take(database, taken)
    assert list(database.read(ledger.find_offers)) == [good]
    database.write(lambda connection: ledger.free_leases(connection, ME))
    assert sorted(database.read(ledger.find_offers)) == [good, taken]
    assert unlisted not in database.read(ledger.find_offers)


def test_a_campaign_that_is_done_needs_nobody_though_a_range_of_it_is_left_over(database: Database) -> None:
    campaign = make_campaign(database, [0, 1])
    take(database, campaign)
    database.write(lambda connection: ledger.free_leases(connection, ME))
    store(database, Batch(outcomes=[outcome(campaign, 0)]))
    assert list(database.read(ledger.find_offers)) == [campaign]
    store(database, Batch(outcomes=[outcome(campaign, 1)]), process=OTHER)  # late, by one that gave the range back
    assert database.read(ledger.find_offers) == {}


def test_generation_is_claimed_once_and_its_rows_come_with_their_count(database: Database) -> None:
    campaign = make_campaign(database, [])
    waiting = sa.text("update schedule set generation = 'waiting'")
    database.write(lambda connection: connection.execute(waiting))
    claim = database.write(lambda connection: ledger.claim_generation(connection, ME, HIGH_WATER))
    assert claim is not None
    assert claim.campaign_id == campaign
    assert database.write(lambda connection: ledger.claim_generation(connection, OTHER, HIGH_WATER)) is None
    add = ledger.add_datasets
    assert database.write(lambda connection: add(connection, campaign, ME, 0, [b"\x01", b"\x02"]))
    assert not database.write(lambda connection: add(connection, campaign, ME, 0, [b"\x01"]))
    assert not database.write(lambda connection: add(connection, campaign, OTHER, 2, [b"\x03"]))
    database.write(lambda connection: ledger.finish_generation(connection, campaign, ME))
    assert not database.write(lambda connection: add(connection, campaign, ME, 2, [b"\x03"]))
    assert positions(take(database, campaign)) == [0, 1]


def test_a_generator_of_a_dead_process_is_claimed_again_where_it_was(database: Database) -> None:
    campaign = make_campaign(database, [])
    database.write(lambda connection: connection.execute(sa.text("update schedule set generation = 'waiting'")))
    database.write(lambda connection: ledger.refresh_process(connection, ME, ttl_s=-1))
    database.write(lambda connection: ledger.claim_generation(connection, ME, HIGH_WATER))
    database.write(lambda connection: ledger.add_datasets(connection, campaign, ME, 0, [b"\x01"]))
    database.write(ledger.bury_dead)
    claim = database.write(lambda connection: ledger.claim_generation(connection, OTHER, HIGH_WATER))
    assert claim is not None
    assert (claim.campaign_id, claim.generated, claim.generated_bytes) == (campaign, 1, 1)


def test_nothing_is_served_from_a_failed_generator(database: Database) -> None:
    campaign = make_campaign(database, [])
    database.write(lambda connection: connection.execute(sa.text("update schedule set generation = 'waiting'")))
    database.write(lambda connection: ledger.claim_generation(connection, ME, HIGH_WATER))
    database.write(lambda connection: ledger.add_datasets(connection, campaign, ME, 0, [b"\x01", b"\x02"]))
    stored = database.write(lambda connection: ledger.fail_generation(connection, campaign, ME, "line 3: no", 3))
    assert stored == 2
    assert take(database, campaign, run=1) is None
    assert take(database, campaign, run=2) is None
    database.write(lambda connection: ledger.forget_datasets(connection, campaign, 0, stored))
    assert count(database, "select count(*) from dataset") == 0


def load_failure(campaign: int, volunteer: int) -> Failure:
    return Failure(campaign, 1, None, volunteer, 1, "SyntaxError", "unexpected token", "")


def test_a_kernel_that_three_volunteers_cannot_load_pauses_its_campaign(database: Database) -> None:
    campaign = make_campaign(database, [0])
    for volunteer in (1, 1, 2):
        store(database, Batch(failures=[load_failure(campaign, volunteer)]))
    (view,) = database.read(lambda connection: ledger.find_views(connection, [campaign]))
    assert view.intent is Intent.RUNNING
    store(database, Batch(failures=[load_failure(campaign, 3)]))
    (view,) = database.read(lambda connection: ledger.find_views(connection, [campaign]))
    assert view.intent is Intent.PAUSED
    reason = database.read(lambda c: c.execute(sa.text("select pause_reason from schedule")).scalar_one())
    assert reason == "The kernel does not load: SyntaxError: unexpected token"


def test_a_kernel_that_somebody_loaded_is_not_condemned(database: Database) -> None:
    campaign = make_campaign(database, [0, 1])
    store(database, Batch(outcomes=[outcome(campaign, 0)]))
    for volunteer in (1, 2, 3):
        store(database, Batch(failures=[load_failure(campaign, volunteer)]))
    (view,) = database.read(lambda connection: ledger.find_views(connection, [campaign]))
    assert view.intent is Intent.RUNNING


def test_attempts_survive_in_the_errors_of_a_position(database: Database) -> None:
    campaign = make_campaign(database, [0, 1])
    take(database, campaign)
    store(database, Batch(failures=[Failure(campaign, 1, 1, 7, 1, "E", "m", "")]))
    database.write(lambda connection: ledger.free_leases(connection, ME))
    block = take(database, campaign, process=OTHER)
    assert block is not None
    assert [(position, attempts) for position, _data, attempts in block.datasets] == [(0, 0), (1, 1)]


def test_a_volunteers_row_is_written_once_and_seen_again(database: Database) -> None:
    visitor = Visitor(7, "laptop", "Firefox", "abc")
    store(database, Batch(visitors={7: visitor}))
    store(database, Batch(visitors={7: visitor}))
    assert count(database, "select count(*) from volunteer") == 1


def test_a_process_that_was_declared_dead_leases_nothing_that_nobody_would_free(database: Database) -> None:
    campaign = make_campaign(database, [0, 1])
    database.write(lambda connection: ledger.leave_process(connection, ME))
    assert take(database, campaign) is None
    assert positions(take(database, campaign, process=OTHER)) == [0, 1]


def test_counters_that_move_while_their_process_is_buried_are_not_lost(database: Database) -> None:
    campaign = make_campaign(database, list(range(3)))
    store(database, Batch(outcomes=[outcome(campaign, 0)]))
    buried = threading.Thread(target=lambda: database.write(lambda c: ledger.leave_process(c, ME)))
    with database.transaction() as connection:
        ledger.store(connection, ME, Batch(outcomes=[outcome(campaign, 1)]), NOW_MS)
        buried.start()
        time.sleep(0.3)  # the burial waits for this transaction
    buried.join()
    store(database, Batch(outcomes=[outcome(campaign, 2)]))
    assert read_progress(database, campaign).done == 3


def test_a_line_that_no_source_can_have_is_not_stored(database: Database) -> None:
    campaign = make_campaign(database, [])
    database.write(lambda connection: connection.execute(sa.text("update schedule set generation = 'waiting'")))
    database.write(lambda connection: ledger.claim_generation(connection, ME, HIGH_WATER))
    database.write(lambda connection: ledger.fail_generation(connection, campaign, ME, "no", 99_999_999_999))
    assert count(database, "select count(*) from schedule where generation_line is null") == 1


def test_a_claim_that_is_given_back_waits_for_somebody_else(database: Database) -> None:
    campaign = make_campaign(database, [])
    database.write(lambda connection: connection.execute(sa.text("update schedule set generation = 'waiting'")))
    database.write(lambda connection: ledger.claim_generation(connection, ME, HIGH_WATER))
    database.write(lambda connection: ledger.release_generation(connection, campaign, ME))
    claim = database.write(lambda connection: ledger.claim_generation(connection, OTHER, HIGH_WATER))
    assert claim is not None
    assert claim.campaign_id == campaign
