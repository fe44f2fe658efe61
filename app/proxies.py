"""Who asks, when the site stands behind a proxy: gunicorn names the proxy, whoever it serves."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

from app.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BehindProxies:
    """A WSGI application's door: what it is told as REMOTE_ADDR is the nearest address that is not a trusted proxy's.

    Every proxy adds the address that it was asked from to the end of X-Forwarded-For. So the header is read from its
    end, for as long as the proxies are ours: what stands before that may be anybody's invention.

    Args:
        application: the WSGI application behind the door.
        trusted: addresses and networks of proxies, by commas; "*" trusts whoever asks.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], trusted: str) -> None:
        self._application = application
        words = [word.strip() for word in trusted.split(",") if word.strip()]
        self._trusts_all = "*" in words
        self._trusted = [_read_network(word) for word in words if word != "*"]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve a request."""
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        if forwarded:
            environ["REMOTE_ADDR"] = self.find_client(environ.get("REMOTE_ADDR", ""), forwarded)
        return self._application(environ, start_response)

    def find_client(self, peer: str, forwarded: str) -> str:
        """Return whose request it is that a peer brought with this X-Forwarded-For."""
        client = peer
        for address in reversed([part.strip() for part in forwarded.split(",")]):
            if not self._is_trusted(client) or _parse(address) is None:
                break
            client = address
        return client

    def _is_trusted(self, text: str) -> bool:
        address = _parse(text)
        return self._trusts_all or (address is not None and any(address in network for network in self._trusted))


def _read_network(word: str) -> Network:
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError as error:
        raise SettingsError(f"TRUSTED_PROXIES names {word!r}, which is no address and no network.") from error


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
