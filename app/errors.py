"""Every error of the house, and the one map to HTTP statuses, WebSocket close codes and exit codes.

    ManyhandsError
    ├── InvalidInput            a form field or an upload that cannot be accepted
    ├── NotFound                no such row, or somebody else's: strangers cannot tell the two apart
    ├── NotSignedIn             the page needs an account
    ├── TooManyRequests         a limit on frequency was reached
    ├── Conflict                the row is not in a state that allows the change
    ├── DatabaseBusy            the database could not be written to in time
    ├── SettingsError           the environment holds a value that cannot work
    ├── InvalidValue            bytes that are not one msgpack value within limits (codec)
    └── ProtocolError           a volunteer broke the protocol: its connection ends, and nothing else

An error's docstring is its message when none is given.
"""

from __future__ import annotations

import enum


class CloseCode(enum.IntEnum):
    """WebSocket close codes in use (RFC 6455 section 7.4, and the 4000–4999 private range)."""

    DONE = 1000
    GOING_AWAY = 1001
    BROKEN_PROTOCOL = 1002
    REFUSED = 1008
    TOO_BIG = 1009
    SERVER_ERROR = 1011
    RESTARTING = 1012
    TRY_LATER = 1013
    NO_SUCH_CAMPAIGN = 4404
    NOT_RUNNING = 4409


class ManyhandsError(Exception):
    """Something went wrong."""

    http_status = 500
    exit_code = 1

    def __init__(self, message: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        super().__init__(self.message)

    def as_json(self) -> dict[str, object]:
        """Return the body that programs get: ``{"error": {"kind", "message", "field"?}}``."""
        return {"error": {"kind": type(self).__name__, "message": self.message}}


class InvalidInput(ManyhandsError):
    """This value cannot be accepted."""

    http_status = 422

    def __init__(self, message: str = "", field: str = "") -> None:
        super().__init__(message)
        self.field = field

    def as_json(self) -> dict[str, object]:
        """Return the JSON body, with the name of the field at fault."""
        return {"error": {"kind": type(self).__name__, "message": self.message, "field": self.field}}


class NotFound(ManyhandsError):
    """There is nothing here."""

    http_status = 404


class NotSignedIn(ManyhandsError):
    """Sign in to see this."""

    http_status = 401


class TooManyRequests(ManyhandsError):
    """Too many tries. Wait a little and try again."""

    http_status = 429


class Conflict(ManyhandsError):
    """This is not possible in the present state."""

    http_status = 409


class DatabaseBusy(ManyhandsError):
    """The database is busy. Try again in a moment."""

    http_status = 503
    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class SettingsError(ManyhandsError):
    """A setting cannot be used."""

    exit_code = 78  # EX_CONFIG of sysexits.h


class ProtocolError(ManyhandsError):
    """The message does not follow the protocol."""

    http_status = 400

    def __init__(self, message: str = "", code: CloseCode = CloseCode.BROKEN_PROTOCOL) -> None:
        super().__init__(message)
        self.code = code
