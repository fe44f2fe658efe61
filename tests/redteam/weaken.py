"""Builds the harness without one of its walls, from its own sources."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.processes import ROOT

STATIC = Path("app") / "static"
NO_LOCK_DOWN = "export const lockDown = () => '';\n"
SANDBOX = "element.setAttribute('sandbox', 'allow-scripts');"


def build_weakened(folder: Path, *, lock_down: bool, sandbox: bool) -> Path:
    """Build a harness in a folder and return the static files to serve. False takes a wall away."""
    static = folder / STATIC
    shutil.copytree(ROOT / STATIC / "harness", static / "harness")
    shutil.copytree(ROOT / STATIC / "css", static / "css")
    shutil.copy(ROOT / "esbuild.mjs", folder)
    folder.joinpath("node_modules").symlink_to((ROOT / "node_modules").resolve())
    if not lock_down:
        static.joinpath("harness", "lockdown.js").write_text(NO_LOCK_DOWN)
    if not sandbox:
        _cut_out(static / "harness" / "frame.js", SANDBOX)
    subprocess.run(["node", "esbuild.mjs"], cwd=folder, check=True, timeout=60)
    return static


def _cut_out(path: Path, text: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count(text) == 1, f"{path.name} is no longer what this expects"
    path.write_text(source.replace(text, ""), encoding="utf-8")
