"""The tables, their enums and their named constraints. Plain SQLAlchemy; no Flask.

Hot tables (dataset, result, lease, progress, process) carry no foreign keys, which would cost 40 % of the storing
speed on PostgreSQL: the ledger is their only writer, and ``purge`` and ``check`` keep them honest.
"""

from __future__ import annotations

import datetime as dt
import enum

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.states import Generation, Intent, PreviewState

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every table shares: the naming of its constraints."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Milliseconds(sa.types.TypeDecorator[dt.datetime]):
    """A moment as whole milliseconds since 1970 UTC: small, exact, and the same on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> int | None:
        """Return the integer that is stored."""
        return None if value is None else int(value.timestamp() * 1000)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> dt.datetime | None:
        """Return the moment, aware, in UTC."""
        return None if value is None else dt.datetime.fromtimestamp(value / 1000, dt.UTC)


# As a campaign's deleted_at: its owner wants it erased at once, and nobody may restore it.
AT_ONCE = dt.datetime.fromtimestamp(0, dt.UTC)


def _enum(kind: type[enum.Enum], name: str) -> sa.Enum:
    return sa.Enum(
        kind,
        name=name,
        native_enum=False,
        length=16,
        create_constraint=True,
        values_callable=lambda e: [m.value for m in e],
    )


BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class User(Base):
    """An account."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    first_name: Mapped[str] = mapped_column(sa.String(100))
    last_name: Mapped[str] = mapped_column(sa.String(100))
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)  # lower case
    email_verified_at: Mapped[dt.datetime | None] = mapped_column(Milliseconds)  # None: nobody showed that it is theirs
    email_token: Mapped[str | None] = mapped_column(sa.String(64), index=True)  # only its SHA-256
    email_token_sent_at: Mapped[dt.datetime | None] = mapped_column(Milliseconds)
    password: Mapped[str | None] = mapped_column(sa.String(200))  # argon2id; None: signs in with a provider only
    password_reset_token: Mapped[str | None] = mapped_column(sa.String(64), index=True)  # only its SHA-256
    password_reset_sent_at: Mapped[dt.datetime | None] = mapped_column(Milliseconds)
    date_added: Mapped[dt.datetime] = mapped_column(Milliseconds)

    @property
    def full_name(self) -> str:
        """First and last name, as volunteers see it."""
        return f"{self.first_name} {self.last_name}".strip()


class UserSession(Base):
    """A sign-in that can be revoked; the cookie holds the token, this row only its hash."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(Milliseconds)
    last_seen_at: Mapped[dt.datetime] = mapped_column(Milliseconds)
    expires_at: Mapped[dt.datetime] = mapped_column(Milliseconds)
    agent: Mapped[str] = mapped_column(sa.String(300), default="")
    address: Mapped[str] = mapped_column(sa.String(64), default="")
    confirmed_at: Mapped[dt.datetime | None] = mapped_column(Milliseconds)  # when they showed anew who they are

    user: Mapped[User] = relationship()


class Identity(Base):
    """An account at an OpenID provider that opens an account here."""

    __tablename__ = "identity"
    __table_args__ = (sa.UniqueConstraint("provider", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    provider: Mapped[str] = mapped_column(sa.String(32))  # which server, as app/providers/flow.py name_space says
    subject: Mapped[str] = mapped_column(sa.String(255))  # the provider's own name for the account, which never changes
    email: Mapped[str] = mapped_column(sa.String(254))  # as the provider said it when it was linked
    date_added: Mapped[dt.datetime] = mapped_column(Milliseconds)
    last_used_at: Mapped[dt.datetime] = mapped_column(Milliseconds)

    user: Mapped[User] = relationship()


class OutgoingMail(Base):
    """A mail that waits to be sent; gone when it was."""

    __tablename__ = "outgoing_mail"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    recipient: Mapped[str] = mapped_column(sa.String(254))
    subject: Mapped[str] = mapped_column(sa.String(200))
    text: Mapped[str] = mapped_column(sa.Text)
    html: Mapped[str] = mapped_column(sa.Text)
    is_decoy: Mapped[bool] = mapped_column(default=False)  # written so that an unknown address costs the same; not sent
    made_at: Mapped[dt.datetime] = mapped_column(Milliseconds)
    next_try_at: Mapped[dt.datetime] = mapped_column(Milliseconds, index=True)
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(sa.Text, default="")


class Throttle(Base):
    """How often something was tried within a window of time, by one address or for one account."""

    __tablename__ = "throttle"

    key: Mapped[str] = mapped_column(sa.String(100), primary_key=True)  # what is tried and a keyed hash of by whom
    count: Mapped[int] = mapped_column()
    ends_at: Mapped[dt.datetime] = mapped_column(Milliseconds, index=True)


class SpentCaptcha(Base):
    """A proof of work that was accepted once, kept until it expires so that it is not accepted twice."""

    __tablename__ = "spent_captcha"

    signature: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    expires_at: Mapped[dt.datetime] = mapped_column(Milliseconds, index=True)


class Campaign(Base):
    """One overall computation, owned by one user. Its changing part is its schedule."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    date_added: Mapped[dt.datetime] = mapped_column(Milliseconds)
    deleted: Mapped[bool] = mapped_column(default=False)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(Milliseconds)
    name: Mapped[str] = mapped_column(sa.String(100))
    description: Mapped[str] = mapped_column(sa.Text, default="")  # what it computes
    beneficiary: Mapped[str] = mapped_column(sa.String(200), default="", server_default=sa.text("''"))  # for whom
    kernel: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)  # UTF-8 text
    kernel_hash: Mapped[str] = mapped_column(sa.String(64))  # SHA-256
    kernel_version: Mapped[int] = mapped_column(default=1)
    static_dataset: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)  # UTF-8 text
    static_hash: Mapped[str] = mapped_column(sa.String(64))
    dataset_gen: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)  # UTF-8 text
    dataset_gen_hash: Mapped[str] = mapped_column(sa.String(64))
    autostart: Mapped[bool] = mapped_column(default=False)  # an embed may start without a click
    embed_origins: Mapped[str] = mapped_column(
        sa.Text, default="", server_default=sa.text("''")
    )  # by spaces; empty: any site
    listed: Mapped[bool] = mapped_column(default=False)  # volunteers who take any campaign may get it
    results_public: Mapped[bool] = mapped_column(default=False, server_default=sa.false())  # everyone may read them
    badge_key: Mapped[str | None] = mapped_column(sa.String(32), unique=True, index=True)  # random; opens its badge
    sloppy: Mapped[bool] = mapped_column(default=False)  # the kernel needs sloppy mode
    deadline_ms: Mapped[int | None] = mapped_column()  # what one dataset may take; None: the setting
    seed: Mapped[int] = mapped_column(BigId)  # of the generator's Math.random

    owner: Mapped[User] = relationship()
    schedule: Mapped[Schedule] = relationship(back_populates="campaign", uselist=False)


