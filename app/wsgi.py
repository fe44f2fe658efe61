"""The two doors that gunicorn opens."""

from __future__ import annotations

from flask import Flask

from app import create_app


def web() -> Flask:
    """Make the site."""
    return create_app("web")


def socket() -> Flask:
    """Make what volunteers' browsers talk to."""
    return create_app("socket")
