"""The templates work before anybody has changed them: their generators run, and their kernels take what comes out."""

from __future__ import annotations

import json
import math

import pytest

from app import examples
from tests.unit.test_examples import TEMPLATES, datasets_of, results_of, static_dataset_of

NAMES = ["map", "monte-carlo", "sweep"]


def run(name: str, numbers: list[int]) -> list[dict[str, object]]:
    datasets = datasets_of(f"templates/{name}")
    return results_of(f"templates/{name}", [datasets[number] for number in numbers])


def test_the_templates_are_listed_and_are_no_examples() -> None:
    assert [template.slug for template in examples.list_examples(examples.TEMPLATES)] == NAMES
    assert sorted(path.name for path in TEMPLATES.iterdir()) == NAMES
    assert not {example.slug for example in examples.list_examples()} & {*NAMES, "templates"}


@pytest.mark.parametrize("template", examples.list_examples(examples.TEMPLATES), ids=lambda template: template.slug)
def test_a_template_is_small_and_says_what_to_change(template: examples.Example) -> None:
    assert template.name
    assert template.description
    assert len(template.kernel.splitlines()) <= 40
    assert template.dataset_gen.startswith("//")
    assert "our own" in template.kernel


def test_the_map_covers_its_range_once() -> None:
    datasets = datasets_of("templates/map")
    assert [n for dataset in datasets for n in range(dataset["from"], dataset["to"])] == list(range(1, 100_001))
    assert run("map", [0])[0][:12] == [1, 2, 2, 3, 2, 4, 2, 4, 3, 4, 2, 6]


def test_the_monte_carlo_repeats_itself_and_comes_close_to_pi() -> None:
    small = [{"seed": seed, "samples": 20_000} for seed in (1, 2, 1)]
    first, second, again = results_of("templates/monte-carlo", small)
    assert first == again != second
    assert abs(4 * first["inside"] / first["samples"] - math.pi) < 0.05
    assert len({dataset["seed"] for dataset in datasets_of("templates/monte-carlo")}) == 200


def test_the_sweep_finds_the_curve_that_its_static_dataset_follows() -> None:
    data = json.loads(static_dataset_of("templates/sweep"))
    results = results_of("templates/sweep", datasets_of("templates/sweep"))
    best = min(results, key=lambda result: result["error"])
    assert (round(best["amplitude"], 2), round(best["rate"], 2)) == (10.0, 0.3)
    predicted = [best["amplitude"] * math.exp(-best["rate"] * time) for time in data["times"]]
    error = sum((a - b) ** 2 for a, b in zip(data["values"], predicted, strict=True))
    assert math.isclose(best["error"], error)
