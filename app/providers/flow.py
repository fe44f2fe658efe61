"""One round trip to a provider: what the browser carries meanwhile, and what the provider shows in the end."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Protocol

from app.errors import SignInRefused

FLOW_LASTS_S = 600
TOKEN_BYTES = 32
STALE = "This sign-in was begun more than ten minutes ago, in another browser, or has ended already. Begin it again."


class Purpose(enum.Enum):
    """What somebody goes to a provider for."""

    SIGN_IN = "sign-in"
    LINK = "link"  # one more way into the account that they are signed in to
    CONFIRM = "confirm"  # showing anew who they are, before something that cannot be undone


@dataclasses.dataclass(frozen=True)
class Flow:
    """What the browser's signed cookie keeps until the provider sends it back (P1).

    The verifier and the nonce are no secret from the browser's owner; they are from everybody else.
    """

    provider: str
    purpose: Purpose
    next: str  # where to go afterwards: a path of this site, or ""
    started_at: int  # seconds since 1970
    user_id: int | None = None  # who began it, for LINK and CONFIRM
    state: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))
    nonce: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))
    verifier: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))

    def as_json(self) -> dict[str, Any]:
        """Return it as the cookie keeps it."""
        return {**dataclasses.asdict(self), "purpose": self.purpose.value}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Flow:
        """Return what `as_json` made."""
        return cls(**{**kept, "purpose": Purpose(kept["purpose"])})

    def check(self, provider: str, state: str, now: dt.datetime) -> None:
        """Raise SignInRefused unless an answer of a provider belongs to this flow, in time."""
        is_ours = self.provider == provider and hmac.compare_digest(self.state, state)
        if not is_ours or now.timestamp() - self.started_at > FLOW_LASTS_S:
            raise SignInRefused(STALE)


@dataclasses.dataclass(frozen=True)
class Shown:
    """Who somebody is, as a provider has shown it: every claim checked, the names as they came."""

    provider: str  # its namespace
    label: str  # the provider's name for people
    subject: str
    email: str | None  # None: the provider has none that it verified (P3)
    first_name: str = ""
    last_name: str = ""
    signed_in_at: dt.datetime | None = None  # when they last gave the provider their password; None: it does not say


class Provider(Protocol):
    """What every provider can do. Both calls may take seconds: never make them inside a transaction."""

    name: str  # in addresses
    namespace: str  # in the table identity: of this server, so that another one's subjects never meet its own
    label: str  # for people
    tells_freshness: bool  # it asks for the password when we want it to, and says when it did

    def make_address(self, flow: Flow, callback_url: str) -> str:
        """Return where to send the browser.

        Raises:
            ProviderFailed: it does not answer, or not as a provider does.
        """

    def finish(self, flow: Flow, callback_url: str, answer: Mapping[str, str]) -> Shown:
        """Return who came back, given the answer in the callback's address.

        Raises:
            SignInRefused: the person or the provider said no.
            ProviderFailed: it does not answer, or not as a provider does.
        """


def name_space(name: str, address: str) -> str:
    """Return what the subjects of one server are kept under: another server may give the same ones to other people."""
    return f"{name}-{hashlib.sha256(address.encode()).hexdigest()[:16]}"


def read_code(label: str, answer: Mapping[str, str]) -> str:
    """Return the code in a provider's answer.

    Raises:
        SignInRefused: there is an error instead. Its text is not shown: whoever makes a link could have written it.
    """
    if answer.get("error") == "access_denied":
        raise SignInRefused(f"You did not allow {label} to tell us who you are, so nothing was changed here.")
    if "error" in answer or not answer.get("code"):
        raise SignInRefused(f"{label} did not sign you in. Try again; nothing was changed here.")
    return answer["code"]
