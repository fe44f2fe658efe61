"""Signing in with an account that somebody has elsewhere: GitHub, Google, or any OpenID Connect provider.

Promises, cited by the tests:
P1 a sign-in ends in the browser that began it, once, within FLOW_LASTS_S: state, nonce and PKCE (S256) tie it to it.
P2 an ID token counts only with a signature by one of ALGORITHMS and a key of the provider's, and with its issuer, our
   client, its nonce and its time right.
P3 only an address that the provider says is verified ever leaves this package.
P4 a provider that is down, slow or hostile costs its own sign-ins a few seconds and a page that says so, nothing else.
"""

from __future__ import annotations

from app.providers.flow import FLOW_LASTS_S, Flow, Provider, Purpose, Shown
from app.settings import Settings

__all__ = ["FLOW_LASTS_S", "Flow", "Provider", "Purpose", "Shown", "make_providers"]

GOOGLE = "https://accounts.google.com"


def make_providers(settings: Settings) -> dict[str, Provider]:
    """Return the providers that the settings switch on, by their names in addresses, in the order of their buttons."""
    made: list[Provider] = []
    # What a provider needs takes 16 MB of each web worker: it is imported where one is switched on.
    if settings.github_client_id:
        from app.providers.github import GitHub

        made.append(GitHub(settings.github_url, settings.github_client_id, settings.github_client_secret))
    if settings.google_client_id or settings.oidc_client_id:
        from app.providers.openid import OpenID
    if settings.google_client_id:
        # Google takes neither prompt=login nor max_age, and never says when somebody signed in.
        google = OpenID(
            "google",
            "Google",
            GOOGLE,
            settings.google_client_id,
            settings.google_client_secret,
            tells_freshness=False,
        )
        made.append(google)
    if settings.oidc_client_id:
        secret = settings.oidc_client_secret
        made.append(OpenID("oidc", settings.oidc_name, settings.oidc_issuer, settings.oidc_client_id, secret))
    return {provider.name: provider for provider in made}
