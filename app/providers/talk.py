"""How we talk to providers: briefly, without following them anywhere, and never reading more than agreed (P4)."""

from __future__ import annotations

import contextlib
import io
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from app.errors import ProviderFailed, SignInRefused

log = logging.getLogger(__name__)
CONNECT_S, SILENCE_S, ANSWER_S = 3.0, 5.0, 8.0
ANSWER_MAX_BYTES = 1 << 20
CHUNK_BYTES = 1 << 14
# HTTPError is what breaks off while our own loop reads; requests dresses it up only where it reads by itself.
FAILURES = (requests.RequestException, HTTPError, AuthlibBaseError, OSError, ValueError, KeyError, TypeError)


class BriefAdapter(HTTPAdapter):
    """Sends a request and reads the body of its answer within ANSWER_S and ANSWER_MAX_BYTES.

    The timeouts of requests alone count silence: a provider that sends a byte every second could hold us for a day.
    (In an answer's head it still can, for as long as the head may be, and then holds one sign-in and nobody else.)
    """

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send, and return an answer that has come in whole."""
        options.update(stream=True, timeout=(CONNECT_S, SILENCE_S))
        give_up_at = time.monotonic() + ANSWER_S
        response = super().send(request, **options)
        body = io.BytesIO()
        # Not stream(), which waits until it has a whole chunk, however many drops that takes.
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            body.write(chunk)
            if body.tell() > ANSWER_MAX_BYTES or time.monotonic() > give_up_at:
                response.close()
                raise requests.exceptions.ReadTimeout("the answer is too long, or takes too long")
        body.seek(0)
        response.raw = body
        return response


def make_session(**options: Any) -> OAuth2Session:
    """Return a session of Authlib's that talks as this module promises."""
    session = OAuth2Session(**options)
    for scheme in ("https://", "http://"):
        session.mount(scheme, BriefAdapter())
    session.max_redirects = 0
    return session


def fetch_json(session: OAuth2Session, address: str, **options: Any) -> Any:
    """Return what is at an address; raises what requests raises, which `talking_to` understands."""
    response = session.get(address, **options)
    response.raise_for_status()
    return response.json()


def fetch_token(session: OAuth2Session, address: str, code: str, verifier: str, callback_url: str) -> Mapping[str, Any]:
    """Turn a code into tokens; raises as `fetch_json`, and OAuthError when the provider does not take the code."""
    return dict(
        session.fetch_token(
            address, grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri=callback_url
        )
    )


@contextlib.contextmanager
def talking_to(label: str) -> Iterator[None]:
    """Turn whatever goes wrong in a talk into one of our two errors; the log says what it was.

    Raises:
        SignInRefused: the provider does not take the code, or what it says of somebody does not hold.
        ProviderFailed: it does not answer, or not as a provider does.
    """
    try:
        yield
    except (OAuthError, JoseError) as error:
        log.warning("%s: a sign-in was refused: %r", label, error)
        raise SignInRefused(f"{label} did not confirm this sign-in, so it was refused. Begin it again.") from error
    except FAILURES as error:
        log.warning("%s cannot be talked to: %r", label, error)
        raise ProviderFailed(_failure_of(label)) from error


def _failure_of(label: str) -> str:
    return f"{label} does not answer as it should at the moment. Try again in a minute, or sign in in another way."
