"""Containers made to harm are refused fast, with little memory, and leave nothing behind."""

from __future__ import annotations

import os
import random
import stat
import struct
import time
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.errors import BadInput, NotFound, PplabError
from pplab.share.archive import MAX_BYTES, SEAL_SIZE, is_sealed, open_package, pack
from pplab.share.verify import verify_package
from tests.unit import share_labs

if TYPE_CHECKING:
    from pathlib import Path

SOAK = os.environ.get("PPLAB_SOAK") == "1"


def zipped(path: Path, entries: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def refused(path: Path, folder: Path, why: str) -> None:
    """Assert that a package is refused before anything is written, in under a second and 100 MB."""
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(BadInput, match=why), open_package(path, folder):
        raise AssertionError("it was opened")
    took = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 1
    assert peak < 100 * 2**20
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.txt", "leaves its folder"),
        ("data/../../evil.txt", "leaves its folder"),
        ("/etc/evil.txt", "absolute"),
        ("data//evil.txt", "leaves its folder"),
        ("./evil.txt", "leaves its folder"),
        ("data\\evil.txt", "another system"),
        ("C:evil.txt", "another system"),
        ("data/", "names one"),
        ("data/a\u202eb.txt", "cannot be seen"),
        ("data/a\x01.txt", "cannot be seen"),
        ("data/trailing. ", "cannot be seen"),
        ("data/con.txt", "Windows reserves"),
        ("a" * 300, "too long"),
        ("data/" + "é" * 200, "too long|UTF-8|leaves|cannot"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_could_leave_the_folder_or_be_another_is_refused(tmp_path, name, why):
    if name.startswith("data/é"):
        name = "data/" + "é" * 300
    info = zipfile.ZipInfo("x")
    info.filename = name
    refused(zipped(tmp_path / "a.zip", [(info, b"x")]), tmp_path / "out", why)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names",
    [
        ["data/a.txt", "data/a.txt"],
        ["data/a.txt", "data/A.txt"],
        ["data/é.txt", "data/e\u0301.txt"],
        ["data/ß.txt", "data/ss.txt"],
    ],
)
def test_two_entries_that_one_file_system_would_take_for_one_are_refused(tmp_path, names):
    refused(zipped(tmp_path / "a.zip", [(n, b"x") for n in names]), tmp_path / "out", "two entries of one name")


def test_a_file_where_a_folder_is_needed_is_refused(tmp_path):
    refused(zipped(tmp_path / "a.zip", [("data", b"x"), ("data/a", b"y")]), tmp_path / "out", "where it needs a folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFREG, stat.S_IFIFO])
def test_a_link_or_a_file_that_is_named_like_a_folder_is_refused(tmp_path, kind):
    info = zipfile.ZipInfo("data/")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    refused(zipped(tmp_path / "a.zip", [(info, b"")]), tmp_path / "out", "a link or a folder")


def test_a_folder_entry_whose_name_leads_out_is_refused(tmp_path):
    info = zipfile.ZipInfo("../")
    info.external_attr = (stat.S_IFDIR | 0o777) << 16
    refused(zipped(tmp_path / "a.zip", [(info, b"")]), tmp_path / "out", "leaves its folder")


def test_a_directory_that_is_larger_than_its_end_says_is_not_read(tmp_path):
    path = tmp_path / "a.zip"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, 0, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 46, 1)
    path.write_bytes(bytes(46) + locator + end)
    refused(path, tmp_path / "out", "64-bit")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_folders_and_devices_are_refused(tmp_path, kind):
    info = zipfile.ZipInfo("data/link")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    refused(zipped(tmp_path / "a.zip", [(info, b"/etc/passwd")]), tmp_path / "out", "a link or a folder")


def test_a_bomb_is_refused_by_what_it_promises(tmp_path):
    path = zipped(tmp_path / "a.zip", [("data/bomb", bytes(60 * 2**20))])
    refused(path, tmp_path / "out", "100 times its size")


def test_a_bomb_that_lies_about_its_size_is_cut_off(tmp_path):
    path = zipped(tmp_path / "a.zip", [("data/bomb", bytes(20 * 2**20))])
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(signature) + offset, 1000)
    path.write_bytes(bytes(data))
    with open_package(path, tmp_path / "out") as package:
        assert sum(f.stat().st_size for f in package.folder.rglob("*") if f.is_file()) <= 1001
        assert package.problems == ("data/bomb is damaged in the zip file",)
    assert not list((tmp_path / "out").iterdir())


def test_many_entries_are_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", [(f"data/{n}", b"") for n in range(10_001)])
    refused(path, tmp_path / "out", "more than 10,000 entries")


def test_entries_that_share_their_bytes_are_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", [("data/a", os.urandom(5000)), ("data/b", os.urandom(5000))], zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<L", data, second + 42, 0)  # the second entry now begins where the first does
    path.write_bytes(bytes(data))
    refused(path, tmp_path / "out", "overlap")


