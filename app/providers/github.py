"""GitHub, and GitHub Enterprise: OAuth 2 without OpenID Connect, so what it says of somebody is asked of its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.providers import talk
from app.providers.flow import Flow, Purpose, Shown, name_space, read_code

PUBLIC = "https://github.com"
PUBLIC_API = "https://api.github.com"


class GitHub:
    """GitHub as a provider. It cannot be made to ask for the password, and does not say when it last did."""

    name = "github"
    label = "GitHub"
    tells_freshness = False

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        self._url = url.rstrip("/")
        self.namespace = name_space(self.name, self._url)
        self._api = PUBLIC_API if self._url == PUBLIC else f"{self._url}/api/v3"
        self._client_id, self._client_secret = client_id, client_secret

    def make_address(self, flow: Flow, callback_url: str) -> str:
        """Return where to send the browser: see `Provider`."""
        choose = {} if flow.purpose is Purpose.SIGN_IN else {"prompt": "select_account"}
        with self._open() as session:
            address, _state = session.create_authorization_url(
                f"{self._url}/login/oauth/authorize",
                state=flow.state,
                code_verifier=flow.verifier,
                redirect_uri=callback_url,
                **choose,
            )
        return str(address)

    def finish(self, flow: Flow, callback_url: str, answer: Mapping[str, str]) -> Shown:
        """Return who came back: see `Provider`."""
        code = read_code(self.label, answer)
        with talk.talking_to(self.label), self._open() as session:
            address = f"{self._url}/login/oauth/access_token"
            talk.fetch_token(session, address, code, flow.verifier, callback_url)
            user = talk.fetch_json(session, f"{self._api}/user")
            addresses = talk.fetch_json(session, f"{self._api}/user/emails")
            name = user.get("name") or user["login"]
            return Shown(self.namespace, self.label, _read_id(user), _find_address(addresses), str(name))

    def _open(self) -> Any:
        return talk.make_session(
            client_id=self._client_id,
            client_secret=self._client_secret,
            scope="read:user user:email",
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post",
        )


def _read_id(user: Mapping[str, Any]) -> str:
    # The number stays when the login changes hands.
    if not isinstance(user["id"], int):
        raise ValueError(f"it names a user by {user['id']!r}")
    return str(user["id"])


def _find_address(addresses: list[Mapping[str, Any]]) -> str | None:
    found = [entry["email"] for entry in addresses if entry["primary"] is True and entry["verified"] is True]
    return str(found[0]) if found else None
