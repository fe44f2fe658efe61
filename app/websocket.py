"""flask-sock's Server on the sans-I/O Protocol of the websockets library: one greenlet reads, anybody may write.

Against flask-sock's own (simple-websocket): about twice the round trips a second, a third of the memory, message
limits and pings that are on, and no permessage-deflate, which browsers always offer and which costs a connection
200 KB and 20 to 40 % of its CPU time.

Output goes through an outbox that never blocks: what the kernel's buffer does not take is drained by a greenlet that
lives as long as there is something to drain, so frames never interleave and a parked reader still hears the client.
"""

from __future__ import annotations

import contextlib
import os
import socket as stdsocket
import time
from typing import Any, NoReturn

import gevent
from simple_websocket import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from app.budget import Budget
from app.fragments import PIECE_BYTES, Joiner, Splitter
from app.framing import PING_FRAME, encode_binary, encode_text, fit_reason
from app.handshake import answer_upgrade
from app.outbox import Outbox

__all__ = ["WebSocket", "encode_binary", "encode_text"]


# A frame of six bytes becomes two hundred in memory, and takes as long to parse as one of a thousand: little is read at
# a time, and less from who sends many small ones.
RECEIVE_BYTES, CHATTY_BYTES = 4096, 1024
# What every connection may hold of unfinished messages without the budget hearing of it.
FREE_BYTES = 16384
# A client that leaves more of its answers than this is not heard before it has taken them.
BACKLOG_BYTES = 1 << 20
# A greenlet that only yields comes back before the sockets of the others were looked at: it has to sleep.
FRAMES_PER_TURN, PAUSE_S = 32, 0.001
# Whoever has kept the process busy for longer than a turn rests for so many times as long, at most for MAX_REST_S.
TURN_S, REST_SHARE, MAX_REST_S = 0.001, 3, 0.05
# Between two pauses of a long piece of work: others wait for it at most so long, again and again while it lasts.
SLICE_S = 0.00025
MAX_FRAGMENTS = 4096
MAX_CONTROL_PER_SECOND = 500
LOOK_AGAIN_S = 0.02
ROOM_TIMEOUT_S = 10.0
SILENT_SHARE = 4
STALL_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 5.0
ABNORMAL, INVALID_TEXT, REFUSED, TOO_BIG, TRY_LATER = 1006, 1007, 1008, 1009, 1013
NO_ROOM = "This server has no memory left for your message. Try again in a moment."
CONT, TEXT, BINARY = Opcode.CONT, Opcode.TEXT, Opcode.BINARY


