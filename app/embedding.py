"""How a campaign is put on other people's pages: the snippet, who may use it, and whether it may start by itself."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.models import Campaign
from app.origins import parse_origins

BADGE_KEY_BYTES = 18
SHORT = 200  # characters of a description that still fit into a sentence


@dataclasses.dataclass(frozen=True)
class Size:
    """A size that the embed is made for. The width is in pixels; None: as wide as its place."""

    name: str
    title: str
    width: int | None
    height: int

    @property
    def attributes(self) -> str:
        """What the iframe element carries for it."""
        if self.width is None:
            return f'height="{self.height}" style="border:0;width:100%"'
        return f'width="{self.width}" height="{self.height}" style="border:0"'


SIZES = {
    size.name: size
    for size in (
        Size("compact", "Compact, 320 × 150", 320, 150),
        Size("wide", "Wide, 640 × 110", 640, 110),
        Size("responsive", "As wide as its place", None, 150),
    )
}
THEMES = {"auto": "As the visitor’s system", "light": "Light", "dark": "Dark"}


@dataclasses.dataclass(frozen=True)
class Look:
    """How an embed is to look and begin. The first of SIZES and of THEMES is the default."""

    size: Size = SIZES["compact"]
    theme: str = "auto"
    autostart: bool = False

    @property
    def classes(self) -> str:
        """The classes of the embed page's root element."""
        return f"size-{self.size.name} theme-{self.theme}"

    @property
    def query(self) -> str:
        """What the embed's address says of it, with its question mark; "" for the default."""
        default = Look()
        words = [f"size={self.size.name}"] if self.size != default.size else []
        words += [f"theme={self.theme}"] if self.theme != default.theme else []
        words += ["autostart=1"] if self.autostart else []
        return "?" + "&".join(words) if words else ""


def read_look(words: Mapping[str, str]) -> Look:
    """Return the look that an address asks for; what it says in other words than these is ignored."""
    size = SIZES.get(words.get("size", ""), Look.size)
    theme = words.get("theme", "")
    return Look(size, theme if theme in THEMES else Look.theme, words.get("autostart") == "1")


def make_address(campaign: Campaign, compute_url: str, look: Look) -> str:
    """Return the embed's address; one that asks before it begins, whatever the look says."""
    return f"{compute_url}/embed/{campaign.id}{dataclasses.replace(look, autostart=False).query}"


def make_snippet(campaign: Campaign, compute_url: str, look: Look = Look()) -> str:
    """Return the HTML that a site owner pastes: one iframe, which asks its visitor before it computes.

    It asks for autostart only where the campaign's owner allows that as well.
    """
    look = dataclasses.replace(look, autostart=look.autostart and campaign.autostart)
    return str(
        Markup(
            '<iframe src="{url}/embed/{id}{query}"\n'
            '        title="{title}"\n'
            f'        {look.size.attributes} loading="lazy"></iframe>'
        ).format(url=compute_url, id=campaign.id, query=look.query, title=f"Help compute: {campaign.name}")
    )


def word_for_visitors(campaign: Campaign, host: str) -> str:
    """Return what a site owner may say to visitors about the embed. `host` names our site."""
    what = f" ({campaign.description.strip().rstrip('.')})" if 0 < len(campaign.description.strip()) <= SHORT else ""
    whom = campaign.beneficiary.strip() or campaign.owner.full_name
    return (
        f"This page lets you lend some of your browser’s idle time to “{campaign.name}”{what}, for {whom}. "
        "Nothing runs until you press start, you can pause at any time, and it ends when you close the page. "
        "The code runs in a sandbox without access to this page, your files or the network. It uses electricity. "
        f"The computation comes from {host}, which sees your IP address, as any embedded page does, and sets no cookie."
    )


def list_origins(campaign: Campaign) -> list[str]:
    """Return the origins that may embed a campaign; none: every site may."""
    return campaign.embed_origins.split()


def set_origins(session: Session, campaign: Campaign, text: str) -> None:
    """Let these sites embed a campaign and no other, or every site, when the text holds none.

    Raises:
        InvalidInput: see `parse_origins`.
    """
    campaign.embed_origins = " ".join(parse_origins(text))
    session.flush()


def set_autostart(session: Session, campaign: Campaign, *, allowed: bool) -> None:
    """Allow or forbid embeds to start without a click. Pages that are open keep what they were given."""
    campaign.autostart = allowed
    session.flush()


def renew_badge_key(session: Session, campaign: Campaign) -> None:
    """Give a campaign's badge an address that nobody can guess; an earlier one is dead at once."""
    campaign.badge_key = secrets.token_urlsafe(BADGE_KEY_BYTES)
    session.flush()


def drop_badge_key(session: Session, campaign: Campaign) -> None:
    """Take a campaign's badge away."""
    campaign.badge_key = None
    session.flush()
