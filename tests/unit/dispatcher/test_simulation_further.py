"""The second half of the seeds, in a file of its own so that two test workers share them; and what a failure says."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.unit.dispatcher.simulation.runs import CHUNKS, SEEDS, play, play_all
from tests.unit.dispatcher.simulation.world import World


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(1, CHUNKS, 2))
def test_whatever_happens_every_promise_is_kept_and_every_dataset_ends_exactly_once(chunk: int) -> None:
    play_all(range(chunk, SEEDS, CHUNKS))


def test_a_seed_always_plays_the_same_schedule() -> None:
    assert [play(seed).trace for seed in range(20)] == [play(seed).trace for seed in range(20)]


def test_a_failing_seed_is_printed_with_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(world: World) -> Mapping[str, object]:
        raise AssertionError("D0: nothing is ever right")

    monkeypatch.setattr("tests.unit.dispatcher.simulation.runs.heal", refuse)
    with pytest.raises(AssertionError) as raised:
        play(7)
    lines = str(raised.value).splitlines()
    assert lines[0] == "seed 7: AssertionError('D0: nothing is ever right')"
    assert any("comes to process" in line for line in lines)
