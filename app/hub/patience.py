"""How long a volunteer's question may wait for the database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import gevent

from app.errors import DatabaseBusy

READ_LIMIT_S = 5.0


@contextlib.contextmanager
def limit_read() -> Iterator[None]:
    """Raise DatabaseBusy when what happens inside takes longer than READ_LIMIT_S.

    A server that is stopped or out of reach does not refuse: it says nothing. gevent's exception, which is not an
    Exception, also tells SQLAlchemy to throw the connection away.
    """
    timeout = gevent.Timeout.start_new(READ_LIMIT_S)
    try:
        yield
    except gevent.Timeout as expired:
        if expired is not timeout:
            raise
        raise DatabaseBusy("The database does not answer. Try again in a moment.") from None
    finally:
        timeout.close()
