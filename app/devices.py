"""What somebody signed in with, in words."""

from __future__ import annotations

import functools

UNKNOWN = "Unknown browser"


@functools.lru_cache(maxsize=256)
def describe(agent: str) -> str:
    """Return the browser and system that a User-Agent header names: "Firefox on Linux"."""
    # Its patterns take 100 ms and 6 MB to load: only for who looks at the page that shows them.
    from ua_parser import parse_os, parse_user_agent

    browser, system = parse_user_agent(agent), parse_os(agent)
    if browser and system:
        return f"{browser.family} on {system.family}"
    return browser.family if browser else system.family if system else UNKNOWN
