"""The documents of docs/ as pages: which there are, in which order, and their Markdown as HTML.

Only files of the list below are ever opened: a name from an address is looked up, never made into a path.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import escape
from mdit_py_plugins.anchors import anchors_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

ROOT = Path(__file__).resolve().parent.parent
BASE = "/docs/"
INDEX = "index"
IMAGES = "docs/images/"
DECISIONS = sorted(f"docs/decisions/{path.name}" for path in (ROOT / "docs" / "decisions").glob("*.md"))
SHELVES: dict[str, Sequence[str]] = {
    "Begin": ("docs/index.md", "docs/tutorial.md"),
    "Campaigns": (
        "docs/campaigns.md",
        "docs/embedding.md",
    ),
    "Reference": ("docs/kernel-api.md", "docs/results.md", "docs/failures.md", "docs/errors.md", "docs/protocol.md"),
    "Running a site": ("docs/operations.md", "docs/security.md", "docs/benchmarks.md"),
    "The project": ("CHANGELOG.md", "CONTRIBUTING.md"),
    "Decisions": DECISIONS,
}
DEEPEST = 3  # headings in the table of contents
DESCRIPTION_LENGTH = 160
PNG_SIZE = slice(16, 24)  # width and height, each four bytes, big endian


@dataclasses.dataclass(frozen=True)
class Heading:
    """One line of a table of contents."""

    level: int
    anchor: str
    text: str


@dataclasses.dataclass(frozen=True)
class Document:
    """One document as a page shows it. `html` is our own, from a file of ours."""

    name: str
    title: str
    description: str
    headings: tuple[Heading, ...]
    html: str


def name_of(path: str) -> str:
    """Return how a document is called in addresses: docs/kernel-api.md is kernel-api."""
    return path.removeprefix("docs/").removesuffix(".md").lower()


PATHS = {name_of(path): path for paths in SHELVES.values() for path in paths}
_rendered: dict[Path, tuple[int, Document]] = {}


def find_document(name: str, root: Path = ROOT) -> Document | None:
    """Return a document, rendered once for as long as its file stays the same; None: there is none of this name."""
    if name not in PATHS:
        return None
    path = root / PATHS[name]
    stamp = path.stat().st_mtime_ns
    if path not in _rendered or _rendered[path][0] != stamp:
        _rendered[path] = (stamp, _render(name, path.read_text("utf-8")))
    return _rendered[path][1]


def list_shelves() -> list[tuple[str, list[Document]]]:
    """Return all documents, in the order in which they are listed."""
    return [(shelf, [_get(name_of(path)) for path in paths]) for shelf, paths in SHELVES.items()]


def _get(name: str) -> Document:
    document = find_document(name)
    assert document is not None
    return document


def resolve(path: str, target: str) -> str | None:
    """Return where a link of a document leads on the site; None: to a file that the site does not show.

    Args:
        path: the document's file.
        target: the link as the file has it; addresses with a scheme and anchors stay as they are.
    """
    if re.match(r"[a-z]+:", target) or target.startswith("#"):
        return target
    file, mark, anchor = target.partition("#")
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    if whole.startswith(IMAGES):
        return BASE + whole.removeprefix("docs/")
    name = name_of(whole)
    return f"{BASE}{'' if name == INDEX else name}{mark}{anchor}" if PATHS.get(name) == whole else None


def _render(name: str, text: str) -> Document:
    markdown = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable("table")
    markdown.use(anchors_plugin, min_level=1, max_level=DEEPEST, slug_func=slugify)
    for rule, render in _RULES.items():
        markdown.add_render_rule(rule, render)
    tokens = markdown.parse(text)
    headings = tuple(_iter_headings(tokens))
    _follow_links(PATHS[name], tokens)
    _mark_table_heads(tokens)
    html = markdown.renderer.render(tokens, markdown.options, {})
    below = tuple(heading for heading in headings if heading.level > 1)
    return Document(name, headings[0].text, _describe(tokens), below, html)


def slugify(text: str) -> str:
    """Return a heading's anchor, the one that GitHub gives it."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _iter_headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    for opening, inline in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open" and (level := int(opening.tag[1:])) <= DEEPEST:
            yield Heading(level, str(opening.attrGet("id")), _read_text(inline))


