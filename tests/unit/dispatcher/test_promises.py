"""The dispatcher's promises, one at a time."""

from __future__ import annotations

import dataclasses

import pytest

from app.dispatcher import Borrow
from app.errors import CloseCode, ProtocolError
from app.protocol import ErrorReport, Kind
from app.states import Generation, Intent, ResultKind
from tests.unit.dispatcher.world import CAMPAIGN, RULES, World


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


def test_while_the_campaign_still_generates_members_wait_and_then_get_what_came() -> None:
    world = World(0)
    world.look(generation=Generation.RUNNING)
    world.join(1)
    world.tick()
    assert world.ended == {}
    world.look(generated=2)
    assert list(world.holding[1].values()) == [0]


def test_a_paused_campaign_ends_idle_members_at_once_and_others_after_their_answer() -> None:
    world = World(2)
    world.join(1)
    world.join(2, batched=True)
    world.look(intent=Intent.PAUSED)
    assert world.ended == {2: CloseCode.NOT_RUNNING}
    world.answer(1)
    assert world.results == {(1, 0): ResultKind.VALUE}
    assert world.ended[1] == CloseCode.NOT_RUNNING
    assert world.holding[1] == {}


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


def test_grants_shrink_towards_the_end_so_that_no_member_holds_the_tail() -> None:
    world = World(16)
    world.join(1, batched=True)
    world.join(2, batched=True)
    world.batch(1, 64)
    world.batch(2, 64)
    assert len(world.holding[1]) <= 8
    assert len(world.holding[2]) <= 8


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


def test_blocks_grow_with_the_rate_of_hand_outs_up_to_their_limit() -> None:
    world = World(200)
    world.join(1)
    sizes = []
    for _ in range(120):
        world.answer(1)
        sizes.append(max((high - low for low, high in world.leased.items()), default=0))
    assert max(sizes) == 16
    assert sizes[0] <= 4


def test_a_kernel_that_does_not_load_is_counted_once_a_connection_and_gets_no_reply() -> None:
    world = World(2)
    world.join(1, batched=True)
    for _ in range(5):
        world.act(world.dispatcher.load_failed(1, ErrorReport("SyntaxError", "m", ""), world.now))
    assert world.failures == ["SyntaxError"]
    assert world.replies == {}


def test_d5_a_deadline_is_that_of_what_is_held_and_not_of_what_was_held_once() -> None:
    world = World(200, rules=dataclasses.replace(RULES, block_max=200))
    world.join(1, batched=True)
    world.batch(1, 64)
    world.batch(1, 0, dict.fromkeys(world.holding[1], Kind.RESULT))
    world.batch(1, 1)
    world.tick(16)
    assert world.ended == {1: CloseCode.TRY_LATER}


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


def test_an_answered_dataset_is_not_tried_again() -> None:
    world = World(1)
    world.join(1)
    world.tick(16)
    world.join(2)
    world.answer(2, Kind.ERROR)
    world.answer(1, Kind.RESULT)
    world.join(3)
    assert world.holding[3] == {}


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
