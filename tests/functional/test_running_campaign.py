"""A campaign in full swing, on the real processes: fifty clients add results while its owner downloads them."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgpack
import pytest
from websockets.exceptions import ConnectionClosed

from tests.processes import Site, run_site
from tests.volunteers import Classic, close_code, finish, run_together

pytestmark = pytest.mark.slow
CLIENTS = 50
DATASETS = 6000
KERNEL = "({main: function (dataset) { return dataset.n; }})"
GENERATOR = f"({{main: function* () {{ for (let n = 0; n < {DATASETS}; n++) yield {{n: n}}; }}}})"


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    with run_site(tmp_path / "instance", database_url, "web", "socket", "background") as site:
        yield site


@pytest.fixture
def owner(site: Site) -> Iterator[httpx.Client]:
    """The owner, signed up, as a program with the session's cookie."""
    with httpx.Client(base_url=site.url, timeout=60) as client:
        form = {"first_name": "O", "last_name": "O", "email": "o@example.org", "password": "correct horse"}
        answer = client.post("/signup", data={**form, "csrf_token": find_token(client, "/signup")})
        assert answer.status_code == 303, answer.text
        yield client


def find_token(client: httpx.Client, path: str) -> str:
    match = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert match
    return match[1]


def upload(owner: httpx.Client) -> int:
    """Upload the campaign as a program does, by PUT, and wait until it runs."""
    files = {"kernel": ("kernel.js", KERNEL), "dataset_gen": ("generator.js", GENERATOR)}
    headers = {"X-CSRFToken": find_token(owner, "/campaign/new"), "Origin": str(owner.base_url).rstrip("/")}
    answer = owner.put("/campaign/new", data={"name": "Running"}, files=files, headers=headers)
    assert answer.status_code == 303, answer.text
    campaign = int(answer.headers["location"].rsplit("/", 1)[1])
    give_up_at = time.monotonic() + 30
    while owner.get(f"/campaign/{campaign}/status").json()["state"] != "running":
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    return campaign


def download(owner: httpx.Client, campaign: int) -> list[int]:
    answer = owner.get(f"/campaign/{campaign}/results/raw")
    assert answer.status_code == 200
    values = msgpack.unpackb(answer.content)
    assert isinstance(values, list)
    return values


def test_downloads_while_fifty_clients_add_results_are_each_one_whole_array(site: Site, owner: httpx.Client) -> None:
    campaign = upload(owner)
    threads = run_together(CLIENTS, lambda _number: work_until_closed(site, campaign))
    downloads = []
    while any(thread.is_alive() for thread in threads):
        downloads.append(download(owner, campaign))
    downloads.append(download(owner, campaign))
    assert len(downloads) > 3
    for earlier, later in zip(downloads, downloads[1:], strict=False):
        assert earlier == sorted(set(earlier))
        assert set(earlier) <= set(later)
    assert downloads[-1] == list(range(DATASETS))
    assert any(0 < len(values) < DATASETS for values in downloads)


def compute(dataset: dict[str, int]) -> int:
    time.sleep(0.02)  # so that the campaign lasts for several downloads, however fast the server is
    return dataset["n"]


def work_until_closed(site: Site, campaign: int) -> None:
    _datasets, code = finish(site.socket_url, campaign, compute)
    assert code == 1000


def test_the_owners_buttons_reach_connected_volunteers(site: Site, owner: httpx.Client) -> None:
    campaign = upload(owner)
    form = {"csrf_token": find_token(owner, "/campaign/new")}
    headers = {"Origin": str(owner.base_url).rstrip("/")}

    def press(button: str) -> None:
        assert owner.post(f"/campaign/{campaign}/{button}", data=form, headers=headers).status_code == 303

    volunteer = Classic.open(site.socket_url, campaign)
    assert volunteer.receive_dataset() == {"n": 0}
    press("datasets/reset")
    assert {"n": 0} in iterate_answering(volunteer)  # the new run reached it
    press("pause")
    with pytest.raises(ConnectionClosed) as closed:
        deque(iterate_answering(volunteer))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4409
    press("resume")
    volunteer = open_when_resumed(site, campaign)
    press("delete")
    assert close_code(volunteer.socket) == 4404
    assert owner.get(f"/campaign/{campaign}").status_code == 404
    assert close_code(Classic.open(site.socket_url, campaign).socket) == 4404


def iterate_answering(volunteer: Classic) -> Iterator[object]:
    """Answer for ever, and yield the datasets that follow."""
    while True:
        volunteer.answer("a result")
        yield volunteer.receive_dataset()
        time.sleep(0.01)


def open_when_resumed(site: Site, campaign: int) -> Classic:
    """Connect until the campaign is served again."""
    give_up_at = time.monotonic() + 20
    while True:
        volunteer = Classic.open(site.socket_url, campaign)
        try:
            volunteer.receive_dataset()
            return volunteer
        except ConnectionClosed:
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
