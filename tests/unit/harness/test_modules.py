"""The harness' modules, tested in Node: one test here for each file there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.harness import node

FILES = sorted(node.HERE.glob("*.test.mjs"))


def test_every_file_of_node_tests_is_found() -> None:
    assert {path.name for path in FILES} >= {"connection.test.mjs", "kernel.test.mjs", "pool.test.mjs", "want.test.mjs"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_the_module_keeps_what_its_node_tests_say(path: Path) -> None:
    finished = node.run_tests(path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    # A file whose tests were not found passes too; it must not.
    assert "tests 0" not in finished.stdout
