"""Lost connections whose volunteers come back with their tickets (D4)."""

from __future__ import annotations

import dataclasses

import pytest

from app.dispatcher.departures import Departures
from app.errors import CloseCode, ProtocolError
from app.protocol import Kind
from app.states import ResultKind
from tests.unit.dispatcher.world import CAMPAIGN, DEADLINE_S, RULES, World, view_of


def come_back(world: World, member: int, old: int, campaign: int = CAMPAIGN) -> bool:
    """Let a connection come with the ticket of an earlier one, holding what that one held; say whether it was taken."""
    held = dict(world.holding.get(old, {}))
    world.holding[member] = held
    world.act(
        world.dispatcher.join(member, campaign, volunteer=member, now=world.now, batched=True, threads=1, resumes=old)
    )
    return world.dispatcher.members[member].has_resumed


def test_d2_an_answer_said_again_on_a_new_connection_is_acknowledged_when_it_has_committed() -> None:
    world = World(3, auto=False)
    world.join(1, batched=True)
    world.batch(1, 3)
    world.fetch()
    world.batch(1, 0, {0: Kind.RESULT})
    world.leave(1)
    world.holding[2] = {}
    world.act(world.dispatcher.join(2, CAMPAIGN, volunteer=2, now=world.now, batched=True, resumes=1))
    world.batch(2, 0, {0: Kind.RESULT})
    assert world.replies == {1: 1}
    world.commit()
    assert world.replies == {1: 1, 2: 1}


def test_d4_what_a_connection_says_after_its_volunteer_came_back_on_another_one_is_not_heeded() -> None:
    world = World(1)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.holding[2] = {}
    world.act(world.dispatcher.join(2, CAMPAIGN, volunteer=2, now=world.now, batched=True, takes_any=False, resumes=1))
    world.batch(1, 1, {0: Kind.RESULT})
    assert world.results == {}
    world.batch(2, 1, {0: Kind.RESULT})
    assert world.results == {(1, 0): ResultKind.VALUE}


def test_d4_with_a_ticket_what_was_computed_before_the_connection_was_lost_counts() -> None:
    world = World(2)
    world.join(1, batched=True)
    world.batch(1, 1)
    held = dict(world.holding[1])
    world.leave(1)
    assert come_back(world, 2, 1)
    world.holding[2] = held
    world.batch(2, 1, {0: Kind.RESULT})
    assert world.results == {(1, 0): ResultKind.VALUE}
    assert list(world.holding[2].values()) == [1]


def test_d4_without_its_ticket_nobody_can_answer_for_a_lost_connection() -> None:
    world = World(2)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.leave(1)
    world.join(2, batched=True)
    with pytest.raises(ProtocolError):
        world.batch(2, 1, {0: Kind.RESULT})


def test_d4_numbers_go_on_where_the_lost_connection_was() -> None:
    world = World(5)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.leave(1)
    assert come_back(world, 2, 1)
    world.batch(2, 1)
    assert list(world.holding[2]) == [1]


def test_d4_a_ticket_is_taken_once() -> None:
    world = World(5)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.leave(1)
    assert come_back(world, 2, 1)
    assert not come_back(world, 3, 1)
    with pytest.raises(ProtocolError):
        world.batch(3, 1, {0: Kind.RESULT})


def test_d4_a_ticket_of_another_campaign_is_not_taken() -> None:
    world = World(5)
    world.dispatcher.open_campaign(view_of(5, campaign=2), DEADLINE_S)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.leave(1)
    assert not come_back(world, 2, 1, campaign=2)
    assert come_back(world, 3, 1)


def test_d4_a_ticket_of_nobody_is_not_taken() -> None:
    world = World(5)
    assert not come_back(world, 2, 77)


def test_d4_a_ticket_is_good_until_the_deadline_of_what_was_held() -> None:
    world = World(5)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.join(9, batched=True)  # so that the campaign is kept
    world.leave(1)
    world.tick(14)
    assert world.dispatcher.departures.leases == 1
    world.tick(2)
    assert not come_back(world, 2, 1)
    assert world.dispatcher.departures.leases == 0


def test_d5_a_connection_that_is_half_open_when_its_volunteer_comes_back_is_ended() -> None:
    world = World(5)
    world.join(1, batched=True)
    world.batch(1, 1)
    assert come_back(world, 2, 1)
    assert world.ended == {1: CloseCode.GOING_AWAY}
    world.batch(2, 0, {0: Kind.RESULT})
    assert world.results == {(1, 0): ResultKind.VALUE}
    assert 1 not in world.dispatcher.members


def test_d5_what_a_lost_connection_held_is_anybodys_and_the_first_answer_counts() -> None:
    world = World(1)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.leave(1)
    world.join(3)
    assert come_back(world, 2, 1)
    world.answer(3, Kind.NOTHING)
    world.batch(2, 0, {0: Kind.RESULT})
    assert world.results == {(1, 0): ResultKind.NOTHING}


def test_d4_an_answer_counts_even_when_the_campaign_was_let_go_meanwhile() -> None:
    world = World(2)
    world.join(1, batched=True)
    world.batch(1, 1)
    held = dict(world.holding[1])
    world.leave(1)
    world.tick(6)
    assert world.dispatcher.campaigns == {}
    world.dispatcher.open_campaign(world.view, DEADLINE_S)
    assert come_back(world, 2, 1)
    world.holding[2] = held
    world.batch(2, 0, {0: Kind.RESULT})
    assert world.results == {(1, 0): ResultKind.VALUE}


def test_a_classic_connection_leaves_nothing_to_come_back_for() -> None:
    world = World(1)
    world.join(1)
    world.leave(1)
    assert not come_back(world, 2, 1)


def test_the_oldest_departures_are_forgotten_when_there_are_too_many() -> None:
    world = World(9, rules=dataclasses.replace(RULES, block_max=9))
    world.dispatcher.departures = Departures(leases_kept=2)
    for member in (1, 2, 3):
        world.join(member, batched=True)
        world.batch(member, 1)
    for member in (1, 2, 3):
        world.leave(member)
    assert not come_back(world, 11, 1)
    assert come_back(world, 12, 2)
    assert come_back(world, 13, 3)
