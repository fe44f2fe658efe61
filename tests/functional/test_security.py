"""The locks of the two surfaces: the promises S1 to S5 of app/security.py."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.database import Database
from app.models import Base
from app.settings import Settings
from tests import cast
from tests.functional.pages import problem

KERNEL = "({main: function (dataset) { return dataset; }})"
GENERATOR = "({main: function () { return [{x: 1}]; }})"
CAMPAIGN = {"name": "Squares", "kernel_text": KERNEL, "dataset_gen_text": GENERATOR}
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def make_campaign(person: cast.Person) -> int:
    response = person.post("/campaign/new", dict(CAMPAIGN))
    assert response.status_code == 303, response.get_data(as_text=True)
    return int(response.location.rsplit("/", 1)[1])


def iter_addresses(app: Flask, method: str, campaign_id: int) -> Iterator[str]:
    """Yield an address for every route that takes a method, so that a new route cannot be forgotten."""
    values = {"campaign_id": campaign_id, "filename": "css/site.css"}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if method in (rule.methods or ()):
                arguments: dict[str, Any] = {name: values.get(name, 0) for name in rule.arguments}
                yield adapter.build(rule.endpoint, arguments, method=method)


@pytest.fixture
def https_app(settings: Settings) -> Iterator[Flask]:
    app = create_app("web", Settings(**{**vars(settings), "site_url": "https://site.example"}))
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def socket_app(settings: Settings) -> Iterator[Flask]:
    app = create_app("socket", settings)
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


class TestChangesAreOurs:
    """S1."""

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_every_route_that_changes_something_refuses_a_request_without_a_token(
        self, app: Flask, alice: cast.Person, method: str
    ) -> None:
        addresses = list(iter_addresses(app, method, make_campaign(alice)))
        assert addresses or method in ("PATCH", "DELETE")
        for address in addresses:
            response = alice.browser.open(address, method=method, headers=HTML)
            assert response.status_code == 400, address
            assert "This form is out of date" in response.get_data(as_text=True)

    def test_the_routes_that_change_something_are_the_ones_we_think_of(self, app: Flask) -> None:
        changing = set(iter_addresses(app, "POST", 7)) | set(iter_addresses(app, "PUT", 7))
        expected = {"/signup", "/signin", "/signout", "/campaign/new", "/campaign/7/pause", "/campaign/7/delete"}
        assert expected <= changing

    def test_put_takes_the_token_as_a_header_or_as_a_field(self, alice: cast.Person) -> None:
        token = cast.csrf_token(alice.browser)
        by_header = alice.browser.put("/campaign/new", data=CAMPAIGN, headers={"X-CSRFToken": token})
        by_field = alice.browser.put("/campaign/new", data={**CAMPAIGN, "csrf_token": token})
        assert (by_header.status_code, by_field.status_code) == (303, 303)

    def test_a_token_of_somebody_else_is_refused(self, alice: cast.Person, bob: cast.Person) -> None:
        token = cast.csrf_token(bob.browser)
        assert alice.browser.post("/campaign/new", data={**CAMPAIGN, "csrf_token": token}).status_code == 400

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "https://localhost", ""])
    def test_another_sites_form_is_refused_even_with_a_token(self, alice: cast.Person, origin: str) -> None:
        response = alice.post("/campaign/new", dict(CAMPAIGN), headers={"Origin": origin, **HTML})
        assert response.status_code == 403
        assert "another site" in response.get_data(as_text=True)

    @pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:5000"])
    def test_our_own_forms_are_taken(self, alice: cast.Person, origin: str) -> None:
        assert alice.post("/campaign/new", dict(CAMPAIGN), headers={"Origin": origin}).status_code == 303

    def test_no_get_changes_anything(self, app: Flask, alice: cast.Person, database: Database) -> None:
        campaign_id = make_campaign(alice)

        def read_everything(connection: sa.Connection) -> dict[str, list[Any]]:
            # That somebody asked is counted, also where asking changes nothing.
            tables = [table for table in Base.metadata.sorted_tables if table.name != "throttle"]
            return {table.name: list(connection.execute(table.select())) for table in tables}

        before = database.read(read_everything)
        addresses = list(iter_addresses(app, "GET", campaign_id))
        assert f"/campaign/{campaign_id}/delete" in addresses
        for address in addresses:
            assert alice.get(address).status_code < 500, address
        assert database.read(read_everything) == before


class TestCookies:
    """S2 and S4."""

    def test_the_cookie_is_kept_from_scripts_and_from_other_sites(self, client: FlaskClient) -> None:
        cookie = client.get("/signin").headers["Set-Cookie"]
        assert cookie.startswith("session=")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie

    def test_under_https_it_is_secure_and_bound_to_the_host(self, https_app: Flask) -> None:
        cookie = https_app.test_client().get("/signin", base_url="https://site.example").headers["Set-Cookie"]
        assert cookie.startswith("__Host-session=")
        assert "Secure" in cookie
        assert "Domain" not in cookie

    def test_it_lasts_as_long_as_the_sign_in(self, app: Flask, settings: Settings) -> None:
        person = cast.sign_up(app, "Dora", "Dean", "dora@example.org")
        cookie = person.browser.get_cookie("session")
        assert cookie
        assert cookie.expires is not None
        assert (cookie.expires - dt.datetime.now(dt.UTC)).days in (settings.session_days - 1, settings.session_days)
        person.get("/campaign/all")  # the first page gets its CSRF token
        assert "Set-Cookie" not in person.get("/campaign/all").headers, "a page view renews nothing"

    def test_the_socket_surface_never_sets_or_reads_a_cookie(
        self, socket_app: Flask, app: Flask, alice: cast.Person
    ) -> None:
        stolen = alice.browser.get_cookie("session")
        assert stolen
        client = socket_app.test_client()
        client.set_cookie("session", stolen.value)
        addresses = [address for address in iter_addresses(socket_app, "GET", 1) if address != "/ws"]
        assert addresses
        for address in [*addresses, "/campaign/all", "/nowhere"]:
            response = client.get(address)
            assert "Set-Cookie" not in response.headers, address
            assert "Cookie" not in response.headers.get("Vary", ""), address
            assert "Alice" not in response.get_data(as_text=True), address

    def test_the_socket_surface_has_none_of_the_sites_pages(self, socket_app: Flask) -> None:
        client = socket_app.test_client()
        assert {client.get(path).status_code for path in ("/", "/signin", "/campaign/all", "/campaign/new")} == {404}


class TestHeaders:
    """S3."""

    PAGES = ("/", "/how_it_works", "/signin", "/signup", "/nowhere")

    @pytest.mark.parametrize("path", PAGES)
    def test_every_page_has_the_strict_policy(self, client: FlaskClient, path: str) -> None:
        headers = client.get(path, headers=HTML).headers
        # On the home page people can help a campaign: our own embed pages are all that may be in its frames.
        policy = headers["Content-Security-Policy"].replace("frame-src http://localhost:5001/embed/; ", "")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "form-action 'self'" in policy
        assert not re.search(r"unsafe-|\*|https?:|script-src[^;]*'self'", policy)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"

    def test_pages_carry_no_inline_script_or_style(self, app: Flask, alice: cast.Person) -> None:
        addresses = list(iter_addresses(app, "GET", make_campaign(alice)))
        pages = [response for address in addresses if (response := alice.get(address)).mimetype == "text/html"]
        assert len(pages) >= 8
        for response in pages:
            html = response.get_data(as_text=True)
            policy = response.headers["Content-Security-Policy"]
            assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", html)
            assert "<style" not in html
            for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL):
                nonce = re.search(r'nonce="([^"]+)"', attributes)
                assert nonce
                assert f"'nonce-{nonce[1]}'" in policy
                assert not body.strip()

    def test_a_nonce_is_used_once(self, alice: cast.Person) -> None:
        policies = {alice.get("/campaign/new").headers["Content-Security-Policy"] for _ in range(3)}
        assert len(policies) == 3
        assert all("'nonce-" in policy for policy in policies)

    def test_styles_with_a_nonce_are_the_editors_pages_alone(self, alice: cast.Person) -> None:
        policy = alice.get("/campaign/new").headers["Content-Security-Policy"]
        nonce = re.search(r"script-src ('nonce-[^']+');", policy)
        assert nonce
        assert f"style-src 'self' {nonce[1]};" in policy
        assert "style-src 'self';" in alice.get("/campaign/all").headers["Content-Security-Policy"]

    def test_hsts_is_sent_under_https_only(self, client: FlaskClient, https_app: Flask) -> None:
        assert "Strict-Transport-Security" not in client.get("/").headers
        secure = https_app.test_client().get("/", base_url="https://site.example")
        assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"

    def test_hsts_holds_for_subdomains_where_the_operator_says_so(self, settings: Settings) -> None:
        urls = {"site_url": "https://site.example", "compute_url": "https://compute.example"}
        wide = dataclasses.replace(settings, hsts_subdomains=True, **urls)
        for surface in ("web", "socket"):
            app = create_app(surface, wide)
            answer = app.test_client().get("/nowhere", base_url="https://site.example")
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
            with app.app_context():
                app.extensions["sqlalchemy"].engine.dispose()


class TestErrors:
    """S5."""

    def test_people_get_a_page_and_programs_get_json(self, client: FlaskClient) -> None:
        page = client.get("/nowhere", headers=HTML)
        assert (page.status_code, page.mimetype) == (404, "text/html")
        assert "Nothing here" in page.get_data(as_text=True)
        for accept in ("application/json", "*/*"):
            answer = client.get("/nowhere", headers={"Accept": accept})
            assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
            assert answer.json == problem("not-found", 404, "There is no page at this address.")

    def test_a_wrong_method_says_which_ones_there_are(self, client: FlaskClient) -> None:
        response = client.delete("/signin", headers=HTML)
        assert response.status_code == 405
        assert "POST" in response.headers["Allow"]

    @pytest.mark.parametrize("path", ["/campaign/all", "/campaign/new", "/campaign/1", "/campaign/1/delete"])
    def test_somebody_not_signed_in_goes_to_the_sign_in_page_and_a_program_gets_401(
        self, client: FlaskClient, path: str
    ) -> None:
        page = client.get(path, headers=HTML)
        assert page.status_code == 303
        assert page.location.startswith("/signin?next=")
        answer = client.get(path, headers={"Accept": "application/json"})
        assert answer.status_code == 401
        assert answer.json == problem("not-signed-in", 401, "Sign in to see this.")

    def test_a_small_form_may_not_be_large(self, alice: cast.Person) -> None:
        response = alice.post("/signin", {"email": "x" * (2 << 20)}, headers=HTML)
        assert response.status_code == 413

    def test_too_large_an_upload_says_the_limits_in_words(self, app: Flask, alice: cast.Person) -> None:
        app.config["MAX_CONTENT_LENGTH"] = 4 << 20
        file = (io.BytesIO(b"x" * (5 << 20)), "kernel.js")
        response = alice.post("/campaign/new", {**CAMPAIGN, "kernel": file}, headers=HTML)
        assert response.status_code == 413
        text = response.get_data(as_text=True)
        assert "A kernel may have 1 MB, a static dataset 16 MB and a dataset generator 1 MB." in text

    def test_a_stranger_cannot_make_us_read_a_large_upload(self, client: FlaskClient) -> None:
        token = cast.csrf_token(client)
        response = client.post("/campaign/new", data={"csrf_token": token, "kernel_text": "x" * (2 << 20)})
        assert response.status_code == 413

    def test_a_broken_database_gives_a_page_that_does_not_need_it_and_shows_no_detail(
        self, app: Flask, alice: cast.Person, database: Database
    ) -> None:
        app.config["PROPAGATE_EXCEPTIONS"] = False
        database.write(lambda connection: connection.execute(sa.text("alter table user_session rename to gone")))
        page = alice.get("/campaign/all", headers=HTML)
        assert (page.status_code, page.mimetype) == (500, "text/html")
        assert "try again" in page.get_data(as_text=True)
        assert "user_session" not in page.get_data(as_text=True)
        answer = alice.get("/campaign/all", headers={"Accept": "application/json"})
        assert answer.status_code == 500
        assert answer.json is not None
        assert answer.json["title"] == "Internal error"
        assert "user_session" not in answer.get_data(as_text=True)

    def test_the_socket_surface_answers_errors_without_the_sites_frame(self, socket_app: Flask) -> None:
        response = socket_app.test_client().get("/nowhere", headers=HTML)
        assert response.status_code == 404
        assert "Sign in" not in response.get_data(as_text=True)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
