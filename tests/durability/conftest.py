"""What every test of this folder begins with."""

from __future__ import annotations

import pytest

from tests.durability.crowd import Habits
from tests.scale import scaled

# A dead process is followed soon, clients come from one address, and the ends of leases are in reach of a test.
ENVIRON = {
    "PROCESS_TTL_S": "2",
    "HEARTBEAT_S": "0.5",
    "CONNECTIONS_PER_ADDRESS": "1000",
    "SECRET_KEY": "the same on every host",
}


@pytest.fixture
def habits() -> Habits:
    """A crowd of the size that the run asks for."""
    return Habits(clients=scaled(40, 200))


@pytest.fixture
def datasets() -> list[int]:
    """A campaign's datasets of the size that the run asks for."""
    return list(range(scaled(2400, 20_000)))
