"""A campaign's results as one file: msgpack, JSON lines or CSV. Promises R1 to R3 of results.py are kept here."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import itertools
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple, TypeVar

import msgpack
import sqlalchemy as sa

from app import codec, joined
from app.errors import InvalidInput
from app.models import Dataset, Result, Schedule
from app.states import ResultKind

T = TypeVar("T")
FIELDS = ("dataset_id", "dataset", "result", "date_added")
PAGE_ROWS = 2000
PAGE_BYTES = 4 << 20
STEP_ROWS = 20_000
SMALL_BYTES = 800  # a value that SQLite keeps in one piece with the rest of its row
CHUNK_BYTES = 1 << 16


class Format(enum.StrEnum):
    """How a download is written; the value is what follows ``raw.`` or stands for it."""

    MSGPACK = "msgpack"
    JSON_LINES = "jsonl"
    CSV = "csv"


MEDIA_TYPES = {
    Format.MSGPACK: "application/vnd.msgpack",
    Format.JSON_LINES: "application/x-ndjson",
    Format.CSV: "text/csv; charset=utf-8",
}


class Entry(NamedTuple):
    """One stored value: position, its result's bytes, when it was stored, and its dataset's bytes where asked for."""

    position: int
    result: bytes
    added_ms: int  # since 1970 UTC
    dataset: bytes = b""


@dataclasses.dataclass
class Download:
    """A finished file of so many bytes and values of a run. Whoever has it closes it, which takes it away (R3)."""

    head: bytes
    body: IO[bytes]
    size_bytes: int
    count: int
    run: int

    def iter_chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order."""
        yield self.head
        self.body.seek(0)
        while chunk := self.body.read(CHUNK_BYTES):
            yield chunk

    def close(self) -> None:
        """Take the temporary file away."""
        self.body.close()


def parse_fields(text: str | None, kind: Format) -> tuple[str, ...]:
    """Return the fields that ``?fields=`` asks for, in its order; none for the plain array of values.

    Without it, JSON lines and CSV have all fields.

    Raises:
        InvalidInput: a field does not exist or is named twice.
    """
    if text is None:
        return () if kind is Format.MSGPACK else FIELDS
    fields = tuple(name.strip() for name in text.split(","))
    for number, name in enumerate(fields):
        if name not in FIELDS:
            raise InvalidInput(f"There is no field {name[:40]!r}. The fields are {', '.join(FIELDS)}.", "fields")
        if name in fields[:number]:
            raise InvalidInput(f"The field {name} is asked for twice.", "fields")
    return fields


