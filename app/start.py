"""`python -m app start`: everything on one machine, set up and running, for a first look and for development.

A second start is to be quick: what takes seconds to import is imported only when there is something to set up.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sqlite3
import sys
import threading
import time
import urllib.request
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager

from app import secrets_file
from app.errors import SettingsError
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0


def start(settings: Settings) -> int:
    """Set the site up, run the processes of the Procfile until one ends, and return its exit code.

    Raises:
        SettingsError: somebody listens on one of its ports already.
    """
    check_ports(settings)
    os.makedirs(settings.instance_dir, exist_ok=True)
    secrets_file.get_secret_key(settings)
    if not is_set_up(settings):
        _set_up(settings)
    manager = Manager()
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
        manager.add_process(name, f"exec {command}", env={**environ, "PYTHONUNBUFFERED": "1"}, cwd=str(ROOT))
    threading.Thread(target=_announce, args=(settings, manager), daemon=True).start()
    manager.loop()
    return int(manager.returncode or 0)


def check_ports(settings: Settings) -> None:
    """Refuse to start where another program, perhaps another `make run`, listens already."""
    hosts = {"PORT": settings.bind_host, "SOCKET_PORT": settings.bind_host, "MAIL_PORT": "127.0.0.1"}
    for name, host in hosts.items():
        port = getattr(settings, name.lower())
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise SettingsError(
                    f"Port {port} ({name}) cannot be used: {error.strerror}. Perhaps another `make run` is running. "
                    "Choose others: PORT=8000 SOCKET_PORT=8001 MAIL_PORT=8002 make run"
                ) from error


def is_set_up(settings: Settings) -> bool:
    """Say whether the embedded database is there and up to date. Any other database is looked at by alembic."""
    path = settings.database_url.removeprefix("sqlite:///")
    if not settings.uses_sqlite or not os.path.exists(path):
        return False
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
        demo = connection.execute("select count(*) from user where email = 'demo@example.org'").fetchone()
        versions = [version for (version,) in connection.execute("select version_num from alembic_version")]
        return versions == [find_head()] and demo == (1,)
    return False


def find_head() -> str:
    """Return the newest migration: the one that no other builds on."""
    texts = [path.read_text() for path in (ROOT / "migrations" / "versions").glob("*.py")]
    revisions = {match[1] for text in texts if (match := re.search(r'^revision = "(.+)"', text, re.MULTILINE))}
    built_on = {match[1] for text in texts if (match := re.search(r'^down_revision = "(.+)"', text, re.MULTILINE))}
    (head,) = revisions - built_on
    return head


def _set_up(settings: Settings) -> None:
    from app import demo, migrate
    from app.database import Database

    database = Database(settings.database_url)
    migrate.upgrade(database)
    demo.make_demo(database, settings)
    database.dispose()


def _describe_sign_in(settings: Settings) -> str:
    path = Path(settings.instance_dir) / "demo_password"
    if not path.exists():
        return "The demo account is demo@example.org; its password was not kept here."
    return f"Sign in as demo@example.org with the password {path.read_text()}"


def _announce(settings: Settings, manager: Manager) -> None:
    doors = (f"http://127.0.0.1:{settings.port}/healthz", f"http://127.0.0.1:{settings.socket_port}/healthz")
    give_up_at = time.monotonic() + PATIENCE_S
    while not all(_serves(door) for door in doors):
        if time.monotonic() > give_up_at or manager.returncode is not None:
            return
        time.sleep(0.05)
    sign_in = _describe_sign_in(settings)
    print(f"\n  Manyhands is ready: {settings.site_url}\n  {sign_in}\n  Ctrl-C ends it.\n", flush=True)


def _serves(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:
        return bool(answer.status == 200)
    return False
