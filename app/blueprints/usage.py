"""What somebody's account uses of what it may use."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app import quotas, security
from app.extensions import db, get_settings

blueprint = Blueprint("usage", __name__, url_prefix="/account")


@blueprint.get("/usage")
def show() -> ResponseReturnValue:
    """Show the viewer's use of each quota, and which campaigns take most."""
    viewer = security.get_viewer()
    use = quotas.find_use(db.session().connection(), viewer.id)
    return render_template("account/usage.html", use=use, settings=get_settings())
