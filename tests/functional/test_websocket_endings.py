"""What a volunteer said before it went still counts."""

from __future__ import annotations

import msgpack
import pytest

from app.database import Database
from tests.campaigns import make_campaign, read_results
from tests.functional.test_socket import wait_until
from tests.processes import Site
from tests.rawsocket import BINARY, TEXT, RawSocket, encode, encode_close


@pytest.mark.parametrize("ending", [encode_close(1001), encode(3)], ids=["a close frame", "a broken frame"])
def test_a_result_right_before_the_end_is_stored(shared_database: Database, socket_site: Site, ending: bytes) -> None:
    campaign = make_campaign(shared_database, ["one", "two"])
    with RawSocket(socket_site.socket_port) as client:
        client.send(encode(TEXT, f"i{campaign}".encode()))
        while client.receive().opcode != BINARY:
            pass
        client.send(encode(TEXT, b"r") + encode(BINARY, msgpack.packb("last words")) + ending)
        client.find_close()
    wait_until(lambda: read_results(shared_database, campaign) == {0: "last words"})
