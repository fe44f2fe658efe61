"""A campaign as one folder: how it leaves the site and comes back, in the format that examples/ has.

The folder holds campaign.json (see `About`), kernel.js, generator.js, and, where there is a static dataset, static.txt
or static.json; a README.md is for people. It travels as a zip file, with the folder in it or with its files alone.

Promises, cited by the tests:

Z1  What was exported comes back with the same bytes in every source.
Z2  A zip file is read in bounded memory, whatever it says of itself: its list of files is looked at before it is read,
    and no file is unpacked beyond its limit by more than a byte.
Z3  Whatever does not belong is refused, with its name and the reason; nothing is guessed, and nothing stored.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from app.campaigns import Upload
from app.errors import InvalidInput
from app.models import Campaign
from app.settings import Settings

ABOUT, KERNEL, GENERATOR, README = "campaign.json", "kernel.js", "generator.js", "README.md"
STATIC_TEXT, STATIC_JSON = "static.txt", "static.json"
ABOUT_MAX_BYTES = 64 << 10
README_MAX_BYTES = 1 << 20
# Six files and what systems add to them; a list of this many names takes a few kilobytes.
ENTRIES_MAX = 64
DIRECTORY_MAX_BYTES = 64 << 10
SLUG_MAX = 60
PARSED_MAX_BYTES = 1 << 20  # what JSON becomes in memory is twenty times as large
NUMBER_MAX = 2**53  # what every program that reads JSON agrees on
# What systems put into zip files by themselves.
LITTER = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$)")
READ_BY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DATE = (1980, 1, 1, 0, 0, 0)  # the same every time, so that equal campaigns make equal files


@dataclasses.dataclass(frozen=True)
class About:
    """What campaign.json says. Only the name must be there.

    Listing and the publicity of results are not among it: they are an owner's word for one site, not part of the work.
    """

    name: str
    description: str = ""
    beneficiary: str = ""
    order: int = 0  # among the examples
    autostart: bool = False
    sloppy: bool = False
    deadline_s: float | None = None


_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "name": (str, "text in quotes"),
    "description": (str, "text in quotes"),
    "beneficiary": (str, "text in quotes"),
    "order": (int, "a whole number"),
    "autostart": (bool, "true or false"),
    "sloppy": (bool, "true or false"),
    "deadline_s": ((int, float, type(None)), "a number of seconds, or null"),
}


def make_slug(campaign: Campaign) -> str:
    """Return the folder's name: the campaign's in plain letters, digits and hyphens."""
    slug = re.sub(r"[^a-z0-9]+", "-", campaign.name.lower()).strip("-")[:SLUG_MAX].strip("-")
    return slug or f"campaign-{campaign.id}"


# --- out -------------------------------------------------------------------------------------------------------------


def pack(campaign: Campaign) -> bytes:
    """Return a campaign as a zip file with its folder in it (Z1)."""
    file, folder = io.BytesIO(), make_slug(campaign)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in _list_files(campaign).items():
            info = zipfile.ZipInfo(f"{folder}/{name}", _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data, compresslevel=1)
    return file.getvalue()


def _list_files(campaign: Campaign) -> dict[str, bytes]:
    files = {
        ABOUT: (json.dumps(_describe(campaign), indent=2, ensure_ascii=False) + "\n").encode(),
        KERNEL: campaign.kernel,
        GENERATOR: campaign.dataset_gen,
        README: _write_readme(campaign).encode(),
    }
    if campaign.static_dataset:
        files[STATIC_JSON if _is_json(campaign.static_dataset) else STATIC_TEXT] = campaign.static_dataset
    return files


def _describe(campaign: Campaign) -> dict[str, object]:
    about = About(
        name=campaign.name,
        description=campaign.description,
        beneficiary=campaign.beneficiary,
        autostart=campaign.autostart,
        sloppy=campaign.sloppy,
        deadline_s=None if campaign.deadline_ms is None else campaign.deadline_ms / 1000,
    )
    always = ("name", "description", "beneficiary")
    said = dataclasses.asdict(about)
    return {key: value for key, value in said.items() if key in always or value != getattr(About, key)}


def _is_json(text: bytes) -> bool:
    if len(text) > PARSED_MAX_BYTES:
        return text.lstrip()[:1] in (b"{", b"[")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _write_readme(campaign: Campaign) -> str:
    about = "\n\n".join(filter(None, (campaign.description, campaign.beneficiary and f"For: {campaign.beneficiary}")))
    return f"""# {campaign.name}

