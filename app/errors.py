"""Every error of the house, and the one map to HTTP statuses, WebSocket close codes and exit codes.

    ManyhandsError
    ├── InvalidInput            a form field or an upload that cannot be accepted
    ├── NotFound                no such row, or somebody else's: strangers cannot tell the two apart
    ├── NotSignedIn             the page needs an account
    ├── TooManyRequests         a limit on frequency was reached
    ├── Conflict                the row is not in a state that allows the change
    ├── SignInRefused           a provider's answer does not open an account; the message says why, to the person
    ├── ProviderFailed          the site where somebody has their account does not answer as it should
    ├── DatabaseBusy            the database could not be written to in time
    ├── OutOfRoom               the disk has no room for what was asked for
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


def make_problem(kind: str, status: int, detail: str) -> dict[str, object]:
    """Return a problem as programs get it (RFC 9457, application/problem+json), with its type still relative.

    Args:
        kind: what went wrong, as a word with hyphens; docs/errors.md says what each means.
        detail: what, where and what to do, for a person.
    """
    title = kind.replace("-", " ").capitalize()
    return {"type": f"/docs/errors#{kind}", "title": title, "status": status, "detail": detail}


class ManyhandsError(Exception):
    """Something went wrong."""

    http_status = 500
    exit_code = 1
    kind = "internal-error"

    def __init__(self, message: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        super().__init__(self.message)

    def as_problem(self) -> dict[str, object]:
        """Return what programs get of it: see `make_problem`."""
        return make_problem(self.kind, self.http_status, self.message)


class InvalidInput(ManyhandsError):
    """This value cannot be accepted."""

    http_status = 422
    kind = "invalid-input"

    def __init__(self, message: str = "", field: str = "") -> None:
        super().__init__(message)
        self.field = field

    def as_problem(self) -> dict[str, object]:
        """Return the problem, with the name of the field at fault, "" where it is none's."""
        return {**super().as_problem(), "field": self.field}


class NotFound(ManyhandsError):
    """There is nothing here."""

    http_status = 404
    kind = "not-found"


class NotSignedIn(ManyhandsError):
    """Sign in to see this."""

    http_status = 401
    kind = "not-signed-in"


class TooManyRequests(ManyhandsError):
    """Too many tries. Wait a little and try again."""

    http_status = 429
    kind = "too-many-requests"

    def __init__(self, message: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Conflict(ManyhandsError):
    """This is not possible in the present state."""

    http_status = 409
    kind = "conflict"


class SignInRefused(ManyhandsError):
    """This sign-in was refused."""

    http_status = 403
    kind = "sign-in-refused"


class ProviderFailed(ManyhandsError):
    """The site where you have your account does not answer as it should."""

    http_status = 502
    kind = "provider-failed"


class DatabaseBusy(ManyhandsError):
    """The database is busy. Try again in a moment."""

    http_status = 503
    kind = "database-busy"
    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class OutOfRoom(ManyhandsError):
    """The server has no room on its disk to prepare this. Nothing is lost; tell whoever runs the site."""

    http_status = 507
    kind = "out-of-room"


class SettingsError(ManyhandsError):
    """A setting cannot be used."""

    exit_code = 78  # EX_CONFIG of sysexits.h


class ProtocolError(ManyhandsError):
    """The message does not follow the protocol."""

    http_status = 400

    def __init__(self, message: str = "", code: CloseCode = CloseCode.BROKEN_PROTOCOL) -> None:
        super().__init__(message)
        self.code = code
