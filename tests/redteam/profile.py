"""What a browser keeps on the disk: the judge of everything that is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# A token (arena.py makes them) as bytes, as UTF-16 of either order, and as Firefox writes the texts of database keys:
# with every character one higher.
PLAIN = re.compile(rb"rt[0-9a-f]{12}")
WIDE = re.compile(rb"r\0t\0(?:[0-9a-f]\0){11}[0-9a-f]")
SHIFTED = re.compile(rb"su[1-9:b-g]{12}")


def find_traces(profile: Path, tokens: Iterable[str]) -> set[str]:
    """Return the tokens that stand in any file of a profile, or in a file's name, once its browser has ended."""
    found: set[str] = set()
    for path in profile.rglob("*"):
        found |= set(_iter_tokens(str(path.relative_to(profile)).encode()))
        if path.is_file() and not path.is_symlink():
            found |= set(_iter_tokens(path.read_bytes()))
    return found & set(tokens)


def _iter_tokens(data: bytes) -> Iterator[str]:
    yield from (match.decode() for match in PLAIN.findall(data))
    yield from (match.replace(b"\0", b"").decode() for match in WIDE.findall(data))
    yield from (bytes(byte - 1 for byte in match).decode("latin-1") for match in SHIFTED.findall(data))
