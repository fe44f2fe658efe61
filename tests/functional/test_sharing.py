"""The embed page of a campaign: the snippet, the sites that may show it, autostart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.database import Database
from app.models import Campaign
from app.settings import Settings
from tests import cast
from tests.conftest import make_database
from tests.functional.pages import error_of, make, read, text


class Frames(HTMLParser):
    """Collects the iframes of a piece of HTML, and everything else that it would put on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.frames: list[dict[str, str | None]] = []
        self.others: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        if tag == "iframe":
            self.frames.append(dict(attrs))
        else:
            self.others.append(tag)

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if data.strip():
            self.others.append(data)


@pytest.fixture
def database_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """SQLite alone: nothing here is said to a database in words of its own."""
    with make_database("sqlite", tmp_path / "instance", request) as url:
        yield url


@pytest.fixture
def campaign_id(alice: cast.Person) -> int:
    """Alice's campaign."""
    return make(alice)


@pytest.fixture
def visitor(app: Flask, settings: Settings) -> FlaskClient:
    """Somebody on another site, at the embed pages."""
    return create_app("socket", settings).test_client()


def snippet_of(person: cast.Person, path: str) -> str:
    html = person.get(path).get_data(as_text=True)
    return unescape(re.search(r'id="snippet"[^>]*><code>(.*?)</code>', html, re.DOTALL)[1])  # type: ignore[index]


def frame_of(person: cast.Person, path: str) -> dict[str, str | None]:
    found = Frames(snippet_of(person, path))
    assert (len(found.frames), found.others) == (1, [])
    return found.frames[0]


class TestTheSnippet:
    """What a site owner pastes."""

    def test_it_is_one_frame_of_the_compute_origin_that_loads_when_it_comes_near(
        self, alice: cast.Person, campaign_id: int, settings: Settings
    ) -> None:
        assert frame_of(alice, f"/campaign/{campaign_id}/embed") == {
            "src": f"{settings.compute_url}/embed/{campaign_id}",
            "title": "Help compute: Squares",
            "width": "320",
            "height": "150",
            "style": "border:0",
            "loading": "lazy",
        }

    @pytest.mark.parametrize(
        "name",
        [
            'Tom & "Jerry"',
            "<script>alert(1)</script>",
            "it's {braces} %s",
            "&quot;><img src=x>",
            "数 \u202e ‮ 🎲",
            "a  b",
        ],
    )
    def test_it_is_right_html_for_any_name(self, alice: cast.Person, name: str) -> None:
        campaign_id = make(alice, name=name)
        for page in ("", "/embed"):
            assert frame_of(alice, f"/campaign/{campaign_id}{page}")["title"] == f"Help compute: {name}"

    def test_size_and_theme_come_from_the_address_and_reach_the_embed(
        self, alice: cast.Person, campaign_id: int, settings: Settings
    ) -> None:
        frame = frame_of(alice, f"/campaign/{campaign_id}/embed?size=wide&theme=dark")
        assert frame["src"] == f"{settings.compute_url}/embed/{campaign_id}?size=wide&theme=dark"
        assert (frame["width"], frame["height"]) == ("640", "110")
        frame = frame_of(alice, f"/campaign/{campaign_id}/embed?size=responsive")
        assert (frame["style"], frame.get("width")) == ("border:0;width:100%", None)

    def test_the_choices_that_were_made_are_the_ones_ticked_and_previewed(
        self, alice: cast.Person, campaign_id: int, settings: Settings
    ) -> None:
        page = alice.get(f"/campaign/{campaign_id}/embed?size=wide&theme=light")
        html = text(page)
        assert re.findall(r'value="(\w+)" checked', html) == ["wide", "light"]
        assert f'id="preview" src="{settings.compute_url}/embed/{campaign_id}?size=wide&theme=light"' in html
        assert f"frame-src {settings.compute_url}/embed/;" in page.headers["Content-Security-Policy"]

    @pytest.mark.parametrize("query", ["size=huge&theme=pink", "size=&theme=", "size=wide%22%3E&theme=dark%0d"])
    def test_other_words_are_ignored(self, alice: cast.Person, campaign_id: int, query: str) -> None:
        assert frame_of(alice, f"/campaign/{campaign_id}/embed?{query}") == frame_of(
            alice, f"/campaign/{campaign_id}/embed"
        )


class TestTheEmbedPage:
    """What a visitor gets."""

    @pytest.mark.parametrize(
        ("query", "classes"),
        [
            ("", "size-compact theme-auto"),
            ("?size=wide&theme=dark", "size-wide theme-dark"),
            ("?size=responsive&theme=light", "size-responsive theme-light"),
            ('?size=x"onload=alert(1)&theme=<b>', "size-compact theme-auto"),
        ],
    )
    def test_size_and_theme_are_classes_and_other_words_are_ignored(
        self, visitor: FlaskClient, campaign_id: int, query: str, classes: str
    ) -> None:
        for which in (campaign_id, "any"):
            html = visitor.get(f"/embed/{which}{query}").get_data(as_text=True)
            assert f'<html lang="en" class="{classes}">' in html

    def test_it_says_for_whom_and_leads_to_a_page_that_says_more(
        self, database: Database, visitor: FlaskClient, campaign_id: int, settings: Settings
    ) -> None:
        update = sa.update(Campaign).where(Campaign.id == campaign_id).values(beneficiary="Moths & <friends>")
        database.write(lambda connection: connection.execute(update))
        html = visitor.get(f"/embed/{campaign_id}").get_data(as_text=True)
        assert "<b>Moths &amp; &lt;friends&gt;</b>, with Alice Ames: All of them" in html
        assert (
            f'href="{settings.site_url}/contribute/{campaign_id}" target="_blank" rel="noopener">What is this?' in html
        )


