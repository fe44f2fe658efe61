"""gunicorn's configuration of an attacked site: it writes down every request as it comes, upgrades to sockets included,
which an access log leaves out. And it can take walls down, to see that each holds alone, and that the judges see what
happens when none does.

REDTEAM_STATIC is the folder that a weakened harness was built in; REDTEAM_POLICY=none takes the inner frame's policy.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from app import serving
from app.blueprints import embed
from app.serving import *  # noqa: F403
from tests.redteam import ASKED


def pre_request(worker: Any, request: Any) -> None:
    """Write a request down before it is served."""
    print(f"{ASKED}{request.method} {request.uri}", flush=True)


def post_worker_init(worker: Any) -> None:
    """Replace the harness and the policy, then go on as usual."""
    static = os.environ.get("REDTEAM_STATIC")
    if static and serving.surface == "socket":
        worker.wsgi.static_folder = static
        worker.wsgi.extensions[embed.INNER_SCRIPT] = Path(static, "dist", "inner.js").read_text(encoding="utf-8")
    if os.environ.get("REDTEAM_POLICY") == "none":
        embed.inner_policy = lambda script: "img-src *"  # a policy that forbids nothing
    serving.post_worker_init(worker)
