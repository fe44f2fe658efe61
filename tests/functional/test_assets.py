"""The site's files are kept by browsers for as long as they stay the same: the promises F1 to F3 of app/assets.py."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import assets, create_app
from app.settings import Settings

SITE_CSS = (Path(__file__).resolve().parents[2] / "app/static/css/site.css").read_bytes()


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The site, with a folder of static files that the test may change; no page of these needs a database."""
    app = create_app("web", Settings(instance_dir=str(tmp_path / "instance"), captcha="off"))
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "site.css").write_bytes(SITE_CSS)
    (folder / "css" / "small.css").write_text("p { margin: 0 }")
    app.static_folder = str(folder)
    return app


def address_of(app: Flask, filename: str = "css/site.css") -> str:
    with app.test_request_context():
        return app.url_for("static", filename=filename)


def test_a_changed_file_has_another_address(app: Flask) -> None:
    before = address_of(app)
    Path(str(app.static_folder), "css/site.css").write_bytes(SITE_CSS + b"\n")
    assert address_of(app) != before
    assert re.fullmatch(r"/static/css/site\.css\?v=[0-9a-f]{12}", before)


def test_browsers_keep_a_file_that_they_asked_for_by_its_content(app: Flask, client: FlaskClient) -> None:
    answer = client.get(address_of(app))
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=", "?v=000000000000"])
def test_any_other_address_is_asked_for_again_and_costs_nothing_while_the_file_is_the_same(
    client: FlaskClient, query: str
) -> None:
    for encoding in ("gzip", "identity"):
        headers = {"Accept-Encoding": encoding}
        answer = client.get(f"/static/css/site.css{query}", headers=headers)
        assert answer.headers["Cache-Control"] == "no-cache"
        again = client.get(f"/static/css/site.css{query}", headers={**headers, "If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_one_file_is_kept_once_by_whatever_name_it_is_asked_for(app: Flask, client: FlaskClient) -> None:
    names = [
        "css/site.css",
        "css/./site.css",
        "css/../css/site.css",
        *(f"css{'/.' * n}/site.css" for n in range(2, 20)),
    ]
    assert {client.get(f"/static/{name}").status_code for name in names} == {200}
    with app.app_context():
        assert len({id(assets.find_asset(name)) for name in names}) == 1


def test_text_is_compressed_for_those_who_accept_that_and_only_for_them(client: FlaskClient) -> None:
    packed = client.get("/static/css/site.css", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    plain = client.get("/static/css/site.css", headers={"Accept-Encoding": "gzip;q=0"})
    assert gzip.decompress(packed.data) == plain.data == SITE_CSS
    assert len(packed.data) < len(plain.data) / 2
    assert (packed.headers["Content-Encoding"], plain.headers.get("Content-Encoding")) == ("gzip", None)
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"] == "text/css; charset=utf-8"
    assert packed.headers["ETag"] != plain.headers["ETag"]


def test_a_small_file_and_a_page_are_not_compressed(client: FlaskClient) -> None:
    for path in ("/static/css/small.css", "/signin"):
        assert "Content-Encoding" not in client.get(path, headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize("filename", ["nothing.css", "../instance/secret_key", "css", "", "..%2finstance/secret_key"])
def test_what_is_not_a_file_of_the_folder_is_not_found(client: FlaskClient, filename: str) -> None:
    assert client.get(f"/static/{filename}", headers={"Accept-Encoding": "gzip"}).status_code == 404
