"""What OWASP ASVS 5.0 asks for at level 2 and no other test is about; docs/security.md has the whole table."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import accounts, create_app
from app.database import Database
from app.models import Base, User, UserSession
from app.settings import Settings
from tests import cast
from tests.functional.pages import make
from tests.functional.test_security import iter_addresses
from tests.processes import ROOT

HTML = {"Accept": "text/html"}
SCRIPTS = [*(ROOT / "app/static/js").rglob("*.js"), *(ROOT / "app/static/harness").rglob("*.js")]


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """One database: nothing here depends on which."""
    return database_url


@pytest.fixture
def answers(app: Flask, alice: cast.Person) -> dict[str, TestResponse]:
    """What the site answers at every address that can be read, to somebody who owns a campaign, and at none."""
    campaign_id = make(alice)
    addresses = [*iter_addresses(app, "GET", campaign_id), "/nowhere", "/campaign/987654"]
    return {address: alice.get(address, headers=HTML) for address in addresses}


@pytest.fixture
def embeds(settings: Settings, database: Database, alice: cast.Person) -> Iterator[dict[str, TestResponse]]:
    """What the compute origin answers at every address that can be read."""
    campaign_id = make(alice)
    app = create_app("socket", settings)
    client = app.test_client()
    addresses = [address for address in iter_addresses(app, "GET", campaign_id) if address != "/ws"]
    yield {address: client.get(address, headers=HTML) for address in [*addresses, "/nowhere"]}
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def test_no_answer_is_left_for_the_browser_to_guess_its_type(
    answers: dict[str, TestResponse], embeds: dict[str, TestResponse]
) -> None:
    """3.4.4, 3.2.1."""
    for address, answer in {**answers, **embeds}.items():
        assert answer.headers.get("X-Content-Type-Options") == "nosniff", address
        assert answer.content_type or not answer.data, address


def test_every_answer_of_the_site_has_a_policy_that_loads_nothing_from_elsewhere(
    answers: dict[str, TestResponse],
) -> None:
    """3.4.3 and 3.4.6. Plug-ins (object-src) fall under default-src."""
    for address, answer in answers.items():
        policy = answer.headers.get("Content-Security-Policy", "")
        assert "default-src 'none'" in policy, address
        assert "base-uri 'none'" in policy, address
        assert "frame-ancestors 'none'" in policy, address
        assert "object-src" not in policy, address


def test_every_page_of_the_compute_origin_has_a_policy_that_loads_nothing_by_default(
    embeds: dict[str, TestResponse],
) -> None:
    """3.4.3. These pages are for frames, so that frame-ancestors is there only where the owner asks for it."""
    pages = {address: answer for address, answer in embeds.items() if answer.mimetype == "text/html"}
    assert len(pages) >= 3
    for address, answer in pages.items():
        assert "default-src 'none'" in answer.headers.get("Content-Security-Policy", ""), address


def test_no_answer_about_an_account_may_be_read_by_another_site(answers: dict[str, TestResponse]) -> None:
    """3.4.2. A badge is for everybody; what is public of results has a test of its own."""
    open_to_all = {address for address, answer in answers.items() if "Access-Control-Allow-Origin" in answer.headers}
    assert open_to_all <= {"/badge/0.svg", "/badge/0.json"}
    assert not [address for address in open_to_all if "Access-Control-Allow-Credentials" in answers[address].headers]


def test_no_script_of_ours_writes_html_or_runs_text() -> None:
    """3.2.2. The kernel's own evaluation, in the sandboxed worker, is the one exception."""
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc")
    assert len(SCRIPTS) > 20
    assert not [str(path) for path in SCRIPTS if forbidden.search(path.read_text())]
    runs = re.compile(r"\beval\(|new Function\(|setTimeout\(['\"]")
    assert not [str(path) for path in SCRIPTS if "harness" not in path.parts and runs.search(path.read_text())]


def test_no_script_of_ours_stops_pasting() -> None:
    """6.2.7."""
    for path in SCRIPTS:
        assert not re.search(r"onpaste|['\"]paste['\"]", path.read_text()), path


