"""The package's container: a sealed zip, written the same way every time and opened as if everybody who made it were hostile."""

from __future__ import annotations

import contextlib
import hashlib
import os
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
"""The zip's comment: the hash of every byte before it, so that no byte of the file can change unnoticed."""

_END = struct.Struct("<4s4H2LH")  # the end record: signature, disks and counts, directory size and offset, comment length
_END_SIGNATURE = b"PK\x05\x06"
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})


def pack(files: Mapping[str, bytes], at: str) -> bytes:
    """Return the sealed zip of these files: the same bytes for the same files and time, in every process.

    Parameters
    ----------
    files
        Contents by name; stored in the order of the names.
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


def seal_problem(path: Path) -> str | None:
    """Say what is wrong with a file's seal, or ``None``."""
    size = path.stat().st_size - SEAL_SIZE
    if size < _END.size:
        return "the file is too short to be a package"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0:
            chunk = file.read(min(CHUNK * 16, size))
            digest.update(chunk)
            size -= len(chunk)
        seal = file.read()
    if not seal.startswith(SEAL.encode()):
        return "the file has no seal: it is damaged, or not as pplab wrote it"
    if seal != (SEAL + digest.hexdigest()).encode():
        return "the file's seal does not match its bytes"
    return None


@contextlib.contextmanager
def unpacked(path: Path, inside: Path | None = None) -> Iterator[tuple[Path, list[str]]]:
    """Unpack a package into a temporary folder and yield it with what is wrong with the container; removed at the end.

    A folder is yielded as it is: a package that somebody unpacked. What cannot be unpacked is left out and named.

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
        yield path, []
        return
    if not path.is_file():
        raise NotFound(f"there is no package '{path.name}'", hint="check the name; paths start at the working folder")
    with path.open("rb") as file:
        entries = _entries(file)
        problems = [problem] if (problem := seal_problem(path)) else []
        if inside is not None:
            inside.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".pplab-part-", dir=inside))
        try:
            for entry in entries:
                target = folder / entry.name
                target.parent.mkdir(parents=True, exist_ok=True)
                wrong = _extract(file, entry, target)
                if wrong:
                    problems.append(wrong)
            yield folder, problems
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    start: int
    packed: int
    size: int
    crc: int
    deflated: bool


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _entries(file: BinaryIO) -> list[_Entry]:
    """Return the entries of a zip after checking everything that can be known without unpacking."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_BYTES:
        raise _refused(f"is larger than {MAX_BYTES // 2**20} MB")
    tail = _at(file, max(0, size - 2**16 - _END.size), 2**16 + _END.size)
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) - at < _END.size:
        raise _refused("is not a zip file")
    _, disk, first_disk, here, count, length, offset, comment = _END.unpack_from(tail, at)
    if offset + length != size - len(tail) + at or len(tail) - at != _END.size + comment:
        raise _refused("is a broken zip file")
    if disk or first_disk or here != count or count == 0xFFFF:
        raise _refused("is a zip of several parts or of the 64-bit kind")
    if count > MAX_ENTRIES or length > MAX_ENTRIES * (46 + MAX_NAME):
        raise _refused(f"has more than {MAX_ENTRIES:,} entries")
    directory = _at(file, offset, length)
    infos = list(_directory(directory, count))
    entries, end = [], 0
    for info in sorted(infos, key=lambda i: i.offset):
        entry = info.checked(_at(file, info.offset, 30))
        if info.offset < end or entry.start + entry.packed > offset:
            raise _refused("has entries that overlap")
        end = entry.start + entry.packed
        entries.append(entry)
    _check_names([entry.name for entry in entries])
    if sum(entry.size for entry in entries) > MAX_BYTES:
        raise _refused(f"would unpack to more than {MAX_BYTES // 2**20} MB")
    return entries


_CENTRAL = struct.Struct("<4s6H3L5H2L")