class WebSocket:
    """One connection, from the handshake on.

    Args:
        environ: WSGI environment of the upgrade request, from gunicorn's gevent worker.
        max_message_bytes: a longer message, or a frame that declares to be longer, closes the connection with 1009.
        outbox_max_bytes: more output than this that the client does not read ends the connection.
        budget: the process' memory; None: no limit. While it is full nothing is read (D9).
        room_timeout_s: how long a reader waits for room in the budget before it closes the connection with 1013.
        stall_timeout_s: a client that takes nothing of its output for so long is gone.
    """

    mode = "gunicorn"  # flask-sock ends its response in gunicorn's way

    def __init__(
        self,
        environ: dict[str, Any],
        *,
        max_message_bytes: int = 1 << 20,
        outbox_max_bytes: int = 64 << 20,
        budget: Budget | None = None,
        room_timeout_s: float = ROOM_TIMEOUT_S,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        self._socket = environ["gunicorn.socket"]
        self._socket.setsockopt(stdsocket.IPPROTO_TCP, stdsocket.TCP_NODELAY, 1)
        self._fd = self._socket.fileno()
        self._hub = gevent.get_hub()
        self._readable = self._hub.loop.io(self._fd, 1)
        self._protocol = Protocol(SERVER, max_size=max_message_bytes)
        self._unparsed = self._protocol.reader.buffer
        self._splitter = Splitter(max_message_bytes)
        self._budget = budget or Budget()
        self._room_timeout_s = room_timeout_s
        self._waits_since: float | None = None  # for room in the budget, with a message that is half received
        self._charged = 0
        self._lent = 0  # bytes of a long message that `receive` has given, until it is asked for the next one
        self._outbox = Outbox(self, self._socket, self._budget, outbox_max_bytes, stall_timeout_s)
        self._frames: list[Any] = []  # that came together, the next one at the end
        self._receive_bytes = RECEIVE_BYTES
        self._taken = 0
        self._turned_at = time.monotonic()
        self._farewell: list[bytes] | None = None
        self._control = 0
        self._control_since = 0.0
        self._joiner = Joiner()
        self._is_heard = True  # the client's end of the connection is open
        self._may_send = True  # no close frame has gone out
        self.is_open = True
        self.heard_at = time.monotonic()
        self.pinged_at: float | None = None
        self.closing_at: float | None = None
        response, is_accepted = answer_upgrade(environ)
        self._write(response)
        if not is_accepted:
            self.is_open = self._may_send = self._is_heard = False  # answered; `receive` says so

    # --- reading -----------------------------------------------------------------------------------------------------

    def receive(self) -> str | bytes:
        """Wait for the next whole message. What came before a close frame, or before a broken one, is still given.

        Raises:
            ConnectionClosed: the connection has ended, in whatever way.
        """
        if self._lent:
            self._lent = 0
            self._charge()
        while True:
            while self._frames:
                self._taken += 1
                if self._taken > FRAMES_PER_TURN:
                    self._rest(PAUSE_S)
                if self._outbox.own_bytes > BACKLOG_BYTES:
                    self._wait_until_taken()
                message = self._assemble(self._frames.pop())
                if message is not None:
                    return message
            if self._farewell is not None:
                self._say_farewell()
            if not self.is_open:
                raise ConnectionClosed(ABNORMAL, None)
            self._read()

    def _rest(self, pause_s: float) -> None:
        gevent.sleep(pause_s)
        self._taken = 0
        self._turned_at = time.monotonic()

    def let_others(self) -> None:
        """Have a pause from a long piece of work for this connection, when the last one was a while ago."""
        busy_s = time.monotonic() - self._turned_at
        if busy_s > SLICE_S:
            self._rest(min(REST_SHARE * busy_s, MAX_REST_S))

    def _wait_until_taken(self) -> None:
        # Who does not take its answers is not asked what else it wants; the outbox ends it when it takes nothing.
        while self._outbox.own_bytes > BACKLOG_BYTES:
            gevent.sleep(LOOK_AGAIN_S)

    def _read(self) -> None:
        busy_s = time.monotonic() - self._turned_at
        if busy_s > TURN_S:
            self._rest(min(REST_SHARE * busy_s, MAX_REST_S))
        # Not recv of the socket, which tries first and fails nearly always: waiting first is fair, and cheaper.
        if self._waits_since is None:
            self._hub.wait(self._readable)
        else:
            self._wait_in_turn()
        if self._budget.used_bytes >= self._budget.scarce_bytes or self._waits_since is not None:
            self._wait_for_room()
        self._taken = 0
        try:
            data = os.read(self._fd, self._receive_bytes)
        except BlockingIOError:
            self._turned_at = time.monotonic()
            return
        except OSError:
            data = b""
        if not data or not self._is_heard:
            self._end_of_input()
            return
        self.heard_at = self._turned_at = time.monotonic()
        self.pinged_at = None
        self._parse(data)

    def _wait_in_turn(self) -> None:
        # Others wait for this one to finish while memory is scarce: it may not keep its turn and say nothing.
        with gevent.Timeout(self._room_timeout_s / SILENT_SHARE, False):
            self._hub.wait(self._readable)
            return
        if self._budget.is_scarce:
            self._fail(TRY_LATER, NO_ROOM)

    def _parse(self, data: bytes) -> None:
        protocol, splitter = self._protocol, self._splitter
        protocol.receive_data(splitter.cut(data))
        frames: list[Any] = protocol.events_received()
        self._frames = frames
        if len(frames) > 1:
            frames.reverse()
            self._receive_bytes = RECEIVE_BYTES if len(frames) <= FRAMES_PER_TURN else CHATTY_BYTES
        if output := protocol.data_to_send():
            if protocol.eof_sent:
                self._farewell = output  # goes out when what came before has been answered
            else:
                self._write(b"".join(output))
        if splitter.is_cutting:
            self._receive_bytes = PIECE_BYTES
            self._charge()
        elif self._unparsed or self._charged:
            if self._receive_bytes == PIECE_BYTES:
                self._receive_bytes = RECEIVE_BYTES
            if self._charged and frames:
                self._lent = len(frames[-1].data)  # the long one that has come to its end, or a fragment of it
            self._charge()

    def _end_of_input(self) -> None:
        self.is_open = self._is_heard = self._may_send = False
        self._charge()

    def _assemble(self, frame: Frame) -> str | bytes | None:
        opcode = frame.opcode
        if opcode is TEXT or opcode is BINARY:
            if frame.fin:
                return self._decode(frame.data, opcode is TEXT)
            self._joiner.is_text = opcode is TEXT
            return self._add_fragment(frame)
        if opcode is CONT:
            return self._add_fragment(frame)
        self._count_control()
        return None

    def _add_fragment(self, frame: Frame) -> str | bytes | None:
        joiner = self._joiner
        data = joiner.add(frame.data, is_last=frame.fin)
        if joiner.count > MAX_FRAGMENTS:
            self._fail(TOO_BIG, f"a message in more than {MAX_FRAGMENTS} fragments")
        self._lent = len(data) if data is not None else 0
        message = self._decode(data, joiner.is_text) if data is not None else None
        self._charge()
        return message

    def _decode(self, data: bytes | bytearray | memoryview, is_text: bool) -> str | bytes:
        data = bytes(data)
        if not is_text:
            return data
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            self._fail(INVALID_TEXT, "text that is not UTF-8", error)

    def _count_control(self) -> None:
        """End a connection that sends more pings and pongs than any honest one has a use for."""
        if self.heard_at - self._control_since > 1.0:
            self._control_since, self._control = self.heard_at, 0
        self._control += 1
        if self._control > MAX_CONTROL_PER_SECOND:
            self._fail(REFUSED, f"more than {MAX_CONTROL_PER_SECOND} pings in a second")

    def _fail(self, code: int, reason: str, cause: Exception | None = None) -> NoReturn:
        self._frames = []
        self._protocol.fail(code, reason)
        self._say_farewell()
        raise ConnectionClosed(code, reason) from cause

    # --- the budget --------------------------------------------------------------------------------------------------

    def _charge(self) -> None:
        """Bring what the budget knows of this connection's unfinished message up to date."""
        held = len(self._unparsed) + self._splitter.held_bytes + self._joiner.held_bytes + self._lent - FREE_BYTES
        if held < 0 or not self._is_heard:
            held = 0
        if held != self._charged:
            self._budget.take(held - self._charged)
            self._charged = held
        if not held:
            self._end_turn()

    def _wait_for_room(self) -> None:
        """Read nothing while memory is short: a long message until it is its turn, any other until there is some."""
        since = time.monotonic()
        if self._charged:
            since = self._waits_since = self._waits_since or since
        while self._is_heard and self._budget.is_scarce:
            if time.monotonic() - since > self._room_timeout_s:
                self._fail(TRY_LATER, NO_ROOM)
            if not self._budget.is_full and (not self._charged or self._budget.take_turn(self)):
                return
            gevent.sleep(LOOK_AGAIN_S)
        self._end_turn()

    def _end_turn(self) -> None:
        if self._waits_since is not None:
            self._waits_since = None
            self._budget.end_turn(self)

    # --- writing -----------------------------------------------------------------------------------------------------

    @property
    def outbox_bytes(self) -> int:
        """What the client has been sent and has not taken yet, without what is shared."""
        return self._outbox.own_bytes

    def send(self, message: str | bytes) -> None:
        """Send one message; never blocks."""
        self.send_frames(encode_text(message) if isinstance(message, str) else encode_binary(message))

    def send_frames(self, data: bytes) -> None:
        """Send bytes that `encode_text` and `encode_binary` made; never blocks."""
        if self._may_send:
            self._write(data)

    def send_shared(self, data: bytes) -> None:
        """Send such bytes that many connections share: while they wait they are in nobody's way, but in the outbox'."""
        if self._may_send:
            self._write(data, is_shared=True)

    def _write(self, data: bytes, *, is_shared: bool = False) -> None:
        outbox = self._outbox
        if outbox.size:
            outbox.add(data, is_shared=is_shared)
            return
        try:
            # The descriptor does not block, and os.write is not gevent's: what does not fit comes back at once.
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        if sent < len(data):
            outbox.add(memoryview(data)[sent:], is_shared=is_shared)

    def _say_farewell(self) -> None:
        output = [*(self._farewell or ()), *self._protocol.data_to_send()]
        self._farewell = None
        self._write(b"".join(output))  # the sign for the end of the stream is b""
        self.is_open = self._may_send = False
        self._outbox.finish()
        self._unparsed.clear()  # what follows is thrown away, and so is what had come of it
        self._splitter.clear()
        self._joiner.clear()
        self._lent = 0
        self._charge()

    # --- ending ------------------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Ask whether the client is there; any answer moves `heard_at`."""
        if self._may_send:
            self.pinged_at = time.monotonic()
            self._write(PING_FRAME)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin to close: the reader then ends with ConnectionClosed when the client has answered, or by `abort`."""
        if self._may_send and self._farewell is None:
            self._may_send = False
            self.closing_at = time.monotonic()
            self._protocol.send_close(code, fit_reason(reason))
            self._write(b"".join(self._protocol.data_to_send()))

    def linger(self) -> None:
        """After a close, let the outbox run dry and read what is still under way.

        Without it the client would get a reset, and no close frame. Called once, by the reader, at the end.
        """
        since = time.monotonic()
        try:
            while self._is_leaving() and time.monotonic() - max(since, self._outbox.moved_at) < CLOSE_TIMEOUT_S:
                with gevent.Timeout(CLOSE_TIMEOUT_S / 10, False):
                    self._read_on()
        except ConnectionClosed:
            pass
        finally:
            self._let_go()

    def _is_leaving(self) -> bool:
        return self._is_heard or (self._protocol.eof_sent and self._outbox.size > 0)

    def _read_on(self) -> None:
        self._frames.clear()
        if self._farewell is not None:
            self._say_farewell()
        elif self._is_heard:
            self._read()
        else:
            gevent.sleep(LOOK_AGAIN_S)

    def abort(self) -> None:
        """End the connection at once; a reader that waits is woken."""
        self._let_go()
        with contextlib.suppress(OSError):
            self._socket.shutdown(stdsocket.SHUT_RDWR)

    def _let_go(self) -> None:
        self.is_open = self._is_heard = self._may_send = False
        self._outbox.clear()
        self._frames = []
        self._protocol.parser.close()  # it keeps the last frame, and flask-sock's cycles keep this connection
        self._charge()
