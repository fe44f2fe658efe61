"""The Flask extensions, made once and bound to an application by create_app. The only module-level singletons."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from flask import Flask, current_app
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Session

from app import database
from app.models import Base
from app.settings import Settings
from app.turns import Turns

T = TypeVar("T")
db = SQLAlchemy(model_class=Base)
login_manager = LoginManager()
csrf = CSRFProtect()
# Anybody may ask for public results: making a download takes the processor and the database for as long as it has
# values, and sending that of a running campaign a file for as long as the visitor reads.
making_for_visitors = Turns(2, per_address=1)
sending_to_visitors = Turns(16, per_address=4)


def get_settings() -> Settings:
    """Return the settings of the application that serves this request."""
    settings: Settings = current_app.extensions["settings"]
    return settings


def init_database(app: Flask, settings: Settings) -> None:
    """Bind the session to the database that the settings name."""
    app.config["SQLALCHEMY_DATABASE_URI"] = database.normalise_url(settings.database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = database.engine_options(settings.database_url)
    db.init_app(app)
    with app.app_context():
        database.prepare_engine(db.engine)


@contextlib.contextmanager
def writing() -> Iterator[Session]:
    """Open the request's transaction that writes; commit it at the end, roll it back when an exception passes.

    Everything slow (hashing, reading uploads) belongs before it: SQLite has one writer at a time. What the request
    read before is read again on its next use.
    """
    session: Session = db.session()
    session.rollback()
    session.connection(execution_options={database.WRITES: True})
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise


def write(work: Callable[[Session], T]) -> T:
    """Run work in a transaction of `writing`, again when PostgreSQL chose it as a deadlock's victim.

    For changes of what socket processes change as well; work begins from what the database holds each time.
    """

    def attempt() -> T:
        with writing() as session:
            return work(session)

    return database.retry_deadlocks(attempt)
