"""The volunteers' protocol: frames to messages and back, both dialects, no I/O. docs/protocol.md is its reference.

The classic dialect is the seed's (Distribute.js, "Websocket Server"): ``i``, ``r``, ``n`` from the client, ``k``,
``s``, ``d`` from the server. The batched dialect is what our harness speaks: a hello with a JSON part, then msgpack
batches.

Every value that a client can choose is bounded here: nothing out of range reaches the dispatcher or the database.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgpack

from app import codec
from app.errors import CloseCode, ProtocolError

VERSION = 2
ANY_CAMPAIGN = -1
MAX_CAMPAIGN_ID = 2**31 - 1
MAX_LEASE = 2**53 - 1
MAX_COMPUTE_MS = 2**31 - 1  # 24 days
MAX_THREADS = 256
MAX_HELLO_BYTES = 8192
MAX_CONTROL_BYTES = 65536
MAX_ANSWERS = 4096
MAX_DEVICE = 100
MAX_ERROR_NAME, MAX_ERROR_MESSAGE, MAX_ERROR_STACK = 100, 2000, 8000


class Kind(enum.IntEnum):
    """What a batched answer carries."""

    NOTHING = 0  # main returned null or undefined
    RESULT = 1  # payload: the result's msgpack bytes
    ERROR = 2  # payload: msgpack {name, message, stack}
    GIVEN_BACK = 3  # not computed


class ClientText(enum.StrEnum):
    """First letter of a text frame from the client."""

    HELLO = "i"
    RESULT = "r"
    NOTHING = "n"
    LOAD_FAILED = "x"
    PROGRESS = "p"
    LEAVING = "b"


class ServerText(enum.StrEnum):
    """First letter of a text frame from the server."""

    KERNEL = "k"
    STATIC_DATASET = "s"
    DATASET = "d"
    CAMPAIGN = "c"
    WAIT = "w"
    CHANGED = "u"


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may send, in bytes."""

    result_bytes: int = 16 << 20
    batch_bytes: int = 32 << 20
    max_want: int = 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Hello:
    """The first message. `campaign_id` -1: any campaign."""

    campaign_id: int
    batched: bool = False
    threads: int = 1
    device: str = ""
    have: frozenset[str] = frozenset()
    resume: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorReport:
    """What a kernel threw, cut to sizes that the database takes."""

    name: str
    message: str
    stack: str


@dataclasses.dataclass(slots=True)
class Answer:
    """One dataset's end. `lease` None: the classic dialect's only one. `data` only where kind is RESULT."""

    lease: int | None
    kind: Kind
    compute_ms: int | None = None
    data: bytes | None = None
    error: ErrorReport | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ClassicAnswer:
    """The answer to the classic dialect's last dataset, and the wish for the next one."""

    answer: Answer


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """A batched client's answers, and how many datasets it will hold beyond those it holds now."""

    want: int
    answers: list[Answer]


@dataclasses.dataclass(frozen=True, slots=True)
class LoadFailed:
    """The kernel did not load."""

    error: ErrorReport


@dataclasses.dataclass(frozen=True, slots=True)
class ProgressNote:
    """Progress, console and report lines of a kernel, as JSON gave them."""

    note: dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Leaving:
    """The client goes, and gives everything back."""


Message = Hello | ClassicAnswer | Batch | LoadFailed | ProgressNote | Leaving


class Conversation:
    """One client's side of the protocol: feeds on its frames in order, gives messages.

    `receive` raises ProtocolError for a frame that is out of turn or cannot be read; the connection ends with its code.
    A frame of many megabytes takes it a second: it calls `pause` several times a millisecond.
    """

    def __init__(self, limits: Limits, pause: Callable[[], object] = lambda: None) -> None:
        self._limits = limits
        self._pause = pause
        self._hello: Hello | None = None
        self._expects_result = False

    def receive(self, frame: str | bytes) -> Message | None:
        """Take one frame; return the message that it completes, if any."""
        if self._hello is None:
            self._hello = self._read_hello(frame)
            return self._hello
        if self._hello.batched:
            return self._read_text(frame) if isinstance(frame, str) else parse_batch(frame, self._limits, self._pause)
        return self._read_classic(frame)

    @staticmethod
    def _read_hello(frame: str | bytes) -> Hello:
        if not isinstance(frame, str) or not frame.startswith(ClientText.HELLO):
            raise ProtocolError("The first frame must be text: i and a campaign's number, or i-1 for any.")
        return parse_hello(frame)

    def _read_classic(self, frame: str | bytes) -> Message | None:
        if self._expects_result:
            if isinstance(frame, str):
                raise ProtocolError("After r comes a binary frame with the result.")
            self._expects_result = False
            return ClassicAnswer(_result_answer(None, None, frame, self._limits, self._pause))
        if frame == ClientText.RESULT:
            self._expects_result = True
            return None
        if frame == ClientText.NOTHING:
            return ClassicAnswer(Answer(None, Kind.NOTHING))
        if isinstance(frame, str):
            raise ProtocolError(f"Expected r or n, not {frame[:20]!r}.")
        raise ProtocolError("A binary frame must follow r.")

    @staticmethod
    def _read_text(frame: str) -> Message:
        if len(frame) > MAX_CONTROL_BYTES:
            raise ProtocolError(f"A text frame may have {MAX_CONTROL_BYTES:,} characters.", CloseCode.TOO_BIG)
        letter, rest = frame[:1], frame[1:]
        if letter == ClientText.LEAVING and not rest:
            return Leaving()
        if letter == ClientText.LOAD_FAILED:
            return LoadFailed(_error_report(_json_object(rest)))
        if letter == ClientText.PROGRESS:
            return ProgressNote(_json_object(rest))
        raise ProtocolError(f"Expected a batch, x, p or b, not {frame[:20]!r}.")


