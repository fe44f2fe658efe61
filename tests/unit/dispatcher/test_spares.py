"""Spare copies (D7)."""

from __future__ import annotations

import dataclasses

import pytest

from app.dispatcher import Borrow
from app.protocol import Kind
from app.states import Generation, ResultKind
from tests.unit.dispatcher.world import CAMPAIGN, RULES, World


def copies(**changes: int) -> World:
    """Return a world in which copies are given, with datasets that take a byte each."""
    return World(changes.pop("generated", 2), rules=dataclasses.replace(RULES, **{"max_spares": 2, **changes}))


def test_d7_whoever_waits_is_given_a_copy_of_what_another_process_holds_when_the_ledger_has_no_more() -> None:
    world = World(1, rules=dataclasses.replace(RULES, max_spares=2))
    world.cursor = 1  # another process took it
    world.dispatcher.peers = 2
    world.join(1)
    assert world.borrows == [Borrow(CAMPAIGN, 1, 2)]
    world.act(world.dispatcher.borrowed(CAMPAIGN, 1, [(0, b"0", 0)], world.now))
    assert list(world.holding[1].values()) == [0]
    world.answer(1)
    assert world.results == {(1, 0): ResultKind.VALUE}


def test_d7_an_idle_volunteer_gets_a_copy_of_the_oldest_dataset_that_is_out() -> None:
    world = copies()
    for member in (1, 2, 3):
        world.join(member)
    assert list(world.holding[3].values()) == [0]
    world.join(4)
    assert list(world.holding[4].values()) == [1]


def test_d7_nobody_gets_a_copy_of_what_it_holds() -> None:
    world = copies(generated=1)
    world.join(1, batched=True, threads=2)
    world.batch(1, 2)
    assert list(world.holding[1].values()) == [0]


def test_d7_no_copy_is_given_while_something_is_pending() -> None:
    world = copies(generated=3)
    for member in (1, 2, 3):
        world.join(member)
    assert world.held_positions() == [0, 1, 2]


def test_d7_no_copy_is_given_while_datasets_are_still_being_generated() -> None:
    world = copies(generated=1)
    world.look(generation=Generation.RUNNING)
    world.join(1)
    world.join(2)
    assert world.holding[2] == {}
    world.look(generation=Generation.DONE)
    assert list(world.holding[2].values()) == [0]


def test_d7_no_copy_is_given_while_a_fetch_is_under_way() -> None:
    world = World(1, rules=dataclasses.replace(RULES, max_spares=2), auto=False)
    world.join(1)
    world.fetch()
    world.join(2)
    assert world.holding[2] == {}
    world.fetch()
    assert list(world.holding[2].values()) == [0]


def test_d7_at_most_max_spares_copies_are_out() -> None:
    world = copies(generated=5)
    for member in range(10):
        world.join(member)
    assert world.held_positions() == [0, 0, 1, 1, 2, 3, 4]


def test_d7_a_dataset_is_copied_once_at_a_time() -> None:
    world = copies(generated=1)
    for member in (1, 2, 3):
        world.join(member)
    assert world.holding[3] == {}
    world.leave(2)
    assert list(world.holding[3].values()) == [0]


def test_d7_a_copy_takes_a_thread_that_has_nothing_to_do() -> None:
    world = copies(generated=4, max_spares=4)
    for member in (1, 2, 3):
        world.join(member)
    world.join(4, batched=True, threads=2)
    world.batch(4, 9)
    assert sorted(world.holding[4].values()) == [0, 3]


@pytest.mark.parametrize("first", [1, 2])
def test_d7_both_answer_and_one_result_is_stored_and_one_duplicate_counted(first: int) -> None:
    world = copies(generated=1)
    world.join(1)
    world.join(2)
    world.answer(first, Kind.RESULT)
    world.answer(3 - first, Kind.NOTHING)
    assert world.results == {(1, 0): ResultKind.VALUE}
    assert world.dispatcher.statistics.duplicates == 1
    world.check()


@pytest.mark.parametrize("leaver", [1, 2])
def test_d7_whichever_of_the_two_leaves_the_other_goes_on(leaver: int) -> None:
    world = copies(generated=1)
    world.join(1)
    world.join(2)
    world.leave(leaver)
    world.check()
    world.answer(3 - leaver)
    assert world.results == {(1, 0): ResultKind.VALUE}
    world.check()


def test_d7_when_the_holder_and_the_copys_holder_leave_it_is_pending_again() -> None:
    world = copies(generated=1)
    world.join(1)
    world.join(2)
    world.leave(1)
    world.leave(2)
    world.check()
    world.join(3)
    assert list(world.holding[3].values()) == [0]


def test_d7_a_copy_that_throws_counts_as_an_attempt_and_the_holder_goes_on() -> None:
    world = copies(generated=1)
    world.join(1)
    world.join(2)
    world.answer(2, Kind.ERROR)
    assert world.failures == ["Error"]
    assert world.holding[2] == {}
    world.answer(1)
    assert world.results == {(1, 0): ResultKind.VALUE}


def test_d7_the_last_attempt_may_be_a_copy() -> None:
    world = copies(generated=1, max_attempts=1)
    world.join(1)
    world.join(2)
    world.answer(2, Kind.ERROR)
    assert world.results == {(1, 0): ResultKind.FAILED}
    world.answer(1)
    assert world.results == {(1, 0): ResultKind.FAILED}
    world.check()


def test_d7_a_copy_of_another_process_dataset_that_is_lost_is_not_made_pending_here() -> None:
    world = copies(generated=1)
    world.cursor = 1
    world.dispatcher.peers = 2
    world.join(1)
    world.act(world.dispatcher.borrowed(CAMPAIGN, 1, [(0, b"0", 0)], world.now))
    world.leave(1)
    world.check()
    world.join(2)
    assert world.holding[2] == {}


def test_d7_what_is_out_here_already_is_not_copied_from_another_process_again() -> None:
    world = copies(generated=1)
    world.cursor = 1
    world.dispatcher.peers = 2
    for member in (1, 2):
        world.join(member)
        world.act(world.dispatcher.borrowed(CAMPAIGN, 1, [(0, b"0", 0)], world.now))
    assert world.held_positions() == [0]


def test_d7_one_process_alone_looks_at_no_others() -> None:
    world = copies(generated=1)
    world.join(1)
    world.join(2)
    world.join(3)
    world.tick()
    assert world.borrows == []
