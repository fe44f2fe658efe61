"""From inside the engine: memory in every kind. The engine's own limit is told; the whole child's is the backstop."""

from __future__ import annotations

import pytest

from tests.walls import engine_attacks as attacks
from tests.walls.runs import observe, observe_python
from tests.walls.test_engine_attacks import assert_told
from worker_sandbox import Limits

MB = 2**20
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", attacks.MEMORY)
def test_a_memory_bomb_ends_its_own_run_and_nothing_else(name: str) -> None:
    assert_told(name, observe(attacks.MEMORY[name], limits=Limits(wall_s=2)), attacks.MEMORY_OR_TIME)


@pytest.mark.parametrize("name", ["typed arrays", "BigInts", "texts of two bytes", "an array filled at once"])
def test_without_the_engine_s_limit_the_child_s_own_ends_the_bomb(name: str) -> None:
    seen = observe(attacks.MEMORY[name], limits=Limits(wall_s=30, cpu_s=30, memory_bytes=2**40))
    assert_told(name, seen, "of memory|crashed the JavaScript engine|stopped by the JavaScript engine")


def test_the_child_s_address_space_ends_where_the_limit_says() -> None:
    seen = observe_python(
        f"kept = []\ntry:\n    while len(kept) < 200: kept.append(bytes({10 * MB}))\nexcept MemoryError:\n    pass\n"
        "say(len(kept))",
        limits=Limits(wall_s=5),
    )
    assert 60 <= seen.said[0] < 77  # Times 10 MB, of 768 MB with the interpreter in it.
