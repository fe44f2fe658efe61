"""The migrations build what the models say, and can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app import migrate
from app.database import Database
from app.models import Base


def test_upgrading_an_empty_database_gives_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_constraint_has_the_name_that_the_models_give_it(database: Database) -> None:
    inspector = sa.inspect(database.engine)
    for table in Base.metadata.sorted_tables:
        named = {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint | sa.UniqueConstraint)}
        found = inspector.get_check_constraints(table.name) + inspector.get_unique_constraints(table.name)
        assert {str(c["name"]) for c in found} == named


def test_downgrading_to_base_leaves_no_table_and_upgrading_again_works(database: Database) -> None:
    migrate.downgrade(database, "base")
    assert set(sa.inspect(database.engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(database)
    assert set(sa.inspect(database.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
