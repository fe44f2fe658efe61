"""Each wall alone, and none: the same attacks against a weakened harness.

With all walls down the attacks must get through, or the corpus and its judges would prove nothing. With one wall up
they must not: each holds by itself.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.conftest import make_database
from tests.redteam.arena import Arena, Outcome
from tests.redteam.conftest import AT_ONCE, LATENESS, RESOLUTION_MS, Setting, cut, open_arena, open_browser, open_site
from tests.redteam.corpus import Case, read_cases
from tests.redteam.embedder import run_stage
from tests.redteam.listener import Listener
from tests.redteam.profile import find_traces
from tests.redteam.weaken import build_weakened
from tests.scale import scaled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ENGINES = ("chromium", "firefox")
WATCHED_S = 2.0
CASES = {case.id: case for case in read_cases()}
# What both engines let a worker do where nothing holds it back: these must be seen to get out.
GET_OUT = {
    "network/compile_streaming",
    "network/event_source",
    "network/fetch",
    "network/fetch_keepalive",
    "network/fetch_no_cors",
    "network/fetch_preflight",
    "network/fetch_recovered",
    "network/font",
    "network/import_data",
    "network/import_http",
    "network/import_json",
    "network/import_own_origin",
    "network/import_scripts",
    "network/nested_worker_blob",
    "network/nested_worker_data",
    "network/nested_worker_of_ourselves",
    "network/websocket",
    "network/websocket_ours",
    "network/webtransport",
    "network/xhr",
    "network/xhr_synchronous",
}
LEAVE_TRACES = {"storage/caches", "storage/indexed_db", "storage/private_file", "storage/private_file_synchronous"}


class WeakSide:
    """Starts weakened sites and runs attacks against them."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self.profile = folder / "profile"

    @contextlib.contextmanager
    def open(self, engine: str, *, lock_down: bool, policy: bool) -> Iterator[Arena]:
        """Start a site without some of its walls, and a browser. `policy`: the inner frame's, with its sandbox."""
        static = build_weakened(self._folder / "weak", lock_down=lock_down, sandbox=policy)
        environ = {"REDTEAM_STATIC": str(static), "REDTEAM_POLICY": "all" if policy else "none"}
        playwright: Playwright = self._request.getfixturevalue("playwright")
        listener: Listener = self._request.getfixturevalue("listener")
        instance = self._folder / "instance"
        with (
            make_database("sqlite", instance, self._request) as url,
            open_site(instance, url, **environ) as site,
            open_arena(playwright, site, listener, Setting(engine), self.profile) as arena,
        ):
            yield arena

    def find_stored(self, outcomes: dict[str, Outcome]) -> set[str]:
        """Return the attacks on storage that left something on the disk; the cache holds the addresses of others."""
        tokens = {outcome.token: name for name, outcome in outcomes.items() if name.startswith("storage/")}
        return {tokens[token] for token in find_traces(self.profile, tokens)}


@pytest.fixture
def weak_side(request: pytest.FixtureRequest, tmp_path: Path) -> WeakSide:
    """Where walls are taken down."""
    return WeakSide(request, tmp_path)


def run_all(arena: Arena, cases: Sequence[Case]) -> dict[str, Outcome]:
    """Run attacks side by side and return what came of them by their names."""
    return {outcome.case.id: outcome for batch in cut(cases, AT_ONCE) for outcome in arena.run(batch)}


def find_leaking(arena: Arena, outcomes: dict[str, Outcome]) -> set[str]:
    """Return the attacks that reached somebody."""
    return {name for name, outcome in outcomes.items() if arena.find_leaks(outcome.token)}


def pick(*groups: str) -> list[Case]:
    """Return the attacks of some groups: all of them in a long run, those that would get out in a short one."""
    some = scaled(GET_OUT | LEAVE_TRACES, set(CASES))
    return [case for name, case in CASES.items() if case.group in groups and name in some]


@pytest.mark.parametrize("engine", ENGINES)
class TestWalls:
    """The policy of the inner frame, and the lock-down of the worker's names."""

    def test_without_walls_the_attacks_get_out_and_the_judges_see_them(self, weak_side: WeakSide, engine: str) -> None:
        with weak_side.open(engine, lock_down=False, policy=False) as arena:
            outcomes = run_all(arena, [CASES[name] for name in sorted(GET_OUT | LEAVE_TRACES)])
        assert find_leaking(arena, outcomes) >= GET_OUT
        assert weak_side.find_stored(outcomes) >= LEAVE_TRACES

    def test_the_policy_alone_lets_nothing_out(self, weak_side: WeakSide, engine: str) -> None:
        with weak_side.open(engine, lock_down=False, policy=True) as arena:
            outcomes = run_all(arena, pick("network", "storage", "frame"))
        assert find_leaking(arena, outcomes) == set()
        assert weak_side.find_stored(outcomes) == set()
        assert all(outcome.finished for outcome in outcomes.values())
        assert [message for outcome in outcomes.values() for message in outcome.noticed.messages] == []

    def test_the_lock_down_alone_leaves_nothing_but_import(self, weak_side: WeakSide, engine: str) -> None:
        with weak_side.open(engine, lock_down=True, policy=False) as arena:
            outcomes = run_all(arena, pick("network", "storage"))
        leaking = find_leaking(arena, outcomes)
        assert {name for name in leaking if not name.startswith("network/import_")} == set()
        assert "network/import_http" in leaking
        assert weak_side.find_stored(outcomes) == set()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_page_around_notices_messages_stolen_focus_and_stalls(
    engine: str, playwright: Playwright, tmp_path: Path
) -> None:
    with run_stage() as stage, open_browser(playwright, engine, tmp_path / "profile", stage.url):
        stage.show([])
        time.sleep(WATCHED_S)
        calm = stage.look()
        stage.show([stage.address_of("evil.html")])
        time.sleep(WATCHED_S)
        noticed = stage.look()
    assert [message for message in noticed.messages if "hello from evil" in message]
    assert "focus stolen" in noticed.moods
    assert noticed.wait_ms > LATENESS * max(calm.wait_ms, RESOLUTION_MS)
    assert (list(calm.messages), list(calm.moods)) == ([], [])
