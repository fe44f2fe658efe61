"""Compressing what is sent."""

from __future__ import annotations

import zlib

from app import delivery


def test_gzip_takes_bounded_memory_and_carries_no_date() -> None:
    chunk = bytes(range(256)) * 256
    sizes = [len(packed) for packed in delivery.compress(chunk for _ in range(1000))]
    assert max(sizes) < 2 * len(chunk)
    one, other = (b"".join(delivery.compress([b"a", b"", b"b"])) for _ in range(2))
    assert one == other
    assert zlib.decompress(one, 31) == b"ab"
    assert one[4:8] == bytes(4)
