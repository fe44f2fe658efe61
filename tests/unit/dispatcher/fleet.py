"""Volunteers that take their time, in simulated seconds: how fair the dispatcher is, and how a campaign ends.

One socket process on the simulation's ledger; batched volunteers ask as the harness does (`connection.js`,
`outbox.js`, `want.js`): one exchange at a time, every half second, or at once when a thread is about to run dry.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence

from app.dispatcher import Grant, Rules
from app.errors import CloseCode
from app.protocol import Kind
from app.states import Generation
from tests.unit.dispatcher.simulation.ledger import Key, Ledger, Schedule
from tests.unit.dispatcher.simulation.process import ANY, SocketProcess
from tests.unit.dispatcher.simulation.promises import Promises
from tests.unit.dispatcher.simulation.tab import Tab

EXCHANGE_S = 0.5
LOAD_S = 0.1  # from the campaign's frames to the kernel's being ready
GROWTH = 4
SLOW_PART = 0.25
MOST_HELD = 1024


class Fleet:
    """A clock, a ledger, one process and the volunteers that come to it."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.now = 0.0
        self.ledger = Ledger()
        promises = Promises(self.ledger, self.rules.max_attempts, self.rules.max_losses, counts_exactly=True)
        self.process = SocketProcess(
            1, self.ledger, promises, self.rules, 1 << 40, self.now, itertools.count(1).__next__
        )
        self.volunteers: list[Volunteer] = []
        self.computed_s: Counter[int] = Counter()  # by campaign
        self.started_at: dict[int, float] = {}  # campaign → when its first dataset was handed out
        self.moves = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.every(1.0, self.process.tick)
        self.every(0.25, self.process.look)
        self.every(2.0, self.process.beat)

    def open(self, campaign: int, datasets: int) -> Schedule:
        """Add a campaign whose datasets are all generated."""
        schedule = Schedule(campaign, datasets, datasets, deadline_s=60.0, generation=Generation.DONE)
        schedule.blobs = Blobs(campaign, datasets)  # type: ignore[assignment]
        self.ledger.schedules[campaign] = schedule
        return schedule

    def come(self, asked: int = ANY, **facts: object) -> Volunteer:
        """Let a volunteer come."""
        volunteer = Volunteer(len(self.volunteers) + 1, self, asked, **facts)  # type: ignore[arg-type]
        self.volunteers.append(volunteer)
        self.process.greet(volunteer, None)
        volunteer.hear_changed()
        self.settle()
        return volunteer

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._events, (when, next(self._order), act))

    def every(self, seconds: float, act: Callable[[], None]) -> None:
        """Let something happen again and again."""

        def again() -> None:
            act()
            self.at(self.now + seconds, again)

        self.at(self.now + seconds, again)

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until and not stop():
            self.now, _order, act = heapq.heappop(self._events)
            self.process.now = self.now
            act()
            self.settle()

    def settle(self) -> None:
        """Fetches and commits take no time here."""
        while self.process.tasks or self.process.has_writing:
            if self.process.tasks:
                self.process.do_task(0)
            else:
                self.process.write()


class Blobs(Sequence[bytes]):
    """A million datasets that take no memory."""

    def __init__(self, campaign: int, count: int) -> None:
        self._campaign, self._count = campaign, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> bytes:  # type: ignore[override]
        return b"%d:%d:" % (self._campaign, position)


