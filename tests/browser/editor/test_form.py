"""What is sent and what is kept: files chosen and dropped, drafts, the form without JavaScript, the keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.editor.desk import NUMBERS, SOON_MS, SQUARES, Desk, read_newest, write_files
from tests.browser.sites import sign_up
from tests.processes import Site

pytestmark = pytest.mark.browser
WELCOME = [True, True, True, True, False]


def send(page: Page, name: str) -> None:
    page.locator("#name").fill(name)
    page.get_by_role("button", name="Make the campaign").click()
    page.wait_for_url(re.compile(r"/campaign/\d+$"))


class TestFiles:
    def test_programs_open_in_their_editors_and_the_static_dataset_stays_a_file(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        paths = write_files(tmp_path)
        desk.open()
        for name, path in paths.items():
            desk.page.locator(f"input[type=file][name={name}]").set_input_files(path)
        expect(desk.source("static_dataset").locator(".told")).to_contain_text("static_dataset.txt, 7 bytes.")
        expect(desk.editor("kernel")).to_have_text(paths["kernel"].read_text())
        desk.press("Run on one")
        desk.expect_verdict("A result of 1 byte, in ")
        send(desk.page, "By files")
        texts = {name: path.read_bytes() for name, path in paths.items()}
        stored = read_newest(desk.site)
        assert tuple(stored) == ("By files", texts["kernel"], texts["static_dataset"], texts["dataset_gen"])

    def test_a_dropped_file_is_welcome_where_it_belongs_and_nowhere_else(self, desk: Desk) -> None:
        desk.open()
        assert desk.drop("[data-source=kernel] .cm-content", "kernel.js", SQUARES.encode()) == WELCOME
        expect(desk.editor("kernel")).to_be_focused()
        assert desk.read("kernel") == SQUARES
        assert desk.drop("[data-source=dataset_gen] .cm-content", "generator.js", NUMBERS.encode()) == WELCOME
        assert desk.drop("[data-source=static_dataset] textarea", "data.csv", b"x" * 5000) == WELCOME
        expect(desk.source("static_dataset").locator(".told")).to_contain_text("data.csv, 4.88 KB.")
        desk.drop("h1", "missed.js", b"({})")
        assert desk.page.url.endswith("/campaign/new?start=empty")
        desk.press("Run on one")
        desk.expect_verdict("The kernel did not load.")
        expect(desk.part("message")).to_contain_text("has no loadStaticDataset function")
        desk.press("Don’t use the file")
        expect(desk.page.get_by_label("Static dataset as text")).to_be_focused()
        desk.press("Run on one")
        desk.expect_verdict("A result of 1 byte, in ")

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("kernel", b"(\xff)", "bad.bin is not UTF-8 text."),
            ("dataset_gen", b"x" * ((1 << 20) + 1), "bad.bin has 1,048,577 bytes; the limit is 1,048,576 bytes."),
            ("static_dataset", b"\xc3(", "bad.bin is not UTF-8 text."),
        ],
    )
    def test_a_file_that_cannot_be_taken_says_why_and_changes_nothing(
        self, desk: Desk, name: str, content: bytes, said: str
    ) -> None:
        desk.open("?template=sweep")
        before = desk.read(name)
        file = {"name": "bad.bin", "mimeType": "text/plain", "buffer": content}
        desk.page.locator(f"input[type=file][name={name}]").set_input_files([file])  # type: ignore[list-item]
        expect(desk.source(name).locator(".field-error")).to_contain_text(said)
        assert desk.read(name) == before
        assert desk.page.locator(f"input[type=file][name={name}]").evaluate("(input) => input.files.length") == 0

    def test_a_program_keeps_the_line_ends_of_its_file_through_changes_previews_and_a_reload(self, desk: Desk) -> None:
        desk.open()
        kernel = "({\r\n  main(d) {\r\n    return d.n;\r\n  },\r\n})\r\n"
        desk.drop("[data-source=kernel] .cm-content", "kernel.js", kernel.encode())
        expect(desk.source("kernel").locator(".told")).to_contain_text("its line ends stay CRLF")
        desk.drop("[data-source=dataset_gen] .cm-content", "generator.js", NUMBERS.encode())
        desk.editor("kernel").focus()
        desk.page.keyboard.press("ControlOrMeta+End")
        desk.page.keyboard.insert_text("// one\n// more")
        desk.press("Run on one")
        desk.expect_verdict("A result of 1 byte, in ")
        desk.page.reload()
        expect(desk.part("draftText")).to_contain_text("Draft restored")
        send(desk.page, "From Windows")
        stored = read_newest(desk.site)
        assert stored.kernel.decode() == kernel + "// one\r\n// more"
        assert stored.dataset_gen.decode() == NUMBERS


class TestDrafts:
    def test_a_small_file_is_part_of_the_draft_and_is_sent_to_the_byte(self, desk: Desk) -> None:
        desk.open()
        content = b"\xef\xbb\xbfa\r\nb\n"
        desk.write("kernel", "({ main: (d) => d.n, loadStaticDataset() {} })")
        desk.write("dataset_gen", NUMBERS)
        desk.drop("[data-source=static_dataset] textarea", "data.csv", content)
        expect(desk.source("static_dataset").locator(".told")).to_contain_text("data.csv")
        desk.page.reload()
        expect(desk.part("draftText")).to_have_text("Draft restored, from just now.")
        expect(desk.source("static_dataset").locator(".told")).to_contain_text("data.csv, 8 bytes.")
        desk.page.locator("#name").fill(" ")
        desk.press("Make the campaign")  # is refused, and comes back without the file; the draft has it
        expect(desk.page.locator("#name-error")).to_be_visible()
        expect(desk.source("static_dataset").locator(".told")).to_contain_text("data.csv, 8 bytes.")
        expect(desk.part("chooseAgain")).to_be_hidden()
        send(desk.page, "With a file")
        assert read_newest(desk.site).static_dataset == content

    def test_a_draft_names_the_file_that_was_too_large_for_it_until_there_is_another(self, desk: Desk) -> None:
        desk.open()
        desk.drop("[data-source=static_dataset] textarea", "small.csv", b"x")
        file = {"name": "big.csv", "mimeType": "text/csv", "buffer": b"x" * ((1 << 20) + 1)}
        desk.page.locator("input[name=static_dataset]").set_input_files([file])  # type: ignore[list-item]
        expect(desk.part("unkept")).to_be_visible()
        for _ in range(2):  # it is not forgotten by the next reload
            desk.page.reload()
            said = "big.csv was too large to be kept: choose it again, as the static dataset."
            expect(desk.part("draftText")).to_contain_text(said)
            expect(desk.source("static_dataset").locator(".field-error")).to_contain_text("big.csv was too large")
            desk.page.locator("#name").press("a")
        desk.drop("[data-source=static_dataset] textarea", "small.csv", b"x")
        expect(desk.source("static_dataset").locator(".field-error")).to_be_hidden()
        desk.page.reload()
        expect(desk.part("draftText")).to_have_text("Draft restored, from just now.")

    def test_a_draft_survives_a_reload_and_is_over_when_the_campaign_is_made(self, desk: Desk) -> None:
        desk.open("?template=map")
        desk.write("kernel", SQUARES)
        desk.page.locator("#name").fill("Half done")
        desk.page.locator("#sloppy").check()
        desk.page.reload()
        expect(desk.part("draftText")).to_contain_text("Draft restored, from just now.")
        assert desk.read("kernel") == SQUARES
        expect(desk.editor("kernel")).to_contain_text("return d.n * d.n;")
        expect(desk.page.locator("#name")).to_have_value("Half done")
        expect(desk.page.locator("#sloppy")).to_be_checked()
        send(desk.page, "Done")
        desk.open("")
        expect(desk.part("draft")).to_be_hidden()
        assert desk.read("kernel") == ""

    def test_what_somebody_chose_to_start_from_wins_and_the_draft_is_offered(self, desk: Desk) -> None:
        desk.open()
        desk.write("kernel", SQUARES)
        desk.open("?example=primes")
        expect(desk.part("draftText")).to_contain_text("There is a draft from just now that you have not sent.")
        assert "prime" in desk.read("kernel")
        desk.press("Restore it")
        assert desk.read("kernel") == SQUARES
        desk.press("Discard it")
        assert "prime" in desk.read("kernel")
        desk.open("")
        expect(desk.part("draft")).to_be_hidden()

    def test_a_form_that_was_refused_keeps_its_draft(self, desk: Desk) -> None:
        desk.open()
        desk.write("kernel", SQUARES)
        desk.page.locator("#name").fill("No generator")
        desk.press("Make the campaign")
        expect(desk.source("dataset_gen").locator(".field-error")).to_contain_text("The dataset generator is missing")
        expect(desk.editor("dataset_gen")).to_be_focused()
        expect(desk.part("draft")).to_be_hidden()
        desk.open("")
        assert desk.read("kernel") == SQUARES

    def test_signing_out_takes_the_draft_along_on_any_page(self, chromium: Browser, site: Site) -> None:
        with chromium.new_context(base_url=site.url) as context:
            sign_up(context, "pat@example.org")
            desk = Desk(site, context, context.new_page())
            desk.open()
            desk.write("kernel", SQUARES)
            desk.page.goto("/campaign/all")
            assert desk.page.evaluate("localStorage.length") == 1
            desk.press("Sign out")
            expect(desk.page.get_by_role("link", name="Sign in")).to_be_visible()
            assert desk.page.evaluate("localStorage.length") == 0


class TestWithoutJavaScript:
    def test_the_plain_form_takes_files_and_says_what_is_wrong(
        self, chromium: Browser, site: Site, state: object, tmp_path: Path
    ) -> None:
        paths = write_files(tmp_path)
        context = chromium.new_context(base_url=site.url, storage_state=state, java_script_enabled=False)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("/campaign/new?template=monte-carlo")
        expect(page.get_by_label("Kernel as text")).to_have_value(re.compile("mulberry32"))
        expect(page.get_by_role("button", name="Run on one")).to_be_hidden()
        assert "Trying it out here needs JavaScript" in page.content()
        page.goto("/campaign/new")
        page.get_by_role("button", name="Make the campaign").click()
        expect(page.locator("#name")).to_be_focused()  # the browser itself asks for it
        for name, path in paths.items():
            page.get_by_label("or a file").and_(page.locator(f"[name={name}]")).set_input_files(path)
        page.get_by_label("Kernel as text").fill("twice")
        page.locator("#name").fill("Plain")
        page.get_by_role("button", name="Make the campaign").click()
        expect(page.locator("#kernel-error")).to_contain_text("came twice")
        page.get_by_label("Kernel as text").fill("")
        for name, path in paths.items():
            page.locator(f"input[name={name}]").set_input_files(path)
        page.get_by_role("button", name="Make the campaign").click()
        page.wait_for_url(re.compile(r"/campaign/\d+$"))
        assert read_newest(site)[0:3] == ("Plain", paths["kernel"].read_bytes(), paths["static_dataset"].read_bytes())
        context.close()


class TestKeyboard:
    def test_editors_are_left_trying_is_reached_and_nothing_needs_a_mouse(self, desk: Desk) -> None:
        desk.open("?template=map")
        keyboard, page = desk.page.keyboard, desk.page
        expect(desk.part("keys")).to_contain_text("Ctrl Enter runs the kernel, and in the generator previews")
        expect(desk.part("keys")).to_be_in_viewport()
        expect(desk.editor("kernel")).to_have_accessible_description(re.compile("Esc, then Tab leaves it"))
        desk.editor("kernel").focus()
        for stop in ("#kernel", "[data-source=dataset_gen] .cm-content"):
            keyboard.press("Tab")  # Who only passes by is not held.
            expect(page.locator(stop)).to_be_focused()
        for key in ("Enter", "ArrowUp", "Tab"):
            keyboard.press(key)
        assert desk.read("dataset_gen").startswith("  \n//")
        keyboard.press("Escape")
        keyboard.press("Tab")
        expect(page.locator("#dataset_gen")).to_be_focused()
        keyboard.press("Shift+Tab")
        keyboard.press("Control+Enter")
        desk.expect_told("100 datasets")
        page.get_by_label("Run on dataset 0").focus()
        keyboard.press("ArrowDown")
        expect(page.get_by_label("Run on dataset 1", exact=True)).to_be_checked()
        for _ in range(20):
            if page.evaluate("document.activeElement.dataset.part") == "run":
                break
            keyboard.press("Shift+Tab")
        keyboard.press("Enter")
        desk.expect_verdict("A result of ")
        expect(desk.part("rows").locator("[data-number='1'] .came")).to_contain_text("[8, 8, 4", timeout=SOON_MS)

    def test_from_a_chosen_template_to_the_button_that_runs_it_are_two_stops(self, desk: Desk) -> None:
        desk.open("")
        keyboard, page = desk.page.keyboard, desk.page
        page.get_by_role("link", name="Map over a range").focus()
        keyboard.press("Enter")
        expect(page.locator("#edit-heading")).to_be_focused()
        expect(page.locator(".cm-content")).to_have_count(2)
        keyboard.press("Tab")
        keyboard.press("Enter")
        expect(page.locator("#trying-heading")).to_be_focused()
        keyboard.press("Tab")
        expect(desk.part("run")).to_be_focused()
        keyboard.press("Enter")
        desk.expect_verdict("A result of ")

    def test_the_steps_are_the_first_stops_of_the_page_and_lead_to_each(self, desk: Desk) -> None:
        desk.open("?template=map")
        keyboard, page = desk.page.keyboard, desk.page
        for number, heading in enumerate(("start", "edit", "trying", "about"), 1):
            page.locator("main").evaluate("(main) => { main.tabIndex = -1; main.focus(); }")
            for _ in range(number):
                keyboard.press("Tab")
            keyboard.press("Enter")
            expect(page.locator(f"#{heading}-heading")).to_be_focused()
            expect(page.locator(f"#{heading}-heading")).to_be_in_viewport()
