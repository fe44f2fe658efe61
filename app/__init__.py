"""Manyhands turns the open browser tabs of people who agree to help into a computer.

Floors, each of which imports only from lower ones (tests/test_architecture.py):
0 errors settings codec (and worker_sandbox beside us) · 1 models protocol · 2 database dispatcher · 3 services and
ledger · 4 extensions security forms hub websocket background · 5 blueprints · 6 this file, wsgi and cli.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import Settings

Surface = Literal["web", "socket"]
# The blueprints of the web surface, each a file of app/blueprints.
SITE = (
    "account",
    "badges",
    "campaigns",
    "changes",
    "documents",
    "editor",
    "execute",
    "failures",
    "pages",
    "providers",
    "results",
    "sharing",
    "usage",
    "users",
)
# Room for the form fields around the uploads.
FORM_OVERHEAD_BYTES = 1 << 20


def create_app(surface: Surface, settings: Settings | None = None) -> Flask:
    """Make the application of one surface: "web" is the site, "socket" what volunteers' browsers talk to.

    Cookies live on the web surface only; the socket surface neither reads nor sets one.
    """
    # Imported here, so that the background process and the command line do not load Flask.
    from flask import Flask

    from app import assets, extensions, proxies, secrets_file, security
    from app.settings import Settings

    settings = settings or Settings.from_environ()
    os.makedirs(settings.instance_dir, exist_ok=True)
    app = Flask("app", instance_path=str(Path(settings.instance_dir)))
    app.extensions["settings"] = settings
    app.secret_key = secrets_file.get_secret_key(settings)
    app.config["MAX_CONTENT_LENGTH"] = _largest_upload_bytes(settings)
    app.wsgi_app = proxies.BehindProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    extensions.init_database(app, settings)
    security.init_app(app, surface)
    assets.init_app(app)
    _register_blueprints(app, surface)
    return app


def _largest_upload_bytes(settings: Settings) -> int:
    return (
        settings.kernel_max_bytes
        + settings.static_dataset_max_bytes
        + settings.generator_max_bytes
        + FORM_OVERHEAD_BYTES
    )


def _register_blueprints(app: Flask, surface: Surface) -> None:
    from app.blueprints import health

    app.register_blueprint(health.blueprint)
    if surface == "web":
        for name in SITE:
            app.register_blueprint(importlib.import_module(f"app.blueprints.{name}").blueprint)
    else:
        from app.blueprints import embed, socket

        app.register_blueprint(embed.blueprint)
        socket.init_app(app)
