"""What becomes of a tab that computes for hostile kernels: it goes on, and loses little time."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from app.states import ResultKind
from tests.processes import Site
from tests.redteam.arena import GRACE_S, Arena
from tests.redteam.conftest import Setting, open_arena
from tests.redteam.listener import Listener

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ENDLESS = 50
COUNT = 60
LONG_DEADLINE_MS = 4000
ONE_ENDLESS = "({main: (dataset) => { if (dataset.i === %d) for (;;); return dataset.i; }})"


@pytest.fixture(params=["chromium", "firefox"])
def arena(
    request: pytest.FixtureRequest, playwright: Playwright, attacked_site: Site, listener: Listener, tmp_path: Path
) -> Arena:
    """A page in a browser of its own."""
    with open_arena(playwright, attacked_site, listener, Setting(request.param), tmp_path / "profile") as arena:
        yield arena


def test_an_endless_dataset_among_quick_ones_ends_by_its_own_deadline(arena: Arena) -> None:
    datasets = [{"i": i} for i in range(COUNT)]
    endings = arena.run_datasets(ONE_ENDLESS % ENDLESS, datasets, LONG_DEADLINE_MS)
    assert {i: endings[i].value for i in range(COUNT) if i != ENDLESS} == {i: i for i in range(COUNT) if i != ENDLESS}
    assert endings[ENDLESS].kind == ResultKind.FAILED
    started_ms = max(endings[i].at_ms for i in range(ENDLESS))
    assert endings[ENDLESS].at_ms - started_ms <= LONG_DEADLINE_MS + GRACE_S * 1000
