"""Volunteers that vanish, fall silent, or freeze and wake: the others finish, and nothing is stored twice."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.database import Database
from tests.campaigns import make_campaign
from tests.durability.clients import Answer, Habits
from tests.durability.conftest import ENVIRON
from tests.durability.crowd import Crowd
from tests.durability.faults import STATISTICS_FILE
from tests.durability.verdict import Record, count_leased, judge, record_verdict
from tests.processes import ROOT, Site, run_site
from tests.scale import scaled

pytestmark = pytest.mark.slow
FAULTS = "tests.durability.faults"
DEADLINE_S, GRACE_S = 1.0, 0.5
SHORT = {**ENVIRON, "DATASET_DEADLINE_S": str(DEADLINE_S), "LEASE_GRACE_S": str(GRACE_S)}


def read_statistics(site: Site) -> dict[str, int]:
    """Return what the dispatcher of a process counted that has ended."""
    counted: dict[str, int] = json.loads((site.instance_dir / STATISTICS_FILE).read_text())
    return counted


@pytest.mark.parametrize("spares", ["16", "0"])
def test_a_third_of_the_volunteers_vanish_with_datasets_in_hand_and_the_others_finish(
    spares: str,
    tmp_path: Path,
    database_url: str,
    database: Database,
    habits: Habits,
    datasets: list[int],
    record_property: Record,
) -> None:
    # With spare copies nobody waits for the silent ones; without, their leases lapse.
    campaign, environ = make_campaign(database, datasets), {**SHORT, "MAX_SPARES": spares}
    habits = dataclasses.replace(habits, vanishing_share=0.3)
    with (
        run_site(tmp_path / "instance", database_url, "socket", serving=FAULTS, **environ) as site,
        Crowd([site.socket_url], campaign, habits) as crowd,
    ):
        crowd.wait()
        assert site.terminate("socket") == 0
        counted = read_statistics(site)
    verdict = judge(database, campaign, [crowd])
    vanished = [client for client in crowd.clients if client.fate is not None]
    assert len(vanished) == int(0.3 * habits.clients)
    assert crowd.final_codes() == {1000: habits.clients - len(vanished)}
    assert crowd.abandoned >= len(vanished)
    assert counted["lapsed" if spares == "0" else "spares"] > 0
    assert count_leased(database) == 0
    record_verdict(record_property, verdict, crowd)
    record_property("abandoned", crowd.abandoned)
    record_property("lapsed", counted["lapsed"])
    record_property("spares", counted["spares"])


class Elsewhere:
    """A crowd in a process of its own, which can be stopped as a closed laptop stops."""

    def __init__(self, url: str, campaign_id: int, habits: Habits, first: int) -> None:
        numbers = (campaign_id, first, habits.clients, habits.think_s, habits.want)
        command = [sys.executable, "-m", "tests.durability.crowd", url, *map(str, numbers)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        self.sent: dict[tuple[int, int], Answer] = {}
        self.acknowledged: list[tuple[Answer, float]] = []
        self.final_codes: Counter[int] = Counter()

    def __enter__(self) -> Elsewhere:
        """Wait until its clients are at work, and so have datasets in hand."""
        assert self.process.stdout is not None
        assert json.loads(self.process.stdout.readline()) == ["working"]
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop_for(self, seconds: float) -> None:
        """Stop it in its tracks, and wake it after a while."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def wait(self) -> None:
        """Wait until it has ended, and read what it tells."""
        output, _errors = self.process.communicate(timeout=120)
        assert self.process.returncode == 0
        for kind, *values in map(json.loads, output.splitlines()):
            self._note(kind, values)

    def _note(self, kind: str, values: list[Any]) -> None:
        if kind == "final":
            self.final_codes[values[0]] += 1
            return
        answer = Answer(*values[:4])
        if kind == "sent":
            self.sent[answer.client, answer.serial] = answer
        else:
            self.acknowledged.append((answer, values[4]))


def test_clients_that_freeze_for_longer_than_their_leases_wake_and_nothing_is_stored_twice(
    tmp_path: Path,
    database_url: str,
    database: Database,
    habits: Habits,
    datasets: list[int],
    record_property: Record,
) -> None:
    campaign, frozen = make_campaign(database, datasets), Habits(clients=scaled(6, 30), think_s=0.2, want=8)
    paced = dataclasses.replace(habits, think_s=scaled(0.15, 0.3))
    with (
        run_site(tmp_path / "instance", database_url, "socket", serving=FAULTS, **SHORT) as site,
        Elsewhere(site.socket_url, campaign, frozen, first=1000) as elsewhere,
        Crowd([site.socket_url], campaign, paced) as crowd,
    ):
        crowd.wait_for(len(datasets) // 10)
        for _ in range(scaled(1, 4)):
            elsewhere.stop_for(DEADLINE_S + GRACE_S + 2.0)
            time.sleep(0.5)
        crowd.wait()
        elsewhere.wait()
        assert site.terminate("socket") == 0
        counted = read_statistics(site)
    verdict = judge(database, campaign, [crowd, elsewhere])
    assert crowd.final_codes() == {1000: habits.clients}
    assert elsewhere.final_codes == {1000: frozen.clients}
    assert counted["lapsed"] >= frozen.clients
    assert counted["duplicates"] > 0  # late answers to datasets that others had done meanwhile
    assert count_leased(database) == 0
    record_verdict(record_property, verdict, crowd)
    record_property("late", counted["duplicates"])
