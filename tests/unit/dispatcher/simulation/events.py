"""The events of a seed: what tabs and processes do, in an order that is rolled; `troubles` has the bad ones."""

from __future__ import annotations

from collections.abc import Callable

from app.protocol import Kind
from tests.unit.dispatcher.simulation.process import ANY
from tests.unit.dispatcher.simulation.tab import Tab
from tests.unit.dispatcher.simulation.world import World

Event = Callable[[World], str]


def _come(world: World) -> str:
    process, dice = world.any_process(), world.dice
    if process is None or len(world.tabs) >= world.scope.tabs:
        return answer(world)
    old = _roll_ticket(world) if dice.random() < 0.4 else None
    batched = dice.random() < 0.7 or old is not None
    asked = old.asked if old is not None and dice.random() < 0.9 else dice.randint(1, world.scope.campaigns)
    if old is None and dice.random() < 0.3:
        asked = ANY
    if old is not None and dice.random() < 0.8 and not old.process.is_stopped and old.process in world.processes:
        process = old.process
    tab = world.open_tab(process, asked, batched=batched, threads=dice.randint(1, 2), old=old)
    ticket = f" with the ticket of {old.id}" if old is not None else ""
    dialect = "batched" if batched else "classic"
    return f"tab {tab.id} ({dialect}, {tab.threads} threads) comes to process {process.number} for {asked}{ticket}"


def _roll_ticket(world: World) -> Tab | None:
    tabs = [tab for tab in (*world.tabs, *world.gone[-4:]) if tab.batched]
    return world.dice.choice(tabs) if tabs else None


def answer(world: World) -> str:
    """A tab answers some of what it holds, and asks for more."""
    tab, dice = world.any_tab(), world.dice
    if tab is None:
        return ""
    poisoned = "poison" in world.scope.troubles and dice.random() < 0.1
    if not tab.batched:
        if not tab.held:
            return ""
        kind = _roll_kind(world, batched=False)
        tab.answer(kind, poisoned=poisoned)
        return f"tab {tab.id} answers {kind.name}{' (poison)' if poisoned else ''}"
    answers = {lease: _roll_kind(world, batched=True) for lease in list(tab.held) if dice.random() < 0.6}
    if tab.again and dice.random() < 0.8:
        answers |= tab.again
        tab.again = {}
    if tab.answered and dice.random() < 0.1:
        lease = dice.choice(list(tab.answered))
        answers[lease] = _roll_kind(world, batched=True)  # answered twice, perhaps otherwise
    want = dice.choice((0, 1, 2, 2, 4))
    tab.send(want, answers, poisoned=poisoned)
    said = ", ".join(f"{lease} {kind.name}" for lease, kind in answers.items())
    return f"tab {tab.id} wants {want}, answers {said or 'nothing'}{' (poison)' if poisoned else ''}"


def _roll_kind(world: World, *, batched: bool) -> Kind:
    roll = world.dice.random()
    if roll < world.scope.spoil:
        return Kind.ERROR
    if batched and roll > 0.92:
        return Kind.GIVEN_BACK
    return Kind.NOTHING if roll > 0.85 else Kind.RESULT


def _drop_closed(world: World) -> str:
    closed = [tab for tab in world.tabs if tab.closed is not None and not tab.process.is_stopped]
    if not closed:
        return _write(world)
    tab = world.dice.choice(closed)
    world.close_tab(tab)
    return f"tab {tab.id} has been closed with {tab.closed and tab.closed.value}"


# --- processes -------------------------------------------------------------------------------------------------------


def _do_task(world: World) -> str:
    process = world.any_process()
    if process is None or not process.tasks:
        return ""
    index = world.dice.randrange(len(process.tasks))
    name = type(process.tasks[index]).__name__
    process.do_task(index)
    return f"process {process.number}: {name}"


def _write(world: World) -> str:
    process = world.any_process()
    if process is None or not process.has_writing:
        return _do_task(world)
    process.write()
    return f"process {process.number} writes"


def tick(world: World) -> str:
    """Time passes, and one process ticks."""
    seconds = world.dice.choice((0.3, 1.0, 1.0, 1.0, 3.5))
    world.pass_time(seconds)
    process = world.any_process()
    if process is None:
        return f"{seconds} s pass"
    process.tick()
    return f"{seconds} s pass, and process {process.number} ticks"


def _beat(world: World) -> str:
    process = world.any_process()
    if process is None:
        return ""
    process.beat()
    return f"process {process.number} beats"


def _look(world: World) -> str:
    process = world.any_process()
    if process is None:
        return ""
    process.look()
    return f"process {process.number} looks"


EVENTS: tuple[tuple[float, Event], ...] = (
    (0.11, _come),
    (0.27, answer),
    (0.06, _drop_closed),
    (0.20, _do_task),
    (0.18, _write),
    (0.09, tick),
    (0.04, _beat),
    (0.05, _look),
)
