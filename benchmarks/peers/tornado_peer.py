"""The Tornado peer: a transaction of the ORM per message on Tornado's own WebSocket server, with TCP_NODELAY."""

from __future__ import annotations

import asyncio
import os

from schema import Volunteer, open_database
from tornado.web import Application
from tornado.websocket import WebSocketHandler

sessions = open_database(os.environ["PEER_DATABASE_URL"])


class Socket(WebSocketHandler):
    """One volunteer."""

    def open(self) -> None:
        """Begin its conversation. Without TCP_NODELAY two small frames take 40 ms."""
        self.set_nodelay(True)
        self._volunteer = Volunteer(sessions, self._send)

    def _send(self, frame: str | bytes) -> None:
        self.write_message(frame, binary=isinstance(frame, bytes))

    def on_message(self, frame: str | bytes) -> None:
        """Take a frame."""
        if not self._volunteer.hear(frame):
            self.close(1000)

    def on_close(self) -> None:
        """Give back what it had."""
        self._volunteer.give_back()


async def main() -> None:
    """Listen until the process is ended."""
    Application([("/ws", Socket)]).listen(int(os.environ["PEER_PORT"]), "127.0.0.1", backlog=2048)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
