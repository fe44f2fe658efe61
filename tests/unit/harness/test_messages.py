"""messages.js against the server's protocol: the two must use the same names and numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

from app import protocol
from app.errors import CloseCode

HARNESS = Path(__file__).parents[3] / "app" / "static" / "harness"
CONSTANT = re.compile(r"^export const ([A-Z0-9_]+) = ('[^']*'|-?[0-9]+);( //.*)?$")
# What a browser makes up for itself, and what proxies and other servers may send.
BROWSER_CODES = {"CLOSE_NO_STATUS": 1005, "CLOSE_LOST": 1006, "CLOSE_SERVER_ERROR": 1011}


def read_constants() -> dict[str, str | int]:
    """Return every constant of messages.js; each line of code there is one."""
    lines = (HARNESS / "messages.js").read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if line and not line.startswith("//")]
    matches = [CONSTANT.match(line) for line in code]
    assert all(matches), [line for line, match in zip(code, matches, strict=True) if not match]
    return {match[1]: json.loads(match[2].replace("'", '"')) for match in matches if match}


MESSAGES = read_constants()


def test_the_letters_of_text_frames_are_the_servers() -> None:
    classic = {"RESULT", "NOTHING"}  # the other dialect's own
    letters = [letter for letter in (*protocol.ClientText, *protocol.ServerText) if letter.name not in classic]
    assert {letter.name: MESSAGES[letter.name] for letter in letters} == {
        letter.name: letter.value for letter in letters
    }


def test_the_kinds_of_answers_are_the_servers() -> None:
    kinds = {name.removeprefix("KIND_"): value for name, value in MESSAGES.items() if name.startswith("KIND_")}
    assert kinds == {kind.name: kind.value for kind in protocol.Kind}


def test_the_close_codes_are_the_servers() -> None:
    codes = {name: value for name, value in MESSAGES.items() if name.startswith("CLOSE_")}
    assert codes == BROWSER_CODES | {f"CLOSE_{code.name}": code.value for code in CloseCode}


def test_the_limits_are_within_the_servers() -> None:
    assert MESSAGES["PROTOCOL_VERSION"] == protocol.VERSION
    assert MESSAGES["ANY_CAMPAIGN"] == protocol.ANY_CAMPAIGN
    assert MESSAGES["MAX_THREADS"] == protocol.MAX_THREADS
    assert MESSAGES["MAX_DEVICE"] == protocol.MAX_DEVICE
    errors = [MESSAGES[f"MAX_ERROR_{part}"] for part in ("NAME", "MESSAGE", "STACK")]
    assert errors == [protocol.MAX_ERROR_NAME, protocol.MAX_ERROR_MESSAGE, protocol.MAX_ERROR_STACK]


def test_every_constant_is_used() -> None:
    others = [path.read_text(encoding="utf-8") for path in HARNESS.glob("*.js") if path.name != "messages.js"]
    unused = [name for name in MESSAGES if not any(re.search(rf"\b{name}\b", text) for text in others)]
    assert unused == []
