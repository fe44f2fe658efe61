"""Passwords: which are taken, how they are kept, and how they are compared.

Hashing takes some 50 ms and 64 MB on purpose: never do it inside a transaction that writes, nor on a thread that others
wait for.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import secrets
import unicodedata
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import InvalidInput

MIN = 8
MAX = 256
# As somebody may type MAX characters: other keyboards send up to four for one.
TYPED_MAX = 4 * MAX
PRODUCT = "manyhands"
COMMON = "This is one of the passwords that are tried first, because many people have it. Choose another one."

_hasher = PasswordHasher()


def check_rules(password: str, *own_words: str) -> None:
    """Raise InvalidInput for a password that is too short, too long, among the commonest, or says who has it.

    There is no rule on which kinds of letters it holds (NIST SP 800-63B section 3.1.1.2).

    Args:
        password: as it was typed.
        own_words: what is known of its owner, such as the name and the e-mail address.
    """
    if len(password) < MIN:
        raise InvalidInput(f"Choose a password of at least {MIN} characters.", "password")
    if len(password) > MAX:
        raise InvalidInput(f"The password has {len(password)} characters; the limit is {MAX}.", "password")
    if is_common(password):
        raise InvalidInput(COMMON, "password")
    # Own words come as they were typed into other fields, of any length; a long one is no password's.
    known = {_squash(word) for word in (*own_words, PRODUCT) if len(word) <= TYPED_MAX}
    if _squash(password) in known - {""}:
        raise InvalidInput(
            "This password is your name, your e-mail address or the name of this site, which is what somebody would "
            "try first. Choose another one.",
            "password",
        )


def _squash(text: str) -> str:
    return "".join(letter for letter in _normalise(text).casefold() if letter.isalnum())


def is_common(password: str) -> bool:
    """Say whether a password is among the 30,000 that people use most, in any case of its letters."""
    word = _normalise(password).lower()
    return "," not in word and f",{word}," in _load_common()


@functools.cache
def _load_common() -> str:
    # zxcvbn's lists as Python objects take 15 MB in each web worker for as long as it lives. This text takes 0.1 MB:
    # it is cut out of the module's file, which is not imported, and holds only what is long enough to be a password
    # here. tests/unit/test_passwords.py compares it with the list itself.
    spec = importlib.util.find_spec("zxcvbn")
    assert spec is not None, "zxcvbn is a dependency"
    assert spec.origin is not None, "zxcvbn is a package with files"
    with open(Path(spec.origin).with_name("frequency_lists.py"), encoding="utf-8") as file:
        line = next(line for line in file if line.startswith('    "passwords": '))
    words = str(ast.literal_eval(line.partition(": ")[2].partition('.split(",")')[0])).split(",")
    return f",{','.join(word for word in words if len(word) >= MIN)},"


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, with its parameters and salt."""
    return _hasher.hash(_normalise(password))


def matches(stored_hash: str | None, password: str) -> bool:
    """Say whether a password is the stored one; without a stored one it takes as long, and is not.

    One that is longer than any that is stored takes as long, too: see `_normalise`.
    """
    try:
        _hasher.verify(stored_hash or make_dummy_hash(), _normalise(password[:TYPED_MAX]))
    except (VerificationError, InvalidHashError):
        return False
    return stored_hash is not None and len(password) <= TYPED_MAX


def find_new_hash(stored_hash: str | None, password: str) -> str | None:
    """Return a hash to store when the stored one was made with parameters that are no longer in use, else None."""
    if stored_hash and _hasher.check_needs_rehash(stored_hash):
        return hash_password(password)
    return None


@functools.cache
def make_dummy_hash() -> str:
    """Return a hash of nothing that anybody knows, compared with when there is no such account.

    The answer then takes as long as for one that exists. Call it once when the site starts, so that the first unknown
    address does not take longer.
    """
    return _hasher.hash(secrets.token_hex(16))


def _normalise(password: str) -> str:
    # Keyboards disagree on how to write é: the same password must be the same on all of them. It takes the square of
    # the time for twice as many accents in a row, and stops every thread meanwhile: never call it with a text that
    # somebody sent whose length was not looked at.
    return unicodedata.normalize("NFKC", password)