class Volunteer(Tab):
    """One tab that computes.

    Args:
        task_s: seconds that one dataset takes here, by campaign or for all.
    """

    def __init__(
        self,
        id: int,
        fleet: Fleet,
        asked: int,
        *,
        batched: bool = True,
        threads: int = 1,
        task_s: float | dict[int, float] = 1.0,
    ) -> None:
        super().__init__(id, fleet.process, asked, batched=batched, threads=threads)
        self.fleet = fleet
        self.task_s = task_s
        self.running: dict[int, float] = {}  # lease → when it began
        self.finished: dict[int, int] = {}  # lease → ms; not sent yet
        self.computed_s = 0.0
        self._credit = self._target = 0
        self._sent_target = 0
        self._asking = False
        self._ms: float | None = None
        self._awaits_reply = self._exchange_due = False
        self._sent_at = -EXCHANGE_S

    # What it is sent.

    def receive(self, grant: Grant) -> None:
        """Begin to compute, once the server has had its say."""
        super().receive(grant)
        self._credit = max(0, self._credit - len(grant.datasets))
        if grant.is_reply:
            self._awaits_reply = False
        for lease, _data in grant.datasets:
            self.fleet.started_at.setdefault(self.held[lease][0], self.fleet.now)
        self.fleet.at(self.fleet.now, self._go_on)

    def hear_changed(self) -> None:
        """Load the kernel, then ask."""
        self.fleet.moves += self._ms is not None
        self.fleet.at(self.fleet.now, lambda: self._ask(False))
        self.fleet.at(self.fleet.now + LOAD_S, lambda: self._ask(True))

    def close(self, code: CloseCode) -> None:
        """Go, when the server says so."""
        super().close(code)
        self.fleet.at(self.fleet.now, lambda: self.process.drop(self))

    # What it computes.

    def _go_on(self) -> None:
        for lease, key in list(self.held.items()):
            if len(self.running) < self.threads and lease not in self.running and lease not in self.finished:
                self._begin(lease, key)
        if self.batched:
            self._exchange()

    def _begin(self, lease: int, key: Key) -> None:
        seconds = self.task_s[key[0]] if isinstance(self.task_s, dict) else self.task_s
        self.running[lease] = self.fleet.now
        self.fleet.at(self.fleet.now + seconds, lambda: self._finish(lease, key, seconds))

    def _finish(self, lease: int, key: Key, seconds: float) -> None:
        if self.closed is not None:
            return
        del self.running[lease]
        self.finished[lease] = round(seconds * 1000)
        self._ms = seconds * 1000 / self.threads
        self.computed_s += seconds
        self.fleet.computed_s[key[0]] += seconds
        if not self.batched:
            self.answer(Kind.RESULT)
            self.finished.clear()
        self._go_on()

    def compute_ms(self, lease: int | None) -> int:
        """Return how long a dataset took."""
        return next(iter(self.finished.values())) if lease is None else self.finished[lease]

    # How it asks.

    @property
    def _unfinished(self) -> int:
        return len(self.held) - len(self.finished)

    def _ask(self, asking: bool) -> None:
        self._asking = asking
        self._target = self._plan()
        self._go_on()

    def _exchange(self) -> None:
        if self._awaits_reply or self.closed is not None or self.id not in self.process.tabs:
            return
        wants_more = self._unfinished <= self.threads and self._target - self._unfinished > self._credit
        if not self.finished and not wants_more and not (self._target == 0 and self._credit > 0):
            return
        since = self.fleet.now - self._sent_at
        if since >= EXCHANGE_S - 1e-9 or self._target == 0 or self._unfinished <= self.threads:
            self._send()
        elif not self._exchange_due:
            self._exchange_due = True
            self.fleet.at(self._sent_at + EXCHANGE_S, self._exchange_now)

    def _exchange_now(self) -> None:
        self._exchange_due = False
        self._exchange()

    def _send(self) -> None:
        self._target = self._sent_target = self._plan()
        self._credit = max(0, self._target - self._unfinished)
        self._awaits_reply, self._sent_at = True, self.fleet.now
        answers = dict.fromkeys(self.finished, Kind.RESULT)
        self.send(self._credit, answers)
        self.finished.clear()

    def _plan(self) -> int:
        if not self._asking:
            return 0
        least = self.threads + 1
        if self._ms is None:
            return least
        if self._ms * self.threads > 60_000 * SLOW_PART:
            return self.threads
        enough = self.threads + -(-EXCHANGE_S * 1000 // self._ms)
        return int(max(least, min(enough, max(least, self._sent_target) * GROWTH, MOST_HELD)))
