"""A site with something on every page: campaigns in each state, their owner, a newcomer, a visitor.

Used by the walk over all pages and by `make screenshots`.
"""

from __future__ import annotations

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

from app import create_app, examples, migrate
from app.database import Database
from app.models import Campaign, Schedule, User
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
    environ = {"MAX_SPARES": "0", "MAX_ATTEMPTS": "1", "CAPTCHA": "altcha"}
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
    return Town(site, settings, _make_campaigns(site, database), cookies)


def _cookie_of(person: cast.Person, app: Flask) -> str:
    cookie = person.browser.get_cookie(str(app.config["SESSION_COOKIE_NAME"]))
    assert cookie is not None
    return cookie.value


def _make_campaigns(site: Site, database: Database) -> dict[str, object]:
    find = sa.select(User.id).where(User.email == "olive@example.org")
    owner = database.read(lambda connection: connection.execute(find).scalar_one())
    finished = make_campaign(
        database, [{"n": n} for n in range(40)], owner_id=owner, name=LONG_NAME,
        description="Even roots.\nAnd no odd ones.", kernel=KERNEL, autostart=True,
    )  # fmt: skip
    shared = sa.update(Campaign).where(Campaign.id == finished)
    shared = shared.values(badge_key="A" * 24, embed_origins="https://example.org https://*.example.net:8443")
    database.write(lambda connection: connection.execute(shared))
    _compute(site, finished, 40)
    example = examples.get_example("primes")
    running = make_campaign(
        database, [{"from": n * 100, "to": n * 100 + 100} for n in range(25_000)], owner_id=owner, name=example.name,
        description=example.description, kernel=example.kernel, listed=True,
    )  # fmt: skip
    _compute(site, running, 9_000)
    publish = sa.update(Campaign).where(Campaign.id == running).values(results_public=True, beneficiary="whoever asks")
    database.write(lambda connection: connection.execute(publish))
    failed = make_campaign(database, [], owner_id=owner, name="A generator that fails")
    error = "TypeError: cannot read property 'length' of undefined"
    _change(database, failed, generation=Generation.FAILED, generation_error=error, generation_line=1)
    paused = make_campaign(database, [{"n": n} for n in range(1_200)], owner_id=owner, name="Paused for a while")
    _change(database, paused, intent=Intent.PAUSED)
    deleted = make_campaign(database, [{"n": 1}], owner_id=owner, name="Not wanted any more")
    delete = sa.update(Campaign).where(Campaign.id == deleted).values(deleted=True, deleted_at=dt.datetime.now(dt.UTC))
    database.write(lambda connection: connection.execute(delete))
    _change(database, deleted, deleted=True)
    return {"finished": finished, "running": running, "failed": failed, "paused": paused, "deleted": deleted}


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
