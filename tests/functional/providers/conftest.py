"""The site with two providers, real ones: oidc-provider, and a small site that speaks as GitHub does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from app.settings import Settings
from tests.functional.providers.trips import SITE, Trip, make_settings
from tests.oidc.servers import CLIENT_ID, CLIENT_SECRET, Server, run_github, run_openid


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """One database: what differs between the two is tested with the service itself."""
    return database_url


@pytest.fixture(scope="session")
def openid() -> Iterator[Server]:
    with run_openid(f"{SITE}/signin/oidc/callback") as server:
        yield server


@pytest.fixture(scope="session")
def github() -> Iterator[Server]:
    with run_github() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, openid: Server, github: Server) -> Settings:
    secrets = {f"{name}_client_secret": CLIENT_SECRET for name in ("oidc", "github")}
    ids = {f"{name}_client_id": CLIENT_ID for name in ("oidc", "github")}
    return make_settings(settings, oidc_issuer=openid.url, oidc_name="Uni", github_url=github.url, **ids, **secrets)


@pytest.fixture
def trip(client: FlaskClient) -> Trip:
    """Somebody who has no account here."""
    return Trip(client)
