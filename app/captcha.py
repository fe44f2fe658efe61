"""The proof of work at sign-up: ALTCHA, made and checked here, without asking anybody else.

The browser is given a number to find by trial: each try costs ITERATIONS rounds of PBKDF2, and the number is at most
captcha_cost / ITERATIONS, so that captcha_cost is the most hashes that a browser makes. A solved challenge is good
for one account, within LIFETIME: its signature is kept in spent_captcha until then.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from typing import Any

import altcha
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import InvalidInput
from app.models import SpentCaptcha
from app.settings import Settings

ALGORITHM = "PBKDF2/SHA-256"
ITERATIONS = 2000  # about a millisecond for us, once per challenge
LIFETIME = dt.timedelta(minutes=10)
FIELD = "altcha"
PAYLOAD_MAX = 4000


class Captcha:
    """Makes challenges and takes their solutions.

    Args:
        settings: captcha (altcha or off) and captcha_cost.
        secret_key: the application's; challenges are signed with keys derived from it.
    """

    def __init__(self, settings: Settings, secret_key: str) -> None:
        self.is_on = settings.captcha == "altcha"
        self._tries_max = max(1, settings.captcha_cost // ITERATIONS)
        self._secret = _derive(secret_key, "captcha challenge")
        self._key_secret = _derive(secret_key, "captcha key")

    def make_challenge(self, now: dt.datetime) -> dict[str, Any]:
        """Return a new challenge as the widget takes it, good for LIFETIME."""
        challenge = altcha.create_challenge(
            ALGORITHM,
            ITERATIONS,
            counter=secrets.randbelow(self._tries_max),
            expires_at=now + LIFETIME,
            hmac_secret=self._secret,
            hmac_key_secret=self._key_secret,
        )
        return dict(challenge.to_dict())

    def spend(self, session: Session, solution: str, now: dt.datetime) -> None:
        """Take a solution in the caller's transaction, once. Does nothing when the captcha is off.

        Raises:
            InvalidInput: there is none, it is wrong, too old, or was taken before; names the field FIELD.
        """
        if not self.is_on:
            return
        signature, expires_at = self._verify(solution, now)
        try:
            with session.begin_nested():
                session.add(SpentCaptcha(signature=signature, expires_at=expires_at))
        except sa.exc.IntegrityError as error:
            raise InvalidInput(
                "This proof of work was used before. Wait for a new one and send again.", FIELD
            ) from error
        session.execute(sa.delete(SpentCaptcha).where(SpentCaptcha.expires_at < now - LIFETIME))

    def check(self, solution: str, now: dt.datetime) -> None:
        """Raise InvalidInput as `spend` does, but for solutions that were taken before; takes nothing."""
        if self.is_on:
            self._verify(solution, now)

    def _verify(self, solution: str, now: dt.datetime) -> tuple[str, dt.datetime]:
        if not solution:
            raise InvalidInput("The proof of work is not done yet. Tick its box and wait a second.", FIELD)
        if len(solution) > PAYLOAD_MAX:
            raise InvalidInput("The proof of work cannot be read. Reload the page and try again.", FIELD)
        outcome = altcha.verify_solution(solution, self._secret, hmac_key_secret=self._key_secret)
        if outcome.expired:
            raise InvalidInput(_EXPIRED, FIELD)
        if not outcome.verified:
            raise InvalidInput("The proof of work is wrong. Reload the page and try again.", FIELD)
        return _read(solution, now)


_EXPIRED = "The proof of work is older than 10 minutes. Wait for a new one and send again."


def _read(solution: str, now: dt.datetime) -> tuple[str, dt.datetime]:
    challenge = altcha.Payload.from_base64(solution).challenge
    assert challenge.signature is not None, "verify_solution takes only signed challenges"
    assert challenge.parameters.expires_at is not None, "make_challenge signs none without an end"
    expires_at = dt.datetime.fromtimestamp(challenge.parameters.expires_at, dt.UTC)
    if expires_at <= now:
        raise InvalidInput(_EXPIRED, FIELD)
    return challenge.signature, expires_at


def _derive(secret_key: str, purpose: str) -> bytes:
    return hmac.new(secret_key.encode(), purpose.encode(), hashlib.sha256).digest()
