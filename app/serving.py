"""gunicorn's configuration, used by `python -m app serve`: gevent workers, and the hub's life in the socket process."""

from __future__ import annotations

import gc
import os
import resource
from typing import Any

import gevent

from app.settings import Settings

settings = Settings.from_environ()
surface = os.environ.get("MANYHANDS_SURFACE", "web")

wsgi_app = f"app.wsgi:{surface}()"
bind = f"{settings.bind_host}:{settings.port if surface == 'web' else settings.socket_port}"
worker_class = "gevent"
workers = settings.web_workers if surface == "web" else settings.socket_workers
worker_connections = settings.connections_max + 100  # beside the volunteers, embed pages want to be served
graceful_timeout = 15
keepalive = 5
control_socket_disable = True
proc_name = f"manyhands-{surface}"
forwarded_allow_ips = settings.trusted_proxies
WATCH_S = 0.05
SWEEP_S = 30.0
STOP_LIMIT_S = graceful_timeout - 1


def when_ready(server: Any) -> None:
    """Say where the process listens."""
    server.log.info("%s listens on %s", surface, bind)


def post_worker_init(worker: Any) -> None:
    """Make ready what requests wait for; in the socket process, the hub lives from here until the worker is to end."""
    if surface == "web":
        from app.passwords import make_dummy_hash

        make_dummy_hash()
        gevent.spawn(_sweep_forever, worker.wsgi)
    else:
        _raise_descriptor_limit()
        from app.blueprints.socket import start_hub

        hub = start_hub(worker.wsgi)
        _calm_garbage_collector()
        worker.hub_stopper = gevent.spawn(_stop_with, worker, hub)


def _sweep_forever(app: Any) -> None:
    from app import delivery

    while True:
        gevent.sleep(SWEEP_S)
        delivery.sweep(app)


def worker_exit(_server: Any, worker: Any) -> None:
    """Let the hub take its leave: a worker that serves nobody would end before it has."""
    stopper = getattr(worker, "hub_stopper", None)  # the arbiter calls this too, for a worker that died
    if stopper is not None:
        stopper.join(STOP_LIMIT_S)


def _stop_with(worker: Any, hub: Any) -> None:
    while worker.alive:
        gevent.sleep(WATCH_S)
    hub.stop()


def _calm_garbage_collector() -> None:
    """Look for cycles seldom: the hub holds many objects for a while and makes few cycles.

    With the defaults, 7 % of a busy hub's time went into walking datasets that are simply still there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def _raise_descriptor_limit() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
