"""Generators in the ledger: who may run which, when one is pulled again, and what stays of one that fails."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.ledger import Appetite
from app.models import Schedule
from app.records import GenerationClaim
from app.states import Generation, Intent
from tests.campaigns import make_campaign
from tests.lockstep import read_schedule

ME, OTHER, HUB = 11, 12, 13
HIGH_WATER = 10
BLOBS = [b"\x01"] * 10


@pytest.fixture(autouse=True)
def processes(database: Database) -> None:
    """All of them are alive."""
    for process, kind in ((ME, "background"), (OTHER, "background"), (HUB, "socket")):
        database.write(
            lambda connection, process=process, kind=kind: ledger.enter_process(connection, process, kind, 60)
        )


def claim(database: Database, process: int = ME) -> GenerationClaim | None:
    return database.write(lambda connection: ledger.claim_generation(connection, process, HIGH_WATER))


def make_resting(database: Database, process: int = ME) -> int:
    """Make a campaign with a lock-step generator that has made ten datasets and rests."""
    campaign = make_campaign(database, [])
    database.write(lambda connection: connection.execute(_wait(campaign)))
    assert claim(database, process) is not None
    add = {"digest": "d" * 64, "is_lockstep": True}
    assert database.write(lambda c: ledger.add_datasets(c, campaign, process, 0, BLOBS, **add))  # type: ignore[arg-type]
    database.write(lambda c: ledger.rest_generation(c, campaign, process))
    return campaign


def _wait(campaign: int) -> sa.Update:
    return sa.update(Schedule).where(Schedule.campaign_id == campaign).values(generation=Generation.WAITING)


def take(database: Database, campaign: int, count: int) -> None:
    run = read_schedule(database, campaign).run
    block = database.write(lambda c: ledger.take_block(c, HUB, campaign, run, Appetite(count, 1000)))
    assert block is not None
    assert len(block.datasets) == count


def test_a_generator_at_rest_is_pulled_when_half_are_pending_by_the_process_that_has_it(database: Database) -> None:
    campaign = make_resting(database)
    take(database, campaign, 4)
    assert claim(database) is None
    take(database, campaign, 1)
    assert claim(database, OTHER) is None
    expected = GenerationClaim(campaign, 10, 10, "d" * 64, is_lockstep=True, pending=5)
    assert claim(database) == expected
    assert claim(database) is None


def test_whoever_asks_pulls_a_generator_whose_process_is_gone_but_not_before_it_must(database: Database) -> None:
    campaign = make_resting(database)
    database.write(lambda connection: ledger.leave_process(connection, ME))
    assert read_schedule(database, campaign).generation is Generation.RESTING
    assert claim(database, OTHER) is None
    take(database, campaign, 5)
    assert claim(database, OTHER) is not None
    database.write(lambda connection: ledger.leave_process(connection, OTHER))
    assert read_schedule(database, campaign).generation is Generation.WAITING


def test_a_campaign_that_is_paused_or_deleted_is_not_pulled(database: Database) -> None:
    campaign = make_resting(database)
    take(database, campaign, 10)
    database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.PAUSED))
    assert claim(database) is None
    database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.RUNNING))
    assert database.read(lambda connection: ledger.find_kept(connection, ME)) == {campaign}
    database.write(lambda connection: ledger.close_schedule(connection, campaign))
    assert claim(database) is None
    assert database.read(lambda connection: ledger.find_kept(connection, ME)) == set()


def test_the_generator_that_was_pulled_longest_ago_is_first_and_a_new_one_before_it(database: Database) -> None:
    first, second = make_resting(database), make_resting(database)
    for campaign, rested_at_ms in ((first, 2000), (second, 1000)):
        take(database, campaign, 10)
        rested = sa.update(Schedule).where(Schedule.campaign_id == campaign).values(rested_at_ms=rested_at_ms)
        database.write(lambda connection, rested=rested: connection.execute(rested))
    new = make_campaign(database, [])
    database.write(lambda connection: connection.execute(_wait(new)))
    order = [claim(database) for _ in range(4)]
    assert [None if found is None else found.campaign_id for found in order] == [new, second, first, None]


def test_a_full_one_goes_on_when_there_is_room_in_both_quotas(database: Database) -> None:
    campaign = make_resting(database)
    take(database, campaign, 10)
    claim(database)
    database.write(lambda connection: ledger.fill_generation(connection, campaign, ME))
    schedule = read_schedule(database, campaign)
    assert (schedule.generation, schedule.generator) == (Generation.FULL, None)
    assert claim(database) is None
    for datasets, size in ((10, 100), (100, 10)):
        database.write(lambda c, datasets=datasets, size=size: ledger.reopen_full(c, datasets, size))
        assert claim(database) is None
    database.write(lambda connection: ledger.reopen_full(connection, 11, 11))
    assert claim(database, OTHER) is not None


def test_to_volunteers_a_full_campaign_is_done_with_its_last_result(database: Database) -> None:
    campaign = make_resting(database)
    (view,) = database.read(lambda connection: ledger.find_views(connection, [campaign]))
    assert not dataclasses.replace(view, done=10).is_done
    take(database, campaign, 10)
    claim(database)
    database.write(lambda connection: ledger.fill_generation(connection, campaign, ME))
    (view,) = database.read(lambda connection: ledger.find_views(connection, [campaign]))
    assert not view.is_done
    assert dataclasses.replace(view, done=10).is_done


def test_what_a_lock_step_generator_made_before_it_failed_stays_and_is_served(database: Database) -> None:
    campaign = make_resting(database)
    take(database, campaign, 5)
    claim(database)
    assert database.write(lambda connection: ledger.fail_generation(connection, campaign, ME, "line 3: no", 3)) == 0
    schedule = read_schedule(database, campaign)
    assert (schedule.generation, schedule.generation_error) == (Generation.DONE, "line 3: no")
    assert (schedule.run, schedule.generated, schedule.generation_line) == (1, 10, 3)
    take(database, campaign, 5)


def test_a_process_that_lost_its_claim_can_neither_rest_nor_fill_nor_fail_it(database: Database) -> None:
    campaign = make_resting(database)
    take(database, campaign, 10)
    claim(database)
    before = read_schedule(database, campaign)
    for act in (ledger.rest_generation, ledger.fill_generation, ledger.finish_generation, ledger.release_generation):
        database.write(lambda connection, act=act: act(connection, campaign, OTHER))  # type: ignore[misc]
    database.write(lambda connection: ledger.fail_generation(connection, campaign, OTHER, "no"))
    after = read_schedule(database, campaign)
    assert (after.generation, after.generator, after.run) == (before.generation, ME, before.run)
