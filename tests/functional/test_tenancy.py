"""Nobody sees another's things: every route of the site is either on the list of public ones or closed to strangers.

The test walks the URL map, so that a route that is added and forgotten here fails.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.database import Database
from app.models import Base, Campaign, User
from tests import cast
from tests.campaigns import make_campaign

# Who may open what has no campaign's id in it.
PUBLIC = {
    "account.verify_email",  # by a link that came by mail; only in the account itself it confirms
    "badges.show_json",  # whoever knows a badge's key
    "badges.show_svg",
    "documents.show",
    "documents.show_benchmarks",
    "documents.show_image",
    "documents.show_index",
    "health.show_health",
    "pages.list_contribute",
    "pages.show_contribute_any",
    "pages.show_home",
    "pages.show_how_it_works",
    "providers.finish",  # opens only what a provider has just shown to this browser
    "providers.start",
    "static",
    "users.reset_password",
    "users.send_reset_password",
    "users.sign_in",
    "users.sign_up",
    "users.make_challenge",
    "users.sign_out",  # for somebody who has not signed in it does nothing
}
SIGNED_IN = {
    "account.change_email",
    "account.change_password",
    "account.delete",
    "account.list_sessions",
    "account.show",
    "campaigns.list_all",
    "campaigns.list_deleted",
    "changes.bring_in",
    "editor.new",
    "usage.show",
    "providers.confirm",
    "providers.show_linked",
}
# What somebody signed in changes by a button, with what each placeholder in its address becomes.
SIGNED_IN_BUTTONS: dict[str, dict[str, int]] = {
    "account.end_all_sessions": {},
    "account.end_session": {"session_id": 1},
    "account.send_verification": {},
}
# For programs of those signed in; test_previews.py says who gets what.
PREVIEWS = {"editor.ask_preview", "editor.show_preview"}
# What anyone may see of a campaign: no more than its embed page shows.
OPEN_CAMPAIGN = {"pages.show_contribute"}
# What each placeholder in an address beside the campaign's id becomes.
FILLED = {"result_id": 0, "provider": "oidc"}
SAFE = ("GET", "HEAD")


@dataclasses.dataclass(frozen=True)
class Door:
    """One way to ask: a method, an address, and the endpoint behind it."""

    method: str
    path: str
    endpoint: str

    def knock(self, visitor: FlaskClient, **headers: str) -> TestResponse:
        """Ask, with the CSRF token of the visitor where the method needs one."""
        form = {} if self.method in SAFE else {"csrf_token": _find_token(visitor)}
        return visitor.open(self.path, method=self.method, data=form, headers=headers)


def _find_token(visitor: FlaskClient) -> str:
    page = visitor.get("/signin", follow_redirects=True).get_data(as_text=True)
    if 'name="csrf_token"' not in page:
        page = visitor.get("/campaign/new").get_data(as_text=True)
    return page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]


def _say(response: TestResponse) -> str:
    """Return what a page says, less its nonce and its CSRF token, which carries the second in which it was made."""
    return re.sub(r'name="csrf_token" value="[^"]*"|nonce="[^"]*"', "", response.get_data(as_text=True))


def iter_rules(app: Flask) -> Iterator[Rule]:
    yield from app.url_map.iter_rules()


def has_campaign(rule: Rule) -> bool:
    return "campaign_id" in rule.arguments


def iter_doors(app: Flask, campaign_id: int, *, is_open: bool = False) -> Iterator[Door]:
    """Go through every method of every route with a campaign's id: the owner's, or those that are open to anyone."""
    adapter = app.url_map.bind("localhost")
    for rule in iter_rules(app):
        if has_campaign(rule) and (rule.endpoint in OPEN_CAMPAIGN) == is_open:
            values = {name: FILLED[name] for name in rule.arguments if name != "campaign_id"}
            path = adapter.build(rule.endpoint, {"campaign_id": campaign_id, **values})
            for method in sorted((rule.methods or set()) - {"OPTIONS"}):
                yield Door(method, path, rule.endpoint)


@pytest.fixture
def campaign_id(database: Database, alice: cast.Person) -> int:
    """Alice's campaign, with a result."""
    find = sa.select(User.id).where(User.email == alice.email)
    owner_id = database.read(lambda connection: connection.execute(find).scalar_one())
    campaign_id = make_campaign(database, [{"n": 1}, {"n": 2}], owner_id=owner_id)
    store = sa.text(
        "insert into result (campaign_id, run, position, kind, data, date_added, compute_ms, volunteer_id,"
        " kernel_version) values (:c, 1, 0, 0, :data, 0, 0, 0, 1)"
    )
    database.write(lambda connection: connection.execute(store, {"c": campaign_id, "data": b"\x07"}))
    return campaign_id


