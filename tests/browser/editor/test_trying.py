"""Somebody who has never been here makes a campaign: from nothing to a tried one, mistakes and all."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.editor.desk import NUMBERS, SOON_MS, SQUARES, Desk

pytestmark = pytest.mark.browser


class TestTheWholeWay:
    def test_from_a_template_to_a_tried_campaign_and_to_a_real_one(self, desk: Desk) -> None:
        desk.open("")
        desk.page.get_by_role("link", name="Map over a range").click()
        desk.press("Run on ten")
        desk.expect_verdict("All 10 ran, in ")
        expect(desk.part("told")).to_have_text("100 datasets, 1.6 KB in all.")
        rows = desk.part("rows").locator("tr")
        expect(rows).to_have_count(12)
        expect(rows.first).to_contain_text('{"from": 1, "to": 1001}')
        expect(rows.first.locator(".came")).to_contain_text("[1, 2, 2, 3, 2, 4, 2")
        expect(rows.nth(10)).to_have_text("89 more")
        expect(rows.last).to_contain_text('{"from": 99001, "to": 100001}')
        expect(desk.part("answer")).to_have_text(
            "The whole campaign: less than a second with 10 volunteers of 4 threads each."
        )
        desk.page.get_by_label("Name", exact=False).first.fill("Divisors")
        desk.press("Make the campaign")
        desk.page.wait_for_url(re.compile(r"/campaign/\d+$"))
        expect(desk.page.get_by_role("heading", name="Divisors")).to_be_visible()

    def test_the_kernel_runs_on_the_chosen_dataset_with_its_static_dataset_and_time_limit(self, desk: Desk) -> None:
        desk.open()
        desk.write("dataset_gen", NUMBERS)
        desk.write(
            "kernel",
            "(() => { let s; return { loadStaticDataset(t) { s = t; },\n"
            " main(d) { console.log('at', d.n); return s + d.n; } }; })()",
        )
        desk.page.get_by_label("Static dataset as text").fill("n = ")
        desk.press("Preview datasets")
        desk.expect_told("1,234 datasets, 6.86 KB in all.")
        desk.page.get_by_label("Run on dataset 1,233").check()
        desk.press("Run on one")
        expect(desk.part("shown")).to_have_text('"n = 1233"', timeout=SOON_MS)
        desk.expect_verdict("A result of 9 bytes, in ")
        expect(desk.part("lines")).to_have_text("at 1233")
        desk.part("volunteers").fill("0")
        expect(desk.part("answer")).to_have_text("Give at least one volunteer and one thread.")
        desk.page.get_by_text("The dataset that it ran on").click()
        desk.press("Edit a copy of it")
        typed = desk.page.get_by_label("Dataset as JSON")
        expect(typed).to_be_focused()
        typed.fill('{"n": "typed"}')
        typed.press("Control+Enter")
        expect(desk.part("shown")).to_have_text('"n = typed"', timeout=SOON_MS)

    def test_a_generator_without_end_is_shown_by_its_beginning(self, desk: Desk) -> None:
        desk.open()
        desk.write("kernel", SQUARES)
        desk.write("dataset_gen", "({ *main() { for (let n = 0; ; n += 1) yield { n }; } })")
        desk.press("Run on one")
        desk.expect_verdict("A result of 1 byte, in ")
        expect(desk.part("told")).to_contain_text("Asked for 10,000 datasets")
        expect(desk.part("told")).to_contain_text("there are more, perhaps without end")
        expect(desk.part("answer")).to_contain_text("The first 10,000 datasets: ")


class TestMistakes:
    def test_a_mistake_in_the_kernel_is_marked_mended_and_runs(self, desk: Desk) -> None:
        desk.open()
        desk.write("dataset_gen", NUMBERS)
        desk.write("kernel", "({\n  main(d) {\n    return d.missing.n;\n  },\n})")
        desk.press("Run on one")
        desk.expect_verdict("Dataset 0 failed.")
        expect(desk.part("error")).to_contain_text("TypeError: Cannot read properties of undefined (reading 'n')")
        desk.expect_mark("kernel", "    return d.missing.n;", "n")
        desk.part("placeLink").click()
        expect(desk.editor("kernel")).to_be_focused()
        desk.page.keyboard.press("Backspace")
        expect(desk.source("kernel").locator(".cm-fault")).to_have_count(0)
        desk.write("kernel", SQUARES)
        desk.page.keyboard.press("Control+Enter")
        desk.expect_verdict("A result of 1 byte, in ")

    def test_a_slip_is_marked_while_it_is_typed_and_nothing_is_run_for_it(self, desk: Desk) -> None:
        desk.open()
        desk.write("kernel", "({\n  main(d) {\n    retrun d;\n  },\n  ran: console.log('ran'),\n})")
        mark = desk.source("kernel").locator(".cm-lintRange-error")
        expect(mark).to_have_text("r", timeout=SOON_MS)
        mark.hover()
        said = "Is “retrun” meant to be “return”? Unexpected identifier 'd'"
        expect(desk.page.locator(".cm-tooltip")).to_contain_text(said)
        desk.write("kernel", "const four = 4;\n({ main: () => four });")
        expect(mark).to_have_count(0, timeout=SOON_MS)
        expect(desk.part("lines").locator("li")).to_have_count(0)

    def test_a_mistake_in_the_generator_is_marked_and_mended(self, desk: Desk) -> None:
        desk.open()
        desk.write("kernel", SQUARES)
        desk.write("dataset_gen", "({\n  main() {\n    return nothing.at.all;\n  },\n})")
        desk.page.keyboard.press("Control+Enter")
        desk.expect_told("There are no datasets.")
        expect(desk.part("previewMessage")).to_have_text("ReferenceError: nothing is not defined")
        desk.expect_mark("dataset_gen", "    return nothing.at.all;", "nothing")
        desk.write("dataset_gen", NUMBERS)
        desk.press("Run on one")
        desk.expect_verdict("A result of 1 byte, in ")
        expect(desk.part("previewError")).to_be_hidden()

    def test_an_endless_loop_ends_at_the_time_limit_or_when_it_is_stopped(self, desk: Desk) -> None:
        desk.open()
        desk.write("dataset_gen", NUMBERS)
        desk.write("kernel", "({ main(d) { for (;;); } })")
        desk.page.get_by_label("Time limit for one dataset").fill("1")
        desk.press("Run on one")
        desk.expect_verdict("Dataset 0 failed.")
        expect(desk.part("error")).to_contain_text("the dataset took longer than 1000 ms")
        desk.page.get_by_label("Time limit for one dataset").fill("600")
        desk.press("Run on one")
        desk.expect_verdict("Computing")
        desk.press("Stop")
        desk.expect_verdict("Stopped by you.")
        expect(desk.page.get_by_role("button", name="Run on one")).to_be_focused()

    @pytest.mark.parametrize(
        ("kernel", "limit", "said"),
        [("", "", "The kernel is empty."), (SQUARES, "0.5", "The time limit must be a number of seconds")],
    )
    def test_what_cannot_run_says_why(self, desk: Desk, kernel: str, limit: str, said: str) -> None:
        desk.open()
        if kernel:
            desk.write("kernel", kernel)
        desk.page.get_by_label("Time limit for one dataset").fill(limit)
        desk.press("Run on one")
        expect(desk.part("refusal")).to_contain_text(said)

    def test_a_site_that_does_not_answer_is_said_and_asked_again(self, desk: Desk) -> None:
        desk.open()
        desk.write("dataset_gen", NUMBERS)
        desk.page.route("**/campaign/previews", lambda route: route.abort())
        desk.press("Preview datasets")
        expect(desk.part("previewMessage")).to_contain_text("The site does not answer. Are you online?")
        desk.page.unroute("**/campaign/previews")
        desk.press("Try again")
        desk.expect_told("1,234 datasets")
        expect(desk.part("previewError")).to_be_hidden()

    def test_a_preview_that_takes_long_is_stopped(self, desk: Desk) -> None:
        asked: list[Request] = []

        def wait(route: Route) -> None:
            asked.append(route.request)
            route.fulfill(status=202, json={"id": 1})

        desk.open()
        desk.write("dataset_gen", NUMBERS)
        desk.page.route("**/campaign/previews/*", wait)
        desk.press("Preview datasets")
        desk.expect_told("Running the generator")
        desk.press("Stop")
        desk.expect_told("Stopped by you.")
        polled = len(asked)
        desk.page.wait_for_timeout(700)
        assert len(asked) == polled
