"""The parent trusts nothing that comes out of the child (G3)."""

import msgpack
import pytest

from worker_sandbox import GeneratorFailed, Limits
from worker_sandbox.datasets import DatasetPacker


def pack(body: bytes, *, limits: Limits | None = None) -> list[bytes]:
    return DatasetPacker(limits or Limits()).pack(body)


def test_objects_become_msgpack_blobs() -> None:
    assert [msgpack.unpackb(blob) for blob in pack('{"a":1},{"b":["é",null]}'.encode())] == [
        {"a": 1},
        {"b": ["é", None]},
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[1", b"{}]", b"{},",
        b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b"\xff", b'{"a":"\xff"}', b"{}x",
        b"],[", b'{"a":' + b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_what_is_not_json_is_refused(body: bytes) -> None:
    if body == b"":
        assert pack(body) == []
        return
    with pytest.raises(GeneratorFailed, match="could not be read: it is not JSON"):
        pack(body)


@pytest.mark.parametrize("body", [b"1", b"null", b"[]", b'"{}"', b"{},[{}]"])
def test_what_is_not_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(GeneratorFailed, match=r"could not be read: dataset \d is not an object"):
        pack(body)


@pytest.mark.parametrize(
    "body",
    [b'{"a":"\\ud800"}', b'{"a":18446744073709551616}', b'{"a":' + b"[" * 64 + b"]" * 64 + b"}"],
    ids=["surrogate", "65 bits", "deep"],
)
def test_json_that_is_no_dataset_is_refused(body: bytes) -> None:
    with pytest.raises(GeneratorFailed, match="could not be read: dataset 0"):
        pack(body)


def test_a_dataset_may_be_as_deep_as_the_limit_and_may_hold_brackets_in_strings() -> None:
    assert len(pack(b'{"a":' + b"[" * 63 + b"]" * 63 + b"}")) == 1
    assert len(pack(b'{"a":"[[[{{{"},{"a":{"b":{}}}')) == 2


def test_the_number_of_datasets_counts_over_all_chunks() -> None:
    packer = DatasetPacker(Limits(datasets=3))
    assert len(packer.pack(b"{},{}")) == 2
    with pytest.raises(GeneratorFailed, match="more than 3 datasets"):
        packer.pack(b"{},{}")


def test_the_bytes_of_all_datasets_count_over_all_chunks() -> None:
    packer = DatasetPacker(Limits(total_bytes=10))
    assert packer.pack(b'{"a":"bcde"}') == [b"\x81\xa1a\xa4bcde"]
    with pytest.raises(GeneratorFailed, match="the datasets are larger than 10 bytes in all"):
        packer.pack(b'{"a":1}')


def test_a_dataset_counts_as_msgpack_and_is_named_by_its_number() -> None:
    limits = Limits(dataset_bytes=20)
    body = b'{"a":[.5,.5]},'.replace(b".5", b"0.5")[:-1]
    assert len(body) <= 20
    with pytest.raises(GeneratorFailed, match="dataset 7 is larger than 20 bytes") as caught:
        pack(b'{"a":1},' * 7 + body, limits=limits)
    assert caught.value.dataset == 7
