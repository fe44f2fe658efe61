"""Guided self-scheduling and spare copies: one slow volunteer does not hold up a campaign's end (D7)."""

from __future__ import annotations

import dataclasses

import pytest

from app.dispatcher import Rules
from tests.unit.dispatcher.fleet import Fleet

VOLUNTEERS, SLOWNESS = 20, 10.0
SIZES = [(2000, 0.1), (2000, 1.0), (20_000, 0.01)]  # datasets, seconds that one takes


@dataclasses.dataclass
class Ending:
    """How a campaign ended: its last 5 %, beside what they ideally take; and what tabs held, beside their share."""

    took_s: float
    ideal_s: float
    held: list[tuple[int, int]]  # most datasets in one tab, one tab's share of what was left


def finish(*, batched: bool, datasets: int, task_s: float, rules: Rules | None = None) -> Ending:
    """Let 20 volunteers finish a campaign, one of them ten times slower."""
    fleet = Fleet(rules)
    schedule = fleet.open(1, datasets)
    fleet.come(1, batched=batched, task_s=task_s * SLOWNESS)
    for _ in range(VOLUNTEERS - 1):
        fleet.come(1, batched=batched, task_s=task_s)
    begun_at, ideal_s, held = 0.0, 0.0, []
    for part in (0.95, 0.98, 0.99, 1.0):
        fleet.run(1e6, stop=lambda: len(schedule.results) >= datasets * part)  # noqa: B023 - called at once
        left = datasets - len(schedule.results)
        held.append((max(len(volunteer.held) for volunteer in fleet.volunteers), -(-left // VOLUNTEERS)))
        if part == 0.95:
            begun_at, ideal_s = fleet.now, left * task_s / (VOLUNTEERS - 1 + 1 / SLOWNESS)
    return Ending(fleet.now - begun_at, ideal_s, held[:-1])


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize(("datasets", "task_s"), SIZES)
def test_d7_the_last_twentieth_takes_at_most_half_as_long_again_as_it_must(
    batched: bool, datasets: int, task_s: float
) -> None:
    ending = finish(batched=batched, datasets=datasets, task_s=task_s)
    assert ending.took_s <= 1.5 * ending.ideal_s


def test_d7_without_spare_copies_the_slow_one_would_hold_everybody_up() -> None:
    ending = finish(batched=True, datasets=2000, task_s=0.1, rules=Rules(max_spares=0))
    assert ending.took_s > 1.5 * ending.ideal_s


@pytest.mark.parametrize(("datasets", "task_s"), SIZES)
def test_d7_no_tab_holds_more_than_its_share_at_the_end(datasets: int, task_s: float) -> None:
    at_work = 2  # one that it computes and one that it computes next: an exchange takes time
    ending = finish(batched=True, datasets=datasets, task_s=task_s)
    assert all(most <= max(at_work, share) for most, share in ending.held), ending.held
