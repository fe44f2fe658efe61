"""How campaigns share the volunteers who take any (D10), in simulated time."""

from __future__ import annotations

import pytest

from app.errors import CloseCode
from tests.unit.dispatcher.fleet import LOAD_S, Fleet


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("volunteers", [1, 5])
def test_d10_a_campaign_of_one_dataset_beside_a_huge_one_starts_within_a_second(volunteers: int, threads: int) -> None:
    fleet = Fleet()
    fleet.open(1, 1_000_000)
    for _ in range(volunteers):
        fleet.come(task_s=0.2, threads=threads)
    fleet.run(10)
    fleet.open(2, 1)
    fleet.run(11)
    assert 2 in fleet.started_at
    fleet.run(20)
    assert 0 in fleet.ledger.schedules[2].results
    assert fleet.moves == 2  # there and back again


def test_d10_a_volunteer_that_moves_hands_in_what_it_has_and_gets_no_more_before() -> None:
    fleet = Fleet()
    fleet.open(1, 1_000_000)
    volunteer = fleet.come(task_s=3.0)
    fleet.run(4)
    fleet.open(2, 1)
    held = set(volunteer.held.values())
    fleet.run(16)
    assert held <= {(1, 1, position) for position in fleet.ledger.schedules[1].results}
    assert fleet.started_at[2] <= 9.1 + 2 * LOAD_S  # what it held when the campaign came took it until then


@pytest.mark.parametrize("task_s", [0.5, {1: 0.1, 2: 0.3, 3: 1.0}])
def test_d10_three_campaigns_share_twenty_volunteers_evenly_over_a_minute(task_s: float | dict[int, float]) -> None:
    fleet = Fleet()
    for campaign in (1, 2, 3):
        fleet.open(campaign, 1_000_000)
    for _ in range(20):
        fleet.come(task_s=task_s)
    fleet.run(60)
    shares = [fleet.computed_s[campaign] for campaign in (1, 2, 3)]
    mean = sum(shares) / 3
    assert all(abs(share - mean) <= 0.05 * mean for share in shares), shares


def test_d10_sharing_leaves_volunteers_at_work() -> None:
    fleet = Fleet()
    for campaign in (1, 2, 3):
        fleet.open(campaign, 1_000_000)
    for _ in range(20):
        fleet.come(task_s=0.3)
    fleet.run(60)
    assert sum(fleet.computed_s.values()) > 0.95 * 20 * 60
    assert fleet.moves <= 2 * 20


def test_d10_equal_campaigns_with_as_many_volunteers_each_move_nobody() -> None:
    fleet = Fleet()
    for campaign in (1, 2, 3):
        fleet.open(campaign, 1_000_000)
    for _ in range(6):
        fleet.come(task_s=0.3)
    fleet.run(60)
    assert fleet.moves <= 6


def test_d10_a_campaign_that_can_use_one_volunteer_only_gets_one() -> None:
    fleet = Fleet()
    fleet.open(1, 1_000_000)
    for _ in range(8):
        fleet.come(task_s=1.0)
    fleet.run(5)
    fleet.open(2, 1)
    fleet.run(30)
    assert fleet.moves <= 2  # there and back again
    assert fleet.computed_s[2] == 1.0


def test_d10_classic_volunteers_are_placed_as_they_arrive_and_stay() -> None:
    fleet = Fleet()
    for campaign in (1, 2, 3):
        fleet.open(campaign, 1_000_000)
    for _ in range(9):
        fleet.come(batched=False)
    placed = [volunteer.id for volunteer in fleet.volunteers]
    served = [fleet.process.dispatcher.members[i].campaign.id for i in placed]
    assert sorted(served) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    fleet.run(30)
    assert [fleet.process.dispatcher.members[i].campaign.id for i in placed] == served


def test_d10_a_volunteer_goes_on_to_the_next_campaign_when_one_is_done() -> None:
    fleet = Fleet()
    for campaign in (1, 2, 3):
        fleet.open(campaign, 4)
    volunteer = fleet.come(task_s=0.5)
    fleet.run(30)
    assert fleet.computed_s == {1: 2.0, 2: 2.0, 3: 2.0}
    assert volunteer.closed is CloseCode.TRY_LATER  # nothing is left for it
