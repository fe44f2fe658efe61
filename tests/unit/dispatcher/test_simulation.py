"""Seeded schedules of everything that goes wrong, on several processes: the first half of the seeds."""

from __future__ import annotations

import pytest

from tests.unit.dispatcher.simulation.runs import CHUNKS, FAILED_SEEDS, SEEDS, play, play_all


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(0, CHUNKS, 2))
def test_whatever_happens_every_promise_is_kept_and_every_dataset_ends_exactly_once(chunk: int) -> None:
    play_all(range(chunk, SEEDS, CHUNKS))


@pytest.mark.parametrize("seed", FAILED_SEEDS)
def test_what_once_went_wrong_goes_well(seed: int) -> None:
    play(seed)
