"""Settings come from the environment, and say what is wrong with a value that cannot be used."""

from __future__ import annotations

import pytest

from app.errors import SettingsError
from app.settings import Settings, describe


def test_without_an_environment_every_address_follows_from_the_ports() -> None:
    settings = Settings.from_environ({"PORT": "8000", "SOCKET_PORT": "8001"})
    assert settings.site_url == "http://localhost:8000"
    assert settings.compute_url == "http://localhost:8001"
    assert settings.socket_url == "ws://localhost:8001/ws"
    assert settings.database_url.startswith("sqlite:///")


def test_an_empty_value_is_the_default() -> None:
    assert Settings.from_environ({"PORT": "", "CAPTCHA": " "}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "eighty", "PORT='eighty'"),
        ("PORT", "70000", "from 1 to 65535"),
        ("CAPTCHA", "maybe", "altcha, off"),
        ("KERNEL_MAX_BYTES", "-1", "negative"),
        ("SOCKET_WORKERS", "2", "SQLite"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_environ({name: value})


def test_under_https_the_site_and_the_embed_pages_are_on_different_hosts() -> None:
    addresses = {"SITE_URL": "https://example.org", "COMPUTE_URL": "https://example.org:8443"}
    with pytest.raises(SettingsError, match="host name of its own"):
        Settings.from_environ(addresses)
    settings = Settings.from_environ({**addresses, "COMPUTE_URL": "https://compute.example.net"})
    assert settings.socket_url == "wss://compute.example.net/ws"


def test_secrets_are_not_shown() -> None:
    shown = {name: value for name, value, _help in describe(Settings(secret_key="hush"))}
    assert shown["SECRET_KEY"] == "(set)"
