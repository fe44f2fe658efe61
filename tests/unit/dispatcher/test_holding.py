"""What a process holds of datasets: how many it fetches, what it gives back, and the bytes that it counts (D9)."""

from __future__ import annotations

import dataclasses

import pytest

from app.errors import CloseCode
from app.protocol import Kind
from app.states import ResultKind
from tests.unit.dispatcher.world import CAMPAIGN, RULES, World


def test_d2_an_answer_counts_when_the_ledger_refused_the_one_before_it() -> None:
    world = World(1, auto=False)
    for member in (1, 2):
        world.join(member, batched=True)
        world.batch(member, 1)
        world.fetch()
        world.tick(16)
    world.batch(1, 0, {0: Kind.RESULT})
    world.batch(2, 0, {0: Kind.NOTHING})
    world.commits.popleft()  # refused
    world.commit()
    assert world.results == {(1, 0): ResultKind.NOTHING}


def test_a_campaign_that_everybody_left_gives_its_ranges_back() -> None:
    world = World(10)
    world.join(1)
    world.leave(1)
    world.tick(1)
    assert world.leased != {}
    world.tick(5)
    assert world.leased == {}
    assert world.dispatcher.campaigns == {}


def test_a_process_that_was_declared_dead_hands_out_nothing_it_held_and_still_records_what_comes() -> None:
    world = World(10)
    world.join(1, batched=True)
    world.batch(1, 2)
    world.dispatcher.disown()
    world.batch(1, 0, {0: Kind.RESULT})
    assert world.results == {(1, 0): ResultKind.VALUE}


def test_a_block_that_was_on_its_way_when_the_process_was_declared_dead_is_not_handed_out() -> None:
    world = World(10, auto=False)
    world.join(1)
    block = world.take()
    world.dispatcher.disown()
    world.act(world.dispatcher.fetched(CAMPAIGN, 1, block, world.now))
    assert world.holding[1] == {}
    assert len(world.fetches) == 1


def test_blocks_grow_with_the_rate_of_hand_outs_up_to_their_limit() -> None:
    world = World(200)
    world.join(1)
    sizes = []
    for _ in range(120):
        world.answer(1)
        sizes.append(max((high - low for low, high in world.leased.items()), default=0))
    assert max(sizes) == 16
    assert sizes[0] <= 4


def test_nobody_holds_more_than_the_limit_however_often_it_asks() -> None:
    world = World(200, rules=dataclasses.replace(RULES, block_max=200, max_held=10))
    world.join(1, batched=True)
    for _ in range(8):
        world.batch(1, 64)
    assert len(world.holding[1]) == 10


def test_d9_nothing_is_fetched_for_who_holds_all_that_it_may() -> None:
    world = World(200, rules=dataclasses.replace(RULES, max_held=3))
    world.join(1, batched=True, threads=3)
    for _ in range(20):
        world.batch(1, 64)
        world.tick()
    assert world.cursor < 64


def test_d9_nothing_is_fetched_for_who_was_sent_away() -> None:
    world = World(10)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.tick(16)
    assert world.ended == {1: CloseCode.TRY_LATER}
    held = world.cursor
    world.batch(1, 4)
    assert world.cursor == held


def test_what_the_ledger_refused_is_leased_anew() -> None:
    world = World(3, auto=False)
    world.join(1)
    world.fetch()
    world.answer(1)
    world.commits.clear()  # refused
    world.dispatcher.distrust(CAMPAIGN)
    world.leave(1)
    assert world.dispatcher.campaigns[CAMPAIGN].known_lows == []


def test_d8_the_row_of_a_range_whose_outcome_was_refused_is_not_taken_away_by_its_last_one() -> None:
    world = World(2, auto=False)
    world.join(1, batched=True, threads=2)
    world.batch(1, 2)
    world.fetch()
    world.batch(1, 0, {0: Kind.RESULT})
    world.commits.clear()  # refused
    world.dispatcher.distrust(CAMPAIGN)
    world.batch(1, 0, {1: Kind.RESULT})
    assert [store.finished_blocks for store in world.commits] == [[]]


def test_d9_nothing_is_fetched_while_the_budget_is_full() -> None:
    world = World(10, budget_bytes=1000)
    world.budget.take(1000)
    world.join(1)
    assert world.cursor == 0
    world.budget.give(1)
    world.tick()
    assert list(world.holding[1].values()) == [0]


def test_d9_datasets_take_half_of_the_budget_at_most_so_that_answers_have_room() -> None:
    rules = dataclasses.replace(RULES, block_max=4, block_max_bytes=4)
    world = World(10, rules=rules, budget_bytes=16)
    for member in range(10):
        world.join(member)
    assert world.held_positions() == [0, 1, 2, 3, 4, 5, 6, 7][: world.budget.used_bytes]
    assert 4 <= world.budget.used_bytes <= 8
    assert not world.budget.is_full


def test_d9_a_block_may_be_fetched_however_small_the_budget_is_when_there_is_no_other() -> None:
    world = World(2, rules=dataclasses.replace(RULES, block_max_bytes=100), budget_bytes=50)
    world.join(1)
    assert list(world.holding[1].values()) == [0]


def test_d9_a_grant_is_cut_where_its_bytes_reach_the_limit() -> None:
    world = World(100, rules=dataclasses.replace(RULES, block_max=100, max_grant_bytes=3))
    world.join(1, batched=True, threads=8)
    world.batch(1, 8)
    assert list(world.holding[1].values()) == [0, 1, 2]


def test_d9_a_dataset_that_is_larger_than_a_grant_goes_alone() -> None:
    world = World(100, rules=dataclasses.replace(RULES, block_max=100, max_grant_bytes=1))
    world.join(1, batched=True, threads=8)
    world.batch(1, 8)
    assert list(world.holding[1].values()) == [0]


def test_d9_the_bytes_of_a_range_are_given_back_with_its_last_answer() -> None:
    world = World(2, budget_bytes=1000)
    world.join(1, batched=True, threads=2)
    world.batch(1, 2)
    assert world.budget.used_bytes == 2
    world.batch(1, 0, {0: Kind.RESULT})
    assert world.budget.used_bytes == 2
    world.batch(1, 0, {1: Kind.RESULT})
    assert world.budget.used_bytes == 0


@pytest.mark.parametrize("forget", ["reset", "disown", "distrust", "unused"])
def test_d9_the_bytes_of_what_is_forgotten_are_given_back(forget: str) -> None:
    world = World(5, budget_bytes=1000)
    world.join(1, batched=True, threads=4)
    world.batch(1, 4)
    assert world.budget.used_bytes > 0
    world.leave(1)
    if forget == "reset":
        world.look(run=2)
    elif forget == "disown":
        world.dispatcher.disown()
    elif forget == "distrust":
        world.dispatcher.distrust(CAMPAIGN)
    else:
        world.tick(6)
    assert world.budget.used_bytes == 0
