"""Compressing what is sent."""

from __future__ import annotations

import io
import os
import random
import zlib
from typing import Any

import pytest

from app import delivery


def test_gzip_takes_bounded_memory_and_carries_no_date() -> None:
    chunk = bytes(range(256)) * 256
    sizes = [len(packed) for packed in delivery.compress(chunk for _ in range(1000))]
    assert max(sizes) < 2 * len(chunk)
    one, other = (b"".join(delivery.compress([b"a", b"", b"b"])) for _ in range(2))
    assert one == other
    assert zlib.decompress(one, 31) == b"ab"
    assert one[4:8] == bytes(4)


class Recorder(io.BytesIO):
    """A file that knows the sizes of what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def write(self, data: Any) -> int:
        self.sizes.append(len(data))
        return super().write(data)


@pytest.mark.parametrize("is_gzip", [False, True])
def test_k3_a_file_has_the_same_bytes_in_whatever_pieces_its_content_comes(is_gzip: bool) -> None:
    content, chance = (os.urandom(1000) + bytes(9000)) * 100, random.Random(1)
    files = [Recorder() for _ in range(3)]
    for file, largest in zip(files, (len(content), 200_000, 100), strict=True):
        with delivery.open_packer(file, is_gzip=is_gzip) as body:
            rest = memoryview(content)
            while rest:
                size = chance.randint(1, largest)
                body.write(rest[:size])
                rest = rest[size:]
    assert len({file.getvalue() for file in files}) == 1
    assert all(max(file.sizes) <= delivery.CHUNK_BYTES for file in files)
    assert not is_gzip or all(file.sizes == files[0].sizes for file in files)
    assert (zlib.decompress(files[0].getvalue(), 31) if is_gzip else files[0].getvalue()) == content
