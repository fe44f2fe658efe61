"""Zip files that hold a campaign, and those that hold something else."""

from __future__ import annotations

import io
import json
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from app import packing
from app.errors import InvalidInput
from app.settings import Settings

SETTINGS = Settings(database_url="sqlite://", kernel_max_bytes=1000, static_dataset_max_bytes=2000)
ABOUT = json.dumps({"name": "Squares", "description": "All", "beneficiary": "Me", "deadline_s": 2.5, "sloppy": True})
FILES: dict[str, bytes] = {"campaign.json": ABOUT.encode(), "kernel.js": b"({})\r\n", "generator.js": b"({ })"}


def zipped(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> bytes:
    """Return a zip file; `change` may do something to each entry."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, data)
    return file.getvalue()


def refusal(data: bytes) -> str:
    """Return what is said of a zip file that is refused."""
    with pytest.raises(InvalidInput) as raised:
        packing.unpack(data, SETTINGS)
    assert raised.value.field == "file"
    return raised.value.message


def test_a_folder_comes_in_with_every_byte_and_is_not_listed() -> None:
    upload = packing.unpack(zipped({**FILES, "static.txt": b"a\r\nb", "README.md": b"# hi"}), SETTINGS)
    assert (upload.kernel, upload.dataset_gen, upload.static_dataset) == (b"({})\r\n", b"({ })", b"a\r\nb")
    assert (upload.name, upload.description, upload.beneficiary) == ("Squares", "All", "Me")
    assert (upload.deadline_s, upload.sloppy, upload.autostart, upload.listed) == (2.5, True, False, False)


def test_it_may_lie_in_one_folder_with_what_systems_add_to_it() -> None:
    litter = {"__MACOSX/squares/._kernel.js": b"x", "squares/.DS_Store": b"x", "squares/": b""}
    files = {f"squares/{name}": data for name, data in FILES.items()}
    assert packing.unpack(zipped({**litter, **files}), SETTINGS).name == "Squares"


def test_a_static_dataset_may_be_json_or_not_be_there() -> None:
    assert packing.unpack(zipped({**FILES, "static.json": b"{}"}), SETTINGS).static_dataset == b"{}"
    assert packing.unpack(zipped(FILES), SETTINGS).static_dataset == b""


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"kernel.ts": b""}, "“kernel.ts” does not belong"),
        ({"sub/kernel.js": b""}, "“sub/kernel.js” does not belong"),
        ({"../kernel.js": b""}, "“../kernel.js” in the zip file points outside"),
        ({"a/../../kernel.js": b""}, "points outside"),
        ({"/etc/passwd": b""}, "“/etc/passwd” in the zip file points outside"),
        ({"C:/kernel.js": b""}, "points outside"),
        ({"a//kernel.js": b""}, "points outside"),
        ({"static.txt": b"", "static.json": b""}, "static.txt and static.json"),
        ({"kernel.js": b"x" * 1001}, "“kernel.js” has more than 1,000 bytes, which is the limit"),
        ({"campaign.json": b"{"}, "campaign.json is not JSON: expecting property name"),
        ({"campaign.json": b'{"name": \n "\xff"}'}, "campaign.json is not UTF-8 text: byte 12"),
        ({"campaign.json": b"[]"}, "campaign.json holds no object"),
        ({"campaign.json": b"{}"}, "campaign.json has no name"),
        ({"campaign.json": b'{"name": "a", "listed": true}'}, "unknown key, “listed”"),
        ({"campaign.json": b'{"name": "a", "name": "b"}'}, "“name” twice"),
        ({"campaign.json": b'{"name": 7}'}, "“name” must be text in quotes"),
        ({"campaign.json": b'{"name": {"a": 1}}'}, "“name” must be text in quotes"),
        ({"campaign.json": b'{"name": "a", "sloppy": 1}'}, "“sloppy” must be true or false"),
        ({"campaign.json": b'{"name": "a", "deadline_s": true}'}, "“deadline_s” must be a number of seconds"),
        (
            {"campaign.json": b'{"name": "a", "deadline_s": 1%s}' % (b"0" * 400)},
            "“deadline_s” must be a number of seconds",
        ),
        ({"campaign.json": b"[" * 60_000}, "campaign.json"),
        ({"campaign.json": b" " * (1 << 17)}, "“campaign.json” has more than 65,536 bytes"),
    ],
)
def test_what_does_not_belong_is_refused_by_name(files: dict[str, bytes], said: str) -> None:
    assert said in refusal(zipped({**FILES, **files}))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_is_named(name: str) -> None:
    files = {other: data for other, data in FILES.items() if other != name}
    assert f"{name} is missing" in refusal(zipped(files))


def test_two_folders_are_not_one() -> None:
    files = {f"one/{name}": data for name, data in FILES.items()}
    assert "does not belong" in refusal(zipped({**files, "two/kernel.js": b""}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused() -> None:
    file = io.BytesIO(zipped(FILES))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("kernel.js", b"another")
    assert "“kernel.js” is in the zip file twice" in refusal(file.getvalue())


def test_a_link_is_refused() -> None:
    def link(info: zipfile.ZipInfo) -> None:
        if info.filename == "kernel.js":
            info.external_attr = (stat.S_IFLNK | 0o777) << 16

    assert "“kernel.js” in the zip file is a link" in refusal(zipped({**FILES, "kernel.js": b"/etc/passwd"}, link))


def test_another_way_of_packing_is_refused() -> None:
    def pack_otherwise(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_BZIP2

    assert "packed in a way that is not read" in refusal(zipped(FILES, pack_otherwise))


def test_an_encrypted_file_is_refused() -> None:
    data = bytearray(zipped(FILES))
    place = data.find(b"PK\x01\x02")
    data[place + 8] |= 1  # the flags in the list of files
    assert "is encrypted. Make it without a password." in refusal(bytes(data))


@pytest.mark.parametrize("data", [b"", b"PK", b"hello" * 100, b"PK\x05\x06", b"PK\x05\x06" + bytes(17)])
def test_what_is_no_zip_file_is_refused(data: bytes) -> None:
    assert refusal(data) == "This is not a zip file."


def test_a_damaged_zip_file_is_refused_wherever_the_damage_is() -> None:
    good, answers = zipped({**FILES, "static.txt": b"static" * 20}), set()
    for place in range(len(good)):
        data = bytearray(good)
        data[place] ^= 0xFF
        try:
            packing.unpack(bytes(data), SETTINGS)
        except InvalidInput as error:
            answers.add(error.message.split(" (")[0])
    assert any(answer.startswith("This zip file is damaged") for answer in answers)
    for end in range(len(good)):
        refusal(good[:end])


def test_a_comment_at_the_end_does_no_harm() -> None:
    file = io.BytesIO(zipped(FILES))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"made by hand"
    assert packing.unpack(file.getvalue(), SETTINGS).name == "Squares"


def most_memory(act: Callable[[], object]) -> int:
    """Return the most bytes that something had at once."""
    tracemalloc.start()
    act()
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_a_file_that_unpacks_to_far_more_than_it_may_takes_no_more_memory_than_the_limit() -> None:
    bomb = zipped({**FILES, "static.txt": bytes(200 << 20)})
    assert len(bomb) < 1 << 20
    assert "“static.txt” has more than 2,000 bytes" in refusal(bomb)
    assert most_memory(lambda: refusal(bomb)) < 4 * len(bomb) + (1 << 20)


def test_a_file_that_lies_about_its_size_is_refused() -> None:
    data = bytearray(zipped({**FILES, "static.txt": b"x" * 1500}))
    place = data.rfind(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<L", 10)
    assert "damaged" in refusal(bytes(data))


def test_a_list_of_very_many_files_is_refused_before_it_is_read() -> None:
    many = zipped({**FILES, **{f"empty{number}": b"" for number in range(50_000)}})
    assert "more files than a campaign has" in refusal(many)
    assert most_memory(lambda: refusal(many)) < 1 << 20


def test_a_list_that_hides_how_long_it_is_is_refused() -> None:
    data = bytearray(zipped({**FILES, **{f"empty{number}": b"" for number in range(5000)}}))
    place = data.rfind(b"PK\x05\x06")
    data[place + 8 : place + 12] = struct.pack("<2H", 3, 3)
    assert "more files than a campaign has" in refusal(bytes(data))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    small = zipped(FILES)
    place = small.rfind(b"PK\x05\x06")
    assert "more files than a campaign has" in refusal(small[:place] + locator + small[place:])
