"""Whether this process can do its work: for load balancers and for `make run`."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.extensions import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def show_health() -> ResponseReturnValue:
    """Answer 200 when the database can be read, 503 when not."""
    try:
        db.session.execute(sa.text("select 1"))
    except sa.exc.SQLAlchemyError:
        return {"status": "database unavailable"}, 503
    return {"status": "ok"}
