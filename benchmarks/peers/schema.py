"""What both peers store, and the one transaction that they make of a message. SQLAlchemy alone, as people write it.

The peers are given what a careful author gives them: a write-ahead log, the index that the next pick needs, a pool, and
rows that are taken with SKIP LOCKED. Commits are durable, as ours are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

PENDING, LEASED, COMPUTED = 0, 1, 2
POOL = 20


class Base(DeclarativeBase):
    """The tables."""


class Campaign(Base):
    """What a volunteer is told first."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    kernel: Mapped[str] = mapped_column(sa.Text)
    static_dataset: Mapped[str] = mapped_column(sa.Text)


class Dataset(Base):
    """One input, with what has become of it."""

    __tablename__ = "dataset"
    __table_args__ = (sa.Index("ix_dataset_campaign_id_state_id", "campaign_id", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id"))
    state: Mapped[int] = mapped_column(default=PENDING)
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)


class Result(Base):
    """What a volunteer made of a dataset."""

    __tablename__ = "result"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(sa.ForeignKey("dataset.id"), unique=True)
    data: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    date_added: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


def open_database(url: str) -> sessionmaker[Session]:
    """Return what makes sessions."""
    if url.startswith("sqlite"):
        engine = sa.create_engine(url, connect_args={"timeout": 30})
        sa.event.listen(engine, "connect", _set_pragmas)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("begin immediate"))
    else:
        engine = sa.create_engine(url, pool_size=POOL, max_overflow=0, pool_timeout=120)
    return sessionmaker(engine)


def _set_pragmas(connection: object, _entry: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]
    for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on", "cache_size = -65536"):
        connection.execute(f"pragma {pragma}")  # type: ignore[attr-defined]


class Volunteer:
    """One connection's conversation, in the classic dialect: feed it frames, it sends."""

    def __init__(self, sessions: sessionmaker[Session], send: Callable[[str | bytes], None]) -> None:
        self._sessions = sessions
        self._send = send
        self._campaign_id = 0
        self._dataset_id: int | None = None
        self._expects_result = False

    def hear(self, frame: str | bytes) -> bool:
        """Take a frame; False: nothing is left to compute."""
        if isinstance(frame, str) and frame.startswith("i"):
            return self._greet(int(frame[1:]))
        if frame == "r":
            self._expects_result = True
            return True
        if self._expects_result and isinstance(frame, bytes):
            self._expects_result = False
            return self._store(frame)
        return self._store(None)

    def give_back(self) -> None:
        """Make the dataset pending again that this volunteer still has."""
        if self._dataset_id is not None:
            with self._sessions.begin() as session:
                session.get_one(Dataset, self._dataset_id).state = PENDING

    def _greet(self, campaign_id: int) -> bool:
        with self._sessions.begin() as session:
            campaign = session.get_one(Campaign, campaign_id)
            self._campaign_id = campaign_id
            kernel, static_dataset = campaign.kernel, campaign.static_dataset
            data = self._pick(session)
        for frame in ("k", kernel, "s", static_dataset):
            self._send(frame)
        return self._hand_out(data)

    def _store(self, result: bytes | None) -> bool:
        with self._sessions.begin() as session:
            dataset = session.get_one(Dataset, self._dataset_id)
            dataset.state = COMPUTED
            session.add(Result(dataset_id=dataset.id, data=result, date_added=dt.datetime.now(dt.UTC)))
            data = self._pick(session)
        return self._hand_out(data)

    def _pick(self, session: Session) -> bytes | None:
        query = sa.select(Dataset).where(Dataset.campaign_id == self._campaign_id, Dataset.state == PENDING)
        dataset = session.scalars(query.order_by(Dataset.id).limit(1).with_for_update(skip_locked=True)).one_or_none()
        self._dataset_id = dataset.id if dataset else None
        if dataset is None:
            return None
        dataset.state = LEASED
        return dataset.data

    def _hand_out(self, data: bytes | None) -> bool:
        if data is None:
            return False
        self._send("d")
        self._send(data)
        return True
