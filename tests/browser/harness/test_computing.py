"""Datasets get computed, and kernels that fail disturb nothing else."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.harness.desk import BUSY, COUNT, DOUBLE, Desk, state_of

pytestmark = pytest.mark.browser


class TestComputing:
    """A volunteer clicks, and datasets get computed."""

    def test_a_click_on_start_computes_every_dataset(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, COUNT)
        embed = desk.start()
        server.wait(lambda: server.finished)
        assert server.results == {i: 2 * i for i in range(40)}
        expect(state_of(embed)).to_have_text("Finished: thank you!")
        expect(embed.get_by_text("40 datasets done")).to_be_visible()
        assert server.origins == [desk.compute_url]
        assert server.broken == []

    def test_nothing_runs_before_the_click(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, COUNT)
        page = desk.visit("/embed/2?autostart=1")
        embed = page.frame_locator("iframe")
        expect(embed.get_by_role("button", name="Start")).to_be_enabled()
        page.wait_for_timeout(700)
        assert server.hellos == []
        assert [frame.url for frame in page.frames if frame.url.endswith("/inner")] == []

    def test_one_socket_serves_all_threads_of_a_tab(self, desk: Desk) -> None:
        server = desk.serve(f"{{main: function (d) {{ {BUSY.format(ms=5)} return 1; }}}}", COUNT)
        desk.start(threads=2)
        server.wait(lambda: server.finished)
        assert [hello["threads"] for hello in server.hellos] == [2]

    def test_the_static_dataset_reaches_the_kernel_once_and_unchanged(self, desk: Desk) -> None:
        kernel = (
            "(function () { var calls = []; return {loadStaticDataset: function (s) { calls.push(s); }, "
            "main: function () { return calls; }}; })()"
        )
        static = '\ufeffline 1\r\n"two" \u2028 \U0001f600</script>'
        server = desk.serve(kernel, [{}], static)
        desk.start()
        server.wait(lambda: server.finished)
        assert server.results == {0: [static]}

    def test_large_integers_keep_every_digit(self, desk: Desk) -> None:
        kernel = (
            "{main: function () { return {fits: 2n ** 64n - 1n, least: -(2n ** 63n), small: 5n, "
            "large: 2n ** 64n, exact: 3179389980591125407167n}; }}"
        )
        server = desk.serve(kernel, [{}])
        desk.start()
        server.wait(lambda: server.finished)
        assert server.results[0] == {
            "fits": 2**64 - 1,
            "least": -(2**63),
            "small": 5,
            "large": str(2**64),
            "exact": "3179389980591125407167",
        }

    def test_an_asynchronous_main_is_awaited(self, desk: Desk) -> None:
        kernel = "{main: async function (d) { await null; if (d.i === 1) throw new RangeError('odd'); return d.i; }}"
        server = desk.serve(kernel, [{"i": 0}, {"i": 1}, {"i": 2}])
        desk.start()
        server.wait(lambda: server.finished)
        assert server.results == {0: 0, 2: 2}
        assert (server.errors[1]["name"], server.errors[1]["message"]) == ("RangeError", "odd")

    def test_what_a_kernel_prints_and_reports_reaches_the_server(self, desk: Desk) -> None:
        kernel = "{main: function (d) { console.warn('at', d, 3n); report({progress: 0.5, note: 'half'}); return 1; }}"
        server = desk.serve(kernel, [{"i": 7}])
        server.close_when_done = False
        desk.start()
        server.wait(lambda: server.progress)
        assert server.progress[0] == {"progress": 0.5, "note": "half", "lines": [["warn", 'at {"i":7} 3']]}


class TestKernelsThatFail:
    """Each failure has its clear report and disturbs nothing else."""

    def test_an_endless_dataset_is_ended_and_the_others_go_on(self, desk: Desk) -> None:
        kernel = "{main: function (d) { if (d.i === 20) for (;;); return d.i; }}"
        server = desk.serve(kernel, COUNT, deadline_ms=400)
        desk.start()
        server.wait(lambda: server.finished)
        assert list(server.errors) == [20]
        assert server.errors[20]["name"] == "TimeoutError"
        assert server.errors[20]["message"] == "the dataset took longer than 400 ms"
        assert server.results == {i: i for i in range(40) if i != 20}

    def test_a_promise_that_never_settles_is_ended(self, desk: Desk) -> None:
        server = desk.serve("{main: function () { return new Promise(function () {}); }}", [{}], deadline_ms=300)
        desk.start()
        server.wait(lambda: server.errors)
        assert server.errors[0]["name"] == "TimeoutError"

    def test_after_five_endless_datasets_in_a_row_the_campaign_is_left_alone(self, desk: Desk) -> None:
        server = desk.serve("{main: function () { for (;;); }}", COUNT, deadline_ms=150)
        embed = desk.start()
        expect(state_of(embed)).to_contain_text("kept running past its time limit", timeout=15_000)
        server.wait(lambda: server.left == 1)
        assert len(server.errors) == 5

    def test_an_error_comes_with_its_name_message_and_the_kernels_own_lines(self, desk: Desk) -> None:
        kernel = "{\n  main: function fails(d) {\n    return d.missing.field;\n  }\n}"
        server = desk.serve(kernel, [{}])
        desk.start()
        server.wait(lambda: server.errors)
        assert server.errors[0]["name"] == "TypeError"
        assert "reading 'field'" in server.errors[0]["message"]
        assert "kernel.js:3:22" in server.errors[0]["stack"]
        assert "blob:" not in server.errors[0]["stack"]

    def test_a_result_that_is_too_large_is_an_error_of_that_dataset(self, desk: Desk) -> None:
        kernel = "{main: function (d) { return 'x'.repeat(d.i === 1 ? 3000 : 10); }}"
        server = desk.serve(kernel, COUNT[:3], max_result_bytes=1000)
        desk.start()
        server.wait(lambda: server.finished)
        assert server.errors[1]["message"] == "the result is larger than 1000 bytes"
        assert len(server.results) == 2

    def test_a_kernel_that_does_not_load_is_reported_once_and_its_next_version_tried(self, desk: Desk) -> None:
        bad = {
            "{main: function () { retrun 1 }}": "SyntaxError: Unexpected number",
            "// A comment.\nvar a = ;": "SyntaxError: Unexpected token ';'",
            "42": "TypeError: the kernel must evaluate to an object with a main function, not to a number",
            "null": "TypeError: the kernel must evaluate to an object with a main function, not to null",
            "({name: 'no main'})": "TypeError: the kernel's main must be a function, not undefined",
            "({main: function () {}})": "TypeError: the campaign has a static dataset, but the kernel has no "
            "loadStaticDataset function",
            "(function () { throw new Error('at load'); })()": "Error: at load",
            "(function () { for (;;); })()": "TimeoutError: loading the kernel took longer than 5000 ms",
        }
        places = {
            "{main: function () { retrun 1 }}": "at kernel.js:1:50",
            "// A comment.\nvar a = ;": "at kernel.js:2:9",
        }
        server = desk.serve(next(iter(bad)), COUNT, "data", deadline_ms=500)
        embed = desk.start(threads=2)
        for number, (kernel, message) in enumerate(bad.items(), 1):
            if number > 1:
                server.switch(kernel, COUNT)
            server.wait(lambda number=number: len(server.load_failures) == number)
            assert "{name}: {message}".format(**server.load_failures[-1]) == message
            assert server.load_failures[-1]["stack"].endswith(places.get(kernel, ""))
            expect(state_of(embed)).to_contain_text(message)
        assert (server.results, server.errors, sum(server.wants)) == ({}, {}, 0)
        server.switch("{main: function (d) { return 'good'; }, loadStaticDataset: function () {}}", COUNT)
        server.wait(lambda: server.finished)
        assert len(server.load_failures) == len(bad)
