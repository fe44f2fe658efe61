"""Retry failed datasets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""

    # Columns that come without a rewrite of their table: neither database visits a row for them.
    op.add_column("kernel_error", sa.Column("retried_at", sa.BigInteger(), nullable=True))
    op.add_column("lease", sa.Column("reopened", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_result_failed",
        "result",
        ["campaign_id", "run", "kind", "position"],
        unique=False,
        sqlite_where=sa.text("kind = 2"),
        postgresql_where=sa.text("kind = 2"),
    )


def downgrade() -> None:
    """Take this step back."""

    op.drop_index("ix_result_failed", table_name="result")
    op.drop_column("lease", "reopened")
    op.drop_column("kernel_error", "retried_at")
