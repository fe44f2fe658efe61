"""The documents as pages: every link leads somewhere, the tutorial shows what the example has, and no file leaks."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app, errors, examples, figures, library, security
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
NAMES = list(library.PATHS)


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The site without a database: documents need none."""
    return create_app("web", Settings(instance_dir=str(tmp_path), captcha="off"))


def read(client: FlaskClient, name: str) -> str:
    """Return a document's own part of its page."""
    answer = client.get(library.BASE + ("" if name == library.INDEX else name))
    assert answer.status_code == 200, name
    return answer.get_data(as_text=True).split("<article", 1)[1].split("</article>", 1)[0]


def find_ids(html: str) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', html))


@pytest.mark.parametrize("name", NAMES)
def test_every_link_and_picture_of_a_document_leads_somewhere(client: FlaskClient, name: str) -> None:
    html = read(client, name)
    targets = [unescape(target) for target in re.findall(r'(?:href|src)="([^"]*)"', html)]
    for target in targets:
        path, _, anchor = target.partition("#")
        if re.match(r"https?://", path):
            continue
        page = client.get(path, headers={"Accept": "text/html,*/*"}) if path else None
        assert page is None or page.status_code in (200, 303), target
        if anchor:
            ids = find_ids(page.get_data(as_text=True) if page else html)
            assert anchor in ids, target


@pytest.mark.parametrize("name", NAMES)
def test_a_documents_anchors_are_its_own(client: FlaskClient, name: str) -> None:
    anchors = re.findall(r'\bid="([^"]+)"', read(client, name))
    assert len(anchors) == len(set(anchors))


def test_every_file_of_the_folder_is_on_a_shelf() -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")}
    assert files <= set(library.PATHS.values())


@pytest.mark.parametrize("name", NAMES)
def test_links_between_files_are_good_in_the_repository_too(name: str) -> None:
    path = ROOT / library.PATHS[name]
    prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), f"{name}: {target}"


@pytest.mark.parametrize(
    "path",
    ["../README", "..%2f..%2fREADME", "/etc/passwd", "README", "images/../index", "index.md", "decisions", "TUTORIAL",
     "images/../../README.md", "images/..%2f..%2fREADME.md", "images/nothing.png"],
)  # fmt: skip
def test_nothing_but_the_listed_documents_is_ever_shown(client: FlaskClient, path: str) -> None:
    assert client.get(f"/docs/{path}", follow_redirects=True).status_code == 404


def test_a_document_says_its_title_and_what_it_is_about(client: FlaskClient) -> None:
    html = client.get("/docs/tutorial").get_data(as_text=True)
    assert "<title>Tutorial: your first campaign · Manyhands</title>" in html
    assert '<meta name="description" content="In some ten minutes you will find every number below 10,000' in html
    assert '<a href="#4-the-kernel">4. The kernel</a>' in html
    assert '<a href="/docs/tutorial" aria-current="page">' in html


def test_code_is_coloured_by_classes_and_can_be_copied(client: FlaskClient) -> None:
    html = read(client, "tutorial")
    assert '<span class="kd">function</span>' in html
    assert "style=" not in html
    for anchor in re.findall(r'data-copy="([^"]+)"', html):
        assert f'<pre id="{anchor}">' in html
    assert html.count("data-copy=") == html.count("<pre")


def test_a_link_to_a_file_that_has_no_page_is_only_its_words(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(
        "# Here\n\nSee [the code](../app/wsgi.py), not <script>alert(1)</script>.\n"
    )
    document = library.find_document("index", tmp_path)
    assert document is not None
    assert "<p>See the code, not &lt;script&gt;alert(1)&lt;/script&gt;.</p>" in document.html


def test_a_changed_document_is_rendered_anew(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for title in ("Before", "After"):
        (tmp_path / "docs" / "index.md").write_text(f"# {title}\n")
        document = library.find_document("index", tmp_path)
        assert document is not None
        assert document.title == title


def test_the_tutorials_code_is_the_examples() -> None:
    blocks = re.findall(r"```\w+\n(.*?)```", (ROOT / "docs/tutorial.md").read_text(), re.DOTALL)
    example = examples.get_example("multiples-of-123")
    check = (examples.FOLDER / "multiples-of-123" / "README.md").read_text()
    assert blocks[:3] == [example.dataset_gen, example.static_dataset, example.kernel]
    assert blocks[3] in check
    assert len(blocks) == 4


def iter_kinds() -> set[str]:
    """Return every kind of problem that the site answers with."""
    known = [errors.ManyhandsError]
    for error in known:
        known.extend(error.__subclasses__())
    return {error.kind for error in known} | set(security._KINDS.values()) | {security.OTHER_KIND}


def test_the_errors_page_explains_every_kind_and_no_other() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(iter_kinds())
    document = library.find_document("errors")
    assert document is not None
    assert [heading.anchor for heading in document.headings] == headings


def test_the_benchmarks_page_shows_the_figures_that_were_measured_with_their_ratios_in_words(
    client: FlaskClient,
) -> None:
    told = json.loads(figures.RESULTS.read_text())
    page = unescape(client.get("/benchmarks").get_data(as_text=True))
    for figure in told["figures"]:
        assert figure["name"] in page
        assert f"{figures.say_number(figure['measured'])} {figure['unit']}" in page
        if figure["ratio"] is not None:
            assert f"{figures.say_number(figure['ratio'])} times " in page
    assert "×" not in page
    assert told["date"][:10] in page
    assert "None" not in page


@pytest.mark.parametrize(
    ("kind", "ratio", "ratio_of", "said"),
    [
        ("classic", 39.291, "× it", "Manyhands does 39.3 times as many"),  # as runs before this one kept it
        ("classic", 39.291, "× theirs", "Manyhands does 39.3 times as many"),
        ("batched", 4.22, "× classic", "4.22 times one at a time"),
        ("active", 1.128, "× at 100", "1.13 times that at 100 connections"),
        ("pick", 1.0549, "× of 10,000", "1.05 times that of 10,000 datasets"),
        ("page", 1.2, "× at 1,000", "1.20 times that at 1,000 results"),
        ("new-row", 2.0, "× before", "2.00 times that before"),
    ],
)
def test_a_ratio_says_what_it_compares_with(kind: str, ratio: float, ratio_of: str, said: str) -> None:
    assert figures.say_ratio(kind, ratio, ratio_of) == said


def test_rows_that_are_missing_or_broken_are_left_out(tmp_path: Path) -> None:
    told = json.loads(figures.RESULTS.read_text())
    told["figures"] = [f for f in told["figures"] if f["row"] in ("idle-10000", "classic-sqlite-100", "new-row-1")]
    told["broken"] = ["idle-10000"]
    (tmp_path / "results.json").write_text(json.dumps(told))
    report = figures.read_report(tmp_path / "results.json")
    assert report is not None
    assert [table.anchor for table in report.tables] == ["classic"]
    assert figures.read_report(tmp_path / "nothing.json") is None
