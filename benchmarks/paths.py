"""Where things are, and the names that they have in the environment."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
BUILD = FOLDER / "build"
LOAD_CLIENT = BUILD / "load"
PEERS = FOLDER / "peers"
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
RESULTS = FOLDER / "results.json"
NARROWED_RESULTS = BUILD / "results.json"
