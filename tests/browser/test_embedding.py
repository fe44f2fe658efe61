"""Embeds on other people's pages: who may show them, how they look, and where an owner takes the snippet from."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app import create_app
from app.database import Database
from app.embedding import SIZES
from app.models import Campaign, User
from app.settings import Settings
from tests import cast
from tests.browser.harness import bench
from tests.campaigns import make_campaign
from tests.conftest import make_database
from tests.processes import run_site

pytestmark = pytest.mark.browser
LIGHT, DARK = "rgb(253, 253, 251)", "rgb(22, 25, 29)"
# The longest words that the badge has for what is going on.
LONGEST_STATE = "Stopped: this campaign’s kernel kept running past its time limit here."
LONGEST_DONE = "1,234,567 datasets done, 12,345 failed"
LONG = "Spectral-gaps-of-random-regular-graphs and other words that go on for as long as a name may go on here"[:100]


@dataclasses.dataclass
class Place:
    """The running site with Olive's campaign, and two other sites."""

    settings: Settings
    database: Database
    campaign: int
    cookie: str
    friend: bench.OtherSite
    foe: bench.OtherSite

    def allow(self, *origins: str) -> None:
        """Let these sites alone show the campaign."""
        update = sa.update(Campaign).where(Campaign.id == self.campaign).values(embed_origins=" ".join(origins))
        self.database.write(lambda connection: connection.execute(update))

    def open_owner(self, browser: Browser, **options: object) -> BrowserContext:
        """Return Olive's browser."""
        context = browser.new_context(base_url=self.settings.site_url, **options)  # type: ignore[arg-type]
        context.add_cookies([{"name": "session", "value": self.cookie, "url": self.settings.site_url}])
        return context

    def embed_on(
        self, page: Page, site: bench.OtherSite, path: str = "", size: str = 'width="320" height="150"'
    ) -> None:
        """Open a page of a site that shows the campaign, or another embed."""
        address = f"{self.settings.compute_url}{path or f'/embed/{self.campaign}'}"
        html = f'<!doctype html><title>A blog</title><iframe src="{address}" {size}></iframe>'
        page.goto(site.put("/blog", html))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Place]:
    """The site and the socket process at localhost, two other sites at 127.0.0.1."""
    folder = tmp_path_factory.mktemp("embedding") / "instance"
    with (
        make_database("sqlite", folder, request) as url,
        run_site(folder, url, "web", "socket") as site,
        bench.running_site() as friend,
        bench.running_site() as foe,
    ):
        settings = Settings.from_environ(site.environ)
        app, database = create_app("web", settings), Database(url)
        cookie = cast.come_in(app, "Olive", "Owner", "olive@example.org").browser.get_cookie("session")
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()
        assert cookie is not None
        owner = database.read(lambda connection: connection.execute(sa.select(User.id)).scalar_one())
        campaign = make_campaign(
            database, [1], owner_id=owner, name=LONG, description=LONG * 10, beneficiary=LONG * 2, autostart=True
        )
        yield Place(settings, database, campaign, cookie.value, friend, foe)
        database.dispose()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Page]:
    """Somebody's page."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


class TestWhoMayShowIt:
    """The allow-list, kept by a real browser."""

    @pytest.fixture(autouse=True)
    def friend_alone(self, place: Place) -> Iterator[None]:
        """Only the friend is on the list."""
        place.allow("https://example.org", place.friend.url)
        yield
        place.allow()

    def test_a_site_on_the_list_shows_it_and_another_does_not(self, place: Place, visitor: Page) -> None:
        start = visitor.frame_locator("iframe").get_by_role("button", name="Start")
        place.embed_on(visitor, place.friend)
        expect(start).to_be_enabled()
        with visitor.expect_console_message(lambda message: "frame-ancestors" in message.text):
            place.embed_on(visitor, place.foe)
        expect(start).to_have_count(0)

    def test_with_an_empty_list_any_site_does(self, place: Place, visitor: Page) -> None:
        place.allow()
        place.embed_on(visitor, place.foe)
        expect(visitor.frame_locator("iframe").get_by_role("button", name="Start")).to_be_enabled()

    def test_the_badge_for_any_campaign_has_no_list(self, place: Place, visitor: Page) -> None:
        place.embed_on(visitor, place.foe, "/embed/any")
        expect(visitor.frame_locator("iframe").get_by_role("button", name="Start")).to_be_enabled()

    def test_our_own_pages_show_it_still(self, place: Place, chromium: Browser) -> None:
        with place.open_owner(chromium) as context:
            page = context.new_page()
            for path in (f"/campaign/{place.campaign}/embed", f"/contribute/{place.campaign}", "/"):
                page.goto(path)
                page.locator("iframe").scroll_into_view_if_needed()
                expect(page.frame_locator("iframe").get_by_role("button", name="Start")).to_be_enabled()


class TestHowItLooks:
    """Size and theme as the snippet asks for them."""

    @pytest.mark.parametrize(
        ("theme", "scheme", "paper"),
        [
            ("auto", "light", LIGHT),
            ("auto", "dark", DARK),
            ("dark", "light", DARK),
            ("light", "dark", LIGHT),
            ("purple", "dark", DARK),
        ],
    )
    def test_the_theme_is_the_sites_choice_and_else_the_visitors(
        self, place: Place, visitor: Page, theme: str, scheme: str, paper: str
    ) -> None:
        visitor.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        place.embed_on(visitor, place.friend, f"/embed/{place.campaign}?theme={theme}")
        body = visitor.frame_locator("iframe").locator("body")
        expect(body).to_have_css("background-color", paper)
        if theme in ("light", "dark"):
            expect(visitor.frame_locator("iframe").locator("html")).to_have_css("color-scheme", theme)

    @pytest.mark.parametrize("size", SIZES)
    def test_the_longest_words_fit_every_size(self, place: Place, visitor: Page, size: str) -> None:
        for width, which in itertools.product((390, 1280), (place.campaign, "any")):
            visitor.set_viewport_size({"width": width, "height": 800})
            place.embed_on(visitor, place.friend, f"/embed/{which}?size={size}", SIZES[size].attributes)
            frame = visitor.frame_locator("iframe")
            expect(frame.get_by_role("button", name="Start")).to_be_enabled()
            room = frame.locator("html").evaluate(
                """(root, words) => {
                  const set = (part, text) => { root.querySelector(`[data-part=${part}]`).textContent = text; };
                  root.querySelector('[data-part=badge]').dataset.phase = 'spent';
                  for (const [part, text] of Object.entries(words)) set(part, text);
                  return [root.scrollWidth - root.clientWidth, root.scrollHeight - root.clientHeight];
                }""",
                {"state": LONGEST_STATE, "done": LONGEST_DONE, "toggle": "Start again"},
            )
            assert room == [0, 0], (width, which)
            link = frame.get_by_role("link", name="What is this?" if which != "any" else "Which are these?")
            assert link.evaluate("(a) => a.getBoundingClientRect().right <= innerWidth")


class TestTheOwnersPage:
    """Choices, snippet, preview and copy buttons."""

    def test_snippet_and_preview_follow_the_choices_without_a_reload(self, place: Place, chromium: Browser) -> None:
        with place.open_owner(chromium) as context:
            page = context.new_page()
            page.goto(f"/campaign/{place.campaign}/embed")
            page.evaluate("window.isTheSame = true")
            snippet, preview = page.locator("#snippet"), page.locator("#preview")
            expect(page.get_by_role("button", name="Show", exact=True)).to_be_hidden()
            page.get_by_label("Compact").focus()
            page.keyboard.press("ArrowDown")
            expect(snippet).to_contain_text('width="640" height="110"')
            page.get_by_label("Dark").check()
            page.get_by_role("checkbox", name="Without a click").check()
            expect(snippet).to_contain_text("?size=wide&amp;theme=dark&amp;autostart=1")
            expect(preview).to_have_attribute(
                "src", f"{place.settings.compute_url}/embed/{place.campaign}?size=wide&theme=dark"
            )
            expect(page.frame_locator("#preview").locator("body")).to_have_css("background-color", DARK)
            assert page.evaluate("window.isTheSame")
            page.reload()
            expect(page.get_by_role("radio", name="Wide,")).to_be_checked()
            expect(snippet).to_contain_text("autostart=1")

    def test_the_choices_work_without_a_script(self, place: Place, chromium: Browser) -> None:
        with place.open_owner(chromium, java_script_enabled=False) as context:
            page = context.new_page()
            page.goto(f"/campaign/{place.campaign}/embed")
            page.get_by_label("As wide as its place").check()
            page.get_by_role("button", name="Show", exact=True).click()
            expect(page.locator("#snippet")).to_contain_text("width:100%")

    def test_what_is_copied_works_on_another_site(self, place: Place, chromium: Browser, visitor: Page) -> None:
        with place.open_owner(chromium, permissions=["clipboard-read", "clipboard-write"]) as context:
            page = context.new_page()
            page.goto(f"/campaign/{place.campaign}/embed?theme=dark")
            page.get_by_role("button", name="Copy the snippet").focus()
            page.keyboard.press("Enter")
            expect(page.get_by_text("Copied.")).to_be_visible()
            copied = page.evaluate("navigator.clipboard.readText()")
            assert copied == page.locator("#snippet").text_content()
        visitor.goto(place.foe.put("/pasted", f"<!doctype html><title>Knitting</title>{copied}"))
        expect(visitor.frame_locator("iframe").get_by_role("link", name=LONG)).to_be_visible()
        expect(visitor.locator("iframe")).to_have_attribute("title", f"Help compute: {LONG}")

    def test_where_the_clipboard_is_closed_the_text_is_selected(self, place: Place, chromium: Browser) -> None:
        with place.open_owner(chromium) as context:
            page = context.new_page()
            page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('closed'));")
            page.goto(f"/campaign/{place.campaign}/embed")
            page.get_by_role("button", name="Copy the text for visitors").click()
            expect(page.get_by_text("press Ctrl+C")).to_be_visible()
            assert page.evaluate("getSelection().toString()") == page.locator("#words").text_content()

    def test_a_badge_is_a_picture_that_other_sites_show(self, place: Place, chromium: Browser, visitor: Page) -> None:
        with place.open_owner(chromium) as context:
            page = context.new_page()
            page.goto(f"/campaign/{place.campaign}/embed")
            page.get_by_role("button", name="Make a badge").click()
            html = page.locator("#badge-html").text_content() or ""
        visitor.goto(place.foe.put("/readme", f"<!doctype html><title>Readme</title>{html}"))
        picture = visitor.locator("img")
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("(img) => [img.naturalWidth > 100, img.naturalHeight]") == [True, 20]
        address = picture.get_attribute("src") or ""
        read = "(url) => fetch(url.replace('.svg', '.json')).then((answer) => answer.json())"
        assert visitor.evaluate(read, address)["name"] == LONG
