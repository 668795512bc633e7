"""The package's zip file: written with the same bytes every time, and opened as if everybody who made one were hostile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from pplab.errors import BadInput, NotFound, StoreTampered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_ENTRIES = 10_000
MAX_BYTES = 512 * 2**20
MAX_RATIO = 100
SMALL = 64 * 1024  # bytes below which no ratio is dangerous
STORED_RATIO = 50  # what compresses better than this is stored as it is, so that no package of ours looks like a bomb
CHUNK = 2**16
MAX_NAME = 240
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name

SEAL = "pplab-package sha256:"
SEAL_SIZE = len(SEAL) + 64
"""The zip's comment, a seal: the hash of every byte before it. It tells a file that we wrote from one that was written again."""

BAGIT = "bagit.txt"
"""The file that stands at the top of every bag."""

LITTER = re.compile(r"(^|/)(__MACOSX/|\._[^/]*$|\.DS_Store$|Thumbs\.db$|desktop\.ini$)")
"""What macOS and Windows put beside the files they zip."""

_END = struct.Struct("<4s4H2LH")  # the end record: signature, disks and counts, directory size and offset, comment length
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR_SIGNATURE, _LOCATOR_SIZE = b"PK\x06\x07", 20  # where the end record of a 64-bit zip is found, just before the other
_ENCRYPTED = 0x1 | 0x40
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError, LookupError)
"""What `zipfile` raises about bytes that are no zip."""
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})


def pack(files: Mapping[str, bytes], at: str) -> bytes:
    """Return the sealed zip of these files: the same bytes for the same files and time, in every process.

    Parameters
    ----------
    files
        PackageContents by name; stored in the order of the names.
    at
        The time every entry gets, ISO 8601.

    Raises
    ------
    BadInput
        When it would be larger than an import accepts.
    """
    import io

    total = sum(map(len, files.values()))
    if len(files) > MAX_ENTRIES or total > MAX_BYTES:
        raise BadInput(
            f"this package would have {total / 2**20:,.0f} MB, more than the {MAX_BYTES // 2**20} MB that can be imported",
            hint="export fewer experiments at once, or use parquet",
        )
    moment = (int(at[:4]), int(at[5:7]), int(at[8:10]), int(at[11:13]), int(at[14:16]), int(at[17:19]))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, max(moment, EPOCH))
            info.create_system = 3  # the same on Windows
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            dense = len(zlib.compress(files[name], 6)) * STORED_RATIO >= len(files[name])
            info.compress_type = zipfile.ZIP_DEFLATED if dense else zipfile.ZIP_STORED
            archive.writestr(info, files[name], compresslevel=6)
    body = bytearray(sink.getvalue())
    body[-2:] = struct.pack("<H", SEAL_SIZE)
    return bytes(body) + (SEAL + hashlib.sha256(body).hexdigest()).encode()


def is_sealed(path: Path) -> bool:
    """Return whether a file ends with the seal of its bytes: nobody has written to it since we did."""
    size = path.stat().st_size - SEAL_SIZE
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0:
            chunk = file.read(min(CHUNK * 16, size))
            digest.update(chunk)
            size -= len(chunk)
        seal = file.read()
    return seal == (SEAL + digest.hexdigest()).encode()


@dataclass(frozen=True, slots=True)
class OpenPackage:
    """A package's folder on disk, and what its zip file was like.

    Attributes
    ----------
    folder
        Where the bag's files are.
    unpacked
        We have just unpacked it, into a folder that is removed again; otherwise it is a folder of the user's.
    rewritten
        The zip file was written again by another program. What it holds decides, so that this alone is no problem.
    problems
        The entries of the zip file that are damaged, one line each.
    """

    folder: Path
    unpacked: bool = False
    rewritten: bool = False
    problems: tuple[str, ...] = ()


@contextlib.contextmanager
def open_package(path: Path, inside: Path | None = None) -> Iterator[OpenPackage]:
    """Unpack a package into a temporary folder, which is removed at the end.

    A folder is taken as it is: a package that somebody unpacked. A zip that another program made of the same files is as good as
    ours: folder entries and what systems add (`LITTER`) are passed over. Either may have a folder around everything. What cannot
    be unpacked whole is named.

    Parameters
    ----------
    path
        The zip, or the folder.
    inside
        Where the temporary folder is made; default: the system's place.

    Raises
    ------
    NotFound
        When there is no such file.
    BadInput
        When it is no zip, or one that could do harm: names outside the folder, links, duplicates, a bomb. Nothing is written.
    """
    if path.is_dir():
        yield OpenPackage(_without_wrapper(path))
        return
    if not path.is_file():
        raise NotFound(f"there is no package '{path.name}'", hint="check the name; paths start at the working folder")
    with path.open("rb") as file, _open_zip(file) as archive:
        entries = _entries(archive)
        if inside is not None:
            inside.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".pplab-part-", dir=inside))
        try:
            damaged = [entry.orig_filename for entry in entries if not _extract(archive, entry, folder)]
            yield OpenPackage(
                _without_wrapper(folder),
                unpacked=True,
                rewritten=not is_sealed(path),
                problems=tuple(f"{name} is damaged in the zip file" for name in damaged),
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Return the opened zip, its directory read only after its end says that it is a small one."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_BYTES:
        raise _refusal(f"is larger than {MAX_BYTES // 2**20} MB")
    file.seek(max(0, size - 2**16 - _END.size - _LOCATOR_SIZE))
    tail = file.read()
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) - at < _END.size:
        raise _refusal("is not a zip file")
    _, disk, first_disk, here, count, length, offset, comment = _END.unpack_from(tail, at)
    if len(tail) - at != _END.size + comment or offset + length > size - len(tail) + at:
        raise _refusal("is a broken zip file")
    if disk or first_disk or here != count or tail[max(0, at - _LOCATOR_SIZE) : at].startswith(_LOCATOR_SIGNATURE):
        raise _refusal("is a zip of several parts or of the 64-bit kind")
    if count > MAX_ENTRIES or length > MAX_ENTRIES * (46 + MAX_NAME):
        raise _refusal(f"has more than {MAX_ENTRIES:,} entries")
    try:
        return zipfile.ZipFile(file)
    except _BROKEN:
        raise _refusal("is a broken zip file") from None