class Numbering(Base):
    """The highest number of a table's rows that were erased; see numbering.py."""

    __tablename__ = "numbering"

    name: Mapped[str] = mapped_column(sa.String(32), primary_key=True)  # of the table
    last: Mapped[int] = mapped_column()


class Schedule(Base):
    """The changing part of a campaign, small because it is written often (a cursor beside a 16 MB blob costs 13 ms)."""

    __tablename__ = "schedule"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    run: Mapped[int] = mapped_column(default=1)
    kernel_version: Mapped[int] = mapped_column(default=1)
    cursor: Mapped[int] = mapped_column(default=0)  # positions below it were handed to a process in this run
    generated: Mapped[int] = mapped_column(default=0)  # datasets stored so far
    generated_bytes: Mapped[int] = mapped_column(BigId, default=0)
    generation: Mapped[Generation] = mapped_column(_enum(Generation, "generation"), default=Generation.WAITING)
    generation_error: Mapped[str | None] = mapped_column(sa.Text)
    generation_line: Mapped[int | None] = mapped_column()
    generator: Mapped[int | None] = mapped_column(BigId)  # the process that runs the generator, or keeps it at rest
    lockstep: Mapped[bool] = mapped_column(default=False, server_default=sa.false())  # main is a function*, or like one
    digest: Mapped[str | None] = mapped_column(sa.String(64))  # SHA-256 of all datasets stored so far, in order
    rested_at_ms: Mapped[int | None] = mapped_column(BigId)  # when the generator was last pulled
    intent: Mapped[Intent] = mapped_column(_enum(Intent, "intent"), default=Intent.RUNNING)
    pause_reason: Mapped[str | None] = mapped_column(sa.Text)  # why the system paused it, where it did
    deleted: Mapped[bool] = mapped_column(default=False)  # the campaign's, here because the hubs look here only

    campaign: Mapped[Campaign] = relationship(back_populates="schedule")


