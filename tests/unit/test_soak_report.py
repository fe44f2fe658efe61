"""`make soak` runs tests at full size and ends with a table of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT

TESTS = """
import pytest
from tests.scale import scaled

def test_counted(record_property):
    record_property("datasets", scaled(7, 12345))
    record_property("ratio", 1.2345)

def test_broken():
    assert False

@pytest.fixture
def unmade():
    raise OSError

def test_unprepared(unmade):
    pass
"""


def run_tests(folder: Path, **environ: str) -> list[list[str]]:
    """Run some tests with the plugin, and return the words of the table's lines."""
    (folder / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.soak_report", "--rootdir", str(folder), "-c", os.devnull]
    inherited = {name: value for name, value in os.environ.items() if name != "SOAK"}
    environ = {**inherited, "PYTHONPATH": str(ROOT), **environ}
    output = subprocess.run([*command, "test_some.py"], cwd=folder, env=environ, capture_output=True, text=True).stdout
    lines = output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip("= ") == "soak")
    return [line.split() for line in lines[start + 1 : start + 5]]


def test_the_table_names_each_test_its_result_its_duration_and_what_it_recorded(tmp_path: Path) -> None:
    header, broken, counted, unprepared = run_tests(tmp_path, SOAK="1")
    assert header == ["test", "result", "seconds", "figures"]
    assert (broken[0], broken[1]) == ("test_some.py::test_broken", "failed")
    assert (counted[0], counted[1]) == ("test_some.py::test_counted", "passed")
    assert float(counted[2]) >= 0
    assert counted[3:] == ["datasets", "12,345,", "ratio", "1.23"]
    assert (unprepared[0], unprepared[1]) == ("test_some.py::test_unprepared", "error")


def test_without_soak_tests_are_short(tmp_path: Path) -> None:
    _header, _broken, counted, _unprepared = run_tests(tmp_path)
    assert counted[4] == "7,"
