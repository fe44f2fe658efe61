"""Runs Node for the harness' tests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def run_tests(path: Path) -> subprocess.CompletedProcess[str]:
    """Run one file of Node tests; its output says which failed and why."""
    command = ["node", "--test", "--test-reporter=spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def ask(driver: str, request: dict[str, Any]) -> Any:
    """Run a driver script with a JSON request; return its JSON answer."""
    finished = subprocess.run(
        ["node", str(HERE / driver)], input=json.dumps(request), capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
