"""Reports of the child, honest or not, become one sentence (G3)."""

import json
import signal

import pytest

from worker_sandbox import GeneratorFailed, Limits
from worker_sandbox.failures import from_exit, from_report, ran_too_long, source_position, stopped_by_engine


def test_a_failure_reads_as_one_sentence_and_keeps_its_parts() -> None:
    failure = GeneratorFailed("TypeError: x is not a function", line=3, column=7)
    assert str(failure) == "TypeError: x is not a function (line 3, column 7)"
    assert (failure.message, failure.line, failure.column) == ("TypeError: x is not a function", 3, 7)
    assert str(GeneratorFailed("x", line=3)) == "x (line 3)"


def test_the_clock_s_sentence_names_its_limit() -> None:
    assert str(ran_too_long(5.0)) == "the dataset generator ran longer than 5 seconds"
    assert str(ran_too_long(1.0)) == "the dataset generator ran longer than 1 second"


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        ({"tooMany": True}, "the dataset generator returned more than 1,000,000 datasets"),
        ({"tooLarge": True, "dataset": 4}, "dataset 4 is larger than 1 MB"),
        ({"thrown": "InternalError: out of memory"}, "the dataset generator used more than 256 MB of memory"),
        ({"thrown": "threw null"}, "the dataset generator used more than 256 MB of memory, or threw null"),
    ],
)
def test_a_limit_of_the_engine_is_named(report: dict[str, object], sentence: str) -> None:
    assert str(from_report(json.dumps(report).encode(), Limits())) == sentence


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (b"JSException: null\n", "the dataset generator used more than 256 MB of memory"),
        (b"MemoryError: ", "the dataset generator used more than 256 MB of memory"),
        (b"JSException: InternalError: interrupted\n", "the dataset generator ran longer than 5 seconds"),
        (b"TypeError: \xff", "the dataset generator was stopped by the JavaScript engine: TypeError: \ufffd"),
    ],
)
def test_what_no_javascript_can_catch_is_named(raised: bytes, sentence: str) -> None:
    assert str(stopped_by_engine(raised, Limits())) == sentence


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[]", b"3", b"{}", b'{"reason": 3, "dataset": "x"}', b'{"thrown": {}, "line": -1}', b"[" * 100_000,
     b'{"thrown": "a", "line": 1e999, "column": true}', b'{"reason": "\\ud800", "path": []}'],
)  # fmt: skip
def test_a_report_that_the_prelude_never_makes_is_a_failure_that_can_be_stored(body: bytes) -> None:
    failure = from_report(body, Limits())
    assert str(failure).encode()
    assert failure.line is None


def test_a_long_message_is_cut_and_control_characters_are_taken_out() -> None:
    message = from_report(json.dumps({"thrown": "E\x1b[31m\0" + "x" * 5000}).encode(), Limits()).message
    assert message.startswith("E [31m xxx")
    assert len(message) == 500


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (-signal.SIGXCPU, "the dataset generator used more than 6 seconds of processor time"),
        (-signal.SIGKILL, "the dataset generator was killed by the system, most likely for want of memory"),
        (-signal.SIGSEGV, "the dataset generator crashed the JavaScript engine (SIGSEGV)"),
        (-63, "the dataset generator crashed the JavaScript engine (signal 63)"),
        (3, "the dataset generator's process ended unexpectedly (exit status 3)"),
    ],
)
def test_a_child_that_ended_without_a_word_is_told_by_its_status(status: int, sentence: str) -> None:
    assert str(from_exit(status, Limits())) == sentence


@pytest.mark.parametrize(
    ("stack", "position"),
    [
        ("    at main (<input>:4:7)\n    at sandbox$load (<input>:300:1)\n", (3, 7)),
        ("    at <input>:1:2\n    at parse (native)\n    at main (<input>:2:9)\n", (1, 9)),
        (
            "    at next (native)\n    at sandbox$pull (<input>:290:1)\n    at main (<input>:2:2)\n",
            (None, None),
        ),
        ("", (None, None)),
        ("nonsense", (None, None)),
    ],
)
def test_the_position_is_the_owner_s_innermost_function_s(stack: str, position: tuple[int | None, int | None]) -> None:
    assert source_position(stack) == position