def make_download(engine: sa.Engine, campaign_id: int, kind: Format, fields: tuple[str, ...], folder: str) -> Download:
    """Write the current run's values to a temporary file in a folder."""
    body = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the download closes it
    try:
        with open_values(engine, campaign_id) as values:
            count = values.write(kind, fields, body)
        head = make_head(kind, fields, count)
        return Download(head, body, len(head) + body.tell(), count, values.run)
    except BaseException:
        body.close()
        raise


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """How many values a run has, what they have in bytes, and when the newest was stored, in ms since 1970.

    0, where there is no value; None, where it takes too long to say.
    """

    count: int
    size_bytes: int
    newest_ms: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Values:
    """The values of a campaign's current run, as one transaction sees them (R1)."""

    connection: sa.Connection
    campaign_id: int
    run: int

    def write(self, kind: Format, fields: tuple[str, ...], body: IO[bytes]) -> int:
        """Write what follows the head, and return of how many values."""
        if kind is Format.MSGPACK and not fields:
            return _write_plain(joined.iter_joined(self.connection, self.campaign_id), body)
        pages = iter_pages(self.connection, self.campaign_id, wants_dataset="dataset" in fields)
        return _write(kind, fields, pages, body)

    def survey(self, mean_bytes: float, limit_s: float = math.inf) -> Survey | None:
        """Look at all values without reading them.

        Args:
            mean_bytes: what a value has, more or less.
            limit_s: how long counting may take, beyond which there is no survey, and then finding the newest, beyond
                which there is no date: SQLite reads all of a large value to come to what is stored behind it.
        """
        if mean_bytes <= SMALL_BYTES:
            return self._survey_small(limit_s)
        pages = _take_within(limit_s, self._iter_sizes())
        if pages is None:
            return None
        newest = _take_within(limit_s, self._iter_newest(pages))
        newest_ms = None if newest is None else max(newest, default=0)
        return Survey(sum(values for _, values, _ in pages), sum(size for _, _, size in pages), newest_ms)

    def _survey_small(self, limit_s: float) -> Survey | None:
        stored = _Values(self.campaign_id, self.run, wants_dataset=False)
        end = self.connection.execute(stored.select_end()).scalar_one()
        queries = (stored.select_survey(first) for first in range(0, end, STEP_ROWS))
        rows = _take_within(limit_s, (self.connection.execute(query).one() for query in queries))
        if rows is None:
            return None
        newest_ms = max((newest for _, _, newest in rows), default=0)
        return Survey(sum(count for count, _, _ in rows), sum(int(size) for _, size, _ in rows), newest_ms)

    def _iter_sizes(self) -> Iterator[tuple[int, int, int]]:
        """Yield (first position, values, their bytes) of every PAGE_ROWS positions."""
        stored = _Values(self.campaign_id, self.run, wants_dataset=False)
        for first in range(0, self.connection.execute(stored.select_end()).scalar_one(), PAGE_ROWS):
            values, size_bytes = self.connection.execute(stored.select_size(first, PAGE_ROWS)).one()
            yield first, values, int(size_bytes)

    def _iter_newest(self, pages: Iterable[tuple[int, int, int]]) -> Iterator[int]:
        """Yield when the newest value of every page was stored, of less than a page where that has many bytes."""
        stored = _Values(self.campaign_id, self.run, wants_dataset=False)
        for first, _, size_bytes in pages:
            is_large = size_bytes > PAGE_BYTES
            sizes = self.connection.execute(stored.select_sizes(first)).all() if is_large else ()
            for low, high in _part(sizes) if is_large else ((first, first + PAGE_ROWS - 1),):
                yield self.connection.scalar(stored.select_newest(low, high)) or 0


def _take_within(limit_s: float, items: Iterable[T]) -> list[T] | None:
    """Return all items; None, where they take longer than so many seconds."""
    give_up_at, taken = time.monotonic() + limit_s, []
    for item in items:
        taken.append(item)
        if time.monotonic() > give_up_at:
            return None
        time.sleep(0)  # the web process serves others meanwhile
    return taken


@contextlib.contextmanager
def open_values(engine: sa.Engine, campaign_id: int) -> Iterator[Values]:
    """Open a transaction that only reads a campaign's values."""
    with open_snapshot(engine) as connection:
        run = connection.scalar(sa.select(Schedule.run).where(Schedule.campaign_id == campaign_id)) or 0
        yield Values(connection, campaign_id, run)


