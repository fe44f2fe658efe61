"""An owner's pages: upload, list, watch."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
import sqlalchemy as sa

from app import examples
from app.database import Database
from app.models import Campaign, KernelError, Progress, User
from app.settings import Settings
from app.states import Generation, Intent
from tests import cast
from tests.functional.pages import FORM, GENERATOR, KERNEL, error_of, file, insert, make, read, text, update_schedule


class TestUpload:
    def test_pasted_text_makes_a_campaign_with_its_line_ends_put_right(
        self, alice: cast.Person, database: Database
    ) -> None:
        campaign_id = make(alice, kernel_text="({main(d) {\r\n return d\r\n}})\r\n", static_dataset_text="a\r\nb\rc\n")
        row = read(database, campaign_id, Campaign.kernel, Campaign.static_dataset, Campaign.dataset_gen)
        assert row == (b"({main(d) {\n return d\n}})\n", b"a\nb\rc\n", GENERATOR.encode())

    def test_files_are_stored_byte_for_byte(self, alice: cast.Person, database: Database) -> None:
        kernel, static = "\ufeff({main(d){return '\u2028'}})\r\n".encode(), "zażółć\r\n".encode()
        campaign_id = make(alice, kernel_text="", kernel=file(kernel), static_dataset=file(static, "data.txt"))
        assert read(database, campaign_id, Campaign.kernel, Campaign.static_dataset) == (kernel, static)

    def test_a_program_puts_the_same_fields(self, alice: cast.Person, database: Database) -> None:
        fields = {"name": "By program", "kernel": file(KERNEL.encode()), "dataset_gen": file(GENERATOR.encode())}
        response = alice.browser.put(
            "/campaign/new",
            data={**fields, "static_dataset": file(b"{}", "static.json")},
            headers={"X-CSRFToken": cast.csrf_token(alice.browser), "Accept": "application/json"},
        )
        assert response.status_code == 303
        campaign_id = int(response.location.removeprefix("/campaign/"))
        row = read(database, campaign_id, Campaign.name, Campaign.listed, Campaign.autostart, Campaign.static_dataset)
        assert row == ("By program", False, False, b"{}")

    def test_ticks_are_kept_and_cleared(self, alice: cast.Person, database: Database) -> None:
        cleared = make(alice, listed="off")
        ticked = make(alice, listed=["off", "on"], autostart=["off", "on"], sloppy=["off", "on"], beneficiary="All")
        columns = (Campaign.listed, Campaign.autostart, Campaign.sloppy)
        assert read(database, cleared, *columns) == (False, False, False)
        assert read(database, ticked, *columns) == (True, True, True)

    @pytest.mark.parametrize(
        ("fields", "field", "said"),
        [
            ({"name": "  "}, "name", "Give the campaign a name"),
            ({"name": "x" * 101}, "name", "limit is 100"),
            ({"name": "a\0b"}, "name", "null character"),
            ({"description": "x" * 4001}, "description", "limit is 4,000"),
            ({"description": "a\0b"}, "description", "null character"),
            ({"beneficiary": "x" * 201}, "beneficiary", "limit is 200"),
            ({"beneficiary": "a\0b"}, "beneficiary", "null character"),
            ({"listed": "on", "beneficiary": "All", "description": " "}, "description", "Say what it computes"),
            ({"listed": "on"}, "beneficiary", "Say for whom it computes"),
            ({"kernel_text": " \r\n"}, "kernel", "The kernel is missing"),
            ({"dataset_gen_text": ""}, "dataset_gen", "The dataset generator is missing"),
            ({"kernel": KERNEL}, "kernel", "came as plain text"),
            ({"kernel": (b"x", "k.js")}, "kernel", "came twice"),
            ({"static_dataset": (b"x", "k.js"), "static_dataset_text": "y"}, "static_dataset", "came twice"),
            ({"kernel_text": "", "kernel": (b"", "k.js")}, "kernel", "The kernel is missing"),
            ({"kernel_text": "", "kernel": (b"(\xff)", "k.js")}, "kernel", "byte 1 (0xff)"),
            ({"static_dataset": (b"ab\xc3(", "data.txt")}, "static_dataset", "byte 2 (0xc3)"),
            ({"dataset_gen_text": "", "dataset_gen": (b"\x80", "g.js")}, "dataset_gen", "byte 0 (0x80)"),
            ({"deadline_s": "soon"}, "deadline_s", "as a number of seconds"),
            ({"deadline_s": "nan"}, "deadline_s", "as a number of seconds"),
            ({"deadline_s": "1e400"}, "deadline_s", "as a number of seconds"),
            ({"deadline_s": "2,5"}, "deadline_s", "as a number of seconds"),
            ({"deadline_s": "0"}, "deadline_s", "is 0 seconds; it must be from 1 to 3,600"),
            ({"deadline_s": "0.9999"}, "deadline_s", "is 0.9999 seconds; it must be from 1 to 3,600"),
            ({"deadline_s": "-5"}, "deadline_s", "is -5 seconds; it must be from 1 to 3,600"),
            ({"deadline_s": "3600.1"}, "deadline_s", "it must be from 1 to 3,600"),
            ({"kernel_text": "x" * ((1 << 20) + 1)}, "kernel", "1,048,577 bytes; the limit is 1,048,576"),
        ],
    )
    def test_an_error_stands_next_to_its_field_and_what_was_typed_stays(
        self, alice: cast.Person, database: Database, fields: dict[str, object], field: str, said: str
    ) -> None:
        sent = {name: file(*value) if isinstance(value, tuple) else value for name, value in fields.items()}
        response = alice.post("/campaign/new", {**FORM, **sent})
        assert response.status_code == 422
        assert said in error_of(response, field)
        html = response.get_data(as_text=True)
        assert html.count("autofocus") == 1
        assert html.count('aria-invalid="true"') == 1
        for name in {"name", "description", "kernel_text", "dataset_gen_text"} - set(fields):
            assert str(FORM[name]) in unescape(html)
        assert database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(Campaign))) == 0

    def test_an_unverified_address_can_do_everything_but_list_a_campaign(
        self, alice: cast.Person, database: Database
    ) -> None:
        database.write(lambda connection: connection.execute(sa.update(User).values(email_verified_at=None)))
        wanted = {**FORM, "beneficiary": "All", "listed": "on"}
        refused = alice.post("/campaign/new", wanted)
        assert refused.status_code == 422
        assert "verified e-mail address" in error_of(refused, "listed")
        assert database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(Campaign))) == 0
        assert alice.post("/campaign/new", {**wanted, "listed": "off"}).status_code == 303

    def test_all_errors_are_shown_at_once_in_the_order_of_the_page(self, alice: cast.Person) -> None:
        response = alice.post("/campaign/new", {"static_dataset": file(b"\xff", "data.txt")})
        assert all(error_of(response, field) for field in ("name", "kernel", "dataset_gen", "static_dataset"))
        assert "4 things need a change: Kernel Dataset generator Static dataset Name" in " ".join(
            re.sub("<[^>]*>", " ", text(response)).split()
        )
        assert "autofocus" in re.findall(r"<textarea[^>]*>", text(response))[0]

    def test_a_file_that_has_to_be_chosen_again_is_named(self, alice: cast.Person) -> None:
        response = alice.post("/campaign/new", {**FORM, "name": "", "static_dataset": file(b"ok", "data.txt")})
        assert "Choose again: Static dataset" in text(response)

    def test_a_program_gets_an_error_as_json_with_its_field(self, alice: cast.Person) -> None:
        response = alice.browser.put(
            "/campaign/new",
            data={**FORM, "static_dataset": file(b"ab\xff", "data.bin")},
            headers={"X-CSRFToken": cast.csrf_token(alice.browser), "Accept": "application/json"},
        )
        assert response.status_code == 422
        assert response.json is not None
        assert response.json["field"] == "static_dataset"
        assert "byte 2 (0xff)" in response.json["detail"]

    def test_a_time_limit_is_kept_copied_and_shown_and_empty_means_the_sites_own(
        self, alice: cast.Person, database: Database
    ) -> None:
        limited, unlimited = make(alice, deadline_s=" 2.5 "), make(alice, deadline_s="")
        assert read(database, limited, Campaign.deadline_ms) == (2500,)
        assert read(database, unlimited, Campaign.deadline_ms) == (None,)
        assert "One dataset may take 2.5 seconds." in text(alice.get(f"/campaign/{limited}"))
        assert "One dataset may take" not in text(alice.get(f"/campaign/{unlimited}"))
        assert re.search(r'name="deadline_s"[^>]*value="2\.5"', text(alice.get(f"/campaign/new?from={limited}")))
        assert re.search(r'name="deadline_s"[^>]*value=""', text(alice.get(f"/campaign/new?from={unlimited}")))

    def test_the_least_and_the_largest_time_limit_are_taken(self, alice: cast.Person, database: Database) -> None:
        for seconds in (1, 3600):
            campaign_id = make(alice, deadline_s=str(seconds))
            assert read(database, campaign_id, Campaign.deadline_ms) == (1000 * seconds,)

    def test_sloppy_mode_comes_with_its_warning(self, alice: cast.Person) -> None:
        page = " ".join(text(alice.get("/campaign/new")).split())
        label, hint = re.search(  # type: ignore[union-attr]
            r'<label for="sloppy">([^<]*)</label> <p class="hint" id="sloppy-hint">([^<]*)</p>', page
        ).groups()
        assert label == "Run the kernel in sloppy mode"
        assert "slower" in hint
        assert "a misspelt name becomes a global variable" in hint

    def test_ticks_stay_as_they_were_when_the_form_comes_back(self, alice: cast.Person) -> None:
        response = alice.post("/campaign/new", {**FORM, "name": "", "listed": "off", "sloppy": ["off", "on"]})
        boxes = re.findall(r'<input[^>]*type="checkbox"[^>]*>', response.get_data(as_text=True))
        ticked = [re.search(r'id="(\w+)"', box)[1] for box in boxes if "checked" in box]  # type: ignore[index]
        assert ticked == ["sloppy"]

    def test_the_form_says_who_can_read_what_is_uploaded(self, alice: cast.Person) -> None:
        page = " ".join(text(alice.get("/campaign/new")).split())
        assert "Kernel, static dataset and datasets can be read by anyone who opens the embed" in page

    @pytest.mark.parametrize("example", examples.list_examples(), ids=lambda example: example.slug)
    def test_it_starts_from_an_example(self, alice: cast.Person, example: examples.Example) -> None:
        page = text(alice.get(f"/campaign/new?example={example.slug}"))
        assert example.name in page
        assert example.kernel in page
        assert example.dataset_gen in page
        assert example.static_dataset in page

    @pytest.mark.parametrize("slug", ["nothing", "../app", "..", "/etc"])
    def test_an_example_that_is_not_there_is_404(self, alice: cast.Person, slug: str) -> None:
        assert alice.browser.get("/campaign/new", query_string={"example": slug}).status_code == 404

    def test_it_starts_from_a_campaign_of_ones_own_and_of_nobody_else(
        self, alice: cast.Person, bob: cast.Person
    ) -> None:
        campaign_id = make(alice, kernel_text="({main: () => 'mine'})", beneficiary="My neighbours")
        page = text(alice.get(f"/campaign/new?from={campaign_id}"))
        assert "({main: () => 'mine'})" in page
        assert "All of them" in page
        assert "My neighbours" in page
        assert bob.get(f"/campaign/new?from={campaign_id}").status_code == 404


class TestList:
    def test_it_says_what_to_do_while_there_is_none(self, alice: cast.Person) -> None:
        page = text(alice.get("/campaign/all"))
        assert "No campaign yet" in page
        for example in examples.list_examples():
            assert f"/campaign/new?example={example.slug}" in page

    def test_it_shows_ones_own_campaigns_newest_first(self, alice: cast.Person, bob: cast.Person) -> None:
        make(alice, name="The first")
        make(alice, name="The <second>")
        make(bob, name="Not hers")
        page = alice.get("/campaign/all").get_data(as_text=True)
        assert "Not hers" not in page
        assert 0 < page.index("The &lt;second&gt;") < page.index("The first")


class TestPage:
    @pytest.mark.parametrize(
        ("schedule", "done", "state", "offers"),
        [
            ({}, 0, "generating", "pause"),
            ({"generation": Generation.RUNNING}, 0, "generating", "pause"),
            ({"generation": Generation.RUNNING, "generated": 4}, 1, "generating", "pause"),
            ({"generation": Generation.DONE, "generated": 4}, 1, "running", "pause"),
            ({"generation": Generation.DONE, "generated": 4, "intent": Intent.PAUSED}, 1, "paused", "resume"),
            ({"generation": Generation.DONE, "generated": 4}, 4, "done", ""),
            ({"generation": Generation.FAILED, "generation_error": "Error: x"}, 0, "failed", ""),
            ({"generation": Generation.RUNNING, "generated": 4, "lockstep": True}, 1, "running", "pause"),
            ({"generation": Generation.RESTING, "generated": 4, "lockstep": True}, 4, "running", "pause"),
            ({"generation": Generation.FULL, "generated": 4, "lockstep": True}, 3, "running", "pause"),
            ({"generation": Generation.FULL, "generated": 4, "lockstep": True}, 4, "waiting", ""),
        ],
    )
    def test_it_says_the_state_and_offers_what_fits_it(
        self, alice: cast.Person, database: Database, schedule: dict[str, object], done: int, state: str, offers: str
    ) -> None:
        campaign_id = make(alice)
        update_schedule(database, campaign_id, generated=0, **{k: v for k, v in schedule.items() if k != "generated"})
        update_schedule(database, campaign_id, generated=schedule.get("generated", 0))
        if done:
            insert(database, Progress, campaign_id=campaign_id, run=1, process=1, value_count=done)
        page = text(alice.get(f"/campaign/{campaign_id}"))
        assert f'data-field="state">{state}<' in page
        offered = re.findall(rf'action="/campaign/{campaign_id}/(\w+)"', page)
        assert offered == ([offers] if offers else [])
        answer = alice.get(f"/campaign/{campaign_id}/status").json
        assert answer is not None
        assert (answer["state"], answer["done"]) == (state, done)

    def test_it_says_that_a_lock_step_generator_makes_more_and_when_it_waits_for_its_owner(
        self, alice: cast.Person, database: Database
    ) -> None:
        campaign_id = make(alice)
        more, waits = "makes datasets in steps", "The generator waits for you"
        update_schedule(database, campaign_id, generation=Generation.RESTING, lockstep=True, generated=4000)
        page = text(alice.get(f"/campaign/{campaign_id}"))
        assert (more in page, waits in page) == (True, False)
        update_schedule(database, campaign_id, generation=Generation.FULL)
        page = text(alice.get(f"/campaign/{campaign_id}"))
        assert (more in page, waits in page, "It made 4,000 datasets" in page) == (False, True, True)
        assert "A campaign may have 1,000,000 here, and 64 MB of them" in re.sub(r"\s+", " ", page)
        update_schedule(database, campaign_id, generation=Generation.DONE, generation_error="Error: late")
        page = text(alice.get(f"/campaign/{campaign_id}"))
        assert (more in page, waits in page) == (False, False)
        assert "The dataset generator failed after 4,000 datasets" in page
        assert "stay, with their results" in page

    def test_the_counts_of_all_processes_are_summed(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice)
        update_schedule(database, campaign_id, generation=Generation.DONE, generated=2000)
        insert(database, Progress, campaign_id=campaign_id, run=1, process=1, value_count=1200, nothing_count=30)
        insert(database, Progress, campaign_id=campaign_id, run=1, process=2, value_count=60, failed_count=6)
        insert(database, Progress, campaign_id=campaign_id, run=0, process=2, value_count=500)
        page = text(alice.get(f"/campaign/{campaign_id}"))
        fields = dict(re.findall(r'data-field="(\w+)">([\d.,]+)<', page))
        assert fields == {
            "percent": "64.8",
            "generated": "2,000",
            "done": "1,296",
            "value_count": "1,260",
            "nothing_count": "30",
            "failed_count": "6",
            "left": "704",
        }
        assert '<progress max="100" value="64.800"' in page
        assert alice.get(f"/campaign/{campaign_id}/status").json == {
            "state": "running",
            "percent": 64.8,
            "run": 1,
            "generated": 2000,
            "makes_more": False,
            "is_full": False,
            "done": 1296,
            "value_count": 1260,
            "nothing_count": 30,
            "failed_count": 6,
            "compute_ms": 0,
            "generation_error": None,
            "pause_reason": None,
            "load_error_count": 0,
        }

    def test_the_snippet_points_at_the_compute_origin_and_names_the_campaign(
        self, alice: cast.Person, settings: Settings
    ) -> None:
        campaign_id = make(alice, name='Tom & "Jerry" <b>')
        html = alice.get(f"/campaign/{campaign_id}").get_data(as_text=True)
        snippet = unescape(re.search(r'id="snippet"[^>]*><code>(.*?)</code>', html, re.DOTALL)[1])  # type: ignore[index]
        assert f'<iframe src="{settings.compute_url}/embed/{campaign_id}"' in snippet
        assert 'title="Help compute: Tom &amp; &#34;Jerry&#34; &lt;b&gt;"' in snippet
        assert snippet.endswith("></iframe>")
        assert "autostart" not in snippet

    def test_the_snippet_here_never_asks_for_autostart_the_embed_page_has_that_one(self, alice: cast.Person) -> None:
        campaign_id = make(alice, autostart="on")
        html = text(alice.get(f"/campaign/{campaign_id}"))
        assert "?autostart=1" not in html
        assert f'href="/campaign/{campaign_id}/embed"' in html

    def test_a_generators_error_is_shown_with_its_line_marked(self, alice: cast.Person, database: Database) -> None:
        source = "\r\n".join(["({", "  main() {", "    return <nothing>;", "  },", "})"])
        campaign_id = make(alice, dataset_gen_text="", dataset_gen=file(source.encode()))
        update_schedule(
            database,
            campaign_id,
            generation=Generation.FAILED,
            generation_error="SyntaxError: unexpected token '<'",
            generation_line=3,
        )
        html = alice.get(f"/campaign/{campaign_id}").get_data(as_text=True)
        assert "SyntaxError: unexpected token &#39;&lt;&#39;" in html
        rows = re.findall(r'<span class="row( marked)?" data-line="(\d+)">([^<]*)</span>', html)
        assert [(bool(marked), number) for marked, number, _ in rows] == [
            (False, "1"),
            (False, "2"),
            (True, "3"),
            (False, "4"),
            (False, "5"),
        ]
        assert unescape(rows[2][2]) == "    return <nothing>;"

    @pytest.mark.parametrize("line", [None, 0, 99])
    def test_an_error_without_a_line_of_the_source_is_shown_alone(
        self, alice: cast.Person, database: Database, line: int | None
    ) -> None:
        campaign_id = make(alice)
        error = "the dataset generator ran longer than 5 seconds"
        update_schedule(
            database, campaign_id, generation=Generation.FAILED, generation_error=error, generation_line=line
        )
        page = text(alice.get(f"/campaign/{campaign_id}"))
        assert error in page
        assert "data-line" not in page

    def test_a_line_of_a_megabyte_is_cut(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice, dataset_gen_text="x" * 100_000)
        update_schedule(
            database, campaign_id, generation=Generation.FAILED, generation_error="Error", generation_line=1
        )
        assert len(alice.get(f"/campaign/{campaign_id}").data) < 20_000

    def test_why_the_system_paused_it_is_said(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice)
        update_schedule(database, campaign_id, intent=Intent.PAUSED, pause_reason="Nobody could load <it>.")
        assert "Nobody could load &lt;it&gt;." in alice.get(f"/campaign/{campaign_id}").get_data(as_text=True)

    def test_kernel_errors_are_listed_with_how_often_and_when(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice)
        moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
        common = {"campaign_id": campaign_id, "volunteer_id": 1, "kernel_version": 1, "date_added": moment, "stack": ""}
        for position in (3, 4, 5):
            insert(database, KernelError, **common, run=1, position=position, name="RangeError", message="too <long>")
        insert(database, KernelError, **common, run=1, position=None, name="SyntaxError", message="no kernel")
        insert(database, KernelError, **common, run=0, position=9, name="OldError", message="of the last run")
        html = alice.get(f"/campaign/{campaign_id}").get_data(as_text=True)
        rows = [
            re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
        ]
        assert "OldError" not in html
        assert "SyntaxError : no kernel while loading 1 2 Jan 2026" in rows[1]
        assert "RangeError : too &lt;long&gt; dataset 5 3 2 Jan 2026" in rows[2]
        assert 'datetime="2026-01-02T03:04:05+00:00"' in html