@dataclass(frozen=True, slots=True)
class _Listed:
    """One line of the zip's directory."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    attributes: int
    offset: int

    def checked(self, local: bytes) -> _Entry:
        if len(local) < 30 or local[:4] != b"PK\x03\x04":
            raise _refused(f"has a broken entry {_shown(self.name)}")
        name_length, extra_length = struct.unpack_from("<2H", local, 26)
        if self.flags & 0x1:
            raise _refused(f"has an encrypted entry {_shown(self.name)}")
        if self.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(f"has an entry in a compression it may not use: {_shown(self.name)}")
        mode = self.attributes >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise _refused(f"has a link or a folder as entry: {_shown(self.name)}")
        if self.size > SMALL and self.size > MAX_RATIO * max(self.packed, 1):
            raise _refused(f"has an entry that unpacks to more than {MAX_RATIO} times its size: {_shown(self.name)}")
        start = self.offset + 30 + name_length + extra_length
        return _Entry(self.name, start, self.packed, self.size, self.crc, self.method == zipfile.ZIP_DEFLATED)


def _directory(data: bytes, count: int) -> Iterator[_Listed]:
    at = 0
    for _ in range(count):
        if len(data) - at < _CENTRAL.size:
            raise _refused("has a broken directory")
        fields = _CENTRAL.unpack_from(data, at)
        signature, flags, method = fields[0], fields[3], fields[4]
        crc, packed, size = fields[7:10]
        name_length, extra, comment = fields[10:13]
        if signature != b"PK\x01\x02":
            raise _refused("has a broken directory")
        raw = data[at + _CENTRAL.size : at + _CENTRAL.size + name_length]
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise _refused("has a name that is not UTF-8") from None
        yield _Listed(name, flags, method, crc, packed, size, fields[15], fields[16])
        at += _CENTRAL.size + name_length + extra + comment
    if at != len(data):
        raise _refused("has a broken directory")


def _check_names(names: list[str]) -> None:
    """Refuse names that could leave the folder or that some system would take for one another."""
    seen: dict[str, str] = {}
    for name in names:
        parts = PurePosixPath(name).parts
        if not name or len(name) > MAX_NAME or name.startswith("/") or "\\" in name or ":" in name:
            raise _refused(f"has a name that is absolute, empty, too long or of another system: {_shown(name)}")
        if ".." in parts or "." in name.split("/") or "" in name.split("/"):
            raise _refused(f"has a name that leaves its folder or names one: {_shown(name)}")
        if any(unicodedata.category(c)[0] == "C" for c in name) or any(p.endswith((" ", ".")) for p in parts):
            raise _refused(f"has a name with characters that cannot be seen: {_shown(name)}")
        if any(p.split(".")[0].casefold() in _RESERVED for p in parts):
            raise _refused(f"has a name that Windows reserves: {_shown(name)}")
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            raise _refused(f"has two entries of one name: {_shown(seen[folded])} and {_shown(name)}")
        seen[folded] = name
    files = set(seen)
    for folded, name in seen.items():
        if any(str(parent) in files for parent in PurePosixPath(folded).parents):
            raise _refused(f"has a file where it needs a folder: {_shown(name)}")


def _extract(file: BinaryIO, entry: _Entry, target: Path) -> str | None:
    """Unpack one entry, never more than it promised; say what is wrong with it."""
    decoder = zlib.decompressobj(-15) if entry.deflated else None
    crc, written, at, left = 0, 0, entry.start, entry.packed
    with target.open("xb") as out:
        while left > 0 and written <= entry.size:
            data = _at(file, at, min(CHUNK, left))
            if not data:
                break
            at, left = at + len(data), left - len(data)
            try:
                while data:
                    room = entry.size - written + 1
                    piece = decoder.decompress(data, room) if decoder else data[:room]
                    data = decoder.unconsumed_tail if decoder else b""
                    crc, written = zlib.crc32(piece, crc), written + len(piece)
                    out.write(piece)
                    if written > entry.size or not piece:
                        break
            except zlib.error:
                return f"{entry.name} cannot be unpacked"
    if written != entry.size or crc != entry.crc:
        return f"{entry.name} is not what the zip's directory says"
    return None


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:60]}…")


def _refused(why: str) -> BadInput:
    return BadInput(f"this package {why}, and was not opened", hint="ask its sender to export it again")


SAID = 5


def tampered(problems: Sequence[Any]) -> StoreTampered:
    """Return the error of a package in which something was found altered."""
    more = f", and {len(problems) - SAID} more problems" if len(problems) > SAID else ""
    said = "; ".join(map(str, problems[:SAID]))
    return StoreTampered(
        f"the package is not as it was exported: {said}{more}", hint="do not use it; ask its sender to export it again"
    )
