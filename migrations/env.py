"""Alembic's environment: runs the migrations on the connection that app.migrate hands over."""

from __future__ import annotations

from alembic import context
from alembic.autogenerate.api import AutogenContext

from app.models import Base, Milliseconds


def render_item(kind: str, item: object, _context: AutogenContext) -> str | bool:
    """Write our own column types as what they are in the database, so that migrations never import the models."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, Milliseconds) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
