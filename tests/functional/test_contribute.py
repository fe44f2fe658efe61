"""The page on which anyone can help a campaign."""

from __future__ import annotations

import sqlalchemy as sa
from flask.testing import FlaskClient

from app.database import Database
from app.settings import Settings
from tests.campaigns import make_campaign


def test_anyone_sees_who_computes_what_and_the_badge(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    campaign = make_campaign(database, [1], name="Weather <of> Mars", description="Dust & storms")
    page = client.get(f"/contribute/{campaign}")
    html = page.get_data(as_text=True)
    assert page.status_code == 200
    assert "Weather &lt;of&gt; Mars" in html
    assert "Dust &amp; storms" in html
    assert "Olive Owner" in html
    assert f'src="{settings.compute_url}/embed/{campaign}"' in html
    assert f"frame-src {settings.compute_url}/embed/;" in page.headers["Content-Security-Policy"]


def test_other_pages_may_not_frame_anything(client: FlaskClient) -> None:
    assert "frame-src" not in client.get("/how_it_works").headers["Content-Security-Policy"]


def test_a_deleted_or_unknown_campaign_is_not_found(client: FlaskClient, database: Database) -> None:
    campaign = make_campaign(database, [1])
    database.write(lambda connection: connection.execute(sa.text("update campaign set deleted = true")))
    assert client.get(f"/contribute/{campaign}").status_code == 404
    assert client.get("/contribute/999").status_code == 404


def test_the_page_for_any_campaign_frames_the_badge_that_asks_for_any(client: FlaskClient, settings: Settings) -> None:
    html = client.get("/contribute/any").get_data(as_text=True)
    assert f'src="{settings.compute_url}/embed/any"' in html