@contextlib.contextmanager
def open_snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a transaction that only reads, and sees nothing of what others commit after its first statement (R1)."""
    # SQLite's reading transactions are snapshots as they are; PostgreSQL's default looks anew at each statement.
    options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**({} if engine.dialect.name == "sqlite" else options)) as connection:
        yield connection


def iter_pages(connection: sa.Connection, campaign_id: int, *, wants_dataset: bool) -> Iterator[list[Entry]]:
    """Yield the values of the current run in dataset order, never more than PAGE_BYTES at once but for a larger one."""
    run = connection.scalar(sa.select(Schedule.run).where(Schedule.campaign_id == campaign_id))
    values = _Values(campaign_id, run or 0, wants_dataset)
    end = connection.execute(values.select_end()).scalar_one()
    for first in range(0, end, PAGE_ROWS):
        for low, high in _part(connection.execute(values.select_sizes(first)).all()):
            yield list(itertools.starmap(Entry, connection.execute(values.select(low, high)).all()))
            time.sleep(0)  # the web process serves others meanwhile


@dataclasses.dataclass(frozen=True, slots=True)
class _Values:
    """The queries for the values of one run.

    They bound both tables from both sides: otherwise PostgreSQL reads all datasets each time, and before autovacuum has
    analysed the results it reads and sorts all of those, too, for every page.
    """

    campaign_id: int
    run: int
    wants_dataset: bool

    def select_end(self) -> sa.Select[Any]:
        """Select the position after the last value's, or 0."""
        return sa.select(sa.func.coalesce(sa.func.max(Result.position) + 1, 0)).where(*self._stored())

    def select_survey(self, first: int) -> sa.Select[Any]:
        """Select (number, bytes, when the newest was stored) of the values in STEP_ROWS positions."""
        newest = sa.func.coalesce(sa.func.max(sa.type_coerce(Result.date_added, sa.BigInteger)), 0)
        return self.select_size(first, STEP_ROWS).add_columns(newest)

    def select_size(self, first: int, rows: int) -> sa.Select[Any]:
        """Select (number, bytes) of the values in so many positions."""
        size_bytes = sa.func.coalesce(sa.func.sum(sa.func.length(Result.data)), 0)
        query = sa.select(sa.func.count(), size_bytes).where(*self._stored())
        return query.where(Result.position.between(first, first + rows - 1))

    def select_newest(self, low: int, high: int) -> sa.Select[Any]:
        """Select when the newest value of these positions was stored."""
        added_ms = sa.func.max(sa.type_coerce(Result.date_added, sa.BigInteger))
        return sa.select(added_ms).where(*self._stored(), Result.position.between(low, high))

    def select_sizes(self, first: int) -> sa.Select[Any]:
        """Select (position, bytes) of the values in PAGE_ROWS positions, which does not read them."""
        query = sa.select(Result.position, sa.func.length(Result.data).label("size")).where(*self._stored())
        query = query.where(Result.position.between(first, first + PAGE_ROWS - 1)).order_by(Result.position)
        if not self.wants_dataset:
            return query
        page = query.subquery()
        both = sa.select(page.c.position, page.c.size + sa.func.length(Dataset.data))
        return both.join(Dataset, self._is_dataset_of(page.c.position)).order_by(page.c.position)

    def select(self, low: int, high: int) -> sa.Select[Any]:
        """Select the values of these positions as the columns of Entry."""
        # The moment is read as it is stored: making an object of each costs more than all the rest.
        columns: list[Any] = [Result.position, Result.data, sa.type_coerce(Result.date_added, sa.BigInteger)]
        query = sa.select(*columns).where(*self._stored(), Result.position.between(low, high)).order_by(Result.position)
        if not self.wants_dataset:
            return query
        query = query.add_columns(Dataset.data).join(Dataset, self._is_dataset_of(Result.position))
        return query.where(Dataset.position.between(low, high))

    def _stored(self) -> tuple[sa.ColumnElement[bool], ...]:
        return Result.campaign_id == self.campaign_id, Result.run == self.run, Result.kind == ResultKind.VALUE.value

    def _is_dataset_of(self, position: Any) -> sa.ColumnElement[bool]:
        return sa.and_(Dataset.campaign_id == self.campaign_id, Dataset.position == position)


