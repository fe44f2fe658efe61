"""The engines, each started with a fresh profile at one address, and ended by its process group.

Nothing drives them but the page that they open: what they do is seen from outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Playwright

from tests.browser.harness.bench import chromium_args

WIDTH, HEIGHT = 1280, 1000
# Firefox talks to nobody but the test, asks nothing, and does not slow itself down.
QUIET = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.provider.google4.updateURL": "",
    "browser.safebrowsing.provider.mozilla.updateURL": "",
    "browser.search.update": False,
    "browser.sessionstore.resume_from_crash": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.topsites.contile.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "geo.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "network.trr.mode": 5,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "",
    "toolkit.telemetry.unified": False,
    "trailhead.firstrun.didSeeAboutWelcome": True,
}


@contextlib.contextmanager
def run_chromium(playwright: Playwright, profile: Path, url: str) -> Iterator[None]:
    """Open a page in Chromium, with its profile kept in a folder. Embedded pages may store things, as in Firefox."""
    preferences = profile / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}))
    context = playwright.chromium.launch_persistent_context(
        str(profile),
        executable_path=shutil.which("chromium"),
        args=chromium_args(),
        viewport={"width": WIDTH, "height": HEIGHT},
    )
    try:
        context.pages[0].goto(url)
        yield
    finally:
        context.close()


@contextlib.contextmanager
def run_firefox(profile: Path, url: str) -> Iterator[None]:
    """Open a page in Firefox ESR, with its profile kept in a folder."""
    profile.mkdir()
    profile.joinpath("user.js").write_text("".join(_preference(name, value) for name, value in QUIET.items()))
    size = {"MOZ_HEADLESS_WIDTH": str(WIDTH), "MOZ_HEADLESS_HEIGHT": str(HEIGHT), "HOME": str(profile)}
    with open(profile / "firefox.log", "wb") as log:
        process = subprocess.Popen(
            [str(shutil.which("firefox-esr")), "--headless", "--no-remote", "--profile", str(profile), url],
            env={**os.environ, **size},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        _end(process)


def _preference(name: str, value: object) -> str:
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return f'user_pref("{name}", {shown});\n'


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
