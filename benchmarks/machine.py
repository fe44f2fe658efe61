"""What the figures were measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import sqlite3
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import paths
from benchmarks.databases import Databases

PACKAGES = ("flask", "flask-sock", "gevent", "greenlet", "gunicorn", "msgpack", "psycopg", "sqlalchemy", "websockets")
SETTINGS = ("server_version", "fsync", "synchronous_commit", "shared_buffers", "max_connections")


def describe(databases: Databases) -> dict[str, Any]:
    """Return machine, versions and date."""
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "cpu": _find_line("/proc/cpuinfo", r"model name\s*: (.*)"),
            "memory": _find_line("/proc/meminfo", r"MemTotal:\s*(.*)"),
            "kernel": platform.release(),
            "database_file_system": _find_file_system(tempfile.gettempdir()),
            "load_before": os.getloadavg()[0],
        },
        "versions": {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: metadata.version(name) for name in PACKAGES},
            "tornado (peer)": _find_tornado(),
        },
        "postgresql": _read_settings(databases),
    }


def _find_line(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found[1].strip() if found else "unknown"


def _find_file_system(folder: str) -> str:
    """Return the kind of file system that a folder is on: on tmpfs a commit waits for nothing, and figures lie."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    there = [(Path(point), kind) for point, kind in mounts if Path(folder).resolve().is_relative_to(point)]
    return max(there, key=lambda mount: len(mount[0].parts))[1]


def _find_tornado() -> str:
    if not paths.PEER_PYTHON.exists():
        return "not installed"
    ask = [str(paths.PEER_PYTHON), "-c", "import tornado; print(tornado.version)"]
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()


def _read_settings(databases: Databases) -> dict[str, str]:
    with psycopg.connect(databases.postgresql.handle.get_uri("postgres")) as connection:
        return {name: str(connection.execute(f"show {name}").fetchone()[0]) for name in SETTINGS}  # type: ignore[index]
