"""The walls as the site has them: through the real background process, on both databases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.database import Database
from app.states import Generation
from tests import sandbox
from tests.functional.test_background import count_datasets, upload, wait_for_end
from tests.processes import Site, run_site
from tests.walls import engine_attacks as attacks

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.slow

LATE_ATTACKS = {
    "an error": ("throw new Error('late')", "Error: late"),
    "a loop": ("[].join.call({ length: 2 ** 53 - 1 }, '')", "ran longer than 1 second"),
    "memory": ("const a = []; for (;;) a.push(new ArrayBuffer(1e7))", "of memory"),
    "one that is too large": ("yield { a: 'x'.repeat(2 ** 20) }", "is larger than 1 MB"),
    "what cannot be stored": ("yield { a: 1n }", "a BigInt cannot be stored"),
}


@pytest.fixture
def background_site(tmp_path: Any, database_url: str) -> Iterator[Site]:
    with run_site(tmp_path / "instance", database_url, "background", GENERATOR_WALL_S="1") as site:
        yield site


def wait_until_empty(database: Database, campaign: int) -> None:
    give_up_at = time.monotonic() + 20
    while count_datasets(database, campaign):
        assert time.monotonic() < give_up_at, "datasets of a failed generator stayed"
        time.sleep(0.05)


def test_nothing_stays_stored_of_a_generator_that_fails_late(database: Database, background_site: Site) -> None:
    uploaded = {
        name: upload(database, attacks.star(f"for (let n = 0; n < 5000; n++) yield {{ n }}; {code}"))
        for name, (code, _) in LATE_ATTACKS.items()
    }
    for name, campaign in uploaded.items():
        schedule = wait_for_end(database, campaign)
        assert schedule.generation is Generation.FAILED
        assert LATE_ATTACKS[name][1] in str(schedule.generation_error)
        wait_until_empty(database, campaign)
    good = upload(database, "({ main: () => [{ n: 1 }, { n: 2 }] })")
    assert wait_for_end(database, good).generation is Generation.DONE
    assert count_datasets(database, good) == 2
    assert background_site.is_running("background")


@pytest.mark.parametrize(
    ("effort", "said"),
    [
        ("best-effort", "WARNING app.background: SANDBOX=best-effort: generators run without LANDLOCK"),
        ("strict", "ERROR app.background: no dataset generator can run here: LANDLOCK"),
    ],
)
def test_the_operator_is_told_once_when_the_process_starts(
    effort: str, said: str, sqlite_template: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "tests.walls.lesser_kernel", "landlock:ENOSYS", "same", "-m", "app", "background"]
    environ = {**os.environ, "DATABASE_URL": f"sqlite:///{sqlite_template}", "SANDBOX": effort}
    environ["INSTANCE_DIR"] = str(tmp_path)
    with log.open("wb") as file, subprocess.Popen(command, cwd=ROOT, env=environ, stderr=file) as process:
        try:
            give_up_at = time.monotonic() + 30
            while said not in log.read_text() and process.poll() is None and time.monotonic() < give_up_at:
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert log.read_text().count(said) == 1, log.read_text()


def test_the_site_s_processes_of_these_tests_have_the_effort_that_this_machine_needs() -> None:
    assert (os.environ.get("SANDBOX") == "best-effort") >= sandbox.is_best_effort()
