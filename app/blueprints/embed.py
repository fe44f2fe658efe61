"""The embed page and its sandboxed inner frame, on the compute origin: no cookies, and a policy of its own for each.

The embed page holds the volunteer's socket and controls. The inner frame has an opaque origin and no network, whatever
the page around it says: its policy comes with its own response.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app import campaigns, embedding
from app.extensions import db, get_settings
from app.models import Campaign
from app.settings import Settings

INNER_SCRIPT = "harness inner script"
NOT_BUILT = "The browser harness is not built. Run: npm ci --ignore-scripts && node esbuild.mjs\n"

blueprint = Blueprint("embed", __name__)


@blueprint.record
def _read_inner_script(state: BlueprintSetupState) -> None:
    """Read the inner frame's script once. Without a build the pages say so; sockets are served all the same."""
    path = Path(state.app.static_folder or "") / "dist" / "inner.js"
    script = path.read_text(encoding="utf-8") if path.is_file() else None
    if script is not None and ("</script" in script.lower() or "<!--" in script):
        raise ValueError("inner.js holds text that would end its script element")
    state.app.extensions[INNER_SCRIPT] = script


@blueprint.get("/embed/<int:campaign_id>")
def show_embed(campaign_id: int) -> ResponseReturnValue:
    """Show the badge of one campaign to anyone, or say that there is none (404)."""
    campaign = campaigns.find_served(db.session(), campaign_id)
    if campaign is None:
        settings = get_settings()
        page = render_template("embed/gone.html", site_url=settings.site_url, compute_url=settings.compute_url)
        return _locked(page, _page_policy(settings), 404)
    return _show_badge(campaign)


@blueprint.get("/embed/any")
def show_embed_any() -> ResponseReturnValue:
    """Show the badge that asks for any listed campaign."""
    return _show_badge(None)


@blueprint.get("/inner")
def show_inner() -> ResponseReturnValue:
    """Show the sandboxed frame: one inline script, named by its hash."""
    script = current_app.extensions[INNER_SCRIPT]
    if script is None:
        return Response(NOT_BUILT, 503, mimetype="text/plain")
    # Jinja would escape it; it is our own build, and holds nothing that ends the element (see above).
    response = _locked(render_template("embed/inner.html", script=Markup(script)), inner_policy(script))
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@blueprint.after_app_request
def _allow_isolated_embedders(response: Response) -> Response:
    """Let pages that are cross-origin isolated, and sandboxed ones with an opaque origin, load what is here."""
    response.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
    return response


def _show_badge(campaign: Campaign | None) -> Response:
    if current_app.extensions[INNER_SCRIPT] is None:
        return Response(NOT_BUILT, 503, mimetype="text/plain")
    settings = get_settings()
    page = render_template(
        "embed/embed.html",
        look=embedding.read_look(request.args),
        campaign=campaign,
        title=campaign.name if campaign else "Any campaign",
        owner_name=campaign.owner.full_name if campaign else "",
        site_url=settings.site_url,
        compute_url=settings.compute_url,
        socket_url=settings.socket_url,
    )
    return _locked(page, embed_policy(settings, embedding.list_origins(campaign) if campaign else ()))


def embed_policy(settings: Settings, origins: Sequence[str] = ()) -> str:
    """Return the embed page's Content-Security-Policy.

    Every source is an address and not 'self', which matches nothing where the embedder sandboxes the page. There is
    frame-ancestors only where the owner chose the sites that may embed it: even `*` would keep out file: pages and
    sandboxed ancestors. Our own site is always among them, for its preview and the pages that ask for help.
    """
    site = urlsplit(settings.site_url)
    ancestors = [f"frame-ancestors {' '.join(origins)} {site.scheme}://{site.netloc}"] if origins else []
    return _join(
        _page_policy(settings),
        f"script-src {settings.compute_url}/static/dist/embed.js",
        f"connect-src {settings.socket_url}",
        f"frame-src {settings.compute_url}/inner",
        *ancestors,
    )


def _page_policy(settings: Settings) -> str:
    return _join(
        "default-src 'none'",
        f"style-src {settings.compute_url}/static/css/embed.css",
        "base-uri 'none'",
        "form-action 'none'",
    )


def inner_policy(script: str) -> str:
    """Return the inner frame's Content-Security-Policy: an opaque origin, one script, workers from text, no network."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _join(
        "sandbox allow-scripts",
        "default-src 'none'",
        f"script-src 'sha256-{digest}' 'unsafe-eval' 'wasm-unsafe-eval'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
    )


def _join(*directives: str) -> str:
    return "; ".join(directives)


def _locked(page: str, policy: str, status: int = 200) -> Response:
    response = make_response(page, status)
    response.headers["Content-Security-Policy"] = policy
    response.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
