"""Origins as owners type them become what browsers match, or an error that says what to write."""

from __future__ import annotations

import pytest

from app.errors import InvalidInput
from app.origins import ORIGINS_MAX, parse_origins


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://example.org", "https://example.org"),
        ("  HTTPS://Example.ORG/ ", "https://example.org"),
        ("https://example.org:443", "https://example.org"),
        ("https://example.org:8443", "https://example.org:8443"),
        ("https://example.org:*", "https://example.org:*"),
        ("https://*.example.org", "https://*.example.org"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://blog.localhost", "http://blog.localhost"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://*.BÜCHER.example:81", "https://*.xn--bcher-kva.example:81"),
        ("https://faß.example", "https://xn--fa-hia.example"),  # as browsers do today, not fass.example
        ("https://例え.jp", "https://xn--r8jz45g.jp"),
        ("https://my_blog.example.org", "https://my_blog.example.org"),
    ],
)
def test_an_origin_is_kept_as_browsers_have_it(typed: str, kept: str) -> None:
    assert parse_origins(typed) == [kept]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("example.org", "Did you mean https://example.org?"),
        ("https://example.org/blog", "names a page"),
        ("https://example.org?x=1", "names a page"),
        ("https://example.org#top", "names a page"),
        ("http://example.org", "not encrypted"),
        ("http://*.localhost.example.org", "not encrypted"),
        ("ftp://example.org", "does not begin with https://"),
        ("https://me@example.org", "user name"),
        ("https://me:secret@example.org", "user name"),
        ("https://example.org:0", "ports go from 1 to 65535"),
        ("https://example.org:70000", "ports go from 1 to 65535"),
        ("https://example.org:http", "is no origin"),
        ("https://", "is no origin"),
        ("*", "every site"),
        ("https://*", "every site"),
        ("https://foo*.example.org", "holds no host name"),
        ("https://*.*.example.org", "holds no host name"),
        ("https://-a.example.org", "holds no host name"),
        ("https://a..example.org", "holds no host name"),
        ("https://example.org;script-src", "holds no host name"),
        ("https://'unsafe-inline'", "holds no host name"),
        (f"https://{'a' * 64}.org", "holds no host name"),
        (f"https://{'a.' * 130}org", "holds no host name"),
        ("https://192.168.0.1", "is a number"),
        ("https://[::1]", "is a number"),
        ("https://\u2603\u200b\u0300.example", "cannot be part of one"),
    ],
)
def test_what_browsers_would_not_match_is_refused_with_its_reason(typed: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said.replace("?", r"\?")) as refused:
        parse_origins(f"https://good.example.org\n{typed}")
    assert refused.value.field == "origins"


def test_lines_spaces_and_commas_separate_and_each_is_kept_once() -> None:
    text = "https://b.org\r\n\r\nhttps://a.org, https://b.org/\thttps://c.org"
    assert parse_origins(text) == ["https://b.org", "https://a.org", "https://c.org"]
    assert parse_origins(" \n ") == []


def test_fifty_are_enough() -> None:
    many = [f"https://s{number}.example.org" for number in range(ORIGINS_MAX + 1)]
    assert len(parse_origins("\n".join(many[:-1]))) == ORIGINS_MAX
    with pytest.raises(InvalidInput, match="the limit is 50"):
        parse_origins("\n".join(many))
