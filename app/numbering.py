"""Numbers that are given once: that of an erased campaign stays on other people's pages, in snippets that embed it.

SQLite gives a new row the highest number that is free, which is the newest row's when that one was erased. So the
highest number that was ever erased is kept. PostgreSQL's sequences never go back.
"""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Campaign, Numbering, User

Numbered = type[Campaign] | type[User]


def find_next(connection: sa.Connection, table: Numbered) -> int | None:
    """Return the number of a row that is about to be stored; None: the database keeps count by itself.

    In a transaction that writes: two that ask before either has stored its row would get the same.
    """
    if connection.dialect.name != "sqlite":
        return None
    erased = sa.select(Numbering.last).where(Numbering.name == table.__tablename__)
    highest = connection.execute(sa.select(sa.func.max(table.id))).scalar_one() or 0
    return max(highest, connection.execute(erased).scalar_one_or_none() or 0) + 1


def retire(connection: sa.Connection, table: Numbered, number: int) -> None:
    """Remember a number whose row is about to be erased."""
    row = Numbering.name == table.__tablename__
    if connection.execute(sa.select(Numbering.last).where(row)).scalar_one_or_none() is None:
        connection.execute(sa.insert(Numbering).values(name=table.__tablename__, last=number))
    connection.execute(sa.update(Numbering).where(row, Numbering.last < number).values(last=number))
