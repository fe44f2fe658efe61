"""`python -m app start`: everything on one machine, set up and running, for a first look and for development."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import urllib.request
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager

from app import demo, migrate, secrets_file
from app.database import Database
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0


def start(settings: Settings) -> int:
    """Set the site up, run the processes of the Procfile until one ends, and return its exit code."""
    os.makedirs(settings.instance_dir, exist_ok=True)
    secrets_file.get_secret_key(settings)
    database = Database(settings.database_url)
    migrate.upgrade(database)
    sign_in = demo.make_demo(database, settings)
    database.dispose()
    manager = Manager()
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
        manager.add_process(name, f"exec {command}", env={**environ, "PYTHONUNBUFFERED": "1"}, cwd=str(ROOT))
    threading.Thread(target=_announce, args=(settings, sign_in), daemon=True).start()
    manager.loop()
    return int(manager.returncode or 0)


def _announce(settings: Settings, sign_in: str) -> None:
    doors = (f"http://127.0.0.1:{settings.port}/healthz", f"http://127.0.0.1:{settings.socket_port}/healthz")
    give_up_at = time.monotonic() + PATIENCE_S
    while not all(_serves(door) for door in doors):
        if time.monotonic() > give_up_at:
            return
        time.sleep(0.1)
    print(f"\n  Manyhands is ready: {settings.site_url}\n  {sign_in}\n  Ctrl-C ends it.\n", flush=True)


def _serves(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:
        return bool(answer.status == 200)
    return False
