"""One volunteer's connection, as the hub knows it."""

from __future__ import annotations

import dataclasses

from app.hub.catalogue import Definition
from app.protocol import Conversation, Hello
from app.records import Visitor
from app.websocket import WebSocket


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    """Where a connection comes from: the address keyed, so that it cannot be turned back."""

    address: str
    address_hash: str
    agent: str


@dataclasses.dataclass(slots=True, eq=False)
class Connection:
    """A socket with its conversation and, once it has said hello, its campaign."""

    id: int
    socket: WebSocket
    conversation: Conversation
    visit: Visit
    volunteer: int  # random, of this connection
    hello: Hello | None = None
    definition: Definition | None = None
    is_known: bool = False  # its volunteer row was written
    frame_bytes: int = 0  # of its last message

    @property
    def visitor(self) -> Visitor:
        """The row that says who computed a result."""
        device = self.hello.device if self.hello else ""
        return Visitor(self.volunteer, device, self.visit.agent, self.visit.address_hash)
