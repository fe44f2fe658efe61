"""An owner tries a kernel in a real browser, on the real site: what volunteers' browsers would make of it, shown."""

from __future__ import annotations

import re
import time

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.models import KernelError
from tests.browser.execute.bench import ENDLESS, LONG, Bench
from tests.campaigns import read_results

pytestmark = pytest.mark.browser


class TestResults:
    def test_the_result_is_shown_with_its_bytes_and_its_time(self, bench: Bench) -> None:
        kernel = "{main(d) { return {square: d.n * d.n, big: 2n ** 63n, bytes: new Uint8Array([1, 255]), no: NaN}; }}"
        bench.open(kernel)
        bench.run(number=7)
        bench.expect_verdict("A result of 44 bytes, in ")
        value = '{"square": 49, "big": 9223372036854775808, "bytes": <2 bytes: 01 ff>, "no": NaN}'
        assert " ".join(bench.part("shown").inner_text().split()).replace("{ ", "{").replace(" }", "}") == value
        expect(bench.part("size")).to_have_text("44 bytes")
        expect(bench.part("datasetSize")).to_have_text("4 bytes")
        expect(bench.part("time")).to_have_text(re.compile(r"^(less than 0\.1|[\d.]+) ms$"))

    def test_a_dataset_may_be_typed_and_the_campaigns_static_dataset_is_there(self, bench: Bench) -> None:
        kernel = "(() => { let s; return {loadStaticDataset(t) { s = t; }, main(d) { return s + d.word; }}; })()"
        bench.open(kernel, [], static_dataset="\ufeffpre\r\n\u2028")
        bench.run(typed='{"word": "fix"}')
        bench.expect_verdict("A result of 16 bytes, in ")
        assert bench.part("shown").text_content() == '"\ufeffpre\\r\\n\u2028fix"'

    def test_a_kernel_that_returns_nothing_has_no_result(self, bench: Bench) -> None:
        bench.open("{main() {}}")
        bench.run()
        bench.expect_verdict("No result: main returned null or undefined. It took ")
        expect(bench.part("size")).to_be_hidden()

    def test_of_a_large_result_the_beginning_is_shown(self, bench: Bench) -> None:
        bench.open("{main() { return Array.from({length: 3000000}, () => ({})); }}", deadline_ms=20_000)
        bench.run()
        bench.expect_verdict("A result of 3,000,005 bytes, in ")
        assert "… 2,998,000 more" in (bench.part("shown").text_content() or "")
        expect(bench.part("rest")).to_be_visible()

    def test_a_dataset_can_be_copied_changed_and_run_on(self, bench: Bench) -> None:
        bench.open("{main(d) { return d.n + 1; }}", query="?dataset=8")
        bench.run()
        expect(bench.part("shown")).to_have_text("9")
        bench.page.get_by_text("The dataset that it ran on").click()
        expect(bench.part("given")).to_have_text('{"n": 8}')
        bench.page.get_by_role("button", name="Edit a copy of it").click()
        field = bench.page.get_by_label("Dataset as JSON")
        expect(field).to_be_focused()
        field.fill(field.input_value().replace("8", "41"))
        field.press("Control+Enter")
        expect(bench.part("shown")).to_have_text("42")

    def test_every_run_is_a_thread_of_its_own(self, bench: Bench) -> None:
        bench.open("(() => { let calls = 0; return {main() { calls += 1; Math.max = null; return calls; }}; })()")
        for _ in range(3):
            bench.run()
            expect(bench.part("shown")).to_have_text("1")


class TestErrors:
    def test_the_line_of_an_error_is_marked_and_in_view(self, bench: Bench) -> None:
        bench.open(LONG)
        bench.run(number=0)
        bench.expect_verdict("The dataset failed. TypeError: Cannot read properties of undefined (reading 'field')")
        bench.expect_mark(202, "field")
        expect(bench.part("placeLink")).to_have_text("Line 202, column 39")
        assert "blob:" not in (bench.part("stack").text_content() or "")
        bench.run(typed='{"missing": {"field": 5}}')
        bench.expect_verdict("A result of 1 byte, in ")
        expect(bench.page.locator(".source .marked, .source mark")).to_have_count(0)

    @pytest.mark.parametrize("sloppy", [False, True])
    @pytest.mark.parametrize("kernel", ["{main(d) { return d.a.b; }}", "const c = 1; ({main(d) { return d.a.b; }})"])
    def test_a_column_of_the_first_line_is_the_owners(self, bench: Bench, kernel: str, sloppy: bool) -> None:
        bench.open(kernel, sloppy=sloppy)
        bench.run(number=0)
        bench.expect_verdict("TypeError")
        expect(bench.part("placeLink")).to_have_text(f"Line 1, column {kernel.index('b;') + 1}")
        bench.expect_mark(1, "b")
        assert f"kernel.js:1:{kernel.index('b;') + 1}" in (bench.part("stack").text_content() or "")

    @pytest.mark.parametrize(
        ("kernel", "error", "place", "line", "word"),
        [
            ("{\n  main(d) { retrun d }\n}", "SyntaxError: Unexpected identifier 'd'", "Line 2, column 20", 2, ["d"]),
            ("const a = 1;\nconst a = 2;\n({main() {}})", "already been declared", "Line 2, column 7", 2, ["a"]),
            ("{main() { return 1;\n", "SyntaxError: Unexpected token", "Line 2, its end", 2, []),
            (
                "{\r\n\u2028\n  main(d) { throw new RangeError('r') }\r}",
                "RangeError: r",
                "Line 4, column 19",
                4,
                ["new"],
            ),
        ],
    )
    def test_what_does_not_parse_is_marked_like_what_throws(
        self, bench: Bench, kernel: str, error: str, place: str, line: int, word: list[str]
    ) -> None:
        bench.open(kernel)
        bench.run(number=0)
        bench.expect_verdict(error)
        expect(bench.part("placeLink")).to_have_text(place)
        marked = bench.page.locator(".source .marked")
        assert marked.get_attribute("data-line") == str(line)
        assert marked.locator("mark").all_text_contents() == word

    @pytest.mark.parametrize(
        ("kernel", "words"),
        [
            ("{main() { throw 'a text'; }}", "The dataset failed. Error: the kernel threw a text"),
            ("{main() { return () => 1; }}", "TypeError: the result is a function, which cannot be stored"),
            ("{main() { return 'x'.repeat(17 << 20); }}", "RangeError: the result is larger than 16777216 bytes"),
            ("{name: 'no main'}", "The kernel did not load. TypeError: the kernel's main must be a function"),
        ],
    )
    def test_an_error_without_a_line_is_shown_without_a_mark(self, bench: Bench, kernel: str, words: str) -> None:
        bench.open(kernel)
        bench.run(number=0)
        bench.expect_verdict(words)
        expect(bench.page.locator(".source .marked")).to_have_count(0)
        expect(bench.part("place")).to_be_hidden()