def test_every_password_is_masked_and_known_to_password_managers(
    answers: dict[str, TestResponse], client: FlaskClient
) -> None:
    """6.2.6 and 6.2.7."""
    pages = [*answers.values(), client.get("/signin"), client.get("/signup")]
    texts = [page.get_data(as_text=True) for page in pages if page.mimetype == "text/html"]
    found = [tag for text in texts for tag in re.findall(r"<input[^>]*password[^>]*>", text)]
    assert len(found) >= 5
    for tag in found:
        assert 'type="password"' in tag, tag
        assert re.search(r'autocomplete="(current|new)-password"', tag), tag


def test_a_password_of_64_characters_opens_its_account(app: Flask) -> None:
    """6.2.9 and 6.2.8: all of it counts."""
    password = "Correct horse battery staple, and then some more of the same sort"
    assert len(password) > 64
    form = {"first_name": "Dora", "last_name": "Dean", "email": "dora@example.org", "password": password}
    cast.Person("", app.test_client()).post("/signup", dict(form))
    for typed, opens in ((password, True), (password[:-1], False), (password.lower(), False), (password + " ", False)):
        person = cast.Person("", app.test_client())
        person.post("/signin", {"email": "dora@example.org", "password": typed})
        assert (person.get("/campaign/all").status_code == 200) is opens, typed


def test_a_new_installation_has_no_account(database: Database) -> None:
    """6.3.2. The demo account is made by a command, with a password drawn at random."""
    assert database.read(lambda connection: connection.execute(sa.select(User)).all()) == []


def test_an_account_has_no_question_whose_answer_opens_it() -> None:
    """6.4.2."""
    columns = {column.name for table in Base.metadata.sorted_tables for column in table.columns}
    assert not [name for name in columns if re.search(r"hint|question|answer", name)]


def test_the_tokens_of_sign_ins_are_long_random_and_never_the_same(database: Database, alice: cast.Person) -> None:
    """7.2.2 and 7.2.3."""

    def open_many(connection: sa.Connection) -> list[str]:
        with sa.orm.Session(connection) as session:
            user = session.scalars(sa.select(User)).one()
            now = user.date_added
            return [accounts.open_session(session, user, accounts.Browser(), now, days=1) for _ in range(50)]

    tokens = database.write(open_many)
    assert len(set(tokens)) == 50
    assert all(len(token) >= 43 for token in tokens), "256 bits in base64"


def test_signing_out_is_on_every_page_behind_a_sign_in(answers: dict[str, TestResponse]) -> None:
    """7.4.4."""
    pages = {a: page for a, page in answers.items() if page.mimetype == "text/html" and page.status_code == 200}
    assert len(pages) >= 10
    for address, page in pages.items():
        assert 'action="/signout"' in page.get_data(as_text=True), address


def test_an_operator_ends_sign_ins_by_deleting_their_rows(
    alice: cast.Person, bob: cast.Person, database: Database
) -> None:
    """7.4.5, as docs/operations.md says."""
    find = sa.select(User.id).where(User.email == alice.email).scalar_subquery()
    database.write(lambda connection: connection.execute(sa.delete(UserSession).where(UserSession.user_id == find)))
    assert alice.get("/campaign/all").status_code == 303
    assert bob.get("/campaign/all").status_code == 200
    database.write(lambda connection: connection.execute(sa.delete(UserSession)))
    assert bob.get("/campaign/all").status_code == 303


def test_nobody_is_signed_in_by_following_a_link(client: FlaskClient, app: Flask, database: Database) -> None:
    """7.6.2: every address that can be read, with whatever a link may carry."""
    query = "?email=alice@example.org&password=x&token=x&code=x&state=x&next=/campaign/all"
    for address in iter_addresses(app, "GET", 1):
        client.get(address + query, headers=HTML)
    assert database.read(lambda connection: connection.execute(sa.select(UserSession)).all()) == []
