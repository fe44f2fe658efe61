"""The end of every schedule: all trouble is over, good volunteers come, and everything must be done."""

from __future__ import annotations

from app.errors import CloseCode
from app.protocol import Kind
from app.states import Generation, Intent
from tests.unit.dispatcher.simulation.ledger import Schedule
from tests.unit.dispatcher.simulation.process import ANY, SocketProcess
from tests.unit.dispatcher.simulation.tab import Tab
from tests.unit.dispatcher.simulation.world import World

ROUNDS = 90
WANT = 3
ALONE_S = 4.0  # a volunteer is left for two seconds where it came to, and finishes what it holds


def heal(world: World) -> None:
    """End all trouble, and let good volunteers finish what is left.

    Raises:
        AssertionError: something was never done, or somebody was not told so, or something is still held.
    """
    _end_trouble(world)
    come_for_any = world.dice.random() < 0.3
    alone: dict[int, float] = {}
    for _ in range(ROUNDS):
        _let_everything_happen(world)
        world.check()
        if come_for_any and len(world.processes) == 1:
            _check_nobody_is_left_alone(world, alone)
        if not _work(world, come_for_any):
            break
    else:
        raise AssertionError(f"never done: {[s.id for s in _unfinished(world)]}, {len(world.tabs)} tabs are left")
    _check_outcomes(world)
    _check_nothing_held(world)


def _end_trouble(world: World) -> None:
    world.trace.append("all trouble is over")
    world.ledger.is_reachable = True
    for process in world.processes:
        process.is_stopped = False
    for tab in list(world.tabs):
        world.close_tab(tab)
    if not world.processes:
        world.start_process()
    for schedule in world.ledger.schedules.values():
        schedule.intent = Intent.RUNNING
        if not schedule.is_over:
            schedule.generated, schedule.generation = schedule.total, Generation.DONE


def _let_everything_happen(world: World) -> None:
    world.pass_time(1.0)
    for process in world.processes:
        process.beat()
        process.look()
        process.tick()
    for process in world.processes:
        _drain(process)


def _drain(process: SocketProcess) -> None:
    for _ in range(1000):
        if process.tasks:
            process.do_task(0)
        elif process.has_writing:
            process.write()
        else:
            return
    raise AssertionError("a process never comes to rest")


def _unfinished(world: World) -> list[Schedule]:
    return [s for s in world.ledger.schedules.values() if not s.is_over and len(s.results) < s.total]


def _work(world: World, come_for_any: bool) -> bool:
    """Let good volunteers come, compute and go; say whether anything is left to do."""
    for tab in list(world.tabs):
        if tab.closed is not None:
            _check_goodbye(world, tab)
            world.close_tab(tab)
        elif tab.held or not tab.has_asked:
            _compute(tab)
    unfinished = _unfinished(world)
    if come_for_any:
        for _ in range(len(unfinished) - len(world.tabs)):
            _come(world, ANY)
    elif not come_for_any:
        served = {tab.asked for tab in world.tabs}
        for schedule in unfinished:
            if schedule.id not in served:
                _come(world, schedule.id)
    return bool(unfinished or world.tabs)


def _compute(tab: Tab) -> None:
    if not tab.process.reads:
        return
    if tab.batched:
        tab.send(WANT, dict.fromkeys(list(tab.held), Kind.RESULT))
    elif tab.held:
        tab.answer(Kind.RESULT)


def _come(world: World, asked: int) -> None:
    process = world.dice.choice(world.processes)
    batched = asked == ANY or world.dice.random() < 0.5  # the classic dialect has no word for moving
    tab = world.open_tab(process, asked, batched=batched, threads=1, old=None)
    world.trace.append(f"good tab {tab.id} comes to process {process.number} for {asked}")


def _check_nobody_is_left_alone(world: World, alone: dict[int, float]) -> None:
    """With as many volunteers for any campaign as there are campaigns, each that needs somebody has somebody (D10)."""
    members = world.processes[0].dispatcher.members.values()
    served = {member.moving_to or member.campaign.id for member in members if not member.leaving}
    needy = world.ledger.find_offers().keys() - served if len(members) >= len(_unfinished(world)) else set()
    for campaign in [campaign for campaign in alone if campaign not in needy]:
        del alone[campaign]
    for campaign in needy:
        waited_s = world.now - alone.setdefault(campaign, world.now)
        assert waited_s <= ALONE_S, f"D10: nobody comes to campaign {campaign}"


def _check_goodbye(world: World, tab: Tab) -> None:
    world.trace.append(f"good tab {tab.id} is closed with {tab.closed}")
    may_wait = tab.takes_any or "memory" in world.scope.troubles
    assert tab.closed is CloseCode.DONE or (may_wait and tab.closed is CloseCode.TRY_LATER), f"closed: {tab.closed}"


def _check_outcomes(world: World) -> None:
    for schedule in world.ledger.schedules.values():
        if not schedule.is_over:
            assert sorted(schedule.results) == list(range(schedule.total)), "D8: not every dataset has its outcome"


def _check_nothing_held(world: World) -> None:
    for _ in range(6):
        _let_everything_happen(world)
    for process in world.processes:
        assert process.budget.used_bytes == 0, "D9: bytes are held for nobody"
        assert not process.dispatcher.members
        assert not process.dispatcher.campaigns, "a campaign that nobody serves is kept"