def _part(sizes: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) positions of runs of (position, bytes) that have PAGE_BYTES at most, or are one value."""
    if not sizes:
        return
    low, total = sizes[0][0], 0
    last = low
    for position, size_bytes in sizes:
        if total and total + size_bytes > PAGE_BYTES:
            yield low, last
            low, total = position, 0
        total += size_bytes
        last = position
    yield low, last


def _write(kind: Format, fields: tuple[str, ...], pages: Iterable[list[Entry]], body: IO[bytes]) -> int:
    iter_parts = _choose_writer(kind, fields)
    count = 0
    for page in pages:
        count += len(page)
        body.writelines(itertools.chain.from_iterable(map(iter_parts, page)))
    return count


def _write_plain(parts: Iterable[tuple[int, bytes]], body: IO[bytes]) -> int:
    count = 0
    for values, data in parts:
        count += values
        body.write(data)
        time.sleep(0)  # the web process serves others meanwhile
    return count


def _choose_writer(kind: Format, fields: tuple[str, ...]) -> Callable[[Entry], Iterable[bytes]]:
    """Return what turns a value into the bytes of its part of the file, piece by piece."""
    if not fields:
        return lambda entry: (entry.result,)
    if kind is Format.MSGPACK:
        return lambda entry: _iter_map(entry, fields)
    iter_text = _iter_line if kind is Format.JSON_LINES else _iter_record
    return lambda entry: map(str.encode, iter_text(entry, fields))


def make_head(kind: Format, fields: tuple[str, ...], count: int) -> bytes:
    """Return what comes before so many values."""
    if kind is Format.MSGPACK:
        return bytes(msgpack.Packer().pack_array_header(count))
    return ",".join(fields).encode() + b"\r\n" if kind is Format.CSV else b""


_PACKED_FIELDS = {field: msgpack.packb(field) for field in FIELDS}


def _iter_map(entry: Entry, fields: tuple[str, ...]) -> Iterator[bytes]:
    yield bytes((0x80 | len(fields),))
    for field in fields:
        yield _PACKED_FIELDS[field]
        yield _get_stored(entry, field) or msgpack.packb(_get_plain(entry, field))


def _iter_line(entry: Entry, fields: tuple[str, ...]) -> Iterator[str]:
    before = "{"
    for field in fields:
        yield f'{before}"{field}":'
        if stored := _get_stored(entry, field):
            yield from codec.iter_json(stored)
        else:
            yield f'"{_get_plain(entry, field)}"' if field == "date_added" else str(_get_plain(entry, field))
        before = ","
    yield "}\n"


def _iter_record(entry: Entry, fields: tuple[str, ...]) -> Iterator[str]:
    """Yield one line of CSV as RFC 4180 has it. Datasets and results are JSON.

    So texts are in quotes, and none begins with the sign that makes a spreadsheet take it for a formula: what
    volunteers send must not run on the owner's machine.
    """
    before = ""
    for field in fields:
        yield before
        if stored := _get_stored(entry, field):
            yield from _iter_cell(stored)
        else:
            yield str(_get_plain(entry, field))
        before = ","
    yield "\r\n"


def _iter_cell(stored: bytes) -> Iterator[str]:
    pieces = codec.iter_json(stored)
    first = next(pieces)
    # All but numbers and the like; also where the rest of a long value is not known yet.
    quote = '"' if first[:1] in ('"', "[", "{", "") else ""
    yield quote + first.replace('"', '""')
    for piece in pieces:
        yield piece.replace('"', '""')
    yield quote


def _get_stored(entry: Entry, field: str) -> bytes | None:
    """Return the msgpack bytes of a field that is stored as such."""
    if field == "result":
        return entry.result
    return entry.dataset if field == "dataset" else None


def _get_plain(entry: Entry, field: str) -> int | str:
    return entry.position if field == "dataset_id" else say_date(entry.added_ms)


def say_date(added_ms: int) -> str:
    """Return a moment as ISO 8601 in UTC, to the millisecond: 2026-01-31T12:00:00.000Z."""
    seconds, ms = divmod(added_ms, 1000)
    return f"{_say_seconds(seconds)}.{ms:03}Z"


# Results are stored in batches, so that neighbours share their second.
@functools.lru_cache(maxsize=1024)
def _say_seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
