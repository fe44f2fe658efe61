"""The naive peer: flask-sock as it comes on gunicorn's gevent worker, a transaction of the ORM per message."""

from __future__ import annotations

import os

from flask import Flask
from flask_sock import Sock
from schema import Volunteer, open_database
from simple_websocket import ConnectionClosed, Server

app = Flask(__name__)
sock = Sock(app)
sessions = open_database(os.environ["PEER_DATABASE_URL"])


@sock.route("/ws")
def serve(socket: Server) -> None:
    """Serve one volunteer."""
    volunteer = Volunteer(sessions, socket.send)
    try:
        while volunteer.hear(socket.receive()):
            pass
    except ConnectionClosed:
        volunteer.give_back()