{about or "A campaign for Manyhands."}

| File | What it holds |
|---|---|
| `{ABOUT}` | the name, what it computes and for whom, and how it runs |
| `{KERNEL}` | computes one dataset in a volunteer's browser |
| `{GENERATOR}` | makes the datasets |
| `{STATIC_TEXT}` or `{STATIC_JSON}` | what all datasets have in common, where there is such a thing |

Bring it back with “Import” on the page of your campaigns: as this zip file, or as one of a folder that you changed.
"""


# --- in --------------------------------------------------------------------------------------------------------------


def unpack(data: bytes, settings: Settings) -> Upload:
    """Return the campaign that a zip file holds, not listed. Its sources are not checked any further.

    Raises:
        InvalidInput: it is no zip file, or holds anything that does not belong (Z3); says which file and why.
    """
    limits = {
        ABOUT: ABOUT_MAX_BYTES,
        KERNEL: settings.kernel_max_bytes,
        GENERATOR: settings.generator_max_bytes,
        STATIC_TEXT: settings.static_dataset_max_bytes,
        STATIC_JSON: settings.static_dataset_max_bytes,
        README: README_MAX_BYTES,
    }
    _check_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = _find_files(archive, limits)
            files = {name: _read(archive, info, limits[name]) for name, info in found.items() if name != README}
    except _DAMAGE as error:
        raise _refuse(f"This zip file is damaged ({_first_line(error)}). Make it anew.") from error
    return _make_upload(files)


# What the library says of a file that is not as the format wants it; a method of compression that it does not know is
# a kind of RuntimeError.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


def _refuse(message: str) -> InvalidInput:
    return InvalidInput(message, "file")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100].rstrip(".")


_END = struct.Struct("<4s4H2LH")  # the record at a zip file's end


def _check_directory(data: bytes) -> None:
    """Refuse a list of files that is too long, before the library makes objects of all of it (Z2)."""
    place = _find_end(data)
    if place is None:
        raise _refuse("This is not a zip file.")
    _sign, _disk, _first, _here, entries, size_bytes, _offset, _comment = _END.unpack_from(data, place)
    if entries > ENTRIES_MAX or size_bytes > DIRECTORY_MAX_BYTES or data[max(0, place - 20) :][:4] == b"PK\6\7":
        raise _refuse(f"This zip file holds more files than a campaign has: {ENTRIES_MAX} at most are looked at.")


def _find_end(data: bytes) -> int | None:
    """Return where the library will find the record: at the very end, or before a comment."""
    plain = len(data) - _END.size
    if plain >= 0 and data[plain:][:4] == b"PK\5\6" and data[-2:] == b"\0\0":
        return plain
    place = data.rfind(b"PK\5\6", max(0, plain - (1 << 16)))
    return place if 0 <= place <= plain else None


def _find_files(archive: zipfile.ZipFile, limits: dict[str, int]) -> dict[str, zipfile.ZipInfo]:
    """Return the files of the folder by their names in it."""
    infos = [info for info in archive.infolist() if not LITTER.search(info.filename)]
    for info in infos:
        _check_entry(info)
    files = [info for info in infos if not info.is_dir()]
    folder = _find_folder(infos)
    found: dict[str, zipfile.ZipInfo] = {}
    for info in files:
        name = info.filename.removeprefix(folder)
        if name not in limits:
            raise _refuse(f"“{_shown(info)}” does not belong into a campaign's folder: it holds {_say(limits)}.")
        if name in found:
            raise _refuse(f"“{_shown(info)}” is in the zip file twice.")
        found[name] = info
    for name in (ABOUT, KERNEL, GENERATOR):
        if name not in found:
            raise _refuse(f"{name} is missing from the zip file. A campaign's folder holds {_say(limits)}.")
    if STATIC_TEXT in found and STATIC_JSON in found:
        raise _refuse(f"The zip file holds {STATIC_TEXT} and {STATIC_JSON}. A campaign has one static dataset.")
    return found


def _find_folder(infos: list[zipfile.ZipInfo]) -> str:
    """Return the folder that everything lies in, with its slash, or nothing."""
    tops = {info.filename.partition("/")[0] for info in infos if "/" in info.filename}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in info.filename for info in infos) else ""


def _say(limits: dict[str, int]) -> str:
    *most, last = limits
    return f"{', '.join(most)} and {last}"


def _check_entry(info: zipfile.ZipInfo) -> None:
    """Refuse what is no plain file or folder within the zip file's own."""
    name, mode = info.filename, info.external_attr >> 16
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or "\\" in name or ":" in name or not {"", ".", ".."}.isdisjoint(parts):
        raise _refuse(f"“{_shown(info)}” in the zip file points outside of its folder.")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refuse(f"“{_shown(info)}” in the zip file is a link, not a file.")
    if info.flag_bits & 0x1:
        raise _refuse(f"“{_shown(info)}” in the zip file is encrypted. Make it without a password.")
    if info.compress_type not in READ_BY:
        raise _refuse(f"“{_shown(info)}” is packed in a way that is not read here. Use the usual one, deflate.")


