"""Which passwords are taken."""

from __future__ import annotations

import subprocess
import sys
import timeit
import unicodedata
from collections.abc import Callable

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app import accounts, passwords
from app.errors import InvalidInput


def refusal_of(password: str, *own_words: str) -> str:
    """Return why a password is refused, or ""."""
    try:
        passwords.check_rules(password, *own_words)
    except InvalidInput as problem:
        return f"{problem.field}: {problem.message}"
    return ""


def test_every_common_password_of_enough_characters_is_refused_in_any_case() -> None:
    common = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= passwords.MIN]
    assert len(common) > 10_000
    assert not [word for word in common if not passwords.is_common(word)]
    assert not [word for word in common if not passwords.is_common(word.upper())]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "password,12345678",  # two common ones as the list has them, one after the other
        ",password,",
        "ünïcödë påsswörd",
        "       8",
        "🐎🐎🐎🐎🐎🐎🐎🐎",
        "a" * 256,
        "\0" * 8,
    ],
)
def test_any_characters_make_a_password(password: str) -> None:
    assert refusal_of(password, "Ada", "", "ada@example.org") == ""


@pytest.mark.parametrize(("length", "said"), [(7, "at least 8"), (257, "limit is 256")])
def test_what_is_too_short_or_too_long_is_refused(length: int, said: str) -> None:
    assert said in refusal_of("ü" * length)
    assert refusal_of("ü" * length).startswith("password: ")


def test_a_long_row_of_accents_takes_no_longer_than_a_password() -> None:
    # Normalising takes the square of the time for twice as many of them, and lets no other thread run meanwhile.
    accents = "e" + "\u0301\u0323" * 30_000
    honest_s = time_of(lambda: passwords.matches(None, "correct horse battery"))
    assert time_of(lambda: passwords.matches(None, accents)) < 5 * honest_s
    assert time_of(lambda: accounts.find_problems(accents, accents, "ada@example.org", "horse battery")) < 5 * honest_s
    assert time_of(lambda: accounts.find_user(None, f"{accents}@example.org")) < 5 * honest_s  # type: ignore[arg-type]


def time_of(work: Callable[[], object]) -> float:
    """Return how many seconds something takes, at the best of three times."""
    return min(timeit.repeat(work, number=1, repeat=3))


def test_a_password_of_accents_is_the_same_from_a_keyboard_that_sends_more_characters_for_it() -> None:
    composed = "\u1e69" * passwords.MAX  # an s with two dots: three characters on other keyboards
    stored = passwords.hash_password(composed)
    assert passwords.matches(stored, unicodedata.normalize("NFD", composed))


def test_what_begins_with_the_longest_password_is_not_that_password() -> None:
    longest = "a" * passwords.TYPED_MAX
    assert passwords.matches(passwords.hash_password(longest), longest)
    assert not passwords.matches(passwords.hash_password(longest), f"{longest}a")


@pytest.mark.parametrize(
    "password", ["ada@example.org", "ADA@EXAMPLE.ORG", "ada lovelace", "AdaLovelace", "ada-lovelace", "ManyHands!"]
)
def test_what_is_known_of_its_owner_is_refused(password: str) -> None:
    assert "try first" in refusal_of(password, "ada@example.org", "Ada Lovelace")


def test_signs_alone_are_not_taken_for_an_empty_name() -> None:
    assert refusal_of("!?!?!?!?", "", "...") == ""


def test_the_lists_of_zxcvbn_are_not_kept_in_memory() -> None:
    """A process that refused a common password holds no more than the text of those that matter here."""
    code = (
        "import sys; from app import passwords;"
        "assert passwords.is_common('password');"
        "print(len(passwords._load_common()), [name for name in sys.modules if name.startswith('zxcvbn')])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    size, _, modules = said.partition(" ")
    assert int(size) < 200_000
    assert modules.strip() == "[]"
