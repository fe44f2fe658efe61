"""How files reach a client: in gzip where it accepts that, by parts, or with the word that it has them already."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import io
import logging
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

import sqlalchemy as sa
from flask import Flask, Response, request
from werkzeug.datastructures import Accept
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from app import snapshots
from app.drafts import CHUNK_BYTES, Reader
from app.errors import DatabaseBusy, OutOfRoom
from app.extensions import db, get_settings
from app.snapshots import Key, Snapshots

log = logging.getLogger(__name__)
# A file that is made within this time is sent as those that are kept; of a larger one the beginning comes first.
GRACE_S = 0.5
# A part of a file whose size is not known yet is waited for so long, less than proxies wait; then comes the whole.
PART_PATIENCE_S = 20.0
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
GZIP_LEVEL = 5  # 150 MB/s of JSON lines, which become a tenth
_GZIP_WINDOW = 16 + zlib.MAX_WBITS  # with gzip's own head, in which zlib writes no date: equal bytes for equal content


@dataclasses.dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent: its name and its media type, whether in gzip, and whether pages of other sites may read it."""

    name: str
    media_type: str
    is_gzip: bool = False
    is_public: bool = False

    def address(self, response: Response) -> Response:
        """Put on a response what is the same for every way of sending."""
        response.automatically_set_content_length = False  # the answer to HEAD has no bytes that could be counted
        response.content_type = self.media_type
        headers = response.headers
        headers["Content-Disposition"] = f'attachment; filename="{self.name}"'
        response.vary.add("Accept-Encoding")
        if self.is_gzip:
            headers["Content-Encoding"] = "gzip"
        if self.is_public:
            # Whatever is public needs no cookie, and with "*" browsers send none.
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Access-Control-Expose-Headers"] = "Accept-Ranges, Content-Disposition, Content-Range, ETag"
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response


def accepts_gzip(accept: Accept) -> bool:
    """Say whether a client prefers gzip to the bytes as they are, by its Accept-Encoding (RFC 9110, 12.5.3)."""
    named = {coding.lower() for coding in accept.values()}
    gzip = accept.quality("x-gzip" if "x-gzip" in named and "gzip" not in named else "gzip")
    return bool(gzip > 0 and gzip >= accept.quality("identity"))


def compress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks in gzip."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


@contextlib.contextmanager
def open_packer(file: IO[bytes], *, is_gzip: bool) -> Iterator[IO[bytes]]:
    """Open what writes to a file, in gzip where asked: equal bytes for equal content, in whatever pieces it comes (K3).

    The file stays open.
    """
    packer = _Packer(file, is_gzip=is_gzip)
    with io.BufferedWriter(packer, CHUNK_BYTES) as body:
        yield body
    packer.finish()


class _Packer(io.RawIOBase):
    def __init__(self, file: IO[bytes], *, is_gzip: bool) -> None:
        self._file = file
        self._pending = bytearray()
        self._gzip = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW) if is_gzip else None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self._gzip:
            view = memoryview(data)
            for start in range(0, len(view), CHUNK_BYTES):
                self._file.write(view[start : start + CHUNK_BYTES])
                time.sleep(0)  # the web process serves others meanwhile
            return len(view)
        self._pending += data
        while len(self._pending) >= CHUNK_BYTES:
            self._file.write(self._gzip.compress(self._pending[:CHUNK_BYTES]))
            del self._pending[:CHUNK_BYTES]
            time.sleep(0)
        return len(data)

    def finish(self) -> None:
        """Write what is left of gzip."""
        if self._gzip:
            self._file.write(self._gzip.compress(self._pending))
            self._file.write(self._gzip.flush())


