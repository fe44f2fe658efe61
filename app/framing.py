"""The frames of a WebSocket server: whole and unmasked (RFC 6455 section 5.2)."""

from __future__ import annotations

import struct

# FIN and opcode; then comes the length in one of three forms.
FIN_TEXT, FIN_BINARY, FIN_PING = 0x81, 0x82, 0x89
REASON_BYTES = 123  # what a close frame holds beside its code (section 5.5)
PING_FRAME = bytes((FIN_PING, 0))
_SHORT = {first: [bytes((first, size)) for size in range(126)] for first in (FIN_TEXT, FIN_BINARY)}
_pack_medium = struct.Struct("!BBH").pack
_pack_long = struct.Struct("!BBQ").pack


def encode_text(text: str) -> bytes:
    """Return a text frame's bytes, ready to be sent to any number of connections."""
    return _encode(FIN_TEXT, text.encode())


def encode_binary(data: bytes) -> bytes:
    """Return a binary frame's bytes."""
    return _encode(FIN_BINARY, data)


def _encode(first: int, data: bytes) -> bytes:
    size = len(data)
    if size < 126:
        return _SHORT[first][size] + data
    return (_pack_medium(first, 126, size) if size < 65536 else _pack_long(first, 127, size)) + data


def fit_reason(reason: str) -> str:
    """Cut a reason to what a close frame holds."""
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")
