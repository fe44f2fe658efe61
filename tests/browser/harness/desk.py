"""What a harness test works with: it starts servers, opens embeds, and is cleared up at the end."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from typing import Any

from flask import Flask
from playwright.sync_api import BrowserContext, FrameLocator, Page

from tests.browser.harness import bench

DOUBLE = "{main: function (d) { return d.i * 2; }}"
COUNT = [{"i": i} for i in range(40)]
BUSY = "var end = Date.now() + {ms}; while (Date.now() < end);"


@dataclasses.dataclass
class Desk:
    """What a test works with: it starts servers, opens embeds, and is cleared up at the end."""

    browser: BrowserContext
    app: Flask
    site: bench.OtherSite
    stack: ExitStack
    errors: list[str] = dataclasses.field(default_factory=list)

    @property
    def compute_url(self) -> str:
        """Where the embed pages are."""
        return str(self.app.extensions["settings"].compute_url)

    def serve(self, kernel: str, datasets: list[Any], static: str = "", **campaign: Any) -> bench.VolunteerServer:
        """Start a volunteers' server, and have the pages name it."""
        server = bench.VolunteerServer(kernel, datasets, static, **campaign)
        port = self.stack.enter_context(bench.running_socket(server))
        settings = self.app.extensions["settings"]
        self.app.extensions["settings"] = dataclasses.replace(settings, socket_url=f"ws://localhost:{port}/ws")
        return server

    def visit(self, path: str = "/embed/1", attributes: str = 'width="480" height="160"', **headers: str) -> Page:
        """Open a page of the other site that embeds ours."""
        frame = f'<iframe src="{self.compute_url}{path}" {attributes} title="Manyhands"></iframe>'
        html = f"<!doctype html><title>A blog</title><h1>A blog</h1><div id=room></div>{frame}"
        page = self.browser.new_page()
        self.stack.callback(page.close)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.site.put("/blog", html, **headers))
        return page

    def start(self, path: str = "/embed/1", threads: int = 1, **options: Any) -> FrameLocator:
        """Open an embed, choose the threads and click start."""
        embed = self.visit(path, **options).frame_locator("iframe")
        embed.get_by_label("Threads").select_option(str(threads))
        embed.get_by_role("button", name="Start").click()
        return embed


def state_of(embed: FrameLocator) -> Any:
    """The badge's words about what is going on."""
    return embed.get_by_role("status")
