"""The page on which kernels are tried: what it refuses, what a kernel reaches from it, keys, and widths."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.execute.bench import ENDLESS, LONG, Bench, list_violations

pytestmark = pytest.mark.browser


class TestRefusals:
    @pytest.mark.parametrize(
        ("number", "words"),
        [
            ("10", "There is no dataset 10: the last one is 9."),
            ("99999999999999999999", "Give the number of a dataset: 0 is the first one."),
            ("-1", "Give the number of a dataset: 0 is the first one."),
            ("", "Give the number of a dataset: 0 is the first one."),
            ("two", "Give the number of a dataset: 0 is the first one."),
        ],
    )
    def test_a_number_that_is_none_of_the_campaigns_runs_nothing(self, bench: Bench, number: str, words: str) -> None:
        bench.open("{main() { return 1; }}")
        field = bench.page.get_by_label("Number of the dataset")
        field.fill(number)
        field.press("Enter")
        expect(bench.page.get_by_role("alert")).to_have_text(words)
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        assert bench.page.locator("iframe").count() == 0
        bench.run(number=9)
        bench.expect_verdict("A result of 1 byte")
        expect(bench.part("refusal")).to_be_hidden()

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            (" ", "Type a dataset as a JSON object, such as"),
            ("{n: 1}", "This is not JSON: Expected property name or '}' in JSON at position 1"),
            ('{"n": 1', "This is not JSON: Expected ',' or '}'"),
            ("[1, 2]", "A dataset is a JSON object in braces, such as {\"n\": 1}. This is an array."),
            ("7", "This is a number."),
            ('"x"', "This is a text."),
            ("null", "This is null."),
            ('{"a":' * 70 + "1" + "}" * 70, "The dataset is nested deeper than 64 levels."),
            ('{"a": "%s"}' % ("x" * (1 << 20)), "The dataset is larger than 1048576 bytes."),
        ],
    )  # fmt: skip
    def test_what_is_no_dataset_says_why_and_runs_nothing(self, bench: Bench, typed: str, words: str) -> None:
        bench.open("{main() { return 1; }}")
        bench.run(typed=typed)
        expect(bench.page.get_by_role("alert")).to_contain_text(words)
        expect(bench.page.get_by_label("Dataset as JSON")).to_be_focused()
        bench.expect_verdict("Nothing ran: the dataset needs a change.")
        assert bench.page.locator("iframe").count() == 0

    def test_a_campaign_without_datasets_asks_for_a_typed_one(self, bench: Bench) -> None:
        bench.open("{main(d) { return d.n; }}", [])
        expect(bench.page.get_by_label("Dataset as JSON")).to_be_visible()
        bench.page.get_by_label("By its number").check()
        bench.page.get_by_role("button", name="Run").click()
        expect(bench.page.get_by_role("alert")).to_have_text("This campaign has no datasets yet.")

    def test_a_kernel_that_changed_since_the_page_was_opened_is_not_run(self, bench: Bench) -> None:
        bench.open("{main() { return 1; }}")
        bench.page.evaluate("document.querySelector('main').dataset.kernelHash = 'another'")
        bench.run(number=0)
        bench.expect_verdict("Nothing ran: the kernel has changed since. Reload this page.")

    def test_who_is_signed_out_meanwhile_is_told_so(self, bench: Bench) -> None:
        bench.open("{main() { return 1; }}")
        cookies = bench.context.cookies()
        bench.context.clear_cookies()
        try:
            bench.run(number=0)
            bench.expect_verdict("Nothing ran: Sign in to see this.")
        finally:
            bench.context.add_cookies(cookies)  # type: ignore[arg-type]
        bench.run(number=0)
        bench.expect_verdict("A result of 1 byte")

    def test_a_sandbox_that_does_not_start_says_so_and_is_tried_again(self, bench: Bench) -> None:
        bench.page.clock.install()
        bench.open("{main() { return 1; }}")
        bench.page.route("**/inner", lambda route: route.abort())
        with bench.page.expect_event("requestfailed"):
            bench.run(number=0)
        bench.page.clock.fast_forward(20_000)
        bench.expect_verdict("did not start. Try again in a moment.")
        bench.page.unroute("**/inner")
        bench.run(number=0)
        bench.expect_verdict("A result of 1 byte")
        assert bench.page.locator("iframe").count() == 1


class TestSandbox:
    def test_a_kernel_cannot_reach_the_page(self, bench: Bench) -> None:
        kernel = """{main() {
          const tried = [];
          const attempt = (name, act) => { try { act(); tried.push(name); } catch {} };
          attempt('post', () => postMessage(['answers', [1, 0, new Uint8Array([1])]]));
          attempt('self', () => self.postMessage('x'));
          attempt('parent', () => parent.postMessage('x', '*'));
          attempt('top', () => { top.location = 'about:blank'; });
          attempt('document', () => document.title);
          attempt('fetch', () => fetch('/campaign/all'));
          attempt('import', () => importScripts('/static/dist/execute.js'));
          attempt('worker', () => new Worker('data:text/javascript,1'));
          attempt('channel', () => new BroadcastChannel('x').postMessage(1));
          attempt('storage', () => localStorage.x);
          return tried;
        }}"""
        bench.open(kernel)
        bench.page.evaluate(
            "globalThis.heard = []; addEventListener('message', ({ data }) => { heard.push(String(data)); })"
        )
        bench.run(number=0)
        expect(bench.part("shown")).to_have_text("[]")
        assert bench.page.evaluate("heard") == []
        assert bench.page.url.endswith("/execute")

    def test_only_the_sandbox_may_be_framed_and_it_has_an_opaque_origin(self, bench: Bench) -> None:
        campaign_id = bench.open("{main() { return 1; }}")
        bench.run(number=0)
        bench.expect_verdict("A result of 1 byte")
        (inner,) = (frame for frame in bench.page.frames if frame != bench.page.main_frame)
        assert inner.url == f"http://localhost:{bench.site.socket_port}/inner"
        assert inner.evaluate("origin") == "null"
        frame = bench.page.locator("iframe")
        assert frame.get_attribute("sandbox") == "allow-scripts"
        assert frame.get_attribute("aria-hidden") == "true"
        bench.page.evaluate(
            "(id) => { const frame = document.createElement('iframe'); frame.src = `/campaign/${id}`;"
            " document.body.append(frame); }",
            campaign_id,
        )
        bench.page.wait_for_function("violations.length > 0")
        assert list_violations(bench.page) == ["frame-src"]
        bench.page.evaluate("violations.length = 0")
        bench.errors.clear()

    def test_a_kernel_that_floods_its_console_is_cut_short_and_the_page_lives(self, bench: Bench) -> None:
        bench.open("{main() { for (let i = 0; i < 1e5; i += 1) console.log(i); return 'done'; }}", deadline_ms=20_000)
        bench.run(number=0)
        expect(bench.part("shown")).to_have_text('"done"')
        assert 20 <= bench.page.get_by_role("log").get_by_role("listitem").count() <= 500


class TestPage:
    def test_all_of_it_works_by_keyboard(self, bench: Bench) -> None:
        campaign_id = bench.campaign(ENDLESS, deadline_ms=60_000)
        page = bench.page
        page.goto(f"/campaign/{campaign_id}")
        page.get_by_role("link", name="Try the kernel").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/execute")
        page.get_by_label("By its number").focus()
        page.keyboard.press("Tab")
        expect(page.get_by_label("Number of the dataset")).to_be_focused()
        page.keyboard.type("0")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Run")).to_be_focused()
        page.keyboard.press("Space")
        bench.expect_verdict("Computing…")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Stop")).to_be_focused()
        page.keyboard.press("Enter")
        bench.expect_verdict("Stopped by you.")
        expect(page.get_by_role("button", name="Run")).to_be_focused()
        page.get_by_label("By its number").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_label("Typed here")).to_be_checked()
        page.keyboard.press("Tab")
        page.keyboard.type('{"n": 6}')
        page.keyboard.press("Control+Enter")
        expect(bench.part("shown")).to_have_text("6")
        page.keyboard.type("x")
        expect(page.get_by_label("Dataset as JSON")).to_have_value('{"n": 6}x')

    def test_the_place_of_an_error_can_be_gone_to(self, bench: Bench) -> None:
        bench.open(LONG)
        bench.run(number=0)
        bench.expect_mark(202, "field")
        bench.page.locator(".source").evaluate("(pane) => { pane.scrollTop = 0; }")
        bench.page.get_by_role("link", name="Line 202, column 39").press("Enter")
        bench.expect_mark(202, "field")
        expect(bench.page.get_by_role("region", name="Kernel").last).to_be_focused()

    @pytest.mark.parametrize("width", [360, 1280])
    def test_it_fits_its_width_whatever_the_kernel_makes(self, bench: Bench, width: int) -> None:
        bench.page.set_viewport_size({"width": width, "height": 800})
        kernel = """{main(d) {
          console.log('x'.repeat(900)); if (d.n) throw new Error('y'.repeat(900)); return 'z'.repeat(900);
        }}"""
        bench.open(kernel + " " * 300 + "// " + "w" * 900)
        for number, words in ((0, "A result of 903 bytes"), (1, "The dataset failed.")):
            bench.run(number=number)
            bench.expect_verdict(words)
            assert bench.page.evaluate("document.documentElement.scrollWidth") <= width