def _entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files of a zip that are to be unpacked, after checking everything that can be known before."""
    end, files = 0, []
    for info in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        _check_entry(info)
        if info.header_offset < end:
            raise _refusal("has entries that overlap")
        end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size
        if not info.orig_filename.endswith("/") and not LITTER.search(info.orig_filename):
            files.append(info)
    if end > archive.start_dir:
        raise _refusal("has entries that overlap")
    _check_names([info.orig_filename for info in files])
    if sum(info.file_size for info in files) > MAX_BYTES:
        raise _refusal(f"would unpack to more than {MAX_BYTES // 2**20} MB")
    return files


def _check_entry(info: zipfile.ZipInfo) -> None:
    """Refuse what is neither a plain file nor the plain entry of a folder."""
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    folder = name.endswith("/") and not info.file_size
    _check_name(name.removesuffix("/") if folder else name)
    if info.flag_bits & _ENCRYPTED:
        raise _refusal(f"has an encrypted entry {_quoted(name)}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refusal(
            f"has an entry in a compression that is not accepted: {_quoted(name)}", "zip it with the ordinary one, deflate"
        )
    if kind not in (0, stat.S_IFDIR if folder else stat.S_IFREG):
        raise _refusal(f"has a link or a folder as entry: {_quoted(name)}")
    if info.file_size > SMALL and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        why = f"has an entry that unpacks to more than {MAX_RATIO} times its size: {_quoted(name)}"
        raise _refusal(why, "if you trust its sender, unpack it and give the folder")


def _check_name(name: str) -> None:
    """Refuse a name that could leave the folder or that some system cannot have."""
    parts = PurePosixPath(name).parts
    if not name or len(name.encode()) > MAX_NAME or name.startswith("/") or "\\" in name or ":" in name:
        raise _refusal(f"has a name that is absolute, empty, too long or only valid on another system: {_quoted(name)}")
    if ".." in parts or "." in name.split("/") or "" in name.split("/"):
        raise _refusal(f"has a name that leaves its folder or names one: {_quoted(name)}")
    if any(unicodedata.category(c)[0] == "C" for c in name) or any(p.endswith((" ", ".")) for p in parts):
        raise _refusal(f"has a name with characters that cannot be seen: {_quoted(name)}")
    if any(p.split(".")[0].casefold() in _RESERVED for p in parts):
        raise _refusal(f"has a name that Windows reserves: {_quoted(name)}")


def _check_names(names: list[str]) -> None:
    """Refuse names that some system would take for one another."""
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            raise _refusal(f"has two entries of one name: {_quoted(seen[folded])} and {_quoted(name)}")
        seen[folded] = name
    for folded, name in seen.items():
        if any(str(parent) in seen for parent in PurePosixPath(folded).parents):
            raise _refusal(f"has a file where it needs a folder: {_quoted(name)}")


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> bool:
    """Unpack one entry and return whether it is what it promised; `zipfile` stops at the promised size."""
    target = folder / entry.orig_filename
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("xb") as out, archive.open(entry) as packed:
            shutil.copyfileobj(packed, out, CHUNK)
    except _BROKEN:
        return False
    return True


def _without_wrapper(folder: Path) -> Path:
    """Return where the bag's files are: zipping or unpacking often puts a folder around them."""
    inner = folder
    while not (inner / BAGIT).is_file():
        inside = [path for path in inner.iterdir() if not LITTER.search(f"{path.name}/" if path.is_dir() else path.name)]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink():
            return folder
        inner = inside[0]
    return inner


def _quoted(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:60]}…")


def _refusal(why: str, hint: str = "ask its sender to export it again") -> BadInput:
    return BadInput(f"this package {why}, and was not opened", hint=hint)


MAX_NAMED = 5
"""How many problems an error names."""


def alteration_error(problems: Sequence[Any]) -> StoreTampered:
    """Return the error of a package that is not as it was exported."""
    count = len(problems) - MAX_NAMED
    more = f"; and {count} more {'problem' if count == 1 else 'problems'}" if count > 0 else ""
    return StoreTampered(
        f"the package is not as it was exported: {'; '.join(map(str, problems[:MAX_NAMED]))}{more}",
        hint="do not use it; ask its sender to export it again",
    )