def dump(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table but those of sign-ins."""
    tables = [table for table in Base.metadata.sorted_tables if table.name != "user_session"]
    return {t.name: database.read(lambda c, t=t: [tuple(row) for row in c.execute(sa.select(t))]) for t in tables}


def test_every_route_is_classified(app: Flask) -> None:
    without_campaign = {rule.endpoint for rule in iter_rules(app) if not has_campaign(rule)}
    assert without_campaign == PUBLIC | SIGNED_IN | PREVIEWS | set(SIGNED_IN_BUTTONS)
    assert not any("campaign" in name and name != "campaign_id" for r in iter_rules(app) for name in r.arguments)


def test_there_are_campaign_routes_to_walk_and_their_owner_may_open_them(
    app: Flask, alice: cast.Person, campaign_id: int
) -> None:
    doors = [door for door in iter_doors(app, campaign_id) if door.method == "GET"]
    endpoints = {door.endpoint for door in doors}
    assert {"campaigns.show", "campaigns.reset", "campaigns.delete", "results.list_all", "results.show"} <= endpoints
    assert {door.endpoint: door.knock(alice.browser).status_code for door in doors} == dict.fromkeys(endpoints, 200)


def test_a_stranger_gets_404_at_every_campaign_route_and_changes_nothing(
    app: Flask, database: Database, bob: cast.Person, campaign_id: int
) -> None:
    before = dump(database)
    answers = {door: door.knock(bob.browser).status_code for door in iter_doors(app, campaign_id)}
    assert answers == dict.fromkeys(answers, 404)
    assert dump(database) == before


def test_a_stranger_learns_no_more_of_a_campaign_than_of_one_that_never_was(
    app: Flask, bob: cast.Person, campaign_id: int
) -> None:
    theirs, missing = list(iter_doors(app, campaign_id)), list(iter_doors(app, campaign_id + 1000))
    for mine, none in zip(theirs, missing, strict=True):
        first, second = mine.knock(bob.browser), none.knock(bob.browser)
        assert (first.status_code, _say(first)) == (second.status_code, _say(second)), mine


def test_an_anonymous_visitor_is_sent_to_sign_in_at_every_campaign_page_and_changes_nothing(
    app: Flask, database: Database, client: FlaskClient, campaign_id: int
) -> None:
    before = dump(database)
    for door in iter_doors(app, campaign_id):
        response = door.knock(client, Accept="text/html")
        if door.path.rsplit("/", 1)[1].startswith("raw"):
            assert response.status_code == 401, door
        else:
            assert (response.status_code, response.location.split("?")[0]) == (303, "/signin"), door
    assert dump(database) == before


def test_a_program_that_has_not_signed_in_gets_401_at_every_campaign_route(
    app: Flask, client: FlaskClient, campaign_id: int
) -> None:
    for door in iter_doors(app, campaign_id):
        response = door.knock(client, Accept="application/json")
        assert response.status_code == 401, door
        assert door.method == "HEAD" or response.get_json()["title"] == "Not signed in", door


def test_pages_for_those_signed_in_send_an_anonymous_visitor_to_sign_in(app: Flask, client: FlaskClient) -> None:
    adapter = app.url_map.bind("localhost")
    for rule in [rule for rule in iter_rules(app) if rule.endpoint in SIGNED_IN]:
        endpoint = rule.endpoint
        response = client.get(adapter.build(endpoint, {name: FILLED[name] for name in rule.arguments}))
        assert (response.status_code, response.location.split("?")[0]) == (303, "/signin"), endpoint


def test_buttons_for_those_signed_in_do_nothing_for_an_anonymous_visitor(
    app: Flask, database: Database, client: FlaskClient, alice: cast.Person
) -> None:
    adapter, before = app.url_map.bind("localhost"), dump(database)
    for endpoint, values in SIGNED_IN_BUTTONS.items():
        door = Door("POST", adapter.build(endpoint, values, method="POST"), endpoint)
        assert door.knock(client, Accept="text/html").location == "/signin"
        assert door.knock(client, Accept="application/json").status_code == 401, endpoint
    assert dump(database) == before
    assert alice.get("/account").status_code == 200, "still signed in"


def test_what_is_open_to_anyone_is_only_looked_at_and_changes_nothing(
    app: Flask, database: Database, client: FlaskClient, campaign_id: int
) -> None:
    before = dump(database)
    doors = list(iter_doors(app, campaign_id, is_open=True))
    assert {door.endpoint for door in doors} == OPEN_CAMPAIGN
    assert {door.method for door in doors} <= set(SAFE)
    assert {door.knock(client).status_code for door in doors} == {200}
    assert dump(database) == before


def test_a_strangers_campaign_cannot_be_read_by_duplicating_it(bob: cast.Person, campaign_id: int) -> None:
    for number in (campaign_id, campaign_id + 1000, 10**40):
        assert bob.get(f"/campaign/new?from={number}").status_code == 404


def test_a_deleted_campaign_is_404_for_everybody(
    app: Flask, database: Database, alice: cast.Person, campaign_id: int
) -> None:
    update = sa.update(Campaign).where(Campaign.id == campaign_id).values(deleted=True)
    database.write(lambda connection: connection.execute(update))
    doors = [*iter_doors(app, campaign_id), *iter_doors(app, campaign_id, is_open=True)]
    answers = {door: door.knock(alice.browser).status_code for door in doors}
    assert answers == dict.fromkeys(answers, 404)


def test_an_id_larger_than_any_database_keeps_is_404(app: Flask, alice: cast.Person) -> None:
    for number in (2**31, 2**63, 10**40):
        doors = [*iter_doors(app, number), *iter_doors(app, number, is_open=True)]
        answers = {door: door.knock(alice.browser).status_code for door in doors}
        assert answers == dict.fromkeys(answers, 404)
