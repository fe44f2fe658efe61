"""Turns that visitors take, so that nobody alone keeps the others from what is public."""

from __future__ import annotations

import contextlib
import threading

import pytest

from app.errors import DatabaseBusy
from app.turns import Turns


def test_one_address_has_a_few_turns_and_leaves_the_rest_to_others() -> None:
    turns = Turns(3, 2)
    with contextlib.ExitStack() as held:
        for address in ("a", "a", "b"):
            held.enter_context(turns.take(address, 0))
        for address in ("a", "b", "c"):  # all are taken
            with pytest.raises(DatabaseBusy), turns.take(address, 0):
                pass
    with turns.take("a", 0), turns.take("a", 0):
        with pytest.raises(DatabaseBusy), turns.take("a", 0):
            pass
        with turns.take("b", 0):
            pass


def test_a_turn_that_is_given_back_goes_to_who_waits_for_it() -> None:
    turns, had = Turns(1, 1), threading.Event()

    def wait() -> None:
        with turns.take("b", 60):
            had.set()

    thread = threading.Thread(target=wait)
    with turns.take("a", 0):
        thread.start()
        assert not had.wait(0.1)
    thread.join(20)
    assert had.is_set()
