"""The programs on a results page, run as they stand there against a real web process: Python, JavaScript and curl.

The one in R is not run: it takes an R with jsonlite.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from app.database import Database
from tests import cast
from tests.campaigns import make_owner
from tests.conftest import make_database
from tests.functional.outcomes import NOTHING, make, publish
from tests.processes import Site, run_site

pytestmark = pytest.mark.slow
VALUES = {0: 7, 1: NOTHING, 2: "é <b>", 3: {"x": [1.5, None]}}
IN_PYTHON = ["0 7", "2 é <b>", "3 {'x': [1.5, None]}"]
IN_JAVASCRIPT = ["0 7", "2 é <b>", "3 { x: [ 1.5, null ] }"]


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running web process that the tests share."""
    folder = tmp_path_factory.mktemp("site") / "instance"
    with make_database("sqlite", folder, request) as url, run_site(folder, url, "web") as site:
        yield site


@pytest.fixture(scope="module")
def results_url(site: Site) -> str:
    """The address of a finished campaign's public results there."""
    database = Database(site.environ["DATABASE_URL"])
    make_owner(database, "owner@example.org")
    campaign_id = make(database, "owner@example.org", 4, VALUES)
    publish(database, campaign_id)
    database.dispose()
    return f"{site.url}/campaign/{campaign_id}/results"


def read_snippets(html: str) -> dict[str, str]:
    """Return the programs on a page, as its reader copies them."""
    found = re.findall(r'<code id="snippet-(\w+)">(.*?)</code>', html, re.DOTALL)
    assert [f"snippet-{name}" for name, _ in found] == re.findall(r'data-copy="([^"]*)"', html)
    return {name: unescape(code) for name, code in found}


def run(folder: Path, *command: str, program: str | None = None) -> list[str]:
    """Run a command in a folder, with a program as its standard input, and return the lines that it prints."""
    done = subprocess.run(command, cwd=folder, input=program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_programs_of_public_results_fetch_and_read_them(results_url: str, tmp_path: Path) -> None:
    with urllib.request.urlopen(results_url) as page:
        snippets = read_snippets(page.read().decode())
    assert list(snippets) == ["python", "r", "javascript", "curl"]
    assert all(f"{results_url}/raw.jsonl" in code for code in snippets.values())
    assert run(tmp_path, sys.executable, "-", program=snippets["python"]) == IN_PYTHON
    assert run(tmp_path, "node", "--input-type=module", "-", program=snippets["javascript"]) == IN_JAVASCRIPT
    run(tmp_path, "bash", "-c", snippets["curl"])
    (file,) = tmp_path.glob("campaign-*-results.jsonl")
    lines = file.read_text().splitlines()
    assert [json.loads(line)["result"] for line in lines] == [7, "é <b>", {"x": [1.5, None]}]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_programs_of_private_results_read_the_file_that_was_downloaded(
    database: Database, alice: cast.Person, tmp_path: Path
) -> None:
    campaign_id = make(database, alice.email, 4, VALUES)
    snippets = read_snippets(alice.get(f"/campaign/{campaign_id}/results").get_data(as_text=True))
    assert list(snippets) == ["python", "r", "javascript"]
    download = alice.get(f"/campaign/{campaign_id}/results/raw.jsonl")
    name = re.findall(r'filename="([^"]*)"', download.headers["Content-Disposition"])[0]
    assert all(f'"{name}"' in code for code in snippets.values())
    (tmp_path / name).write_bytes(download.data)
    assert run(tmp_path, sys.executable, "-", program=snippets["python"]) == IN_PYTHON
    assert run(tmp_path, "node", "--input-type=module", "-", program=snippets["javascript"]) == IN_JAVASCRIPT


def test_the_real_web_process_sends_parts_gzip_and_304(results_url: str, tmp_path: Path) -> None:
    address = f"{results_url}/raw.jsonl"
    fetch = ("curl", "--silent", "--fail", "--show-error", "--dump-header", "head", "--output", "body")
    run(tmp_path, *fetch, address)
    whole = (tmp_path / "body").read_bytes()
    assert len(whole.splitlines()) == 3
    run(tmp_path, *fetch, "--compressed", address)
    assert (tmp_path / "body").read_bytes() == whole
    assert "content-encoding: gzip" in (tmp_path / "head").read_text().lower()
    (tmp_path / "body").write_bytes(whole[:10])
    run(tmp_path, *fetch, "--continue-at", "-", address)
    assert (tmp_path / "body").read_bytes() == whole
    assert " 206 " in (tmp_path / "head").read_text()
    tag = re.findall(r"(?i)etag: (.*)", (tmp_path / "head").read_text())[0].strip()
    assert run(tmp_path, *fetch, "--write-out", "%{http_code}", "--header", f"If-None-Match: {tag}", address) == ["304"]
    assert run(tmp_path, *fetch, "--head", "--write-out", "%{http_code}", address) == ["200"]
    assert f"content-length: {len(whole)}" in (tmp_path / "head").read_text().lower()
