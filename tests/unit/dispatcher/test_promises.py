"""The dispatcher's promises, one at a time."""

from __future__ import annotations

import dataclasses

import pytest

from app.errors import CloseCode, ProtocolError
from app.protocol import Kind
from app.states import Generation, Intent, ResultKind
from tests.unit.dispatcher.world import RULES, World


def test_a_classic_member_gets_one_dataset_at_a_time_in_order() -> None:
    world = World(3)
    world.join(1)
    seen = []
    while world.holding[1]:
        seen += world.held_positions()
        world.answer(1)
    assert seen == [0, 1, 2]


def test_d1_a_dataset_is_with_one_member_at_a_time() -> None:
    world = World(10)
    for member in range(5):
        world.join(member)
    assert world.held_positions() == [0, 1, 2, 3, 4]


def test_d2_nothing_is_acknowledged_before_its_commit() -> None:
    world = World(10, auto=False)
    world.join(1, batched=True)
    world.batch(1, 2)
    world.fetch()
    world.batch(1, 2, {0: Kind.RESULT})
    assert world.replies[1] == 1
    assert world.results == {}
    world.commit()
    assert world.replies[1] == 2
    assert world.results == {(1, 0): ResultKind.VALUE}


def test_d2_a_classic_member_gets_its_next_dataset_only_after_the_commit() -> None:
    world = World(3, auto=False)
    world.join(1)
    world.fetch()
    world.answer(1)
    assert world.holding[1] == {}
    world.commit()
    world.fetch()
    assert world.held_positions() == [1]


def test_d2_a_duplicate_is_acknowledged_no_earlier_than_the_answer_that_came_first() -> None:
    world = World(1, auto=False)
    for member in (1, 2):
        world.join(member, batched=True)
        world.batch(member, 1)
        world.fetch()
        world.tick(16)
    world.batch(1, 0, {0: Kind.RESULT})
    world.batch(2, 0, {0: Kind.RESULT})
    assert world.replies == {1: 1, 2: 1}
    world.commit()
    assert world.replies == {1: 2, 2: 2}


def test_every_batch_gets_exactly_one_reply_and_wants_of_overtaken_batches_do_not_add_up() -> None:
    world = World(100, auto=False)
    world.join(1, batched=True)
    world.batch(1, 4)
    world.fetch()
    first = list(world.holding[1])
    world.batch(1, 4, {first[0]: Kind.RESULT})
    world.batch(1, 4, {first[1]: Kind.RESULT})
    world.commit()
    world.fetch()
    assert world.replies[1] == 3
    assert len(world.holding[1]) == 2 + 4


def test_d4_a_lease_that_was_never_issued_breaks_the_protocol() -> None:
    world = World(10)
    world.join(1, batched=True)
    world.batch(1, 1)
    with pytest.raises(ProtocolError) as raised:
        world.batch(1, 1, {1: Kind.RESULT})
    assert raised.value.code is CloseCode.BROKEN_PROTOCOL


def test_d4_of_a_batch_with_a_lie_in_it_nothing_counts_and_nothing_is_lost() -> None:
    world = World(1)
    world.join(1, batched=True)
    world.batch(1, 1)
    with pytest.raises(ProtocolError):
        world.batch(1, 1, {0: Kind.RESULT, 7: Kind.RESULT})
    world.leave(1)
    world.join(2)
    assert list(world.holding[2].values()) == [0]


def test_d4_another_members_lease_number_means_nothing_here() -> None:
    world = World(10)
    for member in (1, 2):
        world.join(member, batched=True)
        world.batch(member, 2)
    theirs = world.holding[2][0]
    world.batch(1, 0, {0: Kind.RESULT})
    assert (1, theirs) not in world.results


def test_a_classic_answer_without_a_dataset_breaks_the_protocol() -> None:
    world = World(0)
    world.view = world.view
    world.look(generation=Generation.RUNNING)
    world.join(1)
    with pytest.raises(ProtocolError):
        world.answer(1)


def test_a_lease_answered_twice_is_counted_and_stored_once() -> None:
    world = World(10)
    world.join(1, batched=True)
    world.batch(1, 1)
    world.batch(1, 0, {0: Kind.RESULT})
    world.batch(1, 0, {0: Kind.NOTHING})
    assert world.results == {(1, 0): ResultKind.VALUE}
    assert world.dispatcher.statistics.duplicates == 1
    assert world.replies[1] == 3


def test_d5_datasets_are_pending_again_at_once_when_a_connection_ends() -> None:
    world = World(2)
    world.join(1, batched=True, threads=2)
    world.batch(1, 2)
    world.join(2)
    assert world.holding[2] == {}
    world.leave(1)
    assert list(world.holding[2].values()) == [0]


def test_d5_a_silent_member_is_ended_after_its_deadline_and_its_dataset_goes_on() -> None:
    world = World(1)
    world.join(1)
    world.join(2)
    world.tick(14)
    assert world.ended == {}
    world.tick(2)
    assert world.ended == {1: CloseCode.TRY_LATER}
    assert list(world.holding[2].values()) == [0]


