"""The status badge of a campaign: a few facts behind an address that nobody can guess, as JSON and as a picture."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

import sqlalchemy as sa
from markupsafe import Markup, escape
from sqlalchemy.orm import Session, joinedload

from app import campaigns, ledger
from app.campaigns import Overview, State
from app.errors import NotFound
from app.models import Campaign
from app.wording import count

LABEL_MAX = 40
NO_BADGE = "There is no badge at this address: its key was taken back, or its campaign is gone."


@dataclasses.dataclass(frozen=True)
class Status:
    """What a badge says. Percent (0 to 100) and total are None while nobody knows how many datasets there will be."""

    name: str
    state: str
    percent: float | None
    done: int
    total: int | None
    volunteers: int
    results: int

    @property
    def words(self) -> str:
        """The same, as short as a picture needs it."""
        if self.state == State.DONE:
            return f"done · {count(self.results, 'result')}"
        share = f"{self.done:,} done" if self.percent is None else f"{self.percent:.1f} %"
        if self.state == State.RUNNING:
            return f"{share} · {count(self.volunteers, 'volunteer')}"
        return self.state if self.state in (State.FAILED, State.GENERATING) else f"{self.state} · {share}"


def get_status(session: Session, key: str) -> Status:
    """Return what the badge with this key says.

    Raises:
        NotFound: no campaign has this key, or not any longer.
    """
    query = sa.select(Campaign).options(joinedload(Campaign.schedule))
    campaign = session.scalars(query.where(Campaign.badge_key == key, ~Campaign.deleted)).one_or_none()
    if campaign is None:
        raise NotFound(NO_BADGE)
    return describe(session, campaigns.get_overview(session, campaign))


def describe(session: Session, overview: Overview) -> Status:
    """Return what a campaign's badge says."""
    campaign, progress = overview.campaign, overview.progress
    is_open = overview.makes_more or overview.state is State.GENERATING
    return Status(
        name=campaign.name,
        state=overview.state.value,
        # Rounded down: 100 means all.
        percent=None if is_open else int(overview.percent * 10) / 10,
        done=progress.done,
        total=None if is_open else campaign.schedule.generated,
        volunteers=ledger.sum_presence(session.connection(), [campaign.id])[campaign.id].volunteers,
        results=progress.value_count,
    )


def make_snippets(name: str, url: str) -> dict[str, str]:
    """Return Markdown and HTML that show the badge; in a README the one, on a page the other."""
    alternative = clean(name)
    plain = re.sub(r"([\\`*_\[\]<>!])", r"\\\1", alternative)
    html = Markup('<img src="{url}" alt="{name}: how it gets on" height="20">').format(url=url, name=alternative)
    return {"markdown": f"![{plain}: how it gets on]({url})", "html": str(html)}


# --- the picture -----------------------------------------------------------------------------------------------------

HEIGHT = 20
PADDING = 7
INK = "#ffffff"
LABEL_PAPER = "#3f4650"
# Each is dark enough for white text, and stands out from white pages and from black ones.
PAPERS = {State.FAILED: "#ad2418", State.PAUSED: "#6a6f77", State.WAITING: "#85590a", State.GENERATING: "#85590a"}
PAPER = "#0b6e63"
GONE_PAPER = "#6a6f77"
BAR = "#8fe3d3"
# Advance widths of Verdana at 11 px, which DejaVu Sans shares; the picture's text is then stretched to the estimate.
_WIDTHS = {
    3.1: "ijl'",
    3.9: " f,.;:|!",
    4.6: "rtI()[]/-·",
    5.7: "csz",
    6.5: "aekvxyFLJ",
    7.0: "bdghnopqu0123456789T_$€#?*",
    7.6: "ABCEKPRSVXYZ&",
    8.4: "DGHNUOQ",
    9.2: "Mw+<>=~",
    10.8: "mW@",
    11.8: "%",
}
_WIDTH_OF = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
WIDE_LETTER = 11.0
OTHER_LETTER = 7.2


def draw(status: Status, label: str = "") -> str:
    """Return a status as SVG. The label is shown instead of the campaign's name."""
    shown = clean(label) or clean(status.name)
    bar = status.percent if status.state in (State.RUNNING, State.PAUSED, State.WAITING) else None
    return _draw(shown, status.words, PAPERS.get(State(status.state), PAPER), bar)


def draw_missing() -> str:
    """Return the picture for a key that opens nothing."""
    return _draw("Manyhands", "no such campaign", GONE_PAPER)


def clean(text: str) -> str:
    """Return a text as one short line that XML can hold."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(line.split())
    return line if len(line) <= LABEL_MAX else line[: LABEL_MAX - 1].rstrip() + "…"


def estimate_width(text: str) -> int:
    """Return about how many pixels a text takes at 11 px."""
    return round(sum(_width_of(letter) for letter in text))


def _width_of(letter: str) -> float:
    if letter in _WIDTH_OF:
        return _WIDTH_OF[letter]
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    return WIDE_LETTER if unicodedata.east_asian_width(letter) in "WF" else OTHER_LETTER


def _draw(label: str, words: str, paper: str, percent: float | None = None) -> str:
    left, right = (estimate_width(text) + 2 * PADDING for text in (label, words))
    pieces = [
        Markup('<rect width="{}" height="{}" fill="{}"/>').format(left, HEIGHT, LABEL_PAPER),
        Markup('<rect x="{}" width="{}" height="{}" fill="{}"/>').format(left, right, HEIGHT, paper),
        _draw_bar(left, right, percent),
        _draw_text(PADDING, label),
        _draw_text(left + PADDING, words),
    ]
    return str(
        _FRAME.format(width=left + right, height=HEIGHT, title=f"{label}: {words}", body=Markup("").join(pieces))
    )


def _draw_bar(left: int, right: int, percent: float | None) -> Markup:
    if percent is None:
        return Markup("")
    bar = '<rect x="{}" y="{}" width="{:.1f}" height="2" fill="{}"/>'
    return Markup(bar).format(left, HEIGHT - 2, right * percent / 100, BAR)


def _draw_text(x: int, text: str) -> Markup:
    element = '<text x="{}" y="14" textLength="{}" lengthAdjust="spacingAndGlyphs">{}</text>'
    return Markup(element).format(x, estimate_width(text), escape(text))


# A title first: it is what screen readers say and what a pointer shows. No style sheet, no script, nothing from afar.
_FRAME = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    ' role="img" aria-labelledby="title"><title id="title">{title}</title>'
    '<clipPath id="round"><rect width="{width}" height="{height}" rx="4"/></clipPath>'
    f'<g clip-path="url(#round)" fill="{INK}" font-family="Verdana, DejaVu Sans, Geneva, sans-serif" font-size="11">'
    "{body}</g></svg>\n"
)
