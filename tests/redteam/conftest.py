"""What the attacks run against: a whole site, a listener on a third origin, and a page in a real browser."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from app.database import Database
from tests.conftest import make_database
from tests.processes import Site, run_site
from tests.redteam import browsers
from tests.redteam.arena import DEADLINE_S, Arena, Outcome
from tests.redteam.corpus import Case
from tests.redteam.embedder import run_stage
from tests.redteam.listener import Listener, run_listener

ENVIRON = {
    "DATASET_DEADLINE_S": str(DEADLINE_S),
    "MAX_ATTEMPTS": "1",
    "MAX_SPARES": "0",
}
# Attacks that use up a processor run by twos, the others side by side.
AT_ONCE, HEAVY_AT_ONCE = 8, 2
CONTROLS, REPEATS = 3, 3
# How much longer than beside honest kernels an event may wait in the page around. Below the resolution of browsers'
# timers on a busy machine, waits are not compared.
LATENESS, RESOLUTION_MS = 3, 4.0
# Beside which the others are measured: a kernel that keeps a processor busy and hurts nobody.
BUSY = Case(
    "control",
    "busy",
    "Computes for a good half of its time limit.",
    "end",
    "",
    """{main: function (dataset) {
      const until = Date.now() + 600;
      if (dataset.honest === undefined) while (Date.now() < until);
      return dataset.honest;
    }}""",
)


@dataclasses.dataclass(frozen=True)
class Setting:
    """Which engine, and how the embed stands in somebody's page."""

    engine: str
    embedding: str = "plain"

    def __str__(self) -> str:
        """Return how tests are named."""
        return f"{self.engine}-{self.embedding}"

    @property
    def sandbox(self) -> str | None:
        """What the embedder writes in its iframe's sandbox attribute."""
        return "allow-scripts" if self.embedding == "sandboxed" else None


@dataclasses.dataclass
class Performance:
    """What came of all the attacks that were selected, in one setting."""

    arena: Arena
    setting: Setting
    profile: Path | None = None  # the browser's folder, once it has ended
    outcomes: dict[Case, Outcome] = dataclasses.field(default_factory=dict)
    controls: list[Outcome] = dataclasses.field(default_factory=list)
    repeated: dict[Case, list[float]] = dataclasses.field(default_factory=dict)

    def run(self, cases: Sequence[Case]) -> list[Outcome]:
        """Run attacks side by side."""
        return self.arena.run(cases, sandbox=self.setting.sandbox, away=self.setting.embedding == "away")

    def run_control(self) -> None:
        """Run honest kernels, as many as heavy attacks are run at once."""
        self.controls += self.run([BUSY] * HEAVY_AT_ONCE)

    def repeat(self, case: Case) -> None:
        """Run an attack again, alone, each time beside a control: one wait may be another program's doing."""
        for _ in range(REPEATS):
            self.run_control()
            (outcome,) = self.run([case])
            self.repeated.setdefault(case, []).append(_exceed(outcome, self.controls[-HEAVY_AT_ONCE:]))

    def is_late(self, case: Case) -> bool:
        """Whether the page waits longer beside an attack than it may: at first, and in most repetitions, if any."""
        excesses = self.repeated.get(case) or [_exceed(self.outcomes[case], self.controls)]
        return statistics.median(excesses) > LATENESS


def _exceed(outcome: Outcome, controls: Sequence[Outcome]) -> float:
    """Return how many times as long as beside honest kernels an event waits beside an attack."""
    allowed = statistics.median(control.noticed.wait_ms for control in controls)
    return outcome.noticed.wait_ms / max(allowed, RESOLUTION_MS)


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    """Where leaks would go."""
    with run_listener() as listener:
        yield listener


def open_site(folder: Path, url: str, **environ: str) -> AbstractContextManager[Site]:
    """Start the site's processes as attacks need them."""
    return run_site(folder, url, "web", "socket", serving="tests.redteam.serving", **ENVIRON, **environ)


@pytest.fixture(scope="session")
def attacked_site(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The site's processes, with short time limits, which write down what they are asked."""
    folder = tmp_path_factory.mktemp("attacked") / "instance"
    with make_database("sqlite", folder, request) as url, open_site(folder, url) as site:
        yield site


def open_browser(playwright: Playwright, engine: str, profile: Path, url: str) -> AbstractContextManager[None]:
    """Open a page in one of the engines."""
    if engine == "chromium":
        return browsers.run_chromium(playwright, profile, url)
    return browsers.run_firefox(profile, url)


@contextlib.contextmanager
def open_arena(
    playwright: Playwright, site: Site, listener: Listener, setting: Setting, profile: Path
) -> Iterator[Arena]:
    """Start a browser on an embedder's page."""
    database = Database(site.environ["DATABASE_URL"])
    with (
        run_stage(isolated=setting.embedding == "isolated") as stage,
        open_browser(playwright, setting.engine, profile, stage.url),
    ):
        yield Arena(site, database, listener, stage)
    database.dispose()


@pytest.fixture(scope="session")
def performances() -> dict[Setting, Performance]:
    """What was run already: each setting's attacks run once, however its tests are ordered."""
    return {}


@pytest.fixture
def performance(
    request: pytest.FixtureRequest,
    performances: dict[Setting, Performance],
    playwright: Playwright,
    attacked_site: Site,
    listener: Listener,
    tmp_path_factory: pytest.TempPathFactory,
) -> Performance:
    """Run all the attacks of one setting that were selected, unless that was done, and return what came of them."""
    setting: Setting = request.param
    if setting not in performances:
        profile = tmp_path_factory.mktemp("browser") / "profile"
        with open_arena(playwright, attacked_site, listener, setting, profile) as arena:
            performances[setting] = perform(arena, setting, _find_selected(request, setting))
        performances[setting].profile = profile
    return performances[setting]


def _find_selected(request: pytest.FixtureRequest, setting: Setting) -> list[Case]:
    selected = (getattr(item, "callspec", None) for item in request.session.items)
    chosen = [spec.params for spec in selected if spec is not None and spec.params.get("performance") == setting]
    return list(dict.fromkeys(params["case"] for params in chosen if "case" in params))


def perform(arena: Arena, setting: Setting, cases: Sequence[Case]) -> Performance:
    """Run attacks in batches, with controls between them, and those that made the page wait long once more."""
    performance = Performance(arena, setting)
    batches = _make_batches(cases)
    steps = {len(batches) * i // CONTROLS for i in range(CONTROLS)}
    for number, batch in enumerate(batches):
        if number in steps:
            performance.run_control()
        for outcome in performance.run(batch):
            performance.outcomes[outcome.case] = outcome
    for case in [case for case in performance.outcomes if performance.is_late(case)]:
        performance.repeat(case)
    return performance


def _make_batches(cases: Sequence[Case]) -> list[list[Case]]:
    heavy = [case for case in cases if case.group == "denial"]
    light = [case for case in cases if case.group != "denial"]
    return cut(light, AT_ONCE) + cut(heavy, HEAVY_AT_ONCE)


def cut(cases: Sequence[Case], size: int) -> list[list[Case]]:
    """Cut a list of attacks into batches."""
    return [list(cases[at : at + size]) for at in range(0, len(cases), size)]
