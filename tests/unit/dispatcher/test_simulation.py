"""Seeded schedules of members that join, answer, fail, vanish and fall silent, while owners reset and pause."""

from __future__ import annotations

import random

import pytest

from app.protocol import Kind
from app.states import Intent
from tests.unit.dispatcher.world import CAMPAIGN, World

SEEDS = range(400)
DATASETS = 24
STEPS = 160


def play(seed: int) -> World:
    """Play one schedule; whatever happens, the invariants hold after every event."""
    dice = random.Random(seed)
    world = World(DATASETS, auto=False)
    joined = 0
    for _ in range(STEPS):
        roll = dice.random()
        members = list(world.holding)
        member = dice.choice(members) if members else None
        if roll < 0.12 or member is None:
            joined += 1
            world.join(joined, batched=dice.random() < 0.6, threads=dice.randint(1, 4))
        elif roll < 0.50:
            respond(world, member, dice)
        elif roll < 0.64:
            world.commit()
        elif roll < 0.78:
            world.fetch()
        elif roll < 0.86:
            world.leave(member)
        elif roll < 0.96:
            world.tick(dice.choice([0.2, 1.0, 1.0, 7.0]))
        elif roll < 0.98:
            world.look(intent=dice.choice([Intent.PAUSED, Intent.RUNNING]))
        else:
            world.look(run=world.view.run + 1)
        drop_ended(world)
        world.check()
    return world


def respond(world: World, member: int, dice: random.Random) -> None:
    """Let a member answer some of what it holds."""
    kinds = [Kind.RESULT] * 6 + [Kind.NOTHING, Kind.ERROR, Kind.GIVEN_BACK]
    if world.dispatcher.members[member].batched:
        answered = {lease: dice.choice(kinds) for lease in world.holding[member] if dice.random() < 0.5}
        world.batch(member, dice.randint(0, 6), answered)
    elif world.dispatcher.members[member].leases:
        world.answer(member, dice.choice(kinds[:-1]))


def drop_ended(world: World) -> None:
    """Let the connections that were closed end."""
    for member in list(world.ended):
        if member in world.holding:
            world.leave(member)
    for member in list(world.holding):
        if member not in world.dispatcher.members:
            del world.holding[member]


def finish(world: World) -> None:
    """Let one good classic member finish what is left."""
    world.auto = True
    for member in list(world.holding):
        world.leave(member)
    world.fetch()
    world.commit()
    world.look(intent=Intent.RUNNING)
    if CAMPAIGN not in world.dispatcher.campaigns:
        world.dispatcher.open_campaign(world.view, 10.0)
    world.join(10_000)
    for _ in range(DATASETS * 20):
        if world.holding[10_000]:
            world.answer(10_000)
        else:
            world.tick(1.5)
        world.look()
        world.check()
        if 10_000 in world.ended:
            return
    raise AssertionError("the campaign was never done")


@pytest.mark.parametrize("chunk", range(8))
def test_whatever_happens_every_dataset_ends_exactly_once(chunk: int) -> None:
    for seed in SEEDS[chunk::8]:
        try:
            world = play(seed)
            finish(world)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        done = sorted(position for run, position in world.results if run == world.view.run)
        assert done == list(range(DATASETS)), f"seed {seed}"
        assert world.ended[10_000] == 1000, f"seed {seed}"
