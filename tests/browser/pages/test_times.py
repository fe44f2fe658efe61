"""Times are the reader's own: in their zone, and true for as long as the page is open."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Browser, Page, expect

from app import wording
from tests.browser.pages.town import OWNER, Town

pytestmark = pytest.mark.browser
AGES_S = [0, 4, 5, 59, 60, 119, 3599, 3600, 7200, 86_399, 86_400, 29 * 86_400, 30 * 86_400, 400 * 86_400]
PUT_TIMES = """(moments) => document.querySelector('main').replaceChildren(...moments.map((moment) => {
  const time = Object.assign(document.createElement('time'), { dateTime: moment });
  time.dataset.ago = '';
  const line = document.createElement('p');
  line.append(time);
  return line;
}))"""


def open_result(chromium: Browser, town: Town, **options: object) -> Page:
    """Open the page of a result, which says when it was computed."""
    context = town.open_context(chromium, OWNER, **options)
    page = context.new_page()
    page.clock.install()
    page.goto(town.url("/campaign/{finished}/results/0"))
    return page


def test_the_title_is_the_whole_time_in_the_readers_zone(chromium: Browser, town: Town) -> None:
    page = open_result(chromium, town, timezone_id="Asia/Tokyo")
    time = page.locator("main time").first
    said = dt.datetime.fromisoformat(str(time.get_attribute("datetime")))
    there = said.astimezone(dt.timezone(dt.timedelta(hours=9)))
    expect(time).to_have_attribute("title", f"{there.day} {there:%b %Y}, {there:%H:%M:%S} GMT+9")
    page.context.close()


def test_relative_words_stay_true_while_the_page_is_open(chromium: Browser, town: Town) -> None:
    page = open_result(chromium, town)
    page.clock.fast_forward("05:00:00")
    expect(page.locator("main time").first).to_have_text("5 hours ago")
    page.context.close()


def test_scripts_say_the_same_words_as_the_server_and_of_later_parts_of_the_page_too(
    chromium: Browser, town: Town
) -> None:
    page = open_result(chromium, town, timezone_id="UTC")
    page.clock.pause_at(dt.datetime.now() + dt.timedelta(minutes=5))
    now = dt.datetime.fromtimestamp(page.evaluate("Date.now()") / 1000, dt.UTC)
    moments = [now - dt.timedelta(seconds=age) for age in AGES_S]
    page.evaluate(PUT_TIMES, [moment.isoformat() for moment in moments])
    expect(page.locator("main time")).to_have_text([wording.ago(moment, now) for moment in moments])
    page.context.close()


def test_without_scripts_the_time_is_there_in_utc(chromium: Browser, town: Town) -> None:
    context = town.open_context(chromium, OWNER, java_script_enabled=False)
    page = context.new_page()
    page.goto(town.url("/campaign/{finished}/results/0"))
    time = page.locator("main time").first
    said = dt.datetime.fromisoformat(str(time.get_attribute("datetime")))
    assert time.get_attribute("title") == f"{said:%Y-%m-%d %H:%M:%S} UTC"
    assert "ago" in time.inner_text() or time.inner_text() == "just now"
    context.close()