class TestTime:
    def test_an_endless_loop_is_ended_at_the_deadline_and_the_page_goes_on(self, bench: Bench) -> None:
        bench.open(ENDLESS, deadline_ms=1000)
        bench.page.evaluate("globalThis.ticks = 0; setInterval(() => { ticks += 1; }, 10)")
        bench.run(number=0)
        bench.expect_verdict("Computing…")
        before = bench.page.evaluate("ticks")
        bench.expect_verdict("The dataset failed. TimeoutError: the dataset took longer than 1000 ms")
        assert bench.page.evaluate("ticks") - before > 10
        bench.run(number=3)
        expect(bench.part("shown")).to_have_text("3")

    def test_a_kernel_that_never_loads_is_ended_as_for_volunteers(self, bench: Bench) -> None:
        bench.open("(function () { for (;;); })()", deadline_ms=1000)
        bench.run(number=0)
        bench.expect_verdict("The kernel did not load. TimeoutError: loading the kernel took longer than 5000 ms")

    def test_stop_ends_it_at_once(self, bench: Bench) -> None:
        bench.open(ENDLESS, deadline_ms=60_000)
        stop = bench.page.get_by_role("button", name="Stop")
        expect(stop).to_be_disabled()
        bench.run(number=0)
        bench.expect_verdict("Computing…")
        expect(bench.page.get_by_role("button", name="Run")).to_have_attribute("aria-disabled", "true")
        stop.click()
        bench.expect_verdict("Stopped by you.")
        expect(bench.page.get_by_role("button", name="Run")).to_be_focused()
        bench.run(number=5)
        expect(bench.part("shown")).to_have_text("5")

    def test_what_the_kernel_prints_and_reports_is_shown_while_it_runs(self, bench: Bench) -> None:
        kernel = """{main() {
          console.log('one', {a: 1}, '<b>'); console.warn('two'); report({progress: 0.25, note: 'first pass'});
          for (;;);
        }}"""
        bench.open(kernel, deadline_ms=60_000)
        bench.run(number=0)
        lines = bench.page.get_by_role("log").get_by_role("listitem")
        expect(lines).to_have_text(['one {"a":1} <b>', "two"])
        expect(lines.nth(1)).to_have_class("warn")
        expect(bench.part("bar")).to_have_attribute("value", "0.25")
        expect(bench.part("note")).to_have_text("first pass")
        expect(bench.part("verdict")).to_have_text("Computing…")
        bench.page.keyboard.press("Escape")
        bench.expect_verdict("Stopped by you.")
        expect(lines).to_have_count(2)


IMPLICIT = "{\n  main: function (d) {\n    sum = 0;\n    for (i = 1; i <= d.n; i++) sum += i;\n    return sum;\n  }\n}"


class TestVolunteers:
    """What the page says is what volunteers' browsers make of the same campaign."""

    def test_implicit_globals_fail_in_strict_mode_here_as_there(self, bench: Bench) -> None:
        campaign_id = bench.open(IMPLICIT, [{"n": 4}])
        bench.run(number=0)
        bench.expect_verdict("ReferenceError: sum is not defined")
        bench.expect_mark(3, "=")  # where the engine has it
        stack = bench.part("stack").text_content()
        volunteer = help_with(bench, campaign_id)
        find = sa.select(KernelError.name, KernelError.message, KernelError.stack).where(
            KernelError.campaign_id == campaign_id
        )
        give_up_at = time.monotonic() + 20
        while not (rows := bench.database.read(lambda connection: connection.execute(find).all())):
            assert time.monotonic() < give_up_at
            volunteer.wait_for_timeout(100)
        volunteer.close()
        assert tuple(rows[0]) == ("ReferenceError", "sum is not defined", stack)

    def test_implicit_globals_compute_in_sloppy_mode_here_as_there(self, bench: Bench) -> None:
        campaign_id = bench.open(IMPLICIT, [{"n": 4}, {"n": 100}], sloppy=True)
        bench.run(number=1)
        expect(bench.part("shown")).to_have_text("5050")
        volunteer = help_with(bench, campaign_id)
        expect(volunteer.get_by_role("status")).to_have_text("Finished: thank you!", timeout=20_000)
        volunteer.close()
        assert read_results(bench.database, campaign_id) == {0: 10, 1: 5050}


def help_with(bench: Bench, campaign_id: int) -> Page:
    """Take part in a campaign as a volunteer."""
    volunteer = bench.context.new_page()
    volunteer.goto(f"http://localhost:{bench.site.socket_port}/embed/{campaign_id}")
    volunteer.get_by_role("button", name="Start").click()
    return volunteer
