"""Who computed a result is known, whatever a volunteer's first batch held."""

from __future__ import annotations

import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.ledger import Batch
from app.records import Visitor


def test_a_batch_that_holds_only_a_visitor_is_stored(database: Database) -> None:
    # A first batch that gives everything back is followed by others, which do not name the visitor again.
    batch = Batch(visitors={7: Visitor(7, "a phone", "a browser", "hash")})
    assert batch
    database.write(lambda connection: ledger.store(connection, 11, batch, 1_700_000_000_000))
    query = sa.text("select id, device from volunteer")
    assert [tuple(row) for row in database.read(lambda c: c.execute(query).all())] == [(7, "a phone")]
