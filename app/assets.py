"""The files of app/static: named by what is in them, so that browsers keep them for a year, and sent compressed.

Promises, cited by the tests:
F1 an address that `url_for` makes changes when its file does; browsers need not ask for it again.
F2 without the name of its content a file is asked for again each time, and answered with 304 while it is the same.
F3 text goes out compressed where that is accepted.

Only files are compressed. Pages hold CSRF tokens, and some repeat what their address says: the length of such a page,
compressed, would tell the token to whoever can make a browser ask for it again and again (BREACH).
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
from pathlib import Path

from flask import Flask, Response, current_app, request, send_from_directory
from werkzeug.security import safe_join

YEAR_S = 31_536_000
TEXTS = frozenset({".css", ".js", ".map", ".svg", ".json", ".txt"})
SMALL_BYTES = 1024  # what fits one packet gains nothing
DIGEST_LENGTH = 12


@dataclasses.dataclass(frozen=True)
class Asset:
    """One file as it is now; packed: its gzipped content, None where it does not pay."""

    stamp: tuple[int, int]
    digest: str
    packed: bytes | None


_known: dict[str, Asset] = {}  # by path, whichever application of this process asks


def init_app(app: Flask) -> None:
    """Name and serve the static files of an application in this way."""
    app.url_defaults(_name_by_content)
    app.view_functions["static"] = _serve


def find_asset(filename: str) -> Asset | None:
    """Return what is known of a file of app/static, read anew when it changed; None: there is no such file."""
    # By its path and not by what was asked for: css/./site.css is the same file, and there is no end of such names.
    path = safe_join(str(current_app.static_folder), filename) or ""
    try:
        status = Path(path).stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if path not in _known or _known[path].stamp != stamp:
            _known[path] = _read(Path(path), stamp)
    except OSError:
        return None
    return _known[path]


def _read(path: Path, stamp: tuple[int, int]) -> Asset:
    content = path.read_bytes()
    pays = path.suffix in TEXTS and len(content) >= SMALL_BYTES
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
    return Asset(stamp, digest, gzip.compress(content, 9, mtime=0) if pays else None)


def _name_by_content(endpoint: str, values: dict[str, object]) -> None:
    if endpoint == "static" and (asset := find_asset(str(values.get("filename", "")))):
        values.setdefault("v", asset.digest)


def _serve(filename: str) -> Response:
    asset = find_asset(filename)
    response = _send(filename, asset)
    if asset is not None and request.args.get("v") == asset.digest:
        response.cache_control.no_cache = None
        response.cache_control.public = True
        response.cache_control.max_age = YEAR_S
        response.cache_control.immutable = True
    return response


def _send(filename: str, asset: Asset | None) -> Response:
    response = send_from_directory(str(current_app.static_folder), filename)
    if asset is None or asset.packed is None:
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] <= 0:
        return response
    packed = Response(asset.packed, headers=[("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")])
    packed.content_type = response.content_type
    packed.cache_control.no_cache = True
    packed.set_etag(f"{asset.digest}-gzip")
    response.close()
    packed.make_conditional(request)
    return packed
