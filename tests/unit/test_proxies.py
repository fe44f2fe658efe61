"""Whose request it is, behind proxies and in front of them."""

from __future__ import annotations

import pytest

from app.errors import SettingsError
from app.proxies import BehindProxies


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("127.0.0.1", "127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "192.0.2.9", "192.0.2.7", "192.0.2.9"),  # no proxy of ours: it says what it likes
        ("127.0.0.1", "127.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),  # what stood there before may be invented
        ("127.0.0.1, 10.0.0.0/8", "127.0.0.1", "6.6.6.6, 192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1", "6.6.6.6, nonsense", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "::ffff:127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("*", "10.9.9.9", "192.0.2.7", "192.0.2.7"),
        ("", "127.0.0.1", "192.0.2.7", "127.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_trusted_proxy(
    trusted: str, peer: str, forwarded: str, client: str
) -> None:
    seen = []
    door = BehindProxies(lambda environ, _start: seen.append(environ["REMOTE_ADDR"]) or [], trusted)
    door({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}, lambda *_: None)
    assert seen == [client]


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(SettingsError, match=r"TRUSTED_PROXIES.*'proxy'"):
        BehindProxies(lambda *_: [], "127.0.0.1,proxy")