def test_encryption_other_compressions_and_several_disks_are_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", [("data/a", b"x" * 100)])
    original = path.read_bytes()
    for offset, value, why in ((8, 1, "encrypted"), (10, 12, "compression")):
        data = bytearray(original)
        struct.pack_into("<H", data, data.index(b"PK\x01\x02") + offset, value)
        path.write_bytes(bytes(data))
        refused(path, tmp_path / "out", why)
    data = bytearray(original)
    struct.pack_into("<H", data, data.rindex(b"PK\x05\x06") + 4, 1)
    path.write_bytes(bytes(data))
    refused(path, tmp_path / "out", "several parts")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    refused(path, tmp_path / "out", "512 MB")


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"not a zip at all" * 100, b"PK\x05\x06" + bytes(17), b"PK\x05\x06" + b"\xff" * 18]
)
def test_what_is_no_zip_is_refused(tmp_path, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(BadInput), open_package(path):
        raise AssertionError("it was opened")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"'a\.zip'"), open_package(tmp_path / "a.zip"):
        raise AssertionError("it was opened")


@given(st.binary(max_size=3000))
def test_no_bytes_whatever_raise_anything_but_a_refusal(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "a.zip"
    path.write_bytes(content)
    with pytest.raises(PplabError), open_package(path):
        raise AssertionError("it was opened")


NAMES = st.from_regex(r"x[a-z]{0,7}(/x[a-z]{0,7})?\.[a-z]{3}", fullmatch=True)  # with an x none is `aux` or another of Windows


@given(st.dictionaries(NAMES, st.binary(max_size=300), max_size=5))
def test_what_is_packed_is_unpacked_and_packing_again_gives_the_same_bytes(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("pack")
    if any(a != b and b.startswith(f"{a}/") for a in contents for b in contents):
        return
    data = pack(contents, "2026-11-23T01:02:03.000000")
    assert data == pack(dict(reversed(contents.items())), "2026-11-23T01:02:03.000000")
    (folder / "a.zip").write_bytes(data)
    assert is_sealed(folder / "a.zip")
    with open_package(folder / "a.zip") as package:
        assert package.problems == ()
        assert {name: (package.folder / name).read_bytes() for name in contents} == contents


def test_what_compresses_too_well_is_stored_so_that_our_own_package_is_never_a_bomb(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(pack({"data/same.txt": b"the same words " * 200_000}, "2026-11-23T01:02:03"))
    with open_package(path) as package:
        assert package.problems == ()


def test_a_package_that_could_not_be_imported_is_not_made():
    with pytest.raises(BadInput, match="export fewer"):
        pack({f"{n}.txt": b"" for n in range(10_001)}, "2026-11-23T01:02:03")


def outcome(path: Path, files: dict[str, bytes]) -> str:
    """Say what is made of a package: refused, altered, written again (then it holds the same files), or as it was exported."""
    try:
        report = verify_package(path)
    except PplabError:
        return "refused"
    if not report.ok:
        return "altered"
    with open_package(path) as package:
        assert {
            p.relative_to(package.folder).as_posix(): p.read_bytes() for p in package.folder.rglob("*") if p.is_file()
        } == files
    return "written again" if report.rewritten else "as it was exported"


def test_every_byte_that_is_changed_anywhere_in_a_package_is_found_or_leaves_every_file_as_it_was_and_is_said(tmp_path):
    path = share_labs.package(tmp_path)
    files, original = share_labs.files(path), path.read_bytes()
    assert outcome(path, files) == "as it was exported"
    drawn = random.Random(7)
    # Bytes of the end (the directory's end and the seal), and as many again anywhere.
    places = list(range(len(original) - 120, len(original), 1 if SOAK else 4))
    places += [drawn.randrange(len(original)) for _ in range(1000 if SOAK else 30)]
    for at in places:
        data = bytearray(original)
        data[at] ^= drawn.randrange(1, 256)
        path.write_bytes(bytes(data))
        assert outcome(path, files) != "as it was exported", at


def test_a_changed_byte_of_the_seal_alone_is_said_and_nothing_else(tmp_path):
    path = share_labs.package(tmp_path)
    files, original = share_labs.files(path), path.read_bytes()
    for back in range(1, SEAL_SIZE + 1, 9):
        data = bytearray(original)
        data[-back] ^= 1
        path.write_bytes(bytes(data))
        assert outcome(path, files) == "written again"


def test_a_changed_byte_of_any_file_is_an_alteration(tmp_path):
    path = share_labs.package(tmp_path)
    files, original = share_labs.files(path), path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    for entry in entries:
        start = entry.header_offset + 30 + len(entry.filename)
        for at in (start, start + entry.compress_size // 2):
            data = bytearray(original)
            data[at] ^= 0x55
            path.write_bytes(bytes(data))
            assert outcome(path, files) == "altered", (entry.filename, at)


def test_bytes_added_before_behind_or_cut_off_are_noticed(tmp_path):
    path = share_labs.package(tmp_path)
    files, original = share_labs.files(path), path.read_bytes()
    for changed in (original + b"x", b"x" + original, original[:-1], original[1:], original + original):
        path.write_bytes(changed)
        assert outcome(path, files) != "as it was exported"
