"""A third party's page, on an origin of its own, that embeds what it is told to and tells what it noticed.

One page serves a whole run: it asks every 80 ms what to show, so that any browser that can open a page can be driven.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
PAGES = ("stage.html", "stage.js", "evil.html")
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
ISOLATING = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
ANSWER_LIMIT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Noticed:
    """What the page noticed since it showed its present embeds."""

    generation: int = -1
    isolated: bool = False
    scrolled: bool = False
    messages: Sequence[str] = ()
    moods: Sequence[str] = ()
    samples: int = 0
    elapsedMs: float = 0.0
    waitedMs: float = 0.0
    worstMs: float = 0.0

    @property
    def wait_ms(self) -> float:
        """How long an event that comes to the page at any moment waits on average."""
        return self.waitedMs / max(self.elapsedMs, 1.0)


class Stage:
    """The page's other end: what it is to show, and what it told."""

    def __init__(self, isolated: bool) -> None:
        self.isolated = isolated
        self.port = 0
        self.noticed = Noticed()
        self._wish: dict[str, object] = {"generation": 0, "frames": [], "away": False}
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        """The page's address."""
        return self.address_of("stage.html")

    def address_of(self, name: str) -> str:
        """Return the address of one of PAGES."""
        return f"http://127.0.0.1:{self.port}/{name}"

    def show(self, addresses: Sequence[str], sandbox: str | None = None) -> None:
        """Have the page show embeds in place of those that it shows, and wait until it does."""
        frames = [{"src": address, "sandbox": sandbox} for address in addresses]
        with self._changed:
            generation = int(str(self._wish["generation"])) + 1
            self._wish = {"generation": generation, "frames": frames, "away": False}
            self._wait(lambda: self.noticed.generation == generation)

    def scroll_away(self) -> None:
        """Have the page scroll until its embeds are out of sight."""
        with self._changed:
            self._wish = {**self._wish, "away": True}
            self._wait(lambda: self.noticed.scrolled)

    def look(self) -> Noticed:
        """Return what the page has noticed by now; it has to answer."""
        with self._changed:
            samples = self.noticed.samples
            self._wait(lambda: self.noticed.samples > samples)
            return self.noticed

    def _wait(self, condition: object) -> None:
        assert self._changed.wait_for(condition, ANSWER_LIMIT_S), "the embedding page gives no sign of life"  # type: ignore[arg-type]

    def hear(self, told: dict[str, object]) -> dict[str, object]:
        """Take what the page tells, and return what it is to show."""
        with self._changed:
            self.noticed = Noticed(**told)  # type: ignore[arg-type]
            self._changed.notify_all()
            return self._wish


@contextlib.contextmanager
def run_stage(isolated: bool = False) -> Iterator[Stage]:
    """Serve the page on a free port; `isolated` makes it cross-origin isolated."""
    stage = Stage(isolated)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(stage)) as server:
        stage.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stage
        finally:
            server.shutdown()
            thread.join()


def _handler_of(stage: Stage) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = FOLDER / self.path.removeprefix("/")
            if path.name in PAGES:
                self.answer(TYPES[path.suffix], path.read_bytes())
            else:
                self.answer("text/plain", b"")

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer("application/json", json.dumps(stage.hear(told)).encode())

        def answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
            for name, value in {**headers, **(ISOLATING if stage.isolated else {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
