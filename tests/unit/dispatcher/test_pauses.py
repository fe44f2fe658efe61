"""Batched volunteers stay with a paused campaign, and have at once what its owner changes."""

from __future__ import annotations

import dataclasses

from app.errors import CloseCode
from app.protocol import ErrorReport, Kind
from app.states import Intent, ResultKind
from tests.unit.dispatcher.world import CAMPAIGN, RULES, World

PATIENT = dataclasses.replace(RULES, pause_patience_s=60.0)


def pause_with_a_waiting_member(generated: int = 40) -> World:
    """Return a world whose member 1 has answered all it held, and wants 2 more of a campaign that was paused."""
    world = World(generated, rules=PATIENT)
    world.join(1, batched=True)
    world.batch(1, 2)
    world.look(intent=Intent.PAUSED)
    world.batch(1, 2, dict.fromkeys(world.holding[1], Kind.RESULT))
    return world


def test_what_a_member_held_at_the_pause_is_stored_and_it_then_waits_without_more() -> None:
    world = pause_with_a_waiting_member()
    assert world.results == {(1, 0): ResultKind.VALUE, (1, 1): ResultKind.VALUE}
    assert (world.holding[1], world.ended) == ({}, {})
    assert world.idle == [1, 1]  # before its first datasets came, and now


def test_it_is_given_what_it_wanted_as_soon_as_the_campaign_goes_on() -> None:
    world = pause_with_a_waiting_member()
    world.tick()
    world.look(intent=Intent.RUNNING)
    assert world.held_positions() == [2, 3]


def test_a_kernel_that_is_changed_in_the_pause_reaches_it_at_once() -> None:
    world = pause_with_a_waiting_member()
    world.look(kernel_version=2)
    assert world.renewed == [1]
    world.batch(1, 3)
    assert world.holding[1] == {}
    world.look(intent=Intent.RUNNING)
    assert world.held_positions() == [2, 3, 4]
    world.batch(1, 0, dict.fromkeys(world.holding[1], Kind.RESULT))
    assert world.versions == [1, 1, 2, 2, 2]


def test_a_reset_in_the_pause_begins_anew_when_the_campaign_goes_on() -> None:
    world = pause_with_a_waiting_member()
    world.look(run=2)
    world.batch(1, 2)
    world.look(intent=Intent.RUNNING)
    assert world.held_positions() == [0, 1]


def test_who_comes_in_the_pause_waits_too() -> None:
    world = pause_with_a_waiting_member()
    world.join(2, batched=True)
    world.batch(2, 1)
    assert world.ended == {}
    world.look(intent=Intent.RUNNING)
    assert len(world.holding[2]) == 1


def test_after_a_while_those_who_wait_are_sent_away_each_after_its_own() -> None:
    world = pause_with_a_waiting_member()
    world.tick(30)
    world.join(2, batched=True)
    world.tick(29)
    assert world.ended == {}
    world.tick(1)
    assert world.ended == {1: CloseCode.NOT_RUNNING}
    world.tick(30)
    assert world.ended == {1: CloseCode.NOT_RUNNING, 2: CloseCode.NOT_RUNNING}


def test_a_second_pause_counts_anew() -> None:
    world = pause_with_a_waiting_member()
    world.tick(50)
    world.look(intent=Intent.RUNNING)
    world.batch(1, 1, dict.fromkeys(world.holding[1], Kind.RESULT))
    world.look(intent=Intent.PAUSED)
    world.batch(1, 1, dict.fromkeys(world.holding[1], Kind.RESULT))
    world.tick(50)
    assert world.ended == {}


def test_a_member_for_any_campaign_does_not_wait() -> None:
    world = World(2, rules=PATIENT)
    world.join(1, batched=True, takes_any=True)
    world.look(intent=Intent.PAUSED)
    assert world.reassigned == [1]


def test_what_was_leased_for_those_who_wait_is_given_back_in_a_long_pause() -> None:
    world = pause_with_a_waiting_member()
    assert world.leased
    world.tick(RULES.release_after_s)
    assert not world.leased
    world.look(intent=Intent.RUNNING)
    assert world.held_positions() == [2, 3]


def test_a_member_that_could_not_load_the_kernel_may_fail_to_load_the_next_one_and_both_count() -> None:
    world = World(2, rules=PATIENT)
    world.join(1, batched=True)
    for version in (2, 3):
        world.act(world.dispatcher.load_failed(1, ErrorReport("SyntaxError", "here", ""), world.now))
        world.act(world.dispatcher.load_failed(1, ErrorReport("SyntaxError", "again", ""), world.now))
        world.look(kernel_version=version)
    assert world.failures == ["SyntaxError", "SyntaxError"]
    assert CAMPAIGN in world.dispatcher.campaigns
