"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import protocol
from app.errors import CloseCode
from app.protocol import ClientText, Kind, ServerText
from app.settings import Settings, describe

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()


def read_rows(text: str, pattern: str) -> set[tuple[str, ...]]:
    """Return the groups of a pattern in every line of a table."""
    return {match.groups() for line in text.splitlines() if (match := re.match(pattern, line))}


def read_messages_js() -> dict[str, str]:
    """Return the harness' constants by name."""
    text = (ROOT / "app/static/harness/messages.js").read_text()
    return {name: value.strip("'") for name, value in re.findall(r"^export const (\w+) = ([^;]+);", text, re.MULTILINE)}


def test_the_protocol_page_lists_every_letter_of_either_end_and_no_other() -> None:
    documented = read_rows(PROTOCOL, r"\| (client|server) \| `(\w)` \| (\w+) \|")
    spoken = {("client", text.value, text.name) for text in ClientText}
    spoken |= {("server", text.value, text.name) for text in ServerText}
    assert documented == spoken


def test_the_protocol_page_lists_every_kind_of_answer() -> None:
    assert read_rows(PROTOCOL, r"\| (\d) \| (\w+) \|") == {(str(kind.value), kind.name) for kind in Kind}


def test_the_protocol_page_lists_every_close_code() -> None:
    documented = read_rows(PROTOCOL, r"\| (\d{4}) \| (\w+) \| .* \| (?:yes|no) \|$")
    assert documented == {(str(code.value), code.name) for code in CloseCode}


def test_the_protocol_page_lists_every_key_of_the_campaign_frame() -> None:
    paragraph = PROTOCOL.split("The JSON of `c`:")[1].split("\n\n")[0]
    keys = protocol.CampaignInfo.__dataclass_fields__
    assert set(re.findall(r"`(\w+)`", paragraph)) == set(keys)


def test_the_harness_names_the_protocol_as_the_server_does() -> None:
    constants = read_messages_js()
    batched = {text.name: text.value for text in (*ClientText, *ServerText)}
    for classic in ("RESULT", "NOTHING"):
        del batched[classic]
    expected = batched | {f"KIND_{kind.name}": str(kind.value) for kind in Kind}
    expected |= {f"CLOSE_{code.name}": str(code.value) for code in CloseCode}
    expected |= {"PROTOCOL_VERSION": str(protocol.VERSION), "ANY_CAMPAIGN": str(protocol.ANY_CAMPAIGN)}
    expected |= {
        name: str(getattr(protocol, name))
        for name in ("MAX_ERROR_NAME", "MAX_ERROR_MESSAGE", "MAX_ERROR_STACK", "MAX_DEVICE", "MAX_THREADS")
    }
    assert {name: constants.get(name) for name in expected} == expected


def test_the_limits_on_the_protocol_page_are_those_in_force() -> None:
    settings = Settings()
    said = PROTOCOL.split("## Limits")[1]
    for text in (
        f"A result {settings.result_max_bytes >> 20} MB",
        f"a batch {settings.batch_max_bytes >> 20} MB",
        f"a hello {protocol.MAX_HELLO_BYTES >> 10} KB",
        f"text frames {protocol.MAX_CONTROL_BYTES >> 10} KB",
        f"{protocol.MAX_ANSWERS:,} answers",
        f"{settings.max_want:,} datasets",
        f"within {settings.hello_timeout_s:.0f} seconds",
        f"name {protocol.MAX_ERROR_NAME}",
        f"message {protocol.MAX_ERROR_MESSAGE:,}",
        f"stack {protocol.MAX_ERROR_STACK:,}",
    ):
        assert text in said


@pytest.mark.parametrize("name", [name for name, _value, _help in describe(Settings())])
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "operations.md").read_text()
