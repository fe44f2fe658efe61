"""From inside the engine: whatever a generator's JavaScript does, its owner is told a sentence, and that in time.

`observe` holds every run to the parent's promises: half a second after the limit, nothing left behind, no memory lost.
"""

from __future__ import annotations

import re

import pytest

from tests.walls import engine_attacks as attacks
from tests.walls.runs import Observed, observe
from worker_sandbox import GeneratorFailed, Limits

SOON = Limits(wall_s=0.4)


def assert_told(name: str, seen: Observed, otherwise: str) -> None:
    """The owner is told what happened, in a sentence that fits the attack."""
    assert isinstance(seen.error, GeneratorFailed)
    assert re.search(attacks.TOLD.get(name, otherwise), seen.message), seen.message


@pytest.mark.slow
@pytest.mark.parametrize("name", attacks.CPU)
def test_whatever_does_not_end_is_ended_by_the_parent_s_clock(name: str) -> None:
    assert_told(name, observe(attacks.CPU[name], limits=SOON), attacks.TOO_LONG)


@pytest.mark.parametrize("name", attacks.PARSING)
def test_source_that_no_person_wrote_is_refused_at_once(name: str) -> None:
    source = attacks.PARSING[name]
    seen = observe(source, limits=Limits(wall_s=3))
    assert_told(name, seen, f"SyntaxError|{attacks.STACK}|{attacks.NO_MAIN}")
    assert seen.error is not None
    line = getattr(seen.error, "line", None)
    assert line is None or line <= source.count("\n") + 1, "a line that the owner did not write"


@pytest.mark.parametrize("name", attacks.SERIALISING)
def test_datasets_that_fight_their_reader_lose(name: str) -> None:
    limits = Limits(wall_s=4) if name in attacks.TOLD else SOON
    assert_told(name, observe(attacks.SERIALISING[name], limits=limits), attacks.TOO_LONG)


@pytest.mark.parametrize("name", attacks.FLOODS)
def test_a_flood_of_datasets_is_cut_off_in_time(name: str) -> None:
    assert_told(name, observe(attacks.FLOODS[name], limits=Limits(wall_s=1)), attacks.TOO_LONG)


def test_a_proxy_shows_one_value_and_cannot_take_it_back() -> None:
    seen = observe("let n = 0; ({ main: () => [new Proxy({ a: 1 }, { get: () => n++ ? Symbol() : 1 })] })")
    assert seen.datasets == [{"a": 1}]
    assert seen.error is None


@pytest.mark.slow
def test_at_the_real_limit_of_five_seconds_the_sentence_comes_within_half_a_second() -> None:
    seen = observe(attacks.CPU["sparse join"], limits=Limits())
    assert seen.message == "the dataset generator ran longer than 5 seconds"
    assert seen.took_s >= 5
