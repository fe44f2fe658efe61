"""OpenID Connect: the provider's description of itself, its keys, and what makes an ID token count (P2)."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidClaimError, InvalidKeyIdError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from app.errors import ProviderFailed, SignInRefused
from app.providers import talk
from app.providers.flow import STALE, Flow, Purpose, Shown, name_space, read_code
from app.settings import is_private_address

DISCOVERY = "/.well-known/openid-configuration"
# Signatures that only the provider can make: not HMAC, whose key we hold too, and never "none".
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
LEEWAY_S = 60  # between the provider's clock and ours
KEPT_S = 3600.0
REST_S = 5.0  # after a failure nobody waits for the same failure again


class Description:
    """What a provider says of itself and its keys, fetched when first needed, by one request at a time.

    A failure is remembered for REST_S, so that many who want to sign in do not each wait for a provider that is down.
    """

    def __init__(self, issuer: str, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer, self._label, self._clock = issuer, label, clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Any]] = {}
        self._failed_at = -REST_S

    def get_metadata(self) -> dict[str, Any]:
        """Return the discovery document, with the issuer and the addresses in it checked."""
        return dict(self._get("metadata", self._fetch_metadata, KEPT_S))

    def get_keys(self, newer_than_s: float = KEPT_S) -> KeySet:
        """Return the provider's keys, fetched again when they were fetched longer ago than that."""
        address = self.get_metadata()["jwks_uri"]
        keys: KeySet = self._get("keys", lambda: _fetch_keys(address), newer_than_s)
        return keys

    def _get(self, name: str, fetch: Callable[[], Any], kept_s: float) -> Any:
        with self._lock:
            fetched_at, value = self._kept.get(name, (0.0, None))
            if value is None or self._clock() - fetched_at > kept_s:
                value = self._fetch(fetch)
                self._kept[name] = (self._clock(), value)
            return value

    def _fetch(self, fetch: Callable[[], Any]) -> Any:
        if self._clock() - self._failed_at < REST_S:
            raise ProviderFailed(f"{self._label} did not answer a moment ago. Try again in a few seconds.")
        try:
            with talk.talking_to(self._label):
                return fetch()
        except ProviderFailed:
            self._failed_at = self._clock()
            raise

    def _fetch_metadata(self) -> dict[str, Any]:
        with talk.make_session() as session:
            found = talk.fetch_json(session, self._issuer.rstrip("/") + DISCOVERY, withhold_token=True)
        if found["issuer"] != self._issuer:
            raise ValueError(f"it calls itself {found['issuer']!r}; the setting says {self._issuer!r}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            if name in found or name != "userinfo_endpoint":
                _check_address(found[name])
        return dict(found)


def _check_address(address: str) -> None:
    if urlsplit(address).scheme != "https" and not is_private_address(address):
        raise ValueError(f"it names an address without https: {address!r}")


def _fetch_keys(address: str) -> KeySet:
    with talk.make_session() as session:
        return KeySet.import_key_set(talk.fetch_json(session, address, withhold_token=True))


class OpenID:
    """A provider that speaks OpenID Connect."""

    def __init__(
        self, name: str, label: str, issuer: str, client_id: str, client_secret: str, *, tells_freshness: bool = True
    ) -> None:
        self.name, self.label, self.issuer, self.tells_freshness = name, label, issuer, tells_freshness
        self.namespace = name_space(name, issuer)
        self._client_id, self._client_secret = client_id, client_secret
        self._description = Description(issuer, label)

    def make_address(self, flow: Flow, callback_url: str) -> str:
        """Return where to send the browser: see `Provider`."""
        address = self._description.get_metadata()["authorization_endpoint"]
        with talk.talking_to(self.label), self._open(redirect_uri=callback_url) as session:
            made, _state = session.create_authorization_url(
                address,
                state=flow.state,
                nonce=flow.nonce,
                code_verifier=flow.verifier,
                **self._freshness_of(flow.purpose),
            )
        return str(made)

    def _freshness_of(self, purpose: Purpose) -> dict[str, object]:
        if purpose is Purpose.SIGN_IN:
            return {}
        # Where a provider cannot be made to ask for the password, it at least asks which account.
        return {"prompt": "login", "max_age": 0} if self.tells_freshness else {"prompt": "select_account"}

    def finish(self, flow: Flow, callback_url: str, answer: Mapping[str, str]) -> Shown:
        """Return who came back: see `Provider`."""
        metadata = self._description.get_metadata()
        # RFC 9207: an answer says whose it is, so that one provider cannot pass on another's.
        required = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if required else self.issuer) != self.issuer:
            raise SignInRefused(STALE)
        code = read_code(self.label, answer)
        with talk.talking_to(self.label), self._open(metadata) as session:
            token = talk.fetch_token(session, metadata["token_endpoint"], code, flow.verifier, callback_url)
            claims = self._read_id_token(token, flow.nonce)
            return self._read_claims(claims, self._complete(session, metadata, claims))

    def _open(self, metadata: Mapping[str, Any] | None = None, **options: Any) -> Any:
        # Absent, the specification says, means basic; where both are offered, basic is the one that all must have.
        methods = (metadata or {}).get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return talk.make_session(
            client_id=self._client_id,
            client_secret=self._client_secret,
            scope="openid email profile",
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic"
            if "client_secret_basic" in methods
            else "client_secret_post",
            **options,
        )

    def _read_id_token(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        decoded = self._decode(token["id_token"])
        rules = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self._client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        told = {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(decoded.claims, decoded.header, rules, told)
        claims.validate(leeway=LEEWAY_S)
        return dict(claims)

    def _decode(self, id_token: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(id_token, self._description.get_keys(), registry=registry)
        except InvalidKeyIdError:  # it has new keys since
            return jwt.decode(id_token, self._description.get_keys(newer_than_s=REST_S), registry=registry)

    def _complete(self, session: Any, metadata: Mapping[str, Any], claims: Mapping[str, Any]) -> Mapping[str, Any]:
        # Many put an address into the ID token only when no access token comes with it (OpenID Connect Core 5.4).
        if ("email" in claims and "email_verified" in claims) or "userinfo_endpoint" not in metadata:
            return claims
        found = talk.fetch_json(session, metadata["userinfo_endpoint"])
        if found["sub"] != claims["sub"]:
            raise InvalidClaimError("sub")
        return {**found, **claims}

    def _read_claims(self, claims: Mapping[str, Any], person: Mapping[str, Any]) -> Shown:
        signed_in_at = claims.get("auth_time")
        return Shown(
            self.namespace,
            self.label,
            str(claims["sub"]),
            # Only the claim's own true counts: a "true" in quotes, or none, is no promise.
            _text(person, "email") if person.get("email_verified") is True else None,
            _text(person, "given_name") or _text(person, "name") or _text(person, "preferred_username"),
            _text(person, "family_name") if _text(person, "given_name") else "",
            dt.datetime.fromtimestamp(signed_in_at, dt.UTC) if isinstance(signed_in_at, int | float) else None,
        )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
