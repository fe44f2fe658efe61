"""Real providers as processes of their own, and a person's browser at them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape

import httpx

from tests.oidc import github
from tests.processes import ROOT, find_free_port

CLIENT_ID, CLIENT_SECRET = github.CLIENT["client_id"], github.CLIENT["client_secret"]
START_TIMEOUT_S = 30.0


@dataclasses.dataclass
class Server:
    """A provider that runs."""

    url: str

    def describe(self, subject: str, **known: object) -> None:
        """Tell the OpenID provider what it knows of an account; a fault makes its ID token wrong."""
        httpx.put(f"{self.url}/_accounts/{subject}", json=known).raise_for_status()

    def count_asked(self, code: str) -> int:
        """Return how often what speaks as GitHub was asked for a token for a code."""
        codes: list[str] = httpx.get(f"{self.url}/_asked").json()
        return codes.count(code)


@contextlib.contextmanager
def run_openid(callback: str, port: int = 0) -> Iterator[Server]:
    """Run oidc-provider, with one client that may be sent back to the callback."""
    port = port or find_free_port()
    told = {"PORT": str(port), "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "CALLBACK": callback}
    with _run(["node", str(ROOT / "tests/oidc/provider.mjs")], told):
        yield _wait(f"http://localhost:{port}", "/.well-known/openid-configuration")


@contextlib.contextmanager
def run_github() -> Iterator[Server]:
    """Run what speaks as GitHub does."""
    port = find_free_port()
    with _run([sys.executable, "-m", "tests.oidc.github", str(port)], {}):
        yield _wait(f"http://localhost:{port}", "/login/oauth/authorize")


@contextlib.contextmanager
def _run(command: list[str], told: dict[str, str]) -> Iterator[None]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **told}, **quiet)  # type: ignore[call-overload]
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _wait(url: str, path: str) -> Server:
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url + path).status_code == 200:
                return Server(url)
        time.sleep(0.05)
    raise AssertionError(f"{url} does not serve")


class Visitor:
    """A person's browser at a provider: it keeps the provider's cookies and fills in its forms."""

    def __init__(self) -> None:
        self._http = httpx.Client()
        self.pages: list[str] = []

    def go(self, address: str, login: str, callback: str) -> str:
        """Follow an address through the provider's pages, signing in as LOGIN where asked, and return the way back."""
        answer = self._http.get(address)
        for _ in range(20):
            if answer.is_redirect:
                target = str(answer.url.join(answer.headers["Location"]))
                if target.startswith(callback):
                    return target
                answer = self._http.get(target)
            else:
                assert answer.status_code == 200, answer.text
                answer = self._send_form(answer, login)
        raise AssertionError("the provider does not send us back")

    def abort(self, address: str) -> str:
        """Go to the provider's page and say no there."""
        answer = self._http.get(address, follow_redirects=True)
        found = re.search(r'href="([^"]*/abort)"', answer.text)
        assert found, answer.text
        answer = self._http.get(unescape(found[1]))
        return str(self._http.get(answer.headers["Location"]).headers["Location"])

    def _send_form(self, page: httpx.Response, login: str) -> httpx.Response:
        self.pages.append(page.text)
        action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
        data = {name: unescape(value) for name, value in hidden} | {"login": login, "password": "anything"}
        return self._http.post(str(page.url.join(unescape(action[1]))) if action else str(page.url), data=data)
