"""Attacks on the browser sandbox."""

ASKED = "asked: "  # how a request begins in the log of an attacked site
