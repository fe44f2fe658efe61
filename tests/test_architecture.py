"""The house's floors: a file imports only from its own floor or lower ones, and nothing imports in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = [
    {
        "budget",
        "codec",
        "errors",
        "fragments",
        "framing",
        "origins",
        "proxies",
        "settings",
        "states",
        "turns",
        "wording",
    },
    {
        "models",
        "protocol",
        "records",
    },
    {
        "database",
        "dispatcher",
        "migrate",
    },
    {
        "accounts",
        "badges",
        "campaigns",
        "captcha",
        "demo",
        "devices",
        "downloads",
        "drafts",
        "embedding",
        "erasure",
        "examples",
        "failures",
        "figures",
        "generators",
        "identities",
        "joined",
        "ledger",
        "mail",
        "numbering",
        "packing",
        "passwords",
        "library",
        "previews",
        "providers",
        "pulse",
        "recovery",
        "purge",
        "quotas",
        "results",
        "secrets_file",
        "sheets",
        "showcase",
        "snapshots",
        "throttling",
        "trials",
    },
    {
        "assets",
        "background",
        "delivery",
        "edit_forms",
        "extensions",
        "forms",
        "guards",
        "handshake",
        "hub",
        "mailbox",
        "outbox",
        "security",
        "websocket",
    },
    {
        "blueprints",
    },
    {
        "__init__",
        "__main__",
        "cli",
        "serving",
        "start",
        "wsgi",
    },
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
NO_FLASK = {room for floor in FLOORS[:4] for room in floor} | {"background"}
PURE = {"budget", "fragments", "framing", "protocol", "dispatcher", "codec", "records", "states"}
IMPURE_MODULES = {"socket", "sqlalchemy", "time", "random", "threading", "gevent", "os", "datetime"}


def iter_files() -> Iterator[Path]:
    yield from sorted((ROOT / "app").rglob("*.py"))


def room_of(path: Path) -> str:
    """Return the name of a file's room: its module, or its package, directly under app."""
    return path.relative_to(ROOT / "app").parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def iter_imports(path: Path) -> Iterator[str]:
    """Go through the modules that a file imports, from anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if _is_module(whole) else str(node.module)


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def rooms_imported(path: Path) -> set[str]:
    return {
        name.split(".")[1] if "." in name else "__init__" for name in iter_imports(path) if name.split(".")[0] == "app"
    }


def test_every_room_has_its_floor() -> None:
    assert {room_of(path) for path in iter_files()} == set(FLOOR_OF)


@pytest.mark.parametrize("path", list(iter_files()), ids=module_of)
def test_a_file_imports_from_its_own_floor_or_lower_ones(path: Path) -> None:
    floor = FLOOR_OF[room_of(path)]
    higher = {room for room in rooms_imported(path) if FLOOR_OF[room] > floor}
    assert not higher, f"{module_of(path)} on floor {floor} reaches up to {higher}"


def test_blueprints_do_not_import_each_other() -> None:
    for path in sorted((ROOT / "app" / "blueprints").glob("*.py")):
        others = {name for name in iter_imports(path) if name.startswith("app.blueprints.")}
        assert not others, f"{module_of(path)} imports {others}"


def test_no_circle_of_imports() -> None:
    graph = {module_of(path): {n for n in iter_imports(path) if n.startswith("app")} for path in iter_files()}
    del graph["app"]  # its imports happen inside functions, after everything else was imported
    list(TopologicalSorter(graph).static_order())


def test_services_and_below_know_no_flask() -> None:
    for path in iter_files():
        if room_of(path) in NO_FLASK:
            flask = {name for name in iter_imports(path) if name.split(".")[0].startswith("flask")}
            assert not flask, f"{module_of(path)} imports {flask}"


def test_protocol_and_dispatcher_do_no_io_and_have_no_clock() -> None:
    for path in iter_files():
        if room_of(path) in PURE:
            impure = {name.split(".")[0] for name in iter_imports(path)} & IMPURE_MODULES
            assert not impure, f"{module_of(path)} imports {impure}"


def test_the_generator_sandbox_imports_nothing_of_the_application() -> None:
    for path in sorted((ROOT / "worker_sandbox").glob("*.py")):
        assert not {name for name in iter_imports(path) if name.split(".")[0] == "app"}


def test_only_the_ledger_writes_its_tables() -> None:
    models = "Schedule|Process|Lease|Dataset|Result|Progress|Presence|Volunteer|KernelError"
    tables = "schedule|process|lease|dataset|result|progress|presence|volunteer|kernel_error"
    writing = re.compile(
        rf"(insert into|update|delete from) ({tables})\b(?! =)|\b(insert|update|delete)\(({models})\)|add\(({models})\("
    )
    for path in iter_files():
        if room_of(path) not in {"ledger", "models"}:
            found = writing.search(path.read_text())
            assert not found, f"{module_of(path)} writes: {found and found[0]}"


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    files = [*iter_files(), *(ROOT / "worker_sandbox").glob("*.py"), *(ROOT / "app/static/harness").glob("*.js")]
    long = {str(path.relative_to(ROOT)): n for path in files if (n := len(path.read_text().splitlines())) > 400}
    assert not long