def send_once(parcel: Parcel, chunks: Iterable[bytes], size_bytes: int | None, close: Callable[[], object]) -> Response:
    """Send what is made for this answer alone, and close it whatever ends that.

    Args:
        size_bytes: of the chunks, where it is known; in gzip none can tell before the end.
    """
    body = compress(chunks) if parcel.is_gzip else chunks
    response = parcel.address(Response(body))
    response.call_on_close(close)
    response.headers["Accept-Ranges"] = "none"
    if size_bytes is not None and not parcel.is_gzip:
        response.content_length = size_bytes
    return response


def describe_once(parcel: Parcel) -> Response:
    """Answer HEAD for what is made for each answer alone: without its length, for which it would have to be made."""
    return send_once(parcel, iter(()), None, lambda: None)


def send_kept(parcel: Parcel, key: Key, reader: Reader | None) -> Response:
    """Send a file that is kept or is to be, or the part of it that is asked for, or 304 to a client that has it.

    Args:
        reader: None, where HEAD is asked for and it is not there: the answer does not tell its length.

    Raises:
        RequestedRangeNotSatisfiable: the part begins behind the end.
    """
    response = parcel.address(Response(reader or iter(())))
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "private, no-cache"  # kept by the browser alone, which asks each time
    response.set_etag(key.content)
    if reader is None:
        response.make_conditional(request)
        return response
    facts = reader.find_facts()
    if facts.size_bytes is not None:
        response.content_length = facts.size_bytes
    if facts.newest_ms is not None:
        response.last_modified = dt.datetime.fromtimestamp(facts.newest_ms / 1000, dt.UTC)
    try:
        response.make_conditional(request)
        _cut(response, facts.size_bytes)
    except RequestedRangeNotSatisfiable:
        reader.close()
        raise
    if facts.size_bytes is None and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        response.call_on_close(reader.close)
        response.response = _reset_at_failure(reader, request.environ.get("gunicorn.socket"))
    return response


def _reset_at_failure(reader: Reader, connection: socket.socket | None) -> Iterator[bytes]:
    """Yield the bytes to a client of HTTP/1.0, as nginx is by default, to which a connection's end is the file's (K6).

    So it must not end as usual where the file is not whole.
    """
    try:
        yield from reader
    except Exception:
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        raise


def is_current(key: Key) -> bool:
    """Say whether the client has this very file, so that it need not be looked for."""
    return not request.if_match and request.if_none_match.contains_weak(key.content)


def _cut(response: Response, size_bytes: int | None) -> None:
    # The whole answers several ranges, a range of another unit, a range of anything but GET (RFC 9110, 14.2), and one
    # of a file whose size is not known yet.
    wanted = request.range
    is_for_bytes = size_bytes is not None and wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1
    if is_for_bytes and response.status_code == 200 and request.method == "GET":
        response.make_conditional(request, accept_ranges=True, complete_length=size_bytes)


def open_kept(key: Key, write: snapshots.Writer) -> Reader:
    """Open the file that answers this request, which `write` begins where there is none.

    Raises:
        whatever `write` raises before there is anything to send.
    """
    return get_kept().open(key, write, GRACE_S, PART_PATIENCE_S if request.range else GRACE_S)


@contextlib.contextmanager
def telling_no_room() -> Iterator[None]:
    """Tell a client where the disk has no room for what it asks for.

    Raises:
        OutOfRoom: so it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise OutOfRoom() from error
        raise


def get_kept() -> Snapshots:
    """Return the files that this host keeps."""
    settings = get_settings()
    return Snapshots(settings.instance_dir, settings.snapshots_max_bytes)


def sweep(app: Flask) -> None:
    """Take away the kept files that nobody is to have any more (K4): owners reset and delete on other hosts, too."""
    try:
        with app.app_context():
            get_kept().sweep(_find_runs)
    except (OSError, sa.exc.SQLAlchemyError, DatabaseBusy) as error:
        log.warning("old downloads stay until the next sweep: %s", error)


def _find_runs() -> Mapping[int, int]:
    with db.engine.connect() as connection:
        return snapshots.find_runs(connection)
