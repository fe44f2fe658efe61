"""What is not believed of a provider, and one that is down, slow or hostile: P1, P2 and P4 of app/providers."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.database import Database
from app.models import Identity
from app.settings import Settings
from tests import cast
from tests.functional.pages import text
from tests.functional.providers.trips import IDS, SITE, Trip, change_answer, is_signed_in, make_settings, rows
from tests.oidc.servers import Server, run_openid
from tests.processes import find_free_port


class TestForgedAnswers:
    """P1 and P2."""

    @pytest.mark.parametrize("query", ["", "?code=abc", "?code=abc&state=abc", "?error=access_denied", "?state=%00"])
    def test_an_answer_that_nobody_asked_for_is_refused(self, trip: Trip, query: str) -> None:
        said = trip.read_refusal(trip.come_back(f"/signin/oidc/callback{query}"))
        assert "in another browser" in said

    def test_another_state_is_refused(self, trip: Trip) -> None:
        address = trip.travel("dora")
        assert "in another browser" in trip.read_refusal(trip.come_back(change_answer(address, state="x" * 43)))
        assert not is_signed_in(trip.browser)

    def test_an_answer_opens_nothing_in_another_browser(self, app: Flask, trip: Trip) -> None:
        address = trip.travel("dora")
        victim = Trip(app.test_client())
        victim.leave()
        assert "in another browser" in victim.read_refusal(victim.come_back(address))
        assert not is_signed_in(victim.browser)

    def test_an_answer_opens_nothing_twice(self, app: Flask, trip: Trip) -> None:
        address = trip.travel("dora")
        before = trip.browser.get_cookie("session")
        assert before
        trip.come_back(address)
        trip.browser.post("/signout", data={"csrf_token": cast.csrf_token(trip.browser)})
        assert "in another browser" in trip.read_refusal(trip.come_back(address))
        # Not with the cookie of that time either: an answer to one sign-in is taken once, by us and by the provider.
        thief = Trip(app.test_client())
        thief.browser.set_cookie("session", before.value)
        assert "has ended already" in thief.read_refusal(thief.come_back(address))
        assert not is_signed_in(thief.browser)

    def test_another_sign_ins_code_is_refused(self, app: Flask, trip: Trip) -> None:
        stolen = parse_qs(urlsplit(Trip(app.test_client()).travel("alice")).query)["code"][0]
        answer = trip.come_back(change_answer(trip.travel("dora"), code=stolen))
        assert "did not confirm this sign-in" in trip.read_refusal(answer)
        assert not is_signed_in(trip.browser)

    def test_one_providers_answer_is_not_taken_for_anothers(self, trip: Trip) -> None:
        address = trip.travel("dora").replace("/oidc/", "/github/")
        assert "in another browser" in trip.read_refusal(trip.come_back(address))

    def test_an_answer_that_names_another_issuer_or_none_is_refused(self, app: Flask) -> None:
        for issuer in ("https://evil.example", ""):
            trip = Trip(app.test_client())
            answer = trip.come_back(change_answer(trip.travel("dora"), iss=issuer))
            assert "in another browser" in trip.read_refusal(answer)
            assert not is_signed_in(trip.browser)

    def test_a_sign_in_must_end_within_ten_minutes(self, trip: Trip) -> None:
        address = trip.travel("dora")
        with trip.browser.session_transaction() as cookie:
            for flow in cookie["flows"].values():
                flow["started_at"] -= 602
            cookie.modified = True
        assert "more than ten minutes ago" in trip.read_refusal(trip.come_back(address))
        assert not is_signed_in(trip.browser)

    @pytest.mark.parametrize(
        "fault",
        [
            "changed claims",
            "a stranger's key",
            "an unknown key",
            "no signature",
            "a signature with our secret",
            "another nonce",
            "no nonce",
            "another audience",
            "another issuer",
            "a time that is over",
            "another access token",
            "somebody else's claims",
        ],
    )
    def test_an_id_token_with_a_fault_opens_nothing(
        self, alice: cast.Person, trip: Trip, database: Database, openid: Server, fault: str
    ) -> None:
        openid.describe("judy", fault=fault)
        assert "did not confirm this sign-in" in trip.read_refusal(trip.sign_in("judy"))
        assert not is_signed_in(trip.browser)
        assert rows(database, Identity) == []
        openid.describe("judy")
        trip.sign_in("judy")
        assert is_signed_in(trip.browser), "without the fault it is good"

    def test_somebody_who_says_no_at_the_provider_is_told_so_and_can_go_on(self, trip: Trip) -> None:
        answer = trip.come_back(trip.there.abort(trip.leave(next="/campaign/new")))
        assert answer.location == "/signin?next=/campaign/new"
        assert "You did not allow Uni" in trip.read_refusal(answer)
        assert 'role="alert"' not in text(trip.browser.get("/signin")), "it is said once"

    def test_what_an_address_says_went_wrong_is_never_shown(self, trip: Trip) -> None:
        state = parse_qs(urlsplit(trip.leave()).query)["state"][0]
        lie = {"error": "x", "error_description": "Call 0900-SCAM", "state": state, "iss": trip_issuer(trip)}
        answer = trip.come_back(f"/signin/oidc/callback?{urlencode(lie)}")
        assert "Uni did not sign you in" in (said := trip.read_refusal(answer))
        assert "SCAM" not in said

    def test_a_program_gets_a_refusal_as_a_problem(self, client: FlaskClient) -> None:
        answer = client.get("/signin/oidc/callback", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
        assert answer.json is not None
        assert answer.json["title"] == "Sign in refused"

    def test_many_sign_ins_that_were_begun_do_not_outgrow_the_cookie(self, trip: Trip) -> None:
        for _ in range(8):
            trip.leave(next="/campaign/new?" + "x" * 280)
        cookie = trip.browser.get_cookie("session")
        assert cookie
        assert len(f"session={cookie.value}") < 4096
        assert trip.sign_in("dora").location == "/campaign/all"


def trip_issuer(trip: Trip) -> str:
    parts = urlsplit(trip.leave())
    return f"{parts.scheme}://{parts.netloc}"


class TestProviderDown:
    """P4."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        url = f"http://localhost:{find_free_port()}"
        return make_settings(
            settings, oidc_issuer=url, oidc_client_id="x", oidc_client_secret="x", oidc_name="Uni", github_url=url,
            github_client_id="x", github_client_secret="x",
        )  # fmt: skip

    def test_it_is_said_and_everything_else_goes_on(self, app: Flask, client: FlaskClient, alice: cast.Person) -> None:
        token = cast.csrf_token(client)
        answer = client.post("/signin/oidc", data={"csrf_token": token}, headers={"Accept": "text/html"})
        assert answer.status_code == 502
        assert "Uni does not answer as it should at the moment" in text(answer)
        again = client.post("/signin/oidc", data={"csrf_token": token}, headers={"Accept": "application/json"})
        assert again.json is not None
        assert (again.status_code, again.json["detail"]) == (
            502,
            "Uni did not answer a moment ago. Try again in a few seconds.",
        )
        assert client.get("/signin").status_code == 200
        assert is_signed_in(alice.browser)

    def test_one_that_fails_between_there_and_back_is_said_too(self, client: FlaskClient) -> None:
        trip = Trip(client, "github")
        state = parse_qs(urlsplit(trip.leave()).query)["state"][0]
        answer = trip.come_back(f"/signin/github/callback?code=x&state={state}")
        assert answer.status_code == 502
        assert "GitHub does not answer" in text(answer)

    def test_it_comes_back_when_the_provider_does(
        self, app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trip = Trip(app.test_client())
        form = {"csrf_token": cast.csrf_token(trip.browser)}
        assert trip.browser.post("/signin/oidc", data=form).status_code == 502
        description = app.extensions["providers"]["oidc"]._description
        now = description._clock()
        monkeypatch.setattr(description, "_clock", lambda: now + 10)
        port = int(settings.oidc_issuer.rsplit(":", 1)[1])
        with run_openid(f"{SITE}/signin/oidc/callback", port):
            assert trip.leave().startswith(settings.oidc_issuer)


def _answer(body: bytes, head: bytes = b"200 OK", length: int = 0) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (head, length or len(body), body)


def _describe(issuer: str, **changes: object) -> bytes:
    names = {"issuer": issuer, "authorization_endpoint": f"{issuer}/a", "token_endpoint": f"{issuer}/t"}
    return _answer(json.dumps({**names, "jwks_uri": f"{issuer}/j", **changes}).encode())


BAD_DESCRIPTIONS = {
    "nothing": lambda issuer: b"",
    "noise": lambda issuer: bytes(range(256)),
    "half of what it promised": lambda issuer: _answer(b"{", length=100),
    "drop by drop": lambda issuer: _answer(b"{", length=86_400),
    "more than agreed": lambda issuer: _answer(b" " * (1 << 21)),
    "no JSON": lambda issuer: _answer(b"<html>"),
    "a list": lambda issuer: _answer(b"[]"),
    "its own failure": lambda issuer: _answer(b"{}", b"500 Oops"),
    "another address": lambda issuer: _answer(b"", b"302 Found\r\nLocation: http://localhost:1/"),
    "another issuer": lambda issuer: _describe("https://evil.example"),
    "an address without https": lambda issuer: _describe(issuer, token_endpoint="http://provider.example/t"),
    "no token endpoint": lambda issuer: _describe(issuer, token_endpoint=None),
}


@pytest.mark.parametrize("kind", BAD_DESCRIPTIONS)
def test_a_provider_that_describes_itself_badly_is_left(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """P4: each drop comes before the timeout of silence; together they would take a day."""
    monkeypatch.setattr("app.providers.talk.ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        issuer = f"http://localhost:{server.getsockname()[1]}"
        stop = threading.Event()
        arguments = (server, BAD_DESCRIPTIONS[kind](issuer), stop if kind == "drop by drop" else None)
        thread = threading.Thread(target=_serve_once, args=arguments)
        thread.start()
        try:
            app = create_app("web", make_settings(settings, oidc_issuer=issuer, **IDS))
            client = app.test_client()
            answer = client.post("/signin/oidc", data={"csrf_token": cast.csrf_token(client)})
            assert answer.status_code == 502
        finally:
            stop.set()
            thread.join(10)


def test_a_provider_that_describes_itself_well_is_gone_to(settings: Settings) -> None:
    """What the test before this one would see if it refused everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        issuer = f"http://localhost:{server.getsockname()[1]}"
        thread = threading.Thread(target=_serve_once, args=(server, _describe(issuer), None))
        thread.start()
        app = create_app("web", make_settings(settings, oidc_issuer=issuer, **IDS))
        assert Trip(app.test_client()).leave().startswith(f"{issuer}/a?")
        thread.join(10)


def _serve_once(server: socket.socket, answer: bytes, drip_until: threading.Event | None) -> None:
    connection, _address = server.accept()
    with connection, contextlib.suppress(OSError):
        connection.recv(1 << 16)
        connection.sendall(answer)
        while drip_until is not None and not drip_until.wait(0.1):
            connection.sendall(b" ")
