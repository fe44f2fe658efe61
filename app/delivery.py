"""How files reach a client: in gzip where it accepts that, by parts, or with the word that it has them already."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO

import sqlalchemy as sa
from flask import Flask, Response, request
from werkzeug.datastructures import Accept
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from app import snapshots
from app.errors import DatabaseBusy
from app.extensions import db, get_settings
from app.snapshots import Key, Snapshots

log = logging.getLogger(__name__)
CHUNK_BYTES = 1 << 16
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


def send_kept(parcel: Parcel, key: Key, file: IO[bytes] | None) -> Response:
    """Send a file that is kept, or the part of it that is asked for, or 304 to a client that has it.

    Args:
        file: None, where HEAD is asked for and it is not there: the answer does not tell its length.

    Raises:
        RequestedRangeNotSatisfiable: the part begins behind the end.
    """
    # Flask's own FileWrapper and not the server's: only it can seek to where a part begins.
    response = parcel.address(Response(FileWrapper(file, CHUNK_BYTES) if file else iter(())))
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "private, no-cache"  # kept by the browser alone, which asks each time
    response.set_etag(key.content)
    if file is None:
        response.make_conditional(request)
        return response
    size_bytes = file.seek(0, 2)
    file.seek(0)
    response.content_length = size_bytes
    response.last_modified = dt.datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, dt.UTC)
    try:
        response.make_conditional(request)
        _cut(response, size_bytes)
    except RequestedRangeNotSatisfiable:
        file.close()
        raise
    return response


def is_current(key: Key) -> bool:
    """Say whether the client has this very file, so that it need not be looked for."""
    return not request.if_match and request.if_none_match.contains_weak(key.content)


def _cut(response: Response, size_bytes: int) -> None:
    # The whole answers several ranges, a range of another unit, and a range of anything but GET (RFC 9110, 14.2).
    wanted = request.range
    is_for_bytes = wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1
    if is_for_bytes and response.status_code == 200 and request.method == "GET":
        response.make_conditional(request, accept_ranges=True, complete_length=size_bytes)


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
