"""The command line: `python -m benchmarks [ONLY] [--seconds S] [--without-peers]`. Prints a table, writes JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Iterable
from typing import Any

from benchmarks import machine, paths, rows
from benchmarks.databases import Databases
from benchmarks.figures import Figure, format_table
from benchmarks.load import LoadFailed
from benchmarks.trials import Bench, Broken

SECONDS, SHORT_SECONDS = 8.0, 2.5


def main() -> int:
    """Measure what was asked for; 1 when something was measured that did not work, 2 when there is no such row."""
    arguments = _parse()
    chosen = rows.choose(arguments.only)
    if not chosen:
        print(f"There is no row {arguments.only!r}. Rows: {', '.join(row.name for row in rows.ROWS)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    with Databases() as databases:
        told = machine.describe(databases)
        bench = Bench(
            databases, arguments.seconds, not arguments.without_peers, is_whole=arguments.only != rows.DISPATCH
        )
        figures, broken = _measure(chosen, bench)
    print(f"\n{format_table(figures)}\n")
    told |= {"only": arguments.only, "took_s": round(time.monotonic() - started), "broken": broken}
    _write(told, figures, arguments.only)
    for line in broken:
        print(f"BROKEN {line}", file=sys.stderr)
    return 1 if broken else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the dispatcher.")
    parser.add_argument("only", nargs="?", default="", help='"dispatch", or how the names of the wanted rows begin')
    parser.add_argument("--seconds", type=float, help="how long a run measures")
    parser.add_argument("--without-peers", action="store_true", help="take no ratio against the peers")
    arguments = parser.parse_args()
    if arguments.seconds is None:
        arguments.seconds = SHORT_SECONDS if arguments.only == rows.DISPATCH else SECONDS
    return arguments


def _measure(chosen: Iterable[rows.Row], bench: Bench) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    broken: list[str] = []
    for row in chosen:
        print(row.name, flush=True)
        begin = time.monotonic()
        try:
            for figure in row.measure(bench):
                figures.append(figure)
                print(f"    {'  '.join(cell.strip() for cell in figure.as_cells() if cell)}", flush=True)
        except Exception as error:
            # One row that cannot be measured does not take the others with it.
            if not isinstance(error, (Broken, LoadFailed)):
                traceback.print_exc()
            broken.append(f"{row.name}: {error}")
            print(f"    BROKEN {error}", flush=True)
        print(f"    took {time.monotonic() - begin:.0f} s", flush=True)
    return figures, broken


def _write(told: dict[str, Any], figures: Iterable[Figure], only: str) -> None:
    path = paths.RESULTS if only in ("", rows.DISPATCH) else paths.NARROWED_RESULTS
    path.parent.mkdir(exist_ok=True)
    told = {**told, "figures": [figure.as_json() for figure in figures]}
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    print(f"written to {path.relative_to(paths.ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