class TestTheSitesThatMayShowIt:
    """The allow-list, on the page and in the policy."""

    def save(self, person: cast.Person, campaign_id: int, origins: str) -> int:
        return person.post(f"/campaign/{campaign_id}/embed/origins", {"origins": origins}).status_code

    def test_every_site_may_at_first_and_the_policy_says_nothing(self, visitor: FlaskClient, campaign_id: int) -> None:
        assert "frame-ancestors" not in visitor.get(f"/embed/{campaign_id}").headers["Content-Security-Policy"]

    def test_the_policy_names_the_sites_on_the_list_and_our_own(
        self, alice: cast.Person, visitor: FlaskClient, campaign_id: int, settings: Settings
    ) -> None:
        assert self.save(alice, campaign_id, "https://Example.org/\r\nhttps://*.bücher.example:81\r\n") == 303
        policy = visitor.get(f"/embed/{campaign_id}").headers["Content-Security-Policy"].split("; ")
        own = settings.site_url
        assert f"frame-ancestors https://example.org https://*.xn--bcher-kva.example:81 {own}" in policy
        assert "frame-ancestors" not in visitor.get("/embed/any").headers["Content-Security-Policy"]
        html = text(alice.get(f"/campaign/{campaign_id}/embed"))
        assert "https://example.org\nhttps://*.xn--bcher-kva.example:81</textarea>" in html

    def test_an_empty_list_lets_every_site_again(
        self, alice: cast.Person, visitor: FlaskClient, campaign_id: int
    ) -> None:
        self.save(alice, campaign_id, "https://example.org")
        self.save(alice, campaign_id, " \r\n")
        assert "frame-ancestors" not in visitor.get(f"/embed/{campaign_id}").headers["Content-Security-Policy"]

    def test_what_is_wrong_is_said_beside_what_was_typed_and_nothing_is_kept(
        self, alice: cast.Person, database: Database, campaign_id: int
    ) -> None:
        self.save(alice, campaign_id, "https://example.org")
        answer = alice.post(
            f"/campaign/{campaign_id}/embed/origins", {"origins": "https://a.org\r\nhttp://b.org <x>; script-src *"}
        )
        assert answer.status_code == 422
        assert "“http://b.org” is not encrypted" in error_of(answer, "origins")
        assert "http://b.org <x>; script-src *</textarea>" in text(answer)
        assert read(database, campaign_id, Campaign.embed_origins).embed_origins == "https://example.org"


class TestAutostart:
    """Both must agree: the campaign's owner here, the site's by the snippet."""

    def allow(self, person: cast.Person, campaign_id: int, allowed: str) -> None:
        assert person.post(f"/campaign/{campaign_id}/embed/autostart", {"allowed": allowed}).status_code == 303

    def test_a_snippet_asks_for_it_only_where_both_agree(self, alice: cast.Person, campaign_id: int) -> None:
        path = f"/campaign/{campaign_id}/embed"
        assert "autostart" not in snippet_of(alice, f"{path}?autostart=1")
        assert 'name="autostart"' not in text(alice.get(path))
        self.allow(alice, campaign_id, "on")
        assert "autostart" not in snippet_of(alice, path)
        assert str(frame_of(alice, f"{path}?theme=dark&autostart=1")["src"]).endswith("?theme=dark&autostart=1")
        assert 'name="autostart" value="1"' in text(alice.get(path))
        self.allow(alice, campaign_id, "off")
        assert "autostart" not in snippet_of(alice, f"{path}?autostart=1")

    def test_the_embed_hears_of_it(self, alice: cast.Person, visitor: FlaskClient, campaign_id: int) -> None:
        for allowed, said in (("on", "allowed"), ("off", "refused")):
            self.allow(alice, campaign_id, allowed)
            assert f'data-autostart="{said}"' in visitor.get(f"/embed/{campaign_id}").get_data(as_text=True)

    def test_the_preview_never_starts_by_itself(self, alice: cast.Person, campaign_id: int) -> None:
        self.allow(alice, campaign_id, "on")
        html = text(alice.get(f"/campaign/{campaign_id}/embed?autostart=1"))
        assert "autostart" not in re.search(r'id="preview" src="([^"]*)"', html)[1]  # type: ignore[index]

    def test_the_page_says_what_it_asks_of_the_sites_owner(self, alice: cast.Person, campaign_id: int) -> None:
        html = text(alice.get(f"/campaign/{campaign_id}/embed"))
        for duty in ("tell visitors", "privacy notice", "pause button in view", "never ask for computing in return"):
            assert duty in html
