"""The examples are complete campaigns that compute what they say, against truth that Python finds by itself.

Each generator runs in the real sandbox and each kernel in a real JavaScript engine, as a volunteer would run
it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest
import quickjs

from tests.unit.worker_sandbox.runs import generate

EXAMPLES = Path(__file__).parents[2] / "examples"
TEMPLATES = EXAMPLES / "templates"
NAMES = ["collatz", "multiples-of-123", "primes"]

# As the harness stores a result: a BigInt beyond 64 bits becomes its decimal digits. (None of these is
# smaller.)
RUN_KERNEL = """(function (kernel, text) {
  if (kernel.loadStaticDataset) kernel.loadStaticDataset(text);
  return (dataset) => JSON.stringify(
    { result: kernel.main(JSON.parse(dataset)) },
    (_, value) => (typeof value === 'bigint' ? String(value) : value));
})"""


def read(name: str, file: str) -> str:
    return (EXAMPLES / name / file).read_text(encoding="utf-8")


def static_dataset_of(name: str) -> str:
    texts = [path.read_text(encoding="utf-8") for path in (EXAMPLES / name).glob("static.*")]
    assert len(texts) <= 1
    return "".join(texts)


def datasets_of(name: str) -> list[Any]:
    with generate(read(name, "generator.js"), seed=0, now_ms=0) as run:
        return [msgpack.unpackb(blob) for chunk in run for blob in chunk]


def results_of(name: str, datasets: list[Any]) -> list[Any]:
    """What the kernel returns for each dataset, None included."""
    engine = quickjs.Context()
    kernel = engine.eval(read(name, "kernel.js"))
    main = engine.eval(RUN_KERNEL)(kernel, static_dataset_of(name))
    return [json.loads(main(json.dumps(dataset)))["result"] for dataset in datasets]


def run_check_of_readme(name: str, results: list[Any], folder: Path) -> None:
    """Run the Python of the README's last part on these results, as a reader would."""
    [code] = re.findall(r"```python\n(.*?)```", read(name, "README.md"), re.DOTALL)
    (folder / "results.msgpack").write_bytes(msgpack.packb(results))
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=60)


def primes_below(limit: int) -> list[int]:
    is_prime = bytearray([1]) * limit
    is_prime[:2] = b"\0\0"
    for number in range(2, int(limit**0.5) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number in range(limit) if is_prime[number]]


def collatz_steps(number: int) -> int:
    steps = 0
    while number != 1:
        number = 3 * number + 1 if number % 2 else number // 2
        steps += 1
    return steps


def test_every_example_is_here_and_every_folder_is_an_example() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir() and path != TEMPLATES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_complete_folder(name: str) -> None:
    files = {path.name for path in (EXAMPLES / name).iterdir()}
    assert files == {"kernel.js", "static.json", "generator.js", "README.md", "campaign.json"}
    campaign = json.loads(read(name, "campaign.json"))
    assert set(campaign) == {"name", "description", "beneficiary", "order"}
    assert all(campaign.values())


def test_multiples_of_123_finds_them_all(tmp_path: Path) -> None:
    datasets = datasets_of("multiples-of-123")
    assert datasets == [{"min": start, "max": start + 100} for start in range(0, 10_000, 100)]
    results = results_of("multiples-of-123", datasets)
    expected = [[n for n in range(d["min"], d["max"]) if n % 123 == 0] or None for d in datasets]
    assert results == expected
    stored = [result for result in results if result is not None]
    assert len(stored) == 82
    run_check_of_readme("multiples-of-123", stored, tmp_path)


def test_multiples_of_123_takes_its_divisor_from_the_static_dataset() -> None:
    engine = quickjs.Context()
    main = engine.eval(RUN_KERNEL)(engine.eval(read("multiples-of-123", "kernel.js")), '{"divisor": 7}')
    assert json.loads(main('{"min": 10, "max": 30}')) == {"result": [14, 21, 28]}


def test_primes_counts_what_a_sieve_counts_in_every_range(tmp_path: Path) -> None:
    datasets = datasets_of("primes")
    assert datasets == [{"min": start, "max": start + 10_000} for start in range(0, 2_000_000, 10_000)]
    by_range: list[list[int]] = [[] for _ in datasets]
    for prime in primes_below(2_000_000):
        by_range[prime // 10_000].append(prime)
    results = results_of("primes", datasets)
    assert results == [
        {**dataset, "count": len(primes), "largest": primes[-1]}
        for dataset, primes in zip(datasets, by_range, strict=True)
    ]
    run_check_of_readme("primes", results, tmp_path)


def test_primes_knows_ranges_without_a_prime_and_the_smallest_numbers() -> None:
    datasets = [{"min": 0, "max": 2}, {"min": 0, "max": 3}, {"min": 24, "max": 29}, {"min": 25, "max": 26}]
    assert results_of("primes", datasets) == [
        {"min": 0, "max": 2, "count": 0, "largest": None},
        {"min": 0, "max": 3, "count": 1, "largest": 2},
        {"min": 24, "max": 29, "count": 0, "largest": None},
        {"min": 25, "max": 26, "count": 0, "largest": None},
    ]


def test_collatz_hands_out_ranges_beyond_64_bits_without_losing_a_digit() -> None:
    first = 3179389980591125407167
    expected = [{"start": str(start)} for start in range(first, first + 100 * 175, 175)]
    assert datasets_of("collatz") == expected


def test_collatz_finds_the_longest_stopping_time_of_a_range(tmp_path: Path) -> None:
    datasets = datasets_of("collatz")
    some = [datasets[number] for number in (0, 42, 99)]
    results = results_of("collatz", some)
    for dataset, result in zip(some, results, strict=True):
        numbers = range(int(dataset["start"]), int(dataset["start"]) + 175)
        longest = max(numbers, key=collatz_steps)  # The first of them, when several share it.
        assert result == {**dataset, "number": str(longest), "steps": collatz_steps(longest)}
    assert results[0]["steps"] == 2760
    run_check_of_readme("collatz", results, tmp_path)