def _shown(info: zipfile.ZipInfo) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in info.filename[:100])


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit_bytes: int) -> bytes:
    with archive.open(info) as file:
        data = file.read(limit_bytes + 1)  # Z2: it may unpack to a thousand times what it says
    if len(data) > limit_bytes:
        raise _refuse(f"“{_shown(info)}” has more than {limit_bytes:,} bytes, which is the limit.")
    return data


def _make_upload(files: dict[str, bytes]) -> Upload:
    try:
        about = parse_about(files[ABOUT])
    except InvalidInput as error:
        raise _refuse(error.message) from error
    return Upload(
        name=about.name,
        description=about.description,
        beneficiary=about.beneficiary,
        autostart=about.autostart,
        sloppy=about.sloppy,
        deadline_s=about.deadline_s,
        kernel=files[KERNEL],
        dataset_gen=files[GENERATOR],
        static_dataset=files.get(STATIC_JSON, files.get(STATIC_TEXT, b"")),
    )


def parse_about(data: bytes) -> About:
    """Return what a campaign.json says.

    Raises:
        InvalidInput: it is not JSON, or holds a key that is unknown, there twice, or of the wrong type; says which.
    """
    try:
        said = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_Pairs)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{ABOUT} is not UTF-8 text: byte {error.start:,} does not belong there.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"{ABOUT} is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at {place}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{ABOUT} cannot be read: {_first_line(error)}.") from error
    if not isinstance(said, _Pairs):
        raise InvalidInput(f'{ABOUT} holds no object: it looks like {{"name": "Primes", "description": "…"}}.')
    return About(**dict(_iter_checked(said)))


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of a JSON object, with those that are there twice."""


def _iter_checked(said: _Pairs) -> Iterator[tuple[str, Any]]:
    keys = [key for key, _value in said]
    if "name" not in keys:
        raise InvalidInput(f"{ABOUT} has no name.")
    for key, value in said:
        if key not in _TYPES:
            raise InvalidInput(f"{ABOUT} has an unknown key, “{key[:50]}”. It may have {', '.join(_TYPES)}.")
        if keys.count(key) > 1:
            raise InvalidInput(f"{ABOUT} has “{key}” twice.")
        kind, words = _TYPES[key]
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool) or not _is_number_of_size(value):
            raise InvalidInput(f"{ABOUT}: “{key}” must be {words}.")
        if isinstance(value, str) and not _is_text(value):
            raise InvalidInput(f"{ABOUT}: “{key}” holds half of a character, which is not text.")
        yield key, value


def _is_number_of_size(value: object) -> bool:
    """Say whether a value, where it is a whole number, can be computed with: JSON sets no limit to its digits."""
    return not isinstance(value, int) or abs(value) <= NUMBER_MAX


def _is_text(value: str) -> bool:
    """Say whether a string can be stored: JSON may write the halves of a surrogate pair alone."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)
