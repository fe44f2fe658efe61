"""What `python -m app start` looks at before it starts anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app import demo, migrate, start
from app.database import Database
from app.errors import SettingsError
from app.settings import Settings
from tests.processes import find_free_port


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} .SOCKET_PORT.*SOCKET_PORT=8001"):
            start.check_ports(Settings(port=find_free_port(), socket_port=port))


def test_only_a_migrated_database_with_the_demo_account_counts_as_set_up(tmp_path: Path) -> None:
    settings = Settings(instance_dir=str(tmp_path))
    assert not start.is_set_up(settings)
    database = Database(settings.database_url)
    migrate.upgrade(database)
    assert not start.is_set_up(settings)
    demo.make_demo(database, settings)
    assert start.is_set_up(settings)
    migrate.downgrade(database, "base")
    assert not start.is_set_up(settings)
    database.dispose()
