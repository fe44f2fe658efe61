"""Pull generators in steps, and preview them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BEFORE = ("waiting", "running", "done", "failed")
AFTER = ("waiting", "running", "resting", "full", "done", "failed")
INTENTS = ("running", "paused")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def is_one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    """Return a named constraint to some words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_schedule_{column}"))


def describe_schedule(generations: tuple[str, ...], *columns: sa.Column[object]) -> sa.Table:
    """Return the table as it is before a step: SQLite does not tell of its constraints, and it is built anew there."""
    return sa.Table(
        "schedule",
        sa.MetaData(),
        sa.Column("campaign_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("kernel_version", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("generated", sa.Integer(), nullable=False),
        sa.Column("generated_bytes", BIG_ID, nullable=False),
        sa.Column("generation", sa.String(16), nullable=False),
        sa.Column("generation_error", sa.Text(), nullable=True),
        sa.Column("generation_line", sa.Integer(), nullable=True),
        sa.Column("generator", BIG_ID, nullable=True),
        sa.Column("intent", sa.String(16), nullable=False),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        *columns,
        is_one_of("generation", generations),
        is_one_of("intent", INTENTS),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_schedule_campaign_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_schedule")),
    )


def new_columns() -> tuple[sa.Column[object], ...]:
    """Return what a schedule has now."""
    return (
        sa.Column("lockstep", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=True),
        sa.Column("rested_at_ms", BIG_ID, nullable=True),
    )


def upgrade() -> None:
    """Apply this step."""

    with op.batch_alter_table("schedule", copy_from=describe_schedule(BEFORE)) as batch_op:
        for column in new_columns():
            batch_op.add_column(column)
        batch_op.drop_constraint(op.f("ck_schedule_generation"), type_="check")
        batch_op.create_check_constraint(op.f("ck_schedule_generation"), is_one_of("generation", AFTER).sqltext)
    create_preview()


def create_preview() -> None:
    """Make the table of previews."""

    op.create_table(
        "preview",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("seed", BIG_ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("size_bytes", BIG_ID, nullable=False),
        sa.Column("first", sa.LargeBinary(), nullable=True),
        sa.Column("last", sa.LargeBinary(), nullable=True),
        sa.Column("is_lockstep", sa.Boolean(), nullable=False),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("column", sa.Integer(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done')", name=op.f("ck_preview_state")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_preview_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preview")),
    )
    op.create_index("ix_preview_asked_at", "preview", ["asked_at"])
    op.create_index(op.f("ix_preview_user_id"), "preview", ["user_id"])


def downgrade() -> None:
    """Take this step back. A generator that is pulled in steps is over then, with the datasets that it has made."""

    op.drop_table("preview")
    op.execute("update schedule set generation = 'done', generator = null where generation in ('resting', 'full')")
    with op.batch_alter_table("schedule", copy_from=describe_schedule(AFTER, *new_columns())) as batch_op:
        batch_op.drop_constraint(op.f("ck_schedule_generation"), type_="check")
        batch_op.create_check_constraint(op.f("ck_schedule_generation"), is_one_of("generation", BEFORE).sqltext)
        for column in new_columns():
            batch_op.drop_column(column.name)
