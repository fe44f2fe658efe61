"""A site with something on every page: campaigns in each state, their owner, a newcomer, a visitor.

Used by the walk over all pages and by `make screenshots`.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Browser, BrowserContext

from app import accounts, create_app, examples, migrate
from app.database import Database
from app.models import Campaign, Identity, Schedule, User
from app.providers.flow import name_space
from app.settings import Settings
from app.states import Generation, Intent
from tests import cast
from tests.campaigns import make_campaign
from tests.processes import Site, run_site
from tests.volunteers import Batched

OWNER, NEWCOMER, VISITOR = "owner", "newcomer", "visitor"
KERNEL = (
    "({\n  main(dataset) {\n    if (dataset.n % 10 === 7) throw new TypeError('unlucky ' + dataset.n);\n"
    "    return dataset.n % 2 ? undefined : { n: dataset.n, root: Math.sqrt(dataset.n), name: 'even' };\n  },\n})\n"
)
LONG_NAME = "Roots of numbers whose expansion repeats after a-very-long-word-that-cannot-be-broken-anywhere"


@dataclasses.dataclass
class Town:
    """The site, and what is on it: `places` fills the placeholders of the table's paths."""

    site: Site
    settings: Settings
    places: dict[str, object]
    cookies: dict[str, str]
    weights: dict[str, int] = dataclasses.field(default_factory=dict)  # of files that were weighed already, by address

    def url(self, path: str) -> str:
        """Return the whole address of a path of the table; one that starts with embed: is at the compute origin."""
        filled = path.format(**self.places)
        if filled.startswith("embed:"):
            return self.settings.compute_url + filled.removeprefix("embed:")
        return self.settings.site_url + filled

    def open_context(self, browser: Browser, who: str, **options: Any) -> BrowserContext:
        """Return a browser profile in which somebody is signed in, or nobody."""
        context = browser.new_context(**options)
        if who in self.cookies:
            context.add_cookies([{"name": "session", "value": self.cookies[who], "url": self.settings.site_url}])
        return context


@contextlib.contextmanager
def run_town(folder: Path) -> Iterator[Town]:
    """Start the site's processes, fill it, and end it afterwards."""
    folder.mkdir(exist_ok=True)
    url = f"sqlite:///{folder}/manyhands.sqlite3"
    database = Database(url)
    migrate.upgrade(database)
    environ = {
        "MAX_SPARES": "0",
        "MAX_ATTEMPTS": "1",
        "CAPTCHA": "altcha",
        "GITHUB_CLIENT_ID": "town",
        "GITHUB_CLIENT_SECRET": "x",
    }
    try:
        with run_site(folder, url, "web", "socket", "background", **environ) as site:
            yield _fill(site, database)
    finally:
        database.dispose()


def _fill(site: Site, database: Database) -> Town:
    settings = Settings.from_environ(site.environ)
    app = create_app("web", settings)
    people = {
        OWNER: cast.come_in(app, "Olive", "Owner", "olive@example.org"),
        NEWCOMER: cast.come_in(app, "Nora", "New", "nora@example.org"),
    }
    cookies = {who: _cookie_of(person, app) for who, person in people.items()}
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    owner, newcomer = (_find_id(database, person) for person in people.values())
    _link_account(database, settings, owner)
    places = {**_make_campaigns(site, database, owner), **_send_links(database, newcomer)}
    return Town(site, settings, places, cookies)


def _find_id(database: Database, person: cast.Person) -> int:
    query = sa.select(User.id).where(User.email == person.email)
    return int(database.read(lambda connection: connection.execute(query).scalar_one()))


def _link_account(database: Database, settings: Settings, user_id: int) -> None:
    now = dt.datetime.now(dt.UTC)
    values = {
        "provider": name_space("github", settings.github_url),
        "subject": "7",
        "email": "olive@example.com",
        "date_added": now,
        "last_used_at": now,
    }
    database.write(lambda connection: connection.execute(sa.insert(Identity).values(user_id=user_id, **values)))


