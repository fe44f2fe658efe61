"""The bad events of a seed: what owners change, what dies, and what volunteers should not do."""

from __future__ import annotations

from app.errors import ProtocolError
from app.protocol import Kind
from app.states import Generation, Intent
from tests.unit.dispatcher.simulation.events import EVENTS, Event, answer, tick
from tests.unit.dispatcher.simulation.world import TROUBLES, World

QUIET = 0.88


def _own(world: World) -> str:
    schedule = world.dice.choice(list(world.ledger.schedules.values()))
    roll = world.dice.random()
    if roll < 0.4:
        schedule.generated = min(schedule.total, schedule.generated + world.dice.randint(1, 3))
        if schedule.generated == schedule.total and schedule.generation is Generation.RUNNING:
            schedule.generation = Generation.DONE
        return f"campaign {schedule.id} has generated {schedule.generated} ({schedule.generation})"
    if roll < 0.8:
        schedule.intent = Intent.PAUSED if schedule.intent is Intent.RUNNING else Intent.RUNNING
        return f"campaign {schedule.id} is {schedule.intent}"
    if roll < 0.9:
        schedule.kernel_version += 1
        return f"campaign {schedule.id} has a new kernel"
    if roll < 0.95:
        schedule.deleted = True
        return f"campaign {schedule.id} is deleted"
    if schedule.generation is Generation.RUNNING:
        schedule.begin_run()
        schedule.generation, schedule.generated = Generation.FAILED, 0
        return f"the generator of campaign {schedule.id} fails"
    return ""


def _reset(world: World) -> str:
    schedule = world.dice.choice(list(world.ledger.schedules.values()))
    schedule.begin_run()
    return f"campaign {schedule.id} is reset"


def _retry(world: World) -> str:
    campaign = world.dice.choice(list(world.ledger.schedules))
    positions = world.ledger.retry_failed(campaign)
    world.promises.retried(campaign)
    return f"the failed datasets {positions} of campaign {campaign} are tried again" if positions else ""


def _stop(world: World) -> str:
    process = world.dice.choice(world.processes) if world.processes else None
    if process is None:
        return ""
    process.is_stopped = not process.is_stopped
    return f"process {process.number} {'is stopped' if process.is_stopped else 'wakes'}"


def _kill(world: World) -> str:
    """A process dies, perhaps between a commit and its acknowledgement; or another one starts."""
    if not world.processes or (len(world.processes) < world.scope.processes and world.dice.random() < 0.6):
        return f"process {world.start_process().number} starts"
    process = world.dice.choice(world.processes)
    has_committed = world.dice.random() < 0.5 and process.has_writing and not process.is_stopped
    if has_committed:
        process.write(unheard=True)
    world.processes.remove(process)
    for tab in [tab for tab in world.tabs if tab.process is process]:
        world.tabs.remove(tab)
    return f"process {process.number} dies{' behind a commit' if has_committed else ''}"


def _leave_reach(world: World) -> str:
    world.ledger.is_reachable = not world.ledger.is_reachable
    return f"the database {'is back' if world.ledger.is_reachable else 'is away'}"


def _unheard(world: World) -> str:
    process = world.any_process()
    if process is None:
        return ""
    if world.dice.random() < 0.5 and process.lose_fetch():
        return f"process {process.number} does not hear that its fetch committed"
    if process.unheard or not process.has_writing:
        return ""
    process.write(unheard=True)
    return f"process {process.number} does not hear that it has written"


def _lie(world: World) -> str:
    tab = world.any_tab()
    if tab is None or (not tab.batched and tab.held) or not tab.is_served:
        return ""
    held, answered = dict(tab.held), dict(tab.answered)
    try:
        if tab.batched:
            honest = dict.fromkeys(list(tab.held)[: world.dice.randint(0, 2)], Kind.RESULT)
            tab.send(1, {**honest, tab.next_lease + world.dice.choice((0, 0, 7)): Kind.RESULT})
        else:
            tab.answer(Kind.RESULT)
    except ProtocolError:
        tab.held, tab.answered = held, answered  # nothing of it counted
        world.tabs.remove(tab)
        world.gone.append(tab)
        return f"tab {tab.id} lies, and is gone"
    raise AssertionError("D4: a lease number that was never issued was taken")


def _fail_to_load(world: World) -> str:
    tab = world.any_tab(batched=True)
    if tab is None:
        return ""
    tab.fail_to_load()
    return f"tab {tab.id} cannot load the kernel"


def _vanish(world: World) -> str:
    tabs = [tab for tab in world.tabs if not tab.process.is_stopped]
    if not tabs:
        return ""
    tab = world.dice.choice(tabs)
    world.close_tab(tab)
    return f"tab {tab.id} vanishes"


TROUBLE_EVENTS: dict[str, Event] = {
    "owner": _own,
    "reset": _reset,
    "retry": _retry,
    "stop": _stop,
    "kill": _kill,
    "away": _leave_reach,
    "unheard": _unheard,
    "poison": answer,
    "lie": _lie,
    "load": _fail_to_load,
    "vanish": _vanish,
    "memory": tick,
}


def step(world: World) -> None:
    """Let one event happen, rolled by weight among those that this schedule has, and check the promises."""
    roll = world.dice.random()
    event = _pick(roll / QUIET) if roll < QUIET else _pick_trouble(world)
    world.trace.append(f"{world.now - 1000:6.1f} s  (in {event.__name__.strip('_')})")
    said = event(world)
    world.trace.pop()
    if said:
        world.trace.append(f"{world.now - 1000:6.1f} s  {said}")
        world.check()


def _pick(roll: float) -> Event:
    for weight, event in EVENTS:
        roll -= weight
        if roll < 0:
            return event
    return answer


def _pick_trouble(world: World) -> Event:
    troubles = [trouble for trouble in TROUBLES if trouble in world.scope.troubles]
    return TROUBLE_EVENTS[world.dice.choice(troubles)] if troubles else answer
