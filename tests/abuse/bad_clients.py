"""Clients that misbehave, each as a context: within it the abuse goes on, and leaves the machine some of its cores."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa

from app.database import Database
from tests.campaigns import make_campaign
from tests.processes import Site
from tests.rawsocket import TEXT, RawFrame, RawSocket, encode

ENDED = (EOFError, OSError)  # how a connection that the server has ended shows itself to who writes on


def make_waiting_campaign(site: Site) -> int:
    """Store a campaign that still generates and has no dataset yet: whoever joins it waits, and holds no lease."""
    database = Database(site.environ["DATABASE_URL"])
    campaign = make_campaign(database, [])
    waiting = sa.text("update schedule set generation = 'waiting' where campaign_id = :c")
    database.write(lambda connection: connection.execute(waiting, {"c": campaign}))
    database.dispose()
    return campaign


def hello(campaign_id: int, *, batched: bool) -> bytes:
    """Return a hello's frame."""
    return encode(TEXT, f"i{campaign_id}".encode() + (b' {"v": 2}' if batched else b""))


@contextlib.contextmanager
def meanwhile(act: Callable[[], None], pause_s: float) -> Iterator[None]:
    """Act again and again, with pauses, in a thread."""
    stop, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            while not stop.wait(pause_s):
                act()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    if failures:
        raise failures[0]


def provoke(site: Site, frames: bytes) -> RawFrame | None:
    """Connect, send frames, and return the close frame; None: the connection ended without one."""
    with RawSocket(site.socket_port) as client:
        try:
            client.send(frames)
            return client.find_close()
        except ENDED:
            return None


class Provocations:
    """Sends one piece of junk after the other, each on a connection of its own, and keeps the codes."""

    def __init__(self, site: Site, junk: Sequence[bytes], pause_s: float = 0.02) -> None:
        self._site = site
        self._junk = junk
        self._pause_s = pause_s
        self._rest = iter(junk)
        self.codes: list[tuple[bytes, int | None]] = []

    def next(self) -> None:
        """Send the next piece; when all were sent, they are sent again."""
        junk = next(self._rest, None)
        if junk is None:
            self._rest = itertools.cycle(self._junk)
            junk = next(self._rest)
        close = provoke(self._site, junk)
        self.codes.append((junk[-60:], None if close is None else close.code))

    def run(self) -> contextlib.AbstractContextManager[None]:
        """Provoke while the context lasts."""
        return meanwhile(self.next, self._pause_s)

    def finish(self) -> None:
        """Send what has not been sent yet."""
        while len(self.codes) < len(self._junk):
            self.next()


class Flood:
    """One connection that sends the same again and again, as fast as it is taken; opened anew when it is ended."""

    def __init__(self, site: Site, first: bytes, then: bytes) -> None:
        self._site, self._first, self._then = site, first, then
        self._client: RawSocket | None = None
        self.sent_bytes = 0
        self.codes: list[int | None] = []

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """Flood while the context lasts."""
        with meanwhile(self._flood, 0.002):
            yield

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.close()

    def finish(self, timeout_s: float = 20.0) -> None:
        """Go on until the server has ended it once at least."""
        give_up_at = time.monotonic() + timeout_s
        with self.run():
            while not self.codes:
                assert time.monotonic() < give_up_at, "nothing ends this flood"
                time.sleep(0.05)
        self.close()

    def _flood(self) -> None:
        if self._client is None:
            self._client = RawSocket(self._site.socket_port)
            self._client.send(self._first)
            reader = threading.Thread(target=self._read, args=(self._client,), daemon=True)
            reader.start()
        self._client.socket.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            try:
                self._client.send(self._then)
                self.sent_bytes += len(self._then)
            except ENDED as error:
                if isinstance(error, TimeoutError):
                    raise
                self._client = None

    def _read(self, client: RawSocket) -> None:
        """Take what comes, so that nothing but the flood itself is the trouble; keep the code of the end."""
        while True:
            try:
                self.codes.append(client.find_close().code)
                return
            except TimeoutError:
                continue
            except (*ENDED, AssertionError):
                return


def wait_for_end(client: RawSocket, timeout_s: float) -> int | None:
    """Read until the server ends the connection; return its code, None when it said none."""
    client.socket.settimeout(timeout_s)
    began_at = time.monotonic()
    try:
        return client.find_close().code
    except TimeoutError:
        raise AssertionError(f"still open after {time.monotonic() - began_at:.1f} s") from None
    except ENDED:
        return None