def _send_links(database: Database, user_id: int) -> dict[str, object]:
    """Leave somebody with an address that is not confirmed, and with a link for that and one for a new password."""
    now = dt.datetime.now(dt.UTC)
    reset, reset_hash = accounts.make_token()
    address = base64.urlsafe_b64encode(b"nora@example.org").decode().rstrip("=")
    confirmation = f"{accounts.make_token()[0]}.{address}"  # as app/recovery.py makes them
    update = sa.update(User).where(User.id == user_id).values(email_verified_at=None, email_token_sent_at=now)
    update = update.values(email_token=accounts.hash_token(confirmation))
    update = update.values(password_reset_token=reset_hash, password_reset_sent_at=now)
    database.write(lambda connection: connection.execute(update))
    return {"reset": reset, "confirmation": confirmation}


def _cookie_of(person: cast.Person, app: Flask) -> str:
    cookie = person.browser.get_cookie(str(app.config["SESSION_COOKIE_NAME"]))
    assert cookie is not None
    return cookie.value


def _make_campaigns(site: Site, database: Database, owner: int) -> dict[str, object]:
    failed = make_campaign(database, [], owner_id=owner, name="A generator that fails")
    error = "TypeError: cannot read property 'length' of undefined"
    _change(database, failed, generation=Generation.FAILED, generation_error=error, generation_line=1)
    paused = make_campaign(database, [{"n": n} for n in range(1_200)], owner_id=owner, name="Paused for a while")
    _change(database, paused, intent=Intent.PAUSED)
    deleted = make_campaign(database, [{"n": 1}], owner_id=owner, name="Not wanted any more")
    _set(database, deleted, deleted=True, deleted_at=dt.datetime.now(dt.UTC))
    _change(database, deleted, deleted=True)
    campaigns = {"failed": failed, "paused": paused, "deleted": deleted}
    return {
        "finished": _make_finished(site, database, owner),
        "running": _make_running(site, database, owner),
        **campaigns,
    }


def _make_finished(site: Site, database: Database, owner: int) -> int:
    """Make a campaign that has everything: all kinds of outcomes, a badge, sites that may show it."""
    campaign = make_campaign(
        database, [{"n": n} for n in range(40)], owner_id=owner, name=LONG_NAME,
        description="Even roots.\nAnd no odd ones.", kernel=KERNEL, autostart=True,
    )  # fmt: skip
    sites = "https://example.org https://*.example.net:8443"
    _set(database, campaign, badge_key="A" * 24, embed_origins=sites)
    _compute(site, campaign, 40)
    return campaign


def _make_running(site: Site, database: Database, owner: int) -> int:
    example = examples.get_example("primes")
    campaign = make_campaign(
        database, [{"from": n * 100, "to": n * 100 + 100} for n in range(25_000)], owner_id=owner, name=example.name,
        description=example.description, kernel=example.kernel, listed=True,
    )  # fmt: skip
    _set(database, campaign, results_public=True, beneficiary="whoever asks")
    _compute(site, campaign, 9_000)
    return campaign


def _set(database: Database, campaign_id: int, **values: object) -> None:
    update = sa.update(Campaign).where(Campaign.id == campaign_id).values(**values)
    database.write(lambda connection: connection.execute(update))


def _change(database: Database, campaign_id: int, **values: object) -> None:
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id).values(**values)
    database.write(lambda connection: connection.execute(update))


def _compute(site: Site, campaign_id: int, count: int) -> None:
    """Compute a number of datasets as a volunteer whose kernel sometimes fails and sometimes has nothing to say."""
    volunteer = Batched.open(site.socket_url, campaign_id, device="Ada's laptop")
    volunteer.send(min(count, 1024), [])
    answered = 0
    while answered < count:
        answers = [_answer(lease, dataset) for lease, dataset in volunteer.receive()]
        answered += len(answers)
        volunteer.send(min(count - answered, 1024), answers)
    volunteer.socket.close()


def _answer(lease: int, dataset: dict[str, int]) -> list[object]:
    number = dataset.get("n", dataset.get("from", 0))
    if number % 10 == 7:
        words = {"name": "TypeError", "message": f"unlucky {number}", "stack": "at main (kernel.js:3:39)"}
        return [lease, 2, 12, msgpack.packb(words)]
    if number % 2:
        return [lease, 0, 9]
    values = {"n": number, "root": number**0.5, "name": "even", "bytes": b"\x01\x02", "list": list(range(number % 30))}
    return [lease, 1, 34, msgpack.packb(values)]
