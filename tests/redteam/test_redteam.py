"""Hostile kernels in real browsers, judged from outside: who was reached, what is stored, what the page around felt."""

from __future__ import annotations

import re

import pytest

from app.states import ResultKind
from tests.processes import Site
from tests.redteam.arena import ATTACKED, DEADLINE_S, GRACE_S, HONEST, OUR_REQUESTS, Outcome, read_requests
from tests.redteam.conftest import Performance, Setting
from tests.redteam.corpus import Case, read_cases
from tests.redteam.profile import find_traces
from tests.scale import scaled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ENGINES = ("chromium", "firefox")
CASES = read_cases()


def _list_runs() -> list[tuple[Setting, Case]]:
    runs = [(Setting(engine), case) for engine in ENGINES for case in CASES]
    some = scaled(6, 1)
    for engine in ENGINES:
        walls = [case for case in CASES if case.group in ("network", "storage", "harness")]
        runs += [(Setting(engine, how), case) for how in ("sandboxed", "isolated") for case in walls[::some]]
        runs += [(Setting(engine, "away"), case) for case in CASES if case.group == "denial"][::some]
    return runs


RUNS = _list_runs()


@pytest.fixture
def outcome(performance: Performance, case: Case) -> Outcome:
    """What came of the test's attack."""
    return performance.outcomes[case]


@pytest.mark.parametrize(
    ("performance", "case"), RUNS, indirect=["performance"], ids=[f"{setting}-{case.id}" for setting, case in RUNS]
)
class TestAttacks:
    """Each kernel of the corpus, in each setting."""

    def test_an_attack_gains_nothing(self, performance: Performance, case: Case, outcome: Outcome) -> None:
        assert performance.arena.find_leaks(outcome.token) == []
        assert_embedded_as_said(performance.setting, outcome)
        assert_page_untouched(outcome)
        assert_honest_answers(outcome)
        assert_expected(outcome)
        assert not performance.is_late(case), outcome.describe()


def assert_embedded_as_said(setting: Setting, outcome: Outcome) -> None:
    """Fail where the page was not what the setting is about."""
    assert outcome.noticed.isolated == (setting.embedding == "isolated"), outcome.describe()
    assert outcome.noticed.scrolled == (setting.embedding == "away"), outcome.describe()


def assert_page_untouched(outcome: Outcome) -> None:
    """Fail where the page around got a message, lost its focus, or was left."""
    assert list(outcome.noticed.messages) == [], outcome.describe()
    assert list(outcome.noticed.moods) == [], outcome.describe()


def assert_honest_answers(outcome: Outcome) -> None:
    """Fail where a dataset that was not attacked has another outcome than its own, or none."""
    if outcome.case.verb == "refuse with":
        assert outcome.endings == {}, outcome.describe()
        return
    assert set(outcome.endings) == {ATTACKED, *HONEST}, outcome.describe()
    for position in HONEST:
        if outcome.case.spoils_next and position == ATTACKED + 1:
            continue
        assert outcome.endings[position].value == f"{outcome.token}-{position}", outcome.describe()


def assert_expected(outcome: Outcome) -> None:
    """Fail where the dataset under attack did not end as its case says, with an error that its owner can read."""
    case, ending = outcome.case, outcome.endings.get(ATTACKED)
    if case.verb == "refuse with":
        assert case.regex.search(outcome.errors[None]), outcome.describe()
        return
    assert ending is not None
    assert outcome.took_ms <= (DEADLINE_S + GRACE_S) * 1000, outcome.describe()
    if ending.kind == ResultKind.FAILED:
        assert outcome.errors.get(ATTACKED), outcome.describe()
    if case.verb == "result":
        kind = ResultKind.NOTHING if case.value is None else ResultKind.VALUE
        assert (ending.kind, show(ending.value)) == (kind, show(case.value)), outcome.describe()
    if case.verb == "fail with":
        assert ending.kind == ResultKind.FAILED, outcome.describe()
    if case.verb in ("fail with", "end with") and ending.kind == ResultKind.FAILED:
        assert case.regex.search(outcome.errors[ATTACKED]), outcome.describe()


def show(value: object) -> str:
    """Return a value as text that tells 1 from 1.0 and 0 from −0, and finds NaN equal to itself."""
    return re.sub(r"\s+", " ", repr(value))


def test_nobody_asked_our_servers_for_anything_but_the_harness(
    performances: dict[Setting, Performance], attacked_site: Site
) -> None:
    requests = list(read_requests(attacked_site))
    assert requests.count("GET /ws") >= sum(len(performance.outcomes) for performance in performances.values())
    assert [request for request in requests if not OUR_REQUESTS.fullmatch(request)] == []


def test_browsers_keep_nothing_of_an_attack_on_the_disk(performances: dict[Setting, Performance]) -> None:
    for setting, performance in performances.items():
        assert performance.profile is not None
        tokens = {outcome.token: case.id for case, outcome in performance.outcomes.items()}
        traces = find_traces(performance.profile, tokens)
        assert [(str(setting), tokens[token]) for token in traces] == []
