"""Somebody else's site: a page at 127.0.0.1, while ours is at localhost, which is another origin."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def third_party_page(folder: Path, snippet: str) -> Iterator[str]:
    """Serve a page of somebody else's at 127.0.0.1 that holds only the snippet."""
    folder.joinpath("index.html").write_text(f"<!doctype html><title>Knitting</title><p>Knitting.</p>{snippet}")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_arguments: object) -> None:
            """Keep the test's output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