def test_a_late_answer_counts_when_it_is_the_first_and_the_copy_in_stock_is_dropped() -> None:
    world = World(1)
    world.join(1)
    world.tick(16)
    world.answer(1)
    assert world.results == {(1, 0): ResultKind.VALUE}
    world.join(2)
    assert world.holding[2] == {}


def test_a_late_answer_after_anothers_is_a_duplicate() -> None:
    world = World(1)
    world.join(1)
    world.join(2)
    world.tick(16)
    world.answer(2, Kind.NOTHING)
    world.answer(1, Kind.RESULT)
    assert world.results == {(1, 0): ResultKind.NOTHING}
    assert world.dispatcher.statistics.duplicates == 1


def test_members_are_closed_with_1000_when_everything_is_done() -> None:
    world = World(1)
    world.join(1)
    world.join(2, batched=True)
    world.batch(2, 1)
    assert world.idle == [2]
    world.answer(1)
    world.look()
    assert world.ended == {1: CloseCode.DONE, 2: CloseCode.DONE}


def test_a_batched_member_for_any_campaign_is_given_another_one_instead() -> None:
    world = World(1)
    world.join(1, batched=True, takes_any=True)
    world.batch(1, 1)
    world.batch(1, 1, {0: Kind.RESULT})
    world.look()
    assert world.reassigned == [1]
    assert world.ended == {}


@pytest.mark.parametrize("change", [{"intent": Intent.PAUSED}, {"deleted": True}, {"generation": Generation.FAILED}])
def test_a_batched_member_for_any_campaign_goes_on_when_its_campaign_is_no_longer_served(
    change: dict[str, object],
) -> None:
    world = World(1)
    world.join(1, batched=True, takes_any=True)
    world.look(**change)
    assert world.reassigned == [1]
    assert world.ended == {}


def test_while_the_campaign_still_generates_members_wait_and_then_get_what_came() -> None:
    world = World(0)
    world.look(generation=Generation.RUNNING)
    world.join(1)
    world.tick()
    assert world.ended == {}
    world.look(generated=2)
    assert list(world.holding[1].values()) == [0]


def test_a_paused_campaign_ends_classic_members_when_they_have_answered() -> None:
    world = World(2)
    world.join(1)
    world.look(intent=Intent.PAUSED)
    assert world.ended == {}
    world.answer(1)
    assert world.results == {(1, 0): ResultKind.VALUE}
    assert world.ended == {1: CloseCode.NOT_RUNNING}
    assert world.holding[1] == {}
    world.join(2)
    assert world.ended == {1: CloseCode.NOT_RUNNING, 2: CloseCode.NOT_RUNNING}


def test_a_deleted_campaign_sends_everybody_away_at_once() -> None:
    world = World(2)
    world.join(1)
    world.look(deleted=True)
    assert world.ended == {1: CloseCode.NO_SUCH_CAMPAIGN}


def test_a_failed_generator_sends_members_away() -> None:
    world = World(0)
    world.look(generation=Generation.RUNNING)
    world.join(1)
    world.look(generation=Generation.FAILED, run=2)
    assert world.ended == {1: CloseCode.NOT_RUNNING}


def test_after_a_reset_answers_of_the_old_run_are_not_stored_and_the_new_run_begins() -> None:
    world = World(2)
    world.join(1)
    world.join(2, batched=True)
    world.batch(2, 1)
    world.look(run=2)
    assert world.renewed == [2]
    world.answer(1)
    assert world.results == {}
    assert world.dispatcher.statistics.stale == 1
    assert list(world.holding[1].values()) == [0]
    world.batch(2, 1, {0: Kind.RESULT})
    assert world.results == {}
    assert list(world.holding[2].values()) == [1]


def test_a_new_kernel_renews_batched_members_and_sends_classic_ones_to_reconnect() -> None:
    world = World(5)
    world.join(1)
    world.join(2, batched=True)
    world.look(kernel_version=2)
    assert world.renewed == [2]
    assert world.ended == {1: CloseCode.RESTARTING}


def test_a_result_is_of_the_kernel_that_its_dataset_was_handed_out_under() -> None:
    world = World(5)
    world.join(1, batched=True)
    world.batch(1, 3)
    world.look(kernel_version=2)
    world.batch(1, 1, {0: Kind.RESULT, 1: Kind.ERROR})
    world.batch(1, 0, {3: Kind.RESULT})
    assert world.versions == [1, 1, 2]


def test_grants_shrink_towards_the_end_so_that_no_member_holds_the_tail() -> None:
    world = World(16)
    world.join(1, batched=True)
    world.join(2, batched=True)
    world.batch(1, 64)
    world.batch(2, 64)
    assert len(world.holding[1]) <= 8
    assert len(world.holding[2]) <= 8


def test_d5_a_deadline_is_that_of_what_is_held_and_not_of_what_was_held_once() -> None:
    world = World(200, rules=dataclasses.replace(RULES, block_max=200))
    world.join(1, batched=True)
    world.batch(1, 64)
    world.batch(1, 0, dict.fromkeys(world.holding[1], Kind.RESULT))
    world.batch(1, 1)
    world.tick(16)
    assert world.ended == {1: CloseCode.TRY_LATER}
