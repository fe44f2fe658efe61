"""Random programs, and random bytes in place of a child's output: two errors are all that ever comes of them.

`make soak` runs a hundred times as many.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.scale import scaled
from tests.walls.runs import RAW_CHILD, observe
from worker_sandbox import GeneratorFailed, Limits
from worker_sandbox.datasets import DatasetPacker
from worker_sandbox.failures import from_report, stopped_by_engine
from worker_sandbox.frames import FrameReader

pytestmark = pytest.mark.slow

ODD = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
# Shrinking what failed takes minutes: in a short run the example as it was found has to do.
PHASES = scaled((Phase.explicit, Phase.reuse, Phase.generate), tuple(Phase))
MANY = settings(phases=PHASES, max_examples=scaled(250, 30_000), deadline=None, suppress_health_check=ODD)
FEW = settings(phases=PHASES, max_examples=scaled(60, 5_000), deadline=None, suppress_health_check=ODD)
SMALL = Limits(wall_s=0.3, dataset_bytes=2000, total_bytes=20_000, datasets=500)

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=4),
    max_leaves=6,
)
chunks = st.lists(st.dictionaries(st.text(max_size=3), values, max_size=4), min_size=1, max_size=5)
bodies = chunks.map(lambda chunk: json.dumps(chunk)[1:-1].encode()) | values.map(lambda each: json.dumps(each).encode())
kinds = st.sampled_from([b"C"] * 8 + [b"R", b"E", b"X", b"K", b"U", b"P", b"A", b"I", b"Z"])


def frame(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body


@st.composite
def streams(draw: Any) -> bytes:
    """What a child may write: frames as they should be, then damaged in a few places, or cut off."""
    frames = draw(st.lists(st.tuples(kinds, bodies | st.binary(max_size=30)), max_size=8))
    stream = bytearray(frame(b"R", b"") + b"".join(frame(*each) for each in frames) + frame(b"E", b""))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(0, len(stream) - 1)))
        damage = draw(st.sampled_from(["flip", "cut", "insert", "drop"]))
        if damage == "flip" and stream:
            stream[place] = draw(st.integers(0, 255))
        elif damage == "cut":
            del stream[place:]
        elif damage == "insert":
            stream[place:place] = draw(st.binary(max_size=9))
        else:
            del stream[place : place + 3]
    return bytes(stream)


def cut(stream: bytes) -> list[tuple[bytes, bytes]]:
    """Every whole frame from the start on, found by another way than the parent's."""
    found, rest = [], stream
    while len(rest) >= 5 and len(rest) - 5 >= int.from_bytes(rest[1:5], "little"):
        length = int.from_bytes(rest[1:5], "little")
        found.append((rest[:1], rest[5 : 5 + length]))
        rest = rest[5 + length :]
    return found


def read_datasets(frames: list[tuple[bytes, bytes]]) -> list[Any]:
    """The datasets in the whole frames before the first that ends a run, or is none."""
    datasets: list[Any] = []
    for kind, body in frames:
        try:
            datasets += json.loads(b"[" + body + b"]") if kind == b"C" else []
        except (ValueError, RecursionError):
            break
        if kind not in b"RCAIP":
            break
    return datasets


@MANY
@given(stream=streams() | st.binary(max_size=200), piece=st.integers(1, 50))
def test_the_frame_reader_finds_whole_frames_and_never_half_a_one(stream: bytes, piece: int) -> None:
    reader, found = FrameReader(SMALL.frame_bytes), []
    try:
        for start in range(0, len(stream), piece):
            found += reader.feed(stream[start : start + piece])
    except GeneratorFailed:
        assert found == cut(stream)[: len(found)]
    else:
        assert found == cut(stream)


@MANY
@given(
    body=bodies | st.binary(max_size=200) | st.text(alphabet='{}[]":,0e-.NaInfty\\u dt', max_size=80).map(str.encode)
)
def test_a_body_becomes_datasets_or_a_failure(body: bytes) -> None:
    try:
        blobs = DatasetPacker(SMALL).pack(body)
    except GeneratorFailed:
        return
    datasets = [msgpack.unpackb(blob, strict_map_key=False) for blob in blobs]
    assert all(isinstance(dataset, dict) for dataset in datasets)
    assert repr(datasets) == repr(json.loads(b"[" + body + b"]"))


reports = st.dictionaries(
    st.sampled_from(["thrown", "reason", "dataset", "path", "stack", "line", "column", "tooMany", "tooLarge"]), values
)


@MANY
@given(body=reports.map(lambda report: json.dumps(report).encode()) | st.binary(max_size=200) | bodies)
def test_a_failure_report_becomes_one_sentence_whatever_is_in_it(body: bytes) -> None:
    for error in (from_report(body, SMALL), stopped_by_engine(body, SMALL)):
        assert isinstance(error, GeneratorFailed)
        assert len(str(error)) < 2000
        str(error).encode()


@FEW
@given(
    stream=streams() | st.binary(max_size=200), piece=st.sampled_from([7, 1000]), status=st.sampled_from([0, 0, 1, 70])
)
def test_whatever_a_child_writes_only_whole_frames_are_taken(stream: bytes, piece: int, status: int) -> None:
    orders = json.dumps({"bytes": stream.decode("latin-1"), "piece": piece, "status": status})
    seen = observe(orders, script=RAW_CHILD, limits=Limits(wall_s=20))
    frames = cut(stream)
    sent = read_datasets(frames)
    assert repr(seen.datasets) == repr(sent[: len(seen.datasets)])
    if seen.error is None:
        assert any(kind == b"E" for kind, _ in frames)
        assert seen.count == len(sent)


VOCABULARY = (
    "( ) { } [ ] ; , . = + - * / % ! ? : < > & | ^ ~ ` ' \" \\ @ # $ 0 1 2 i n x => ... ** ?? ?. ++ -- /a+/g `${ 1n "
    "1e999 NaN \\u0000 \0 \ud800 \ufeff let const var function function* class return yield await async new this super "
    "null true typeof delete if else for(;;) while(1) do break continue try catch finally throw switch case default "
    "with label: main [{}] Array Map Proxy Symbol Object JSON Math Date eval Reflect Promise RegExp String BigInt "
    ".length .push(1) .prototype .constructor .__proto__ .toJSON .next() .repeat(1e9) .join() .call"
)
WORDS = VOCABULARY.split(" ")
programs = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)
bodies_of_main = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)
sources = (
    programs
    | st.text(max_size=200)
    | st.binary(max_size=300).map(lambda given: given.decode("latin-1"))
    | bodies_of_main.map(lambda body: f"({{ main() {{ {body} }} }})")
    | bodies_of_main.map(lambda body: f"({{ *main() {{ yield {{ a: {body} }} }} }})")
    | values.map(lambda value: f"({{ main() {{ return [{{ a: {json.dumps(value)} }}] }} }})")
)


@FEW
@given(source=sources)
def test_whatever_is_uploaded_yields_datasets_or_a_sentence(source: str) -> None:
    seen = observe(source, limits=SMALL)
    assert seen.error is None or isinstance(seen.error, GeneratorFailed)
    assert "killed by the sandbox" not in seen.message
    assert all(isinstance(dataset, dict) for dataset in seen.datasets)