def parse_hello(frame: str) -> Hello:
    """Read ``iN``, or ``iN {json}`` of the batched dialect."""
    if len(frame) > MAX_HELLO_BYTES:
        raise ProtocolError(f"The hello may have {MAX_HELLO_BYTES:,} characters.", CloseCode.TOO_BIG)
    number, space, options = frame[1:].partition(" ")
    if not number.removeprefix("-").isascii() or not number.removeprefix("-").isdigit() or len(number) > 10:
        raise ProtocolError(f"i must be followed by a campaign's number, not {number[:20]!r}.")
    campaign_id = int(number)
    if not ANY_CAMPAIGN <= campaign_id <= MAX_CAMPAIGN_ID:
        raise ProtocolError(f"There can be no campaign {campaign_id}.", CloseCode.NO_SUCH_CAMPAIGN)
    return _batched_hello(campaign_id, _json_object(options)) if space else Hello(campaign_id)


def _batched_hello(campaign_id: int, options: dict[str, Any]) -> Hello:
    if options.get("v") != VERSION:
        raise ProtocolError(f'This server speaks version {VERSION} of the batched dialect: {{"v": {VERSION}}}.')
    have = options.get("have", [])
    if not isinstance(have, list) or len(have) > 16 or not all(isinstance(h, str) and len(h) <= 64 for h in have):
        raise ProtocolError("have must be a list of hashes.")
    return Hello(
        campaign_id,
        batched=True,
        threads=_integer(options.get("threads", 1), "threads", 1, MAX_THREADS),
        device=_text(options.get("device"), MAX_DEVICE),
        have=frozenset(have),
        resume=_text(options.get("resume"), 1000),
    )


def parse_batch(frame: bytes, limits: Limits, pause: Callable[[], object] = lambda: None) -> Batch:
    """Read ``[want, [[lease, kind, ms, payload?], …]]``; payloads are checked, and not decoded."""
    if len(frame) > limits.batch_bytes:
        raise ProtocolError(f"A batch may have {limits.batch_bytes:,} bytes, not {len(frame):,}.", CloseCode.TOO_BIG)
    try:
        want, answers = _unpack_batch(frame, pause)
        paced = answers if len(answers) <= FEW_ANSWERS else _paced(answers, pause)
        parsed = [_parse_answer(answer, limits, pause) for answer in paced]
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise ProtocolError("A binary frame must be msgpack [want, [[lease, kind, ms, payload?], …]].") from error
    return Batch(min(_integer(want, "want", 0, MAX_LEASE), limits.max_want), parsed)


def _unpack_batch(frame: bytes, pause: Callable[[], object]) -> Sequence[Any]:
    if len(frame) <= SMALL_BATCH_BYTES:
        want, answers = msgpack.unpackb(frame, **_SHAPE)
        if type(answers) is not list:  # an empty map would do as well
            raise ValueError("the answers are no array")
        return want, answers
    # A byte of junk can become an object of sixty-four: a large frame is walked, so that only answers are made.
    unpacker = msgpack.Unpacker(max_buffer_size=len(frame), max_bin_len=len(frame), **_SHAPE)
    unpacker.feed(frame)
    if unpacker.read_array_header() != 2:
        raise ValueError("not a pair")
    want = unpacker.unpack()
    answers = [_unpack_answer(unpacker, pause) for _ in range(unpacker.read_array_header())]
    if unpacker.tell() != len(frame):
        raise ValueError("bytes after the batch")
    return want, answers


def _unpack_answer(unpacker: msgpack.Unpacker, pause: Callable[[], object]) -> list[Any]:
    pause()
    length = unpacker.read_array_header()
    if length not in (3, 4):
        raise ValueError("an answer has three or four parts")
    return [unpacker.unpack() for _ in range(length)]


