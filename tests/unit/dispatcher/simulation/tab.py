"""What sits at the other end of a connection: computes, and does everything that it should not."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING

from app.dispatcher import Grant
from app.errors import CloseCode
from app.protocol import Answer, ErrorReport, Kind
from tests.unit.dispatcher.simulation.ledger import POISON, Key

if TYPE_CHECKING:
    from tests.unit.dispatcher.simulation.process import SocketProcess

ERROR = ErrorReport("Error", "thrown", "")


@dataclasses.dataclass(slots=True)
class Sent:
    """What one message answered, until it is acknowledged."""

    answers: dict[int, Kind] = dataclasses.field(default_factory=dict)
    keys: list[Key] = dataclasses.field(default_factory=list)  # results that were ours to give
    is_poisoned: bool = False


class Tab:
    """One connection, from its hello to its end. A ticket makes a later one of an earlier one."""

    def __init__(self, id: int, process: SocketProcess, asked: int, *, batched: bool, threads: int) -> None:
        self.id = id
        self.process = process
        self.asked = asked
        self.takes_any = asked == -1
        self.batched = batched
        self.threads = threads
        self.volunteer = 1000 + id
        self.held: dict[int, Key] = {}  # lease number → dataset; the classic dialect's are numbered as they come
        self.answered: dict[int, tuple[Key, Kind]] = {}  # what it said first
        self.next_lease = 0
        self.sent: deque[Sent] = deque()
        self.closed: CloseCode | None = None  # the server closed; the connection is over when it has dropped
        self.again: dict[int, Kind] = {}  # said on an earlier connection, and not acknowledged there
        self.credit = 0 if batched else 1
        self.has_asked = False

    # What it is sent.

    def receive(self, grant: Grant) -> None:
        """Take in datasets, and what they acknowledge (D2)."""
        if self.batched and grant.is_reply:
            self.process.promises.acknowledged(self, self.sent.popleft())
        elif not self.batched:
            while self.sent:  # the next dataset is the acknowledgement
                self.process.promises.acknowledged(self, self.sent.popleft())
            self.held.clear()
        self.credit -= len(grant.datasets)
        assert self.credit >= 0, "D1: more than it wanted"
        for lease, data in grant.datasets:
            self.held[lease] = self.process.promises.granted(self.process, self, lease, data)
            self.next_lease = max(self.next_lease, lease + 1)

    def hear_changed(self) -> None:
        """The campaign changed: it has to be asked for anew."""
        self.has_asked = False

    def close(self, code: CloseCode) -> None:
        """The server closes the connection."""
        if self.closed is None:
            self.closed = code
            if code is CloseCode.DONE:
                assert not (self.batched and self.sent), "D2: closed before its answers were acknowledged"
                while self.sent:
                    self.process.promises.acknowledged(self, self.sent.popleft())

    # What it sends.

    def send(self, want: int, answers: dict[int, Kind], *, poisoned: bool = False) -> None:
        """Send a batch. Answers to leases that it does not hold are lies, or said twice."""
        sent, parsed = Sent(dict(answers), is_poisoned=poisoned), []
        self.credit = want
        for lease, kind in answers.items():
            if lease in self.held:
                self.answered[lease] = (self.held.pop(lease), kind)
            parsed.append(self._answer(lease, kind, self.answered.get(lease), sent))
        self.has_asked = self.has_asked or want > 0
        self.sent.append(sent)
        self.process.hear(self, lambda: self.process.dispatcher.answer(self.id, parsed, want, self.process.now))

    def answer(self, kind: Kind, *, poisoned: bool = False) -> None:
        """Answer the classic dialect's only dataset; without one that is a lie."""
        sent = Sent(is_poisoned=poisoned)
        self.credit = 1
        key = self.held.popitem()[1] if self.held else None
        answer = self._answer(None, kind, key and (key, kind), sent)
        self.sent.append(sent)
        self.process.hear(self, lambda: self.process.dispatcher.answer(self.id, (answer,), 1, self.process.now))

    def fail_to_load(self) -> None:
        """Say that the kernel did not load; what was held is gone."""
        self.held.clear()
        self.has_asked = True
        self.process.hear(self, lambda: self.process.dispatcher.load_failed(self.id, ERROR, self.process.now))

    def _answer(self, lease: int | None, kind: Kind, first: tuple[Key, Kind] | None, sent: Sent) -> Answer:
        data = None
        if first is not None:
            key, first_kind = first
            self.process.promises.answering(self, lease, key, kind)
            if first_kind in (Kind.RESULT, Kind.NOTHING) and self.is_served and self._counts(key):
                sent.keys.append(key)
            data = repr(key).encode()
        if sent.is_poisoned:
            data = POISON
        return Answer(
            lease,
            kind,
            self.compute_ms(lease),
            data if kind is Kind.RESULT else None,
            ERROR if kind is Kind.ERROR else None,
        )

    @property
    def is_served(self) -> bool:
        """Whether what it says is heeded: not when it came back on another connection."""
        return self.id in self.process.dispatcher.members

    def compute_ms(self, lease: int | None) -> int:
        """Return how long it says that a dataset took."""
        return 1

    def _counts(self, key: Key) -> bool:
        campaign = self.process.dispatcher.campaigns.get(key[0])
        return campaign is not None and campaign.run == key[1]

    # Coming back.

    def settle(self, old: Tab | None) -> None:
        """Hear whether the ticket of an earlier connection was taken: then its leases are this one's."""
        if old is not None and self.process.dispatcher.members[self.id].has_resumed:
            self.held, self.answered, self.next_lease = dict(old.held), dict(old.answered), old.next_lease
            for sent in old.sent:
                self.again.update({lease: kind for lease, kind in sent.answers.items() if lease in self.answered})