def _read_text(inline: Token) -> str:
    words = (" " if child.type == "softbreak" else child.content for child in inline.children or ())
    return "".join(words)


def _describe(tokens: Sequence[Token]) -> str:
    """Return the beginning of the first paragraph, for search engines and lists of documents."""
    paragraphs = (b for a, b in zip(tokens, tokens[1:], strict=False) if a.type == "paragraph_open" and a.level == 0)
    text = _read_text(next(paragraphs, Token("inline", "", 0)))
    if len(text) <= DESCRIPTION_LENGTH:
        return text
    return text[:DESCRIPTION_LENGTH].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def _follow_links(path: str, tokens: Sequence[Token]) -> None:
    """Make links between files links between pages; one to a file that has no page says only its words."""
    for inline in tokens:
        hidden = False
        for token in inline.children or ():
            if token.type == "link_open":
                target = resolve(path, str(token.attrGet("href")))
                hidden = target is None
                token.attrSet("href", target or "")
                token.hidden = hidden
            elif token.type == "link_close":
                token.hidden = hidden
            elif token.type == "image":
                token.attrSet("src", resolve(path, str(token.attrGet("src"))) or "")


def _mark_table_heads(tokens: Sequence[Token]) -> None:
    """Say which headings are those of columns; an empty one, in a table's corner, is no heading."""
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "th_open" and inline.content:
            opening.attrSet("scope", "col")
        elif opening.type == "th_open":
            opening.tag = closing.tag = "td"


# How Markdown's parts become HTML where the library's own way is not ours. The arguments are the library's.
Rule = Callable[[RendererHTML, Sequence[Token], int, OptionsDict, EnvType], str]


def _render_code(_: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType) -> str:
    token = tokens[index]
    language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    anchor = f"code-{sum(other.type in ('fence', 'code_block') for other in tokens[:index]) + 1}"
    return (
        f'<div class="code"><pre id="{anchor}"><code>{_highlight(token.content, language)}</code></pre>'
        f'<button type="button" class="button small" data-copy="{anchor}" hidden>Copy</button>'
        '<span role="status" class="copied" data-copied></span></div>\n'
    )


def _highlight(code: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return str(escape(code))
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


def _render_heading_end(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, _env: EnvType
) -> str:
    token, inline = tokens[index], tokens[index - 1]
    anchor = tokens[index - 2].attrGet("id")
    link = f'<a class="anchor" href="#{anchor}" aria-label="Link to: {escape(_read_text(inline))}">#</a>'
    return f"{link if anchor and token.tag != 'h1' else ''}</{token.tag}>\n"


def _render_image(self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType) -> str:
    token = tokens[index]
    source = str(token.attrGet("src"))
    size = _read_png_size(ROOT / "docs" / source.removeprefix(BASE))
    return f'<img src="{escape(source)}" alt="{escape(token.content)}"{size} loading="lazy">'


def _read_png_size(path: Path) -> str:
    """Return the attributes that keep a picture's place while it loads; nothing, where there is no such file."""
    if not path.is_file():
        return ""
    head = path.read_bytes()[PNG_SIZE]
    return f' width="{int.from_bytes(head[:4])}" height="{int.from_bytes(head[4:])}"'


def _render_table_start(
    _: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    number = sum(token.type == "table_open" for token in tokens[: index + 1])
    return f'<div class="table-frame" role="region" aria-label="Table {number}" tabindex="0"><table>\n'


def _render_table_end(*_arguments: object) -> str:
    return "</table></div>\n"


_RULES: dict[str, Rule] = {
    "fence": _render_code,
    "code_block": _render_code,
    "heading_close": _render_heading_end,
    "image": _render_image,
    "table_open": _render_table_start,
    "table_close": _render_table_end,
}