def _paced(answers: Sequence[Any], pause: Callable[[], object]) -> Iterator[Any]:
    for answer in answers:
        pause()
        yield answer


FEW_ANSWERS = 512
SMALL_BATCH_BYTES = 65536
_SHAPE: dict[str, int] = {"max_array_len": MAX_ANSWERS, "max_map_len": 0, "max_ext_len": 0, "max_str_len": 0}


def _parse_answer(answer: list[Any], limits: Limits, pause: Callable[[], object]) -> Answer:
    lease, kind, compute_ms, *payload = answer
    if type(lease) is not int or not 0 <= lease <= MAX_LEASE:
        raise ProtocolError(f"lease must be a whole number from 0 to {MAX_LEASE}.")
    if type(compute_ms) is not int or not 0 <= compute_ms <= MAX_COMPUTE_MS:
        compute_ms = min(_integer(compute_ms, "ms", 0, MAX_LEASE), MAX_COMPUTE_MS)
    if kind == RESULT:
        return _result_answer(lease, compute_ms, _payload(payload), limits, pause)
    if kind == Kind.ERROR:
        return Answer(lease, Kind.ERROR, compute_ms, error=_error_payload(_payload(payload)))
    if kind not in (Kind.NOTHING, Kind.GIVEN_BACK) or payload:
        raise ProtocolError(f"There is no answer of kind {kind!r:.20} with {len(payload)} payloads.")
    return Answer(lease, Kind(kind), compute_ms)


RESULT = Kind.RESULT.value  # a number: comparing an enum's members costs more than reading the rest of an answer


def _payload(payload: list[Any]) -> bytes:
    if len(payload) != 1 or not isinstance(payload[0], bytes):
        raise ProtocolError("An answer of kind 1 or 2 has one binary payload.")
    return payload[0]


def _result_answer(
    lease: int | None, compute_ms: int | None, data: bytes, limits: Limits, pause: Callable[[], object]
) -> Answer:
    if len(data) > limits.result_bytes:
        raise ProtocolError(f"A result may have {limits.result_bytes:,} bytes, not {len(data):,}.", CloseCode.TOO_BIG)
    try:
        codec.check_value(data, max_bytes=limits.result_bytes, pause=pause)
    except codec.InvalidValue as error:
        raise ProtocolError(f"A result must be one msgpack value: {error}") from error
    if codec.is_nil(data):
        return Answer(lease, Kind.NOTHING, compute_ms)
    return Answer(lease, Kind.RESULT, compute_ms, data)


def _error_payload(data: bytes) -> ErrorReport:
    if len(data) > MAX_CONTROL_BYTES:
        raise ProtocolError(f"An error may have {MAX_CONTROL_BYTES:,} bytes.", CloseCode.TOO_BIG)
    try:
        report = msgpack.unpackb(data, unicode_errors="replace", max_map_len=8, max_array_len=0, max_ext_len=0)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise ProtocolError("An error's payload must be a msgpack map {name, message, stack}.") from error
    if not isinstance(report, dict):
        raise ProtocolError("An error's payload must be a msgpack map {name, message, stack}.")
    return _error_report(report)


def _error_report(report: dict[str, Any]) -> ErrorReport:
    return ErrorReport(
        _text(report.get("name"), MAX_ERROR_NAME) or "Error",
        _text(report.get("message"), MAX_ERROR_MESSAGE),
        _text(report.get("stack"), MAX_ERROR_STACK),
    )


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The part after the letter must be a JSON object.") from error
    if not isinstance(value, dict):
        raise ProtocolError("The part after the letter must be a JSON object.")
    return value


def _integer(value: Any, name: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ProtocolError(f"{name} must be a whole number from {low} to {high}.")
    return value


def _text(value: Any, limit: int) -> str:
    # U+0000 is not text for PostgreSQL, a lone surrogate not for UTF-8.
    text = value if isinstance(value, str) else ""
    return text[:limit].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


@dataclasses.dataclass(frozen=True, slots=True)
class CampaignInfo:
    """What the server tells a batched client of the campaign that it serves."""

    id: int
    name: str
    run: int
    kernel_version: int
    kernel_hash: str
    static_hash: str
    deadline_ms: int
    sloppy: bool
    max_result_bytes: int
    max_batch_bytes: int
    resume: str  # the ticket of this connection
    resumed: bool  # leases of the connection whose ticket the hello brought may be answered

    def encode(self) -> str:
        """Return the text frame ``c{json}``."""
        return ServerText.CAMPAIGN + json.dumps(dataclasses.asdict(self), separators=(",", ":"))


def encode_datasets(grants: list[tuple[int, bytes]]) -> bytes:
    """Return the server's batch ``[[lease, dataset-bytes], …]``."""
    packed: bytes = msgpack.packb(grants)
    return packed
