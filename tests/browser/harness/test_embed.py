"""The badge, its controls and its connection, on whatever page the embed is put."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.harness import bench
from tests.browser.harness.desk import BUSY, COUNT, DOUBLE, Desk, state_of

pytestmark = pytest.mark.browser


class TestControls:
    """The volunteer stays in charge."""

    def test_pause_gives_everything_back_and_resume_goes_on(self, desk: Desk) -> None:
        server = desk.serve(f"{{main: function (d) {{ {BUSY.format(ms=20)} return d.i; }}}}", COUNT * 3)
        embed = desk.start()
        server.wait(lambda: len(server.results) >= 3)
        embed.get_by_role("button", name="Pause").click()
        expect(state_of(embed)).to_have_text("Paused by you.")
        server.wait(lambda: server.wants[-1] == 0 and all(not c.leases for c in server.connections))
        held = len(server.results)
        assert held + len(server.pending) == server.total
        embed.get_by_role("button", name="Resume").click()
        server.wait(lambda: server.finished)
        assert len(server.hellos) == 1

    def test_pause_ends_a_dataset_that_does_not_end_by_itself(self, desk: Desk) -> None:
        server = desk.serve("{main: function () { for (;;); }}", [{}])
        embed = desk.start()
        server.wait(lambda: not server.pending)
        embed.get_by_role("button", name="Pause").click()
        server.wait(lambda: server.given_back == 1)
        assert server.errors == {}

    def test_a_smaller_cpu_share_makes_the_worker_rest(self, desk: Desk) -> None:
        kernel = f"{{main: function () {{ var start = Date.now(); {BUSY.format(ms=10)} return [start, Date.now()]; }}}}"
        server = desk.serve(kernel, COUNT[:20])
        embed = desk.visit().frame_locator("iframe")
        embed.get_by_label("Threads").select_option("1")
        embed.get_by_label("CPU").select_option("25")
        embed.get_by_role("button", name="Start").click()
        server.wait(lambda: server.finished)
        spans = sorted(server.results.values())
        work = sum(end - start for start, end in spans)
        # The last piece of work is followed by no rest that could be seen.
        assert spans[-1][1] - spans[0][0] > 2.5 * work

    def test_autostart_waits_until_the_badge_is_seen(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, COUNT)
        style = 'style="margin-top: 3000px" width="480" height="160"'
        page = desk.visit("/embed/1?autostart=1", style)
        embed = page.frame_locator("iframe")
        expect(embed.get_by_role("button", name="Start")).to_be_enabled()
        page.wait_for_timeout(500)
        assert server.hellos == []
        page.locator("iframe").scroll_into_view_if_needed()
        server.wait(lambda: server.finished)

    def test_any_campaign_is_asked_for_in_words(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, COUNT, name="Chosen")
        embed = desk.visit("/embed/any").frame_locator("iframe")
        expect(embed.get_by_role("heading", name="Help any campaign listed here")).to_be_visible()
        embed.get_by_role("button", name="Start").click()
        server.wait(lambda: server.finished)
        assert server.hellos[0]["campaign"] == -1
        expect(embed.get_by_text("Chosen")).to_be_visible()

    def test_leaving_the_page_says_so_to_the_server(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, COUNT)
        server.close_when_done = False
        page = desk.visit()
        page.frame_locator("iframe").get_by_role("button", name="Start").click()
        server.wait(lambda: server.results)
        page.locator("iframe").evaluate("frame => frame.remove()")
        server.wait(lambda: not server.connections)


class TestConnection:
    """One socket that comes back when that makes sense."""

    def test_a_restarting_server_is_met_again_without_sending_the_kernel_twice(self, desk: Desk) -> None:
        kernel = f"{{main: function (d) {{ {BUSY.format(ms=20)} return d.i; }}}}"
        server = desk.serve(kernel, COUNT)
        desk.start()
        server.wait(lambda: len(server.results) >= 3)
        server.close_all(1012)
        server.wait(lambda: server.finished)
        assert len(server.hellos) == 2
        assert server.hellos[0]["have"] == []
        assert set(server.hellos[1]["have"]) == {bench.digest(kernel), bench.digest("")}
        assert server.hellos[1]["resume"] == "ticket"
        assert server.results == {i: i for i in range(40)}

    def test_the_badge_counts_down_to_the_next_try(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, [])
        server.close_when_done = False
        embed = desk.start()
        server.wait(lambda: server.wants)
        server.close_all(1013)
        expect(state_of(embed)).to_have_text("Reconnecting")
        expect(embed.get_by_text(re.compile(r"in \d+ s"))).to_be_visible()

    def test_a_final_close_is_not_followed_by_another_connection(self, desk: Desk) -> None:
        endings = {
            1000: "Finished: thank you!",
            1008: "takes no more volunteers",
            4404: "no longer there",
            4409: "Paused: this campaign has nothing to compute right now.",
            1002: "Stopped (1002)",
        }
        server = desk.serve(DOUBLE, [])
        server.close_when_done = False
        embed = desk.start()
        for number, (code, words) in enumerate(endings.items(), 1):
            if number > 1:
                embed.get_by_role("button", name="Start again").click()
            server.wait(lambda number=number: len(server.wants) == number)
            server.close_all(code)
            expect(state_of(embed)).to_contain_text(words)
        # The first wait of a connection that comes back is a second at most.
        embed.locator("body").evaluate("() => new Promise((resolve) => setTimeout(resolve, 1300))")
        assert len(server.hellos) == len(endings)

    def test_a_change_brings_the_new_kernel_on_the_same_connection(self, desk: Desk) -> None:
        slow = f"{{main: function (d) {{ {BUSY.format(ms=30)} return 'old'; }}}}"
        server = desk.serve(slow, COUNT * 5)
        desk.start()
        server.wait(lambda: len(server.results) >= 2)
        server.switch("{main: function (d) { return 'new'; }}", COUNT)
        server.wait(lambda: server.finished)
        assert set(server.results.values()) == {"new"}
        assert len(server.hellos) == 1


class TestEmbedders:
    """The embed works in whatever frame it is put, and says where it stands."""

    def test_an_embedder_may_sandbox_the_frame(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, COUNT)
        desk.start(attributes='sandbox="allow-scripts" width="480" height="160"')
        server.wait(lambda: server.finished)
        assert server.origins == ["null"]

    def test_an_embedder_may_be_cross_origin_isolated(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, COUNT)
        headers = {"Cross_Origin_Opener_Policy": "same-origin", "Cross_Origin_Embedder_Policy": "require-corp"}
        desk.start(**headers)
        server.wait(lambda: server.finished)

    def test_an_unknown_campaign_is_a_page_that_says_so(self, desk: Desk) -> None:
        embed = desk.visit("/embed/999").frame_locator("iframe")
        expect(embed.get_by_text("There is no campaign here.")).to_be_visible()
        assert embed.get_by_role("button").count() == 0
