"""A crowd of volunteers in one thread: classic and batched clients that come and go as docs/protocol.md says.

Each answer names who gave it, so that a test can tell not only that a dataset was done, but that the answer which was
acknowledged is the one that is stored. ``python -m tests.durability.crowd`` runs a crowd as a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tests.durability.clients import RECONNECT, Answer, Client, Fate, Habits


class Crowd:
    """Clients of one campaign in a thread of their own, from `with` to the end of each of them."""

    def __init__(self, urls: Sequence[str], campaign_id: int, habits: Habits, *, first: int = 0) -> None:
        self.urls = list(urls)
        self.campaign_id = campaign_id
        self.habits = habits
        self.sent: dict[tuple[int, int], Answer] = {}
        self.acknowledged: list[tuple[Answer, float]] = []  # with the time of day
        self.codes: Counter[int] = Counter()  # of every connection that ended
        self.abandoned = 0  # datasets that clients held when they vanished
        self.over = asyncio.Event()
        self.clients = [Client(self, first + number) for number in range(habits.clients)]
        self._give_fates()
        self._error: Exception | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _give_fates(self) -> None:
        for number, client in enumerate(self.clients[: int(self.habits.vanishing_share * len(self.clients))]):
            client.fate = list(Fate)[number // 2 % len(Fate)]
            client.vanish_after = random.randrange(self.habits.vanish_after)

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(30)

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live())
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self._error = error
        finally:
            self._loop.close()

    async def _live(self) -> None:
        staying = [asyncio.create_task(client.live()) for client in self.clients if client.fate is None]
        leaving = [asyncio.create_task(client.live()) for client in self.clients if client.fate is not None]
        await asyncio.gather(*staying)
        self.over.set()
        await asyncio.gather(*leaving)

    @property
    def reconnects(self) -> int:
        """How often a client came back."""
        return sum(self.codes[code] for code in RECONNECT)

    def wait_for(self, acknowledged: int, timeout_s: float = 120.0) -> None:
        """Wait until so many answers were acknowledged."""
        give_up_at = time.monotonic() + timeout_s
        while len(self.acknowledged) < acknowledged:
            assert time.monotonic() < give_up_at, f"{len(self.acknowledged)} of {acknowledged} acknowledged"
            assert self._thread.is_alive(), (
                f"all went away with {len(self.acknowledged)} of {acknowledged} acknowledged"
            )
            time.sleep(0.002)

    def wait(self, timeout_s: float = 120.0) -> None:
        """Wait until every client has ended."""
        self._thread.join(timeout_s)
        if self._error is not None:
            raise self._error
        working = [client.number for client in self.clients if client.final_code is None]
        assert not self._thread.is_alive(), f"{working} still work; {len(self.acknowledged)} acknowledged"

    def final_codes(self) -> Counter[int | None]:
        """Return with what code the clients ended that did not vanish."""
        return Counter(client.final_code for client in self.clients if client.fate is None)

    def note_acknowledged(self, answers: Sequence[Answer]) -> None:
        """Remember that the server said that answers are stored."""
        now = time.time()
        self.acknowledged.extend((answer, now) for answer in answers)


def main() -> None:
    """Run a crowd; print as JSON lines that it works, and at the end what it sent and what was acknowledged to it."""
    url, campaign_id, first, *habits = sys.argv[1:]
    clients, think_s, want = int(habits[0]), float(habits[1]), int(habits[2])
    crowd = Crowd([url], int(campaign_id), Habits(clients, think_s=think_s, want=want), first=int(first))
    with crowd:
        crowd.wait_for(2 * len(crowd.clients))
        print(json.dumps(["working"]), flush=True)
        crowd.wait(300)
    for line in _report(crowd):
        print(json.dumps(line))


def _report(crowd: Crowd) -> Iterator[list[Any]]:
    for answer in crowd.sent.values():
        yield ["sent", *dataclasses.astuple(answer)]
    for answer, at in crowd.acknowledged:
        yield ["acknowledged", *dataclasses.astuple(answer), at]
    for client in crowd.clients:
        yield ["final", client.final_code]


if __name__ == "__main__":
    main()
