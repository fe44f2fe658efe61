"""Which providers the settings switch on, and where they send people."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.errors import ProviderFailed, SettingsError
from app.providers import Flow, Purpose, make_providers
from app.providers.github import GitHub
from app.providers.openid import Description, OpenID
from app.settings import Settings
from tests.processes import ROOT, find_free_port

ALL = {
    "github": {"github_client_id": "a", "github_client_secret": "b"},
    "google": {"google_client_id": "a", "google_client_secret": "b"},
    "oidc": {"oidc_issuer": "https://login.example", "oidc_client_id": "a", "oidc_client_secret": "b"},
}


def test_without_settings_there_is_none() -> None:
    assert make_providers(Settings()) == {}


def test_each_is_switched_on_by_its_own_settings() -> None:
    for name, given in ALL.items():
        assert list(make_providers(Settings(**given))) == [name]
    everything = {key: value for given in ALL.values() for key, value in given.items()}
    assert [p.label for p in make_providers(Settings(**everything)).values()] == ["GitHub", "Google", "OpenID"]


@pytest.mark.parametrize("missing", sorted({key for given in ALL.values() for key in given}))
def test_a_half_set_provider_is_refused_at_start_and_what_is_missing_is_named(missing: str) -> None:
    [given] = [given for given in ALL.values() if missing in given]
    environ = {key.upper(): value for key, value in given.items() if key != missing}
    with pytest.raises(SettingsError, match=rf"not .*\b{missing.upper()}\b"):
        Settings.from_environ(environ)


@pytest.mark.parametrize("name", ["OIDC_ISSUER", "GITHUB_URL"])
def test_a_provider_without_https_is_refused_but_on_this_machine(name: str) -> None:
    ids = {key.upper(): value for given in ALL.values() for key, value in given.items()}
    with pytest.raises(SettingsError, match=f"{name}=.*https"):
        Settings.from_environ({**ids, name: "http://login.example"})
    Settings.from_environ({**ids, name: "http://localhost:9000"})


def test_secrets_of_providers_are_not_shown() -> None:
    from app.settings import describe

    shown = {name: value for name, value, _help in describe(Settings(**ALL["github"]))}
    assert (shown["GITHUB_CLIENT_SECRET"], shown["GOOGLE_CLIENT_SECRET"]) == ("(set)", "(not set)")


def test_google_is_an_openid_provider_with_googles_own_issuer() -> None:
    google = make_providers(Settings(**ALL["google"]))["google"]
    assert isinstance(google, OpenID)
    assert google.issuer == "https://accounts.google.com"
    assert not google.tells_freshness, "it knows neither prompt=login nor auth_time"


@pytest.mark.parametrize(
    ("url", "api"),
    [("https://github.com/", "https://api.github.com"), ("https://git.example", "https://git.example/api/v3")],
)
def test_githubs_api_is_where_the_server_has_it(url: str, api: str) -> None:
    github = GitHub(url, "a", "b")
    assert github._api == api
    address = github.make_address(Flow("github", Purpose.SIGN_IN, "", 0), "https://site.example/back")
    assert address.startswith(f"{url.rstrip('/')}/login/oauth/authorize?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert re.fullmatch(r"[\w-]{43}", asked["code_challenge"])
    assert (asked["code_challenge_method"], asked["scope"]) == ("S256", "read:user user:email")
    assert asked["redirect_uri"] == "https://site.example/back"


def test_a_failure_is_remembered_for_a_moment_so_that_nobody_waits_for_it_again() -> None:
    now = [100.0]
    description = Description(f"http://localhost:{find_free_port()}", "Uni", clock=lambda: now[0])
    said = []
    for elapsed in (0, 4, 2):
        now[0] += elapsed
        with pytest.raises(ProviderFailed) as failure:
            description.get_metadata()
        said.append("a moment ago" in failure.value.message)
    assert said == [False, True, False]


def test_a_site_without_providers_does_not_load_what_they_need(tmp_path: Path) -> None:
    program = "import sys; from app import create_app; create_app('web'); print('authlib' in sys.modules)"
    environ = {**os.environ, "INSTANCE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
