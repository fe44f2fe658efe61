"""The volunteers' WebSocket endpoint, served by flask-sock over the hub."""

from __future__ import annotations

import hashlib
import hmac

import flask_sock
import gevent
from flask import Flask, current_app, request

from app.database import Database
from app.hub import Hub, Visit, limit_read
from app.websocket import WebSocket

AGENT_MAX = 300
# A client that takes nothing of what it is sent for as long as so many unanswered pings is gone.
STALL_PINGS = 3


def init_app(app: Flask) -> None:
    """Add /ws to the socket surface. The hub itself starts in the worker, after gevent took over (see app/serving)."""
    settings = app.extensions["settings"]
    # flask-sock looks its server class up in its module; this is the one place that exchanges it.
    flask_sock.Server = WebSocket
    app.config["SOCK_SERVER_OPTIONS"] = {
        "max_message_bytes": settings.batch_max_bytes,
        "stall_timeout_s": STALL_PINGS * settings.ping_timeout_s,
    }
    sock = flask_sock.Sock(app)
    sock.route("/ws")(serve)


def start_hub(app: Flask) -> Hub:
    """Make this process' hub and start it; called once, in the worker."""
    settings = app.extensions["settings"]
    offload = gevent.get_hub().threadpool.apply
    hub = Hub(settings, Database(settings.database_url, offload=offload, limit=limit_read))
    app.config["SOCK_SERVER_OPTIONS"]["budget"] = hub.budget
    hub.start()
    app.extensions["hub"] = hub
    return hub


def serve(socket: WebSocket) -> None:
    """Hand a connection over to the hub."""
    current_app.extensions["hub"].serve(socket, _visit())


def _visit() -> Visit:
    address = request.remote_addr or ""
    key = str(current_app.secret_key).encode()
    hashed = hmac.new(key, address.encode(), hashlib.sha256).hexdigest()
    return Visit(address, hashed, request.user_agent.string[:AGENT_MAX])
