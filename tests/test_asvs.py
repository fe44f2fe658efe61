"""The table of OWASP ASVS 5.0 in docs/security.md: every requirement of levels 1 and 2, with a test or a reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "security.md"
HEADING = "## OWASP ASVS 5.0, level 2"
# The requirements of levels 1 and 2 in version 5.0.0's chapters V2, V3, V6 and V7: the last one of each section. Those
# of level 3 come after them in every section, and some sections have no others.
LAST = {
    "2.1": 3,
    "2.2": 3,
    "2.3": 4,
    "2.4": 1,
    "3.2": 2,
    "3.3": 4,
    "3.4": 6,
    "3.5": 5,
    "3.7": 2,
    "6.1": 3,
    "6.2": 12,
    "6.3": 4,
    "6.4": 4,
    "6.5": 5,
    "6.6": 3,
    "6.8": 4,
    "7.1": 3,
    "7.2": 4,
    "7.3": 2,
    "7.4": 5,
    "7.5": 2,
    "7.6": 2,
}
REQUIREMENTS = [f"{section}.{n}" for section, last in LAST.items() for n in range(1, last + 1)]
# How a row begins that names no test.
REASONS = ("Documented: ", "Does not apply: ", "Not met: ", "Nothing of the kind: ")
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
FILE_NAME = re.compile(r"`((?:docs|app)/[\w/.-]+)`")


def read_rows() -> list[tuple[str, str, str]]:
    """Return (number, what it asks, how it is met) of every row of the table."""
    part = PAGE.read_text().split(f"\n{HEADING}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| (\d+\.\d+\.\d+) \| (.*?) \| (.*) \|$", part, re.MULTILINE)


ROWS = read_rows()


def find_tests(path: Path) -> set[str]:
    """Return the names of a file's tests, those of classes as Class::test."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{method.name}" for method in node.body if isinstance(method, ast.FunctionDef)}
    return {name for name in found if name.split("::")[-1].startswith("test_")}


def test_there_are_as_many_requirements_as_the_standard_has() -> None:
    """83 rows of levels 1 and 2 in the standard's own list of these chapters."""
    assert len(REQUIREMENTS) == 83


def test_every_requirement_is_in_the_table_once_and_in_order() -> None:
    assert [number for number, _asked, _met in ROWS] == REQUIREMENTS


@pytest.mark.parametrize(("number", "asked", "met"), ROWS, ids=[row[0] for row in ROWS])
def test_every_row_names_a_test_that_there_is_or_a_reason_in_a_sentence(number: str, asked: str, met: str) -> None:
    assert len(asked.split()) >= 3, "it says in our words what is asked for"
    tests = TEST_NAME.findall(met)
    for file, name in tests:
        assert name in find_tests(ROOT / file), f"{number}: there is no {file}::{name}"
    for file in FILE_NAME.findall(met):
        assert (ROOT / file).exists(), f"{number}: there is no {file}"
    assert met.count("::") - sum(name.count("::") for _file, name in tests) == len(tests), "a name that is not read"
    if not tests:
        assert met.startswith(REASONS)
        reason = met.split(": ", 1)[1]
        assert len(reason.split()) >= 5
        assert reason.rstrip("`").endswith(".")
    if met.startswith("Documented: "):
        assert FILE_NAME.search(met), "it says where"
