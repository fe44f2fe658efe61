"""The server's half of a WebSocket handshake (RFC 6455 section 4.2), from a WSGI environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol


def answer_upgrade(environ: Mapping[str, Any]) -> tuple[bytes, bool]:
    """Return the response to an upgrade request, and whether it opens a WebSocket. No extension is ever agreed to."""
    headers = Headers()
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            headers[name[5:].replace("_", "-")] = value
    response = ServerProtocol().accept(Request(environ.get("RAW_URI", "/"), headers))
    return response.serialize(), response.status_code == 101
