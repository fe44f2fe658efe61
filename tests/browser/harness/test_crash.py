"""What a tab does when the browser ends the sandbox's process, as it may do with one that takes too much memory."""

from __future__ import annotations

import contextlib

import pytest
from playwright.sync_api import Error, Page

from tests.browser.harness.desk import BUSY, Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Slow enough that datasets are computed one by one.
STUCK = "{main: function (d) { " + BUSY.replace("{ms}", "60") + " if (d.i === 2) for (;;); return d.i; }}"


def crash_sandbox(page: Page) -> None:
    """End the process of the page's sandboxed frame."""
    page.wait_for_timeout(100)  # playwright hears of frames only while it is asked
    frame = next(frame for frame in page.frames if frame.url.endswith("/inner"))
    with contextlib.suppress(Error):
        page.context.new_cdp_session(frame).send("Page.crash")


def test_a_tab_goes_on_in_a_new_sandbox_and_its_owner_reads_what_happened(desk: Desk) -> None:
    server = desk.serve(STUCK, [{"i": i} for i in range(6)])
    page = desk.visit()
    badge = page.frame_locator("iframe")
    badge.get_by_label("Threads").select_option("1")
    badge.get_by_role("button", name="Start").click()
    server.wait(lambda: len(server.results) == 2)
    crash_sandbox(page)
    server.wait(lambda: server.finished, seconds=60)
    assert server.results == {i: i for i in range(6) if i != 2}
    assert server.errors[2]["name"] == "WorkerError"
    assert "the browser ended the sandbox" in server.errors[2]["message"]
    assert len(server.hellos) == 2
