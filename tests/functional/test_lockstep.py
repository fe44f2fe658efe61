"""Lock-step generators in the real background process: pulled as datasets are taken, bounded, and never mixed up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.database import Database
from app.models import Campaign
from app.states import Generation, Intent
from tests.functional.test_background import upload
from tests.lockstep import (
    ENDLESS,
    Consumer,
    assert_exact,
    find_children,
    make_again,
    read_datasets,
    read_schedule,
    wait_until,
)
from tests.processes import Site, run_site
from tests.volunteers import finish

pytestmark = pytest.mark.slow
HIGH_WATER = 1000
ENVIRON = {"PROCESS_TTL_S": "1", "HEARTBEAT_S": "0.2", "PENDING_HIGH_WATER": str(HIGH_WATER)}
Runner = Callable[..., AbstractContextManager[Site]]


@pytest.fixture
def run(tmp_path: Path, database_url: str) -> Runner:
    """Starts background processes with a small high-water mark."""

    def start(*names: str, **environ: str) -> AbstractContextManager[Site]:
        return run_site(tmp_path / "instance", database_url, *(names or ("background",)), **{**ENVIRON, **environ})

    return start


@pytest.fixture
def site(run: Runner) -> Iterator[Site]:
    with run() as site:
        yield site


def is_in(database: Database, campaign_id: int, generation: Generation, generated: int | None = None) -> bool:
    schedule = read_schedule(database, campaign_id)
    return schedule.generation is generation and generated in (None, schedule.generated)


def wait_for(
    database: Database, campaign_id: int, generation: Generation, generated: int | None = None, timeout_s: float = 30
) -> None:
    wait_until(lambda: is_in(database, campaign_id, generation, generated), timeout_s)


def test_datasets_are_made_up_to_the_high_water_mark_and_again_when_half_are_left(
    database: Database, site: Site
) -> None:
    campaign = upload(database, ENDLESS)
    consumer = Consumer(database, campaign)
    wait_for(database, campaign, Generation.RESTING, 1000)
    consumer.take(499)
    time.sleep(1)
    assert read_schedule(database, campaign).generated == 1000
    consumer.take(1)
    wait_for(database, campaign, Generation.RESTING, 1500)
    children = find_children(site.pid("background"))
    consumer.take(1000)
    wait_for(database, campaign, Generation.RESTING, 2500)
    assert len(children) == 1
    assert find_children(site.pid("background")) == children
    assert assert_exact(database, campaign) == 2500


def test_a_generator_that_ends_is_done_wherever_its_end_lies(database: Database, site: Site) -> None:
    for count in (1, 999, 1000, 1001, 2000):
        source = f"({{ *main() {{ for (let n = 0; n < {count}; n++) yield {{ n }}; }} }})"
        campaign = upload(database, source)
        consumer = Consumer(database, campaign)
        while read_schedule(database, campaign).generation is not Generation.DONE:
            consumer.take(200)
            time.sleep(0.02)
        assert assert_exact(database, campaign) == count


def test_at_its_quota_of_datasets_it_waits_for_its_owner_and_goes_on_when_there_is_room(
    database: Database, run: Runner
) -> None:
    exact = "({ *main() { for (let n = 0; n < 700; n++) yield { n }; } })"
    with run(DATASETS_MAX="700"):
        campaign, ending = upload(database, ENDLESS), upload(database, exact)
        wait_for(database, campaign, Generation.FULL, 700)
        wait_for(database, ending, Generation.DONE, 700)
        assert read_schedule(database, campaign).generation_error is None
    Consumer(database, campaign).take(700)
    with run(DATASETS_MAX="900"):
        wait_for(database, campaign, Generation.FULL, 900)
    assert assert_exact(database, campaign) == 900


def test_at_its_quota_of_bytes_it_waits_with_every_dataset_that_fits(database: Database, run: Runner) -> None:
    with run(DATASETS_MAX_BYTES="5000") as site:
        campaign = upload(database, ENDLESS)
        wait_for(database, campaign, Generation.FULL)
        assert find_children(site.pid("background")) == []
    stored = assert_exact(database, campaign)
    size = read_schedule(database, campaign).generated_bytes
    assert size <= 5000 < size + len(make_again(database, campaign, stored + 1)[-1])
    Consumer(database, campaign).take(stored)
    with run(DATASETS_MAX_BYTES="5001"):
        time.sleep(2)
        wait_for(database, campaign, Generation.FULL, stored)
    assert assert_exact(database, campaign) == stored


def test_of_a_pull_that_fails_nothing_is_stored_and_what_was_made_before_stays(database: Database, site: Site) -> None:
    source = "({ *main() { for (let n = 0; n < 1700; n++) yield { n };\n throw new Error('late'); } })"
    campaign = upload(database, source)
    consumer = Consumer(database, campaign)
    wait_for(database, campaign, Generation.RESTING, 1000)
    consumer.take(800)
    wait_for(database, campaign, Generation.DONE, 1000)
    schedule = read_schedule(database, campaign)
    assert "Error: late" in str(schedule.generation_error)
    assert (schedule.generation_line, schedule.run) == (2, 1)
    assert consumer.take(1000) == 200
    assert len(read_datasets(database, campaign)) == 1000


def test_a_generator_that_fails_in_its_first_pull_fails_altogether(database: Database, site: Site) -> None:
    campaign = upload(database, "({ *main() { for (let n = 0; n < 999; n++) yield { n }; throw new Error('soon'); } })")
    wait_for(database, campaign, Generation.FAILED, 0)
    assert read_datasets(database, campaign) == []


@pytest.mark.parametrize("is_lockstep", [True, False])
def test_a_generator_that_does_not_make_the_same_again_is_stopped_before_anything_is_mixed(
    database: Database, run: Runner, is_lockstep: bool
) -> None:
    other = "({ *main() { for (let n = 0; ; n++) yield { n: n === 900 ? -1 : n, r: Math.random() }; } })"
    if not is_lockstep:
        other = "({ main: () => Array.from({ length: 5000 }, (_, n) => ({ other: n })) })"
    with run():
        campaign = upload(database, ENDLESS)
        wait_for(database, campaign, Generation.RESTING, 1000)
    before = read_datasets(database, campaign)
    change = sa.update(Campaign).where(Campaign.id == campaign).values(dataset_gen=other.encode())
    database.write(lambda connection: connection.execute(change))
    Consumer(database, campaign).take(600)
    with run():
        wait_for(database, campaign, Generation.DONE, 1000)
    assert "did not make the same datasets again" in str(read_schedule(database, campaign).generation_error)
    assert read_datasets(database, campaign) == before


def test_nothing_is_made_while_the_campaign_is_paused(database: Database, site: Site) -> None:
    campaign = upload(database, ENDLESS)
    wait_for(database, campaign, Generation.RESTING, 1000)
    Consumer(database, campaign).take(1000)
    wait_for(database, campaign, Generation.RESTING, 2000)
    database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.PAUSED))
    cursor = sa.text("update schedule set cursor = 2000")
    database.write(lambda connection: connection.execute(cursor))
    time.sleep(1)
    assert read_schedule(database, campaign).generated == 2000
    database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.RUNNING))
    wait_for(database, campaign, Generation.RESTING, 3000)


def test_after_a_reset_every_dataset_is_pending_again_and_the_generator_goes_on_behind_them(
    database: Database, site: Site
) -> None:
    campaign = upload(database, ENDLESS)
    consumer = Consumer(database, campaign)
    wait_for(database, campaign, Generation.RESTING, 1000)
    assert consumer.take(1000) == 1000
    wait_for(database, campaign, Generation.RESTING, 2000)
    first, consumer.got = consumer.got, {}
    database.write(lambda connection: ledger.reset(connection, campaign))
    assert consumer.take(1000) == 1000
    assert consumer.got == first
    time.sleep(0.6)
    assert read_schedule(database, campaign).generated == 2000
    assert consumer.take(500) == 500
    wait_for(database, campaign, Generation.RESTING, 2500)
    assert assert_exact(database, campaign) == 2500


def test_at_most_so_many_generators_live_and_those_that_were_ended_are_replayed(
    database: Database, run: Runner
) -> None:
    with run(GENERATORS_ALIVE="2") as site:
        found = [upload(database, ENDLESS) for _ in range(5)]
        for campaign in found:
            wait_for(database, campaign, Generation.RESTING, 1000)
        most = 0
        for _ in range(2):
            for campaign in found:
                Consumer(database, campaign).take(600)
            for campaign in found:
                wait_until(lambda campaign=campaign: 2 * _pending(database, campaign) > HIGH_WATER)  # type: ignore[misc]
                most = max(most, len(find_children(site.pid("background"))))
        assert most == 2
    assert {assert_exact(database, campaign) for campaign in found} == {2200}


def _pending(database: Database, campaign_id: int) -> int:
    schedule = read_schedule(database, campaign_id)
    return schedule.generated - schedule.cursor


def test_a_generator_that_was_killed_at_rest_is_replayed(database: Database, site: Site) -> None:
    campaign = upload(database, ENDLESS)
    wait_for(database, campaign, Generation.RESTING, 1000)
    (child,) = find_children(site.pid("background"))
    os.kill(child, signal.SIGKILL)
    Consumer(database, campaign).take(700)
    wait_for(database, campaign, Generation.RESTING, 1700)
    assert assert_exact(database, campaign) == 1700


def test_of_two_processes_the_one_that_has_the_generator_pulls_it_and_the_other_when_that_one_is_killed(
    database: Database, run: Runner
) -> None:
    with run("background", "background.2") as site:
        campaign = upload(database, ENDLESS)
        consumer = Consumer(database, campaign)
        wait_for(database, campaign, Generation.RESTING, 1000)
        for step in range(3):
            consumer.take(1000)
            wait_for(database, campaign, Generation.RESTING, 2000 + 1000 * step)
        keepers = [name for name in ("background", "background.2") if find_children(site.pid(name))]
        assert len(keepers) == 1
        site.kill(keepers[0])
        consumer.take(1000)
        wait_for(database, campaign, Generation.RESTING, 5000)
    assert assert_exact(database, campaign) == 5000


def test_a_process_that_ends_gives_its_generators_to_others_at_once(database: Database, run: Runner) -> None:
    with run(PROCESS_TTL_S="60") as site:
        campaign = upload(database, ENDLESS)
        wait_for(database, campaign, Generation.RESTING, 1000)
        assert site.terminate("background") == 0
        schedule = read_schedule(database, campaign)
        assert (schedule.generation, schedule.generator) == (Generation.RESTING, None)
        Consumer(database, campaign).take(1000)
        site.start("background")
        wait_for(database, campaign, Generation.RESTING, 2000)
    with Session(database.engine) as session:
        assert session.get_one(Campaign, campaign).schedule.lockstep
    assert assert_exact(database, campaign) == 2000


def test_volunteers_wait_for_a_generator_that_makes_more_and_leave_one_that_is_full(
    database: Database, run: Runner
) -> None:
    with run("background", "socket", PENDING_HIGH_WATER="10", DATASETS_MAX="75") as site:
        campaign = upload(database, ENDLESS)
        acknowledged, code = finish(site.socket_url, campaign, lambda n: n)
    assert code == 1000
    assert [dataset["n"] for dataset in acknowledged] == list(range(75))
    schedule = read_schedule(database, campaign)
    assert (schedule.generation, schedule.generated) == (Generation.FULL, 75)
    assert assert_exact(database, campaign) == 75
