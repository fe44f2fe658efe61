"""D6: datasets whose kernel throws or whose volunteers vanish, and kernels that do not load."""

from __future__ import annotations

import dataclasses

from app.protocol import ErrorReport, Kind
from app.states import ResultKind
from tests.unit.dispatcher.world import CAMPAIGN, RULES, World


def test_d6_a_dataset_that_throws_is_tried_by_others_and_fails_at_the_third_attempt() -> None:
    world = World(2)
    for member in (1, 2, 3):
        world.join(member)
    assert world.holding[3] == {}
    world.answer(1, Kind.ERROR)
    assert list(world.holding[3].values()) == [0]
    world.answer(3, Kind.ERROR)
    world.answer(2, Kind.RESULT)
    assert list(world.holding[2].values()) == [0]
    world.answer(2, Kind.ERROR)
    assert world.results == {(1, 0): ResultKind.FAILED, (1, 1): ResultKind.VALUE}
    assert world.failures == ["Error"] * 3


def test_d6_a_dataset_that_threw_late_is_not_given_back_to_who_threw() -> None:
    world = World(2)
    world.join(1, batched=True, threads=1)
    world.batch(1, 1)
    world.tick(8)
    world.batch(1, 1)
    world.tick(8)
    assert world.ended == {}
    world.batch(1, 1, {0: Kind.ERROR})
    assert list(world.holding[1].values()) == [1]


def test_d6_a_dataset_that_threw_and_was_given_back_by_another_is_not_given_to_who_threw() -> None:
    world = World(1)
    for member in (1, 2):
        world.join(member, batched=True)
        world.batch(member, 1)
    world.batch(1, 1, {0: Kind.ERROR})
    assert list(world.holding[2].values()) == [0]
    world.leave(2)
    assert world.holding[1] == {}


def test_d6_a_volunteer_alone_gets_its_failure_again_after_five_seconds() -> None:
    world = World(1)
    world.join(1)
    world.answer(1, Kind.ERROR)
    world.tick(4)
    assert world.holding[1] == {}
    world.tick(1)
    assert list(world.holding[1].values()) == [0]


def test_a_dataset_whose_volunteers_keep_vanishing_fails_and_says_so() -> None:
    world = World(1)
    for member in (1, 2, 3):
        world.join(member)
        world.leave(member)
    assert world.results == {(1, 0): ResultKind.FAILED}
    assert world.failures == ["VolunteersVanished"]


def test_only_what_a_vanished_volunteer_was_computing_counts_as_lost() -> None:
    world = World(4)
    for member in (1, 2, 3):
        world.join(member, batched=True, threads=1)
        world.batch(member, 1)
        lease = next(iter(world.holding[member]))
        world.batch(member, 0, {lease: Kind.GIVEN_BACK})
        world.leave(member)
    assert world.results == {}


def test_a_kernel_that_does_not_load_blames_no_dataset() -> None:
    world = World(2)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.act(world.dispatcher.load_failed(1, ErrorReport("SyntaxError", "m", ""), world.now))
    assert world.failures == ["SyntaxError"]
    assert world.results == {}
    world.join(2)
    assert list(world.holding[2].values()) == [0]


def test_d6_a_copy_of_another_process_dataset_is_not_given_again_to_who_failed_at_it() -> None:
    world = World(1, rules=dataclasses.replace(RULES, max_spares=2))
    world.cursor = 1  # another process took it
    world.dispatcher.peers = 2
    world.join(1)
    for attempts in range(3):
        world.act(world.dispatcher.borrowed(CAMPAIGN, 1, [(0, b"0", attempts)], world.now))
        if world.holding[1]:
            world.answer(1, Kind.ERROR)
    assert world.failures == ["Error"]
    world.join(2)
    assert list(world.holding[2].values()) == [0]


def test_a_kernel_that_does_not_load_is_counted_once_a_connection_and_gets_no_reply() -> None:
    world = World(2)
    world.join(1, batched=True)
    for _ in range(5):
        world.act(world.dispatcher.load_failed(1, ErrorReport("SyntaxError", "m", ""), world.now))
    assert world.failures == ["SyntaxError"]
    assert world.replies == {}


def test_an_answered_dataset_is_not_tried_again() -> None:
    world = World(1)
    world.join(1)
    world.tick(16)
    world.join(2)
    world.answer(2, Kind.ERROR)
    world.answer(1, Kind.RESULT)
    world.join(3)
    assert world.holding[3] == {}