class Preview(Base):
    """What a generator would make, for somebody who still writes it. Gone after a while."""

    __tablename__ = "preview"
    __table_args__ = (sa.Index("ix_preview_asked_at", "asked_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    asked_at: Mapped[dt.datetime] = mapped_column(Milliseconds)
    source: Mapped[bytes] = mapped_column(sa.LargeBinary)  # UTF-8 text
    seed: Mapped[int] = mapped_column(BigId)
    state: Mapped[PreviewState] = mapped_column(_enum(PreviewState, "state"), default=PreviewState.WAITING)
    claimed_at: Mapped[dt.datetime | None] = mapped_column(Milliseconds)
    tries: Mapped[int] = mapped_column(default=0)
    count: Mapped[int] = mapped_column(default=0)
    size_bytes: Mapped[int] = mapped_column(BigId, default=0)
    first: Mapped[bytes | None] = mapped_column(sa.LargeBinary)  # msgpack: an array of msgpack blobs
    last: Mapped[bytes | None] = mapped_column(sa.LargeBinary)  # msgpack
    is_lockstep: Mapped[bool] = mapped_column(default=False)
    is_whole: Mapped[bool] = mapped_column(default=True)
    error: Mapped[str | None] = mapped_column(sa.Text)
    line: Mapped[int | None] = mapped_column()
    column: Mapped[int | None] = mapped_column()


class Dataset(Base):
    """One input of a kernel's main, immutable."""

    __tablename__ = "dataset"
    __table_args__ = {"sqlite_with_rowid": False}

    campaign_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 0
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)  # msgpack


class Result(Base):
    """The accepted outcome of one dataset in one run. Append-only, but for failures that the owner has tried again.

    The primary key is promise D3. The index holds the failures alone, so that a value costs it nothing; with `kind` in
    it, although that is always 2, SQLite prefers it to the primary key.
    """

    __tablename__ = "result"
    __table_args__ = (
        sa.Index(
            "ix_result_failed",
            "campaign_id",
            "run",
            "kind",
            "position",
            sqlite_where=sa.text("kind = 2"),
            postgresql_where=sa.text("kind = 2"),
        ),
        {"sqlite_with_rowid": False},
    )

    campaign_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(sa.SmallInteger)  # ResultKind
    data: Mapped[bytes | None] = mapped_column(sa.LargeBinary)  # msgpack; only where kind is VALUE
    date_added: Mapped[dt.datetime] = mapped_column(Milliseconds)
    compute_ms: Mapped[int] = mapped_column()
    volunteer_id: Mapped[int] = mapped_column(BigId)
    kernel_version: Mapped[int] = mapped_column()


class Lease(Base):
    """Positions from low up to, not including, high that one socket process hands out; process NULL: free."""

    __tablename__ = "lease"
    __table_args__ = (sa.Index("ix_lease_process", "process"), {"sqlite_with_rowid": False})

    campaign_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    low: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    high: Mapped[int] = mapped_column()
    process: Mapped[int | None] = mapped_column(BigId)
    # A retry made this range, or made a dataset in it pending: who ends a block there may know nothing of that.
    reopened: Mapped[bool] = mapped_column(default=False, server_default=sa.false())


class Process(Base):
    """A running socket or background process, for as long as it gives signs of life."""

    __tablename__ = "process"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)  # random, one per boot
    kind: Mapped[str] = mapped_column(sa.String(16))  # socket or background
    alive_until_ms: Mapped[int] = mapped_column(BigId)  # by the database's clock


class Progress(Base):
    """Exact counters of what one process stored in one run; a page sums a handful of rows and counts no table."""

    __tablename__ = "progress"
    __table_args__ = {"sqlite_with_rowid": False}

    campaign_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    process: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)  # 0: processes that ended
    value_count: Mapped[int] = mapped_column(default=0)
    nothing_count: Mapped[int] = mapped_column(default=0)
    failed_count: Mapped[int] = mapped_column(default=0)
    compute_ms: Mapped[int] = mapped_column(BigId, default=0)
    result_bytes: Mapped[int] = mapped_column(BigId, default=0)


class Presence(Base):
    """How many volunteers one socket process has for one campaign at the moment; gone with the process."""

    __tablename__ = "presence"
    __table_args__ = {"sqlite_with_rowid": False}

    campaign_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    process: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    volunteer_count: Mapped[int] = mapped_column()
    thread_count: Mapped[int] = mapped_column()


class Volunteer(Base):
    """One browser tab or program that computed something."""

    __tablename__ = "volunteer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)  # random
    device: Mapped[str] = mapped_column(sa.String(100), default="")
    agent: Mapped[str] = mapped_column(sa.String(300), default="")
    address_hash: Mapped[str] = mapped_column(sa.String(64), default="")  # keyed, so that it cannot be turned back
    first_seen: Mapped[dt.datetime] = mapped_column(Milliseconds)
    last_seen: Mapped[dt.datetime] = mapped_column(Milliseconds)


class KernelError(Base):
    """What went wrong in a volunteer's browser; attempts of a dataset are counted from these (D6)."""

    __tablename__ = "kernel_error"
    __table_args__ = (sa.Index("ix_kernel_error_campaign_run_position", "campaign_id", "run", "position"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column()
    run: Mapped[int] = mapped_column()
    position: Mapped[int | None] = mapped_column()  # None: the kernel did not load
    volunteer_id: Mapped[int] = mapped_column(BigId)
    kernel_version: Mapped[int] = mapped_column()
    name: Mapped[str] = mapped_column(sa.String(100))
    message: Mapped[str] = mapped_column(sa.Text)
    stack: Mapped[str] = mapped_column(sa.Text, default="")
    date_added: Mapped[dt.datetime] = mapped_column(Milliseconds)
    retried_at: Mapped[dt.datetime | None] = mapped_column(Milliseconds)  # the owner had it tried anew: counts no more
