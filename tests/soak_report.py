"""A pytest plugin: the table that `make soak` ends with.

A test's figures are what it recorded with pytest's own ``record_property``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

OUTCOMES = ("passed", "failed", "error")
HEADER = ("test", "result", "seconds", "figures")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line a test: its result, how long it took, and its figures."""
    rows = sorted(_iter_rows(terminalreporter))
    widths = [max(len(row[column]) for row in [HEADER, *rows]) for column in range(3)]
    terminalreporter.section("soak")
    for row in [HEADER, *rows]:
        name, result, seconds, figures = row
        line = f"{name:<{widths[0]}}  {result:<{widths[1]}}  {seconds:>{widths[2]}}  {figures}"
        terminalreporter.write_line(line.rstrip())


def _iter_rows(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str, str, str]]:
    for outcome in OUTCOMES:
        for report in reporter.getreports(outcome):
            if outcome == "error" or report.when == "call":
                figures = ", ".join(f"{name} {_shown(value)}" for name, value in report.user_properties)
                yield report.nodeid.removeprefix("tests/"), outcome, f"{report.duration:.1f}", figures


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
