"""The command line: `python -m app COMMAND`."""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from app.errors import ManyhandsError
from app.settings import Settings, describe
from app.wording import count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (see errors.py)."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    parsed = _make_parser().parse_args(arguments)
    try:
        return parsed.run(Settings.from_environ(), parsed) or 0
    except ManyhandsError as error:
        print(f"manyhands: {error.message}", file=sys.stderr)
        return error.exit_code


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description="Manyhands: operators' commands.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[Settings, argparse.Namespace], int | None], help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command

    add("settings", _print_settings, "List every setting with the value in force.")
    add("migrate", _migrate, "Make the secret key and bring the database up to date.")
    add("demo", _make_demo, "Make the demo account with the example campaigns, once.")
    add("start", _start, "Set up and run everything on this machine: what `make run` does.")
    serve = add("serve", _serve, "Run the web or the socket process (gunicorn, gevent).")
    serve.add_argument("surface", choices=["web", "socket"])
    add("background", _run_background, "Run the background process: dataset generators and housekeeping.")
    add("purge", _purge, "Erase campaigns that were deleted longer than RESTORE_DAYS ago; safe to end at any moment.")
    sandbox = add("sandbox", _check_sandbox, "Say of each layer of the generators' sandbox whether it holds here.")
    sandbox.add_argument("action", choices=["check"])
    add("mail", _run_mail, "Run the development mail process: keep mails as files and print their links.")
    return parser


def _print_settings(settings: Settings, _arguments: argparse.Namespace) -> None:
    for name, value, help in describe(settings):
        print(f"{name}={value}\n    {help}")


def _migrate(settings: Settings, _arguments: argparse.Namespace) -> None:
    from app import migrate, secrets_file
    from app.database import Database

    os.makedirs(settings.instance_dir, exist_ok=True)
    secrets_file.get_secret_key(settings)
    database = Database(settings.database_url)
    migrate.upgrade(database)
    database.dispose()


def _make_demo(settings: Settings, _arguments: argparse.Namespace) -> None:
    from app import demo
    from app.database import Database

    database = Database(settings.database_url)
    print(demo.make_demo(database, settings))
    database.dispose()


def _start(settings: Settings, _arguments: argparse.Namespace) -> int:
    from app.start import start

    return start(settings)


def _serve(_settings: Settings, arguments: argparse.Namespace) -> None:
    os.environ["MANYHANDS_SURFACE"] = arguments.surface
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", "python:app.serving"])


def _run_background(settings: Settings, _arguments: argparse.Namespace) -> None:
    from app.background import Background
    from app.database import Database

    database = Database(settings.database_url)
    background = Background(settings, database)
    _on_stop_signal(background.stop)
    background.run()
    database.dispose()


def _purge(settings: Settings, _arguments: argparse.Namespace) -> None:
    from collections import Counter

    from app import purge
    from app.database import Database

    database, removed = Database(settings.database_url), Counter[str]()
    of_campaign: Counter[str] = Counter()
    for step in purge.iter_steps(database, settings, lambda: dt.datetime.now(dt.UTC)):
        removed[step.table] += step.count
        if step.campaign_id is not None:
            of_campaign[step.table] += step.count
        if step.table == "campaign":
            print(f"Erased campaign {step.campaign_id}: {purge.describe(of_campaign)}.", flush=True)
            of_campaign.clear()
    print(f"{count(removed['campaign'], 'campaign')} and {count(removed['user'], 'account')} erased.")
    database.dispose()


def _check_sandbox(settings: Settings, _arguments: argparse.Namespace) -> int:
    import worker_sandbox

    layers = worker_sandbox.check(best_effort=settings.sandbox == "best-effort")
    for layer in layers:
        print(f"{layer.name:<13}  {layer.state:<6}  {layer.detail}".rstrip())
    return 0 if all(layer.state == "holds" for layer in layers) else 1


def _run_mail(settings: Settings, _arguments: argparse.Namespace) -> None:
    from app import mailbox

    stop = threading.Event()
    _on_stop_signal(stop.set)
    mailbox.run(settings, stop)


def _on_stop_signal(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop())
