"""Keep house for accounts and campaigns: mail, providers, throttling, listing, badges"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply this step."""

    add_columns()
    create_identity()
    create_outgoing_mail()
    create_throttle()
    create_presence()


def add_columns() -> None:
    """Give the tables that there are what they now keep; neither database visits a row for it."""

    op.add_column("user", sa.Column("email_verified_at", sa.BigInteger(), nullable=True))
    op.add_column("user", sa.Column("email_token", sa.String(64), nullable=True))
    op.add_column("user", sa.Column("email_token_sent_at", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_user_email_token"), "user", ["email_token"])
    op.add_column("user_session", sa.Column("confirmed_at", sa.BigInteger(), nullable=True))
    op.add_column("campaign", sa.Column("beneficiary", sa.String(200), server_default=sa.text("''"), nullable=False))
    op.add_column("campaign", sa.Column("embed_origins", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("campaign", sa.Column("results_public", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("campaign", sa.Column("badge_key", sa.String(32), nullable=True))
    op.create_index(op.f("ix_campaign_badge_key"), "campaign", ["badge_key"], unique=True)


def create_identity() -> None:
    """Make the table of accounts at providers."""

    op.create_table(
        "identity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("date_added", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_identity_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        sa.UniqueConstraint("provider", "subject", name=op.f("uq_identity_provider_subject")),
    )
    op.create_index(op.f("ix_identity_user_id"), "identity", ["user_id"])


def create_outgoing_mail() -> None:
    """Make the table of mails that wait to be sent."""

    op.create_table(
        "outgoing_mail",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("is_decoy", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mail")),
    )
    op.create_index(op.f("ix_outgoing_mail_next_try_at"), "outgoing_mail", ["next_try_at"])


def create_throttle() -> None:
    """Make the table of how often things were tried."""

    op.create_table(
        "throttle",
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
    )
    op.create_index(op.f("ix_throttle_ends_at"), "throttle", ["ends_at"])


def create_presence() -> None:
    """Make the table of how many volunteers there are now."""

    op.create_table(
        "presence",
        sa.Column("campaign_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("process", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("volunteer_count", sa.Integer(), nullable=False),
        sa.Column("thread_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "process", name=op.f("pk_presence")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take this step back."""

    for table in ("presence", "throttle", "outgoing_mail", "identity"):
        op.drop_table(table)
    op.drop_index(op.f("ix_campaign_badge_key"), table_name="campaign")
    for column in ("badge_key", "results_public", "embed_origins", "beneficiary"):
        op.drop_column("campaign", column)
    op.drop_column("user_session", "confirmed_at")
    op.drop_index(op.f("ix_user_email_token"), table_name="user")
    for column in ("email_token_sent_at", "email_token", "email_verified_at"):
        op.drop_column("user", column)
