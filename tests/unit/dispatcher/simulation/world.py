"""Everything there is in a schedule: its size, the ledger, processes and connections, the clock and the dice."""

from __future__ import annotations

import dataclasses
import random

from app.dispatcher import Rules
from app.states import Generation
from tests.unit.dispatcher.simulation.ledger import BLOCK_MAX_BYTES, Ledger, Schedule
from tests.unit.dispatcher.simulation.process import SocketProcess
from tests.unit.dispatcher.simulation.promises import Promises
from tests.unit.dispatcher.simulation.tab import Tab


@dataclasses.dataclass(slots=True)
class Scope:
    """How large a schedule is, and which kinds of trouble there are in it."""

    steps: int
    processes: int
    campaigns: int
    tabs: int
    troubles: frozenset[str]
    spoil: float  # part of the answers that are errors

    @staticmethod
    def roll(dice: random.Random) -> Scope:
        """Roll one: small scopes find most bugs, and few kinds of trouble at once let the others come far."""
        return Scope(
            steps=dice.choice((16, 24, 40, 60, 90)),
            processes=dice.choice((1, 1, 1, 2, 2, 3)),
            campaigns=dice.choice((1, 1, 1, 2, 3)),
            tabs=dice.choice((2, 3, 4, 5)),
            troubles=frozenset(trouble for trouble in TROUBLES if dice.random() < 0.35),
            spoil=dice.choice((0.0, 0.1, 0.3, 0.6)),
        )


TROUBLES = ("owner", "reset", "retry", "stop", "kill", "away", "unheard", "poison", "lie", "load", "vanish", "memory")


class World:
    """Everything there is, the clock and the dice."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        self.scope = Scope.roll(dice)
        self.now = 1000.0
        self.trace: list[str] = []
        self.ledger = Ledger()
        self.rules = Rules(
            grace_s=1.0,
            block_max=dice.choice((1, 2, 3, 6)),
            block_max_bytes=BLOCK_MAX_BYTES,
            max_attempts=dice.choice((1, 2, 3)),
            max_losses=dice.choice((2, 3, 9)),
            max_held=dice.choice((2, 4, 64)),
            max_grant_bytes=dice.choice((1, 12, 1 << 20)),
            max_spares=dice.choice((0, 1, 2, 2)),
            release_after_s=3.0,
        )
        # Rooms for one or two blocks; answers have as much.
        self.budget_bytes = dice.choice((2, 5)) * BLOCK_MAX_BYTES if "memory" in self.scope.troubles else 1 << 30
        self.promises = Promises(
            self.ledger,
            self.rules.max_attempts,
            self.rules.max_losses,
            counts_exactly=self.scope.processes == 1 and "unheard" not in self.scope.troubles,
        )
        self.tab_ids = self.process_ids = self.process_numbers = 0
        for campaign in range(1, self.scope.campaigns + 1):
            self._open_schedule(campaign)
        self.processes: list[SocketProcess] = []
        for _ in range(self.scope.processes):
            self.start_process()
        self.tabs: list[Tab] = []
        self.gone: list[Tab] = []

    def _open_schedule(self, campaign: int) -> None:
        dice = self.dice
        total = dice.choice((0, 1, 2, 3, 4, 6, 9))
        generated = total if dice.random() < 0.6 else dice.randint(0, total)
        schedule = Schedule(campaign, total, generated, deadline_s=dice.choice((2.0, 4.0)))
        schedule.blobs = [b"%d:%d:" % (campaign, position) + b"." * dice.randint(0, 4) for position in range(total)]
        if generated == total and dice.random() < 0.8:
            schedule.generation = Generation.DONE
        self.ledger.schedules[campaign] = schedule

    def start_process(self) -> SocketProcess:
        """Start a process."""
        self.process_numbers += 1
        process = SocketProcess(
            self.process_numbers, self.ledger, self.promises, self.rules, self.budget_bytes, self.now, self.draw_id
        )
        self.processes.append(process)
        return process

    def draw_id(self) -> int:
        """Draw a process' id."""
        self.process_ids += 1
        return self.process_ids

    def pass_time(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.now += seconds
        for process in self.processes:
            process.now = self.now

    def open_tab(self, process: SocketProcess, asked: int, *, batched: bool, threads: int, old: Tab | None) -> Tab:
        """Let a connection say hello, with the ticket of an earlier one."""
        self.tab_ids += 1
        tab = Tab(self.tab_ids, process, asked, batched=batched, threads=threads)
        resumes = None
        if old is not None and old.process is process:  # no process reads another's tickets
            resumes = old.id
            self.promises.left(old)
        holder = process.dispatcher.members.get(resumes or 0)
        is_owed = holder is not None and batched and holder.batched and holder.campaign.id == asked and holder.leases
        process.greet(tab, resumes)
        if tab.id in process.tabs:
            tab.settle(old if resumes is not None else None)
            assert not is_owed or process.dispatcher.members[tab.id].has_resumed, "D4: a good ticket was not taken"
            self.tabs.append(tab)
        return tab

    def close_tab(self, tab: Tab) -> None:
        """A connection is over, as both ends see it."""
        tab.process.drop(tab)
        self.tabs.remove(tab)
        self.gone.append(tab)

    def check(self, process: SocketProcess | None = None) -> None:
        """Assert the promises."""
        self.promises.check_ledger()
        for each in self.processes if process is None else (process,):
            self.promises.check_process(each)

    # --- rolls -------------------------------------------------------------------------------------------------------

    def any_process(self) -> SocketProcess | None:
        """Roll a process that runs."""
        running = [process for process in self.processes if not process.is_stopped]
        return self.dice.choice(running) if running else None

    def any_tab(self, *, batched: bool | None = None) -> Tab | None:
        """Roll a connection whose process reads."""
        tabs = [tab for tab in self.tabs if tab.process.reads and batched in (None, tab.batched)]
        return self.dice.choice(tabs) if tabs else None
