"""Which sites may embed a campaign: origins as an owner types them, and as browsers match them.

What comes out goes into a Content-Security-Policy as it is, so nothing passes that is not a host-source of CSP level 3
(https://www.w3.org/TR/CSP3/#framework-directive-source-list).
"""

from __future__ import annotations

import re

import idna

from app.errors import InvalidInput

FIELD = "origins"
ORIGINS_MAX = 50
HOST_MAX = 253
DEFAULT_PORTS = {"https": "443", "http": "80"}
LOOPBACK = "127.0.0.1"  # the only number that CSP lets a browser match

_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/?#:@\[\]]+)(?::(?P<port>[0-9]{1,5}|\*))?/?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBERS = re.compile(r"[0-9.]+")


def parse_origins(text: str) -> list[str]:
    """Return the origins in a text, one on a line or by spaces, in its order and each once.

    Hosts come back as browsers have them: lower case, other scripts as punycode, without the scheme's own port.

    Raises:
        InvalidInput: one of them is no origin that browsers match, or there are too many; it says which and why.
    """
    origins = list(dict.fromkeys(_parse_origin(word) for word in text.replace(",", " ").split()))
    if len(origins) > ORIGINS_MAX:
        raise _wrong(f"These are {len(origins)} origins; the limit is {ORIGINS_MAX}. *.example.org stands for many.")
    return origins


def _parse_origin(word: str) -> str:
    shown = f"“{word[:80]}”"
    if word in ("*", "https://*", "http://*"):
        raise _wrong(f"{shown} is every site: leave the list empty for that.")
    match = _ORIGIN.fullmatch(word.lower()) or _explain(word, shown)
    scheme, host, port = match["scheme"], _parse_host(match["host"], shown), match["port"]
    if scheme not in DEFAULT_PORTS:
        raise _wrong(f"{shown} does not begin with https://.")
    if scheme == "http" and not _is_local(host):
        raise _wrong(f"{shown} is not encrypted. Only http://localhost may be; write https:// for other sites.")
    if port not in (None, "*") and not 1 <= int(port) <= 65535:
        raise _wrong(f"{shown} has the port {port}; ports go from 1 to 65535.")
    return f"{scheme}://{host}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def _explain(word: str, shown: str) -> re.Match[str]:
    """Raise what is wrong with something that does not look like an origin at all."""
    scheme, separator, rest = word.partition("://")
    if not separator:
        raise _wrong(f"{shown} has no scheme. Did you mean https://{word[:80].strip('/')}?")
    host = re.split(r"[/?#]", rest)[0]
    if host != rest:
        raise _wrong(f"{shown} names a page. Browsers compare sites only: write {scheme}://{host}.")
    if "@" in host:
        raise _wrong(f"{shown} holds a user name. Write the scheme and the host only.")
    if "[" in host:
        raise _wrong(f"{shown} is a number. Browsers match names here: give the site one.")
    raise _wrong(f"{shown} is no origin. Write it like https://example.org or https://*.example.org:8443.")


def _parse_host(host: str, shown: str) -> str:
    wildcard, name = ("*.", host[2:]) if host.startswith("*.") else ("", host)
    name = _to_ascii(name, shown)
    if not all(map(_LABEL.fullmatch, name.split("."))) or len(wildcard + name) > HOST_MAX:
        raise _wrong(f"{shown} holds no host name. Only a whole first part may be a star, as in https://*.example.org.")
    if _NUMBERS.fullmatch(name) and wildcard + name != LOOPBACK:
        raise _wrong(f"{shown} is a number. Browsers match names here: give the site one.")
    return wildcard + name


def _to_ascii(name: str, shown: str) -> str:
    # A name of other letters gets longer as punycode. How long it takes grows with the square of its length.
    if name.isascii() or len(name) > HOST_MAX:
        return name
    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise _wrong(f"{shown} holds no host name: a letter in it cannot be part of one.") from error


def _is_local(host: str) -> bool:
    return host in ("localhost", LOOPBACK) or host.endswith(".localhost")


def _wrong(message: str) -> InvalidInput:
    return InvalidInput(message, FIELD)
