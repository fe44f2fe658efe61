"""gunicorn's configuration of a site that makes downloads of finished campaigns in halves: it waits before the second
for as long as there is a file `held` in the instance folder, and for no file to be whole before it sends the first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app import serving
from app.serving import *  # noqa: F403
from app.serving import settings

HELD_FILE = "held"


def hold(iterate: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Hold up what goes through the values, in parts of some."""

    def held(*arguments: Any, **options: Any) -> Iterator[Any]:
        for number, part in enumerate(iterate(*arguments, **options)):
            while number == 1 and Path(settings.instance_dir, HELD_FILE).exists():
                time.sleep(0.01)
            yield part

    return held


def post_worker_init(worker: Any) -> None:
    """Put the fault in, then go on as usual."""
    from app import delivery, downloads, joined

    delivery.GRACE_S = 0
    downloads.iter_pages = hold(downloads.iter_pages)
    joined.iter_joined = hold(joined.iter_joined)
    serving.post_worker_init(worker)
