"""Who computes what: a pure (state, event) → decisions machine, without SQL, sockets or a clock of its own.

Its promises, cited in code and tests:

D1  A dataset is handed out only to a member that asked for its campaign (or for any), and only while it is pending, or
    as a D7 spare.
D2  A result is acknowledged only after the transaction that holds it has committed.
D3  At most one accepted result per dataset and run: the first one committed wins. (The ledger's primary key.)
D4  A result counts only for a lease that was issued to this very connection, or whose ticket it holds. Nobody can
    name another's.
D5  A connection that ends gives its datasets back at once; one that is silent past its deadline is ended.
D6  A dataset whose kernel throws or times out is tried again elsewhere, `max_attempts` times in all, then FAILED.
D7  When nothing is pending but datasets are out, an idle volunteer gets a spare copy of the oldest one (at most
    `max_spares` at once): one slow tab cannot hold up a campaign's end.
D8  Every dataset is always in exactly one of pending, leased, done, failed; done never regresses within a run, and
    failed only when the owner has it tried again.
D9  What is held of datasets counts against one byte budget and takes half of it at most, so that answers have room;
    nothing more is fetched while either is used up.
D10 Campaigns share the volunteers who asked for any by compute-seconds; one that needs somebody gets somebody.

Time comes in as `now`, seconds of any monotonic clock. Datasets come in by `fetched`; how many to fetch is decided
here.
"""

from __future__ import annotations

from app.dispatcher.decisions import (
    Borrow,
    Decision,
    End,
    Fetch,
    Grant,
    Idle,
    Reassign,
    Release,
    Renew,
    Store,
)
from app.dispatcher.leasing import Rules
from app.dispatcher.machine import Dispatcher

__all__ = [
    "Borrow",
    "Decision",
    "Dispatcher",
    "End",
    "Fetch",
    "Grant",
    "Idle",
    "Reassign",
    "Release",
    "Renew",
    "Rules",
    "Store",
]
