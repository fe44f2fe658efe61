"""What a connection has been sent and has not taken yet; it is bounded, and counted in the process' budget (D9)."""

from __future__ import annotations

import contextlib
import socket as stdsocket
import time
from collections import deque
from typing import Any, Protocol

import gevent

from app.budget import Budget

# A frame of three bytes would take a hundred times as much when it waits as an object of its own.
SMALL_BYTES = 4096
MERGED_BYTES = 65536


class Owner(Protocol):
    """The connection as its outbox sees it."""

    heard_at: float
    pinged_at: float | None

    def abort(self) -> None:
        """End the connection at once."""


class Outbox:
    """Bytes in order, drained by a greenlet that lives as long as there are some.

    Args:
        owner: aborted when it takes nothing of its output, or when too much waits; heard when it takes some.
        socket: gevent's.
        budget: holds what waits, but for what many connections share.
        max_bytes: more than this, shared or not, ends the connection.
        stall_timeout_s: how long the client may take nothing.
    """

    __slots__ = (
        "_budget",
        "_is_cleared",
        "_is_draining",
        "_is_last",
        "_max_bytes",
        "_owner",
        "_socket",
        "_stall_timeout_s",
        "_waiting",
        "moved_at",
        "own_bytes",
        "size",
    )

    def __init__(self, owner: Owner, socket: Any, budget: Budget, max_bytes: int, stall_timeout_s: float) -> None:
        self._owner = owner
        self._socket = socket
        self._budget = budget
        self._max_bytes = max_bytes
        self._stall_timeout_s = stall_timeout_s
        self._waiting: deque[tuple[bytes | bytearray | memoryview, bool]] | None = None  # and whether it is shared
        self.own_bytes = 0
        self._is_draining = self._is_cleared = self._is_last = False
        self.size = 0
        self.moved_at = 0.0

    def add(self, data: bytes | memoryview, *, is_shared: bool = False) -> None:
        """Put bytes at the end. More than there may be ends the connection."""
        if self._is_cleared:
            return
        if self._waiting is None:
            self._waiting = deque()  # hardly any connection ever needs one, and it takes 600 bytes
        self.size += len(data)
        self._append(data, is_shared)
        if self.size > self._max_bytes:
            self._owner.abort()
        elif not self._is_draining:
            self._is_draining = True
            gevent.spawn(self._drain)

    def _append(self, data: bytes | memoryview, is_shared: bool) -> None:
        assert self._waiting is not None
        if not is_shared:
            self.own_bytes += len(data)
            self._budget.take(len(data))
        tail = self._waiting[-1] if self._waiting else (b"", True)
        if is_shared or len(data) > SMALL_BYTES:
            self._waiting.append((data, is_shared))
        elif isinstance(tail[0], bytearray) and len(tail[0]) < MERGED_BYTES:
            tail[0].extend(data)
        else:
            self._waiting.append((bytearray(data), False))

    def finish(self) -> None:
        """End our side of the connection as soon as everything before has gone out."""
        self._is_last = True
        if not self.size:
            self._shut()

    def clear(self) -> None:
        """Forget everything, and take nothing more."""
        self._is_cleared = True
        self._budget.give(self.own_bytes)
        self.own_bytes = self.size = 0
        self._waiting = None

    def _drain(self) -> None:
        while self._waiting:
            data, is_shared = self._waiting.popleft()
            if not self._send(memoryview(data), is_shared):
                self._owner.abort()
                return
        self._is_draining = False
        if self._is_last:
            self._shut()

    def _send(self, data: memoryview, is_shared: bool) -> bool:
        """Send as the client takes it; return False when it does not, or has gone."""
        while data:
            try:
                with gevent.Timeout(self._stall_timeout_s):
                    sent = self._socket.send(data)
            except (OSError, gevent.Timeout):
                return False
            if self._is_cleared:
                return True
            self._settle(sent, is_shared)
            data = data[sent:]
        return True

    def _settle(self, sent: int, is_shared: bool) -> None:
        self.size -= sent
        if not is_shared:
            self.own_bytes -= sent
            self._budget.give(sent)
        # Taking what waits is as good a sign of life as an answer to a ping, which waits behind it.
        self.moved_at = self._owner.heard_at = time.monotonic()
        self._owner.pinged_at = None

    def _shut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(stdsocket.SHUT_WR)
