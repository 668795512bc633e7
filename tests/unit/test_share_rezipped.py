"""A package that was unpacked and zipped again by another program: what it holds decides."""

from __future__ import annotations

import io
import shutil
import stat
import subprocess
import sys
import zipfile

import pytest

import pplab
from pplab.errors import BadInput, StoreTampered
from pplab.share.verify import verify_package
from tests.soak import only_soak
from tests.unit import share_labs

ZIPPERS = [[sys.executable, "-m", "zipfile", "-c"], *([["zip", "-q", "-9", "-r"]] if shutil.which("zip") else [])]


class Pipe(io.BytesIO):
    """What a zip is streamed to: sizes and checksums then follow the data."""

    def seekable(self):
        return False

    def seek(self, *place):
        raise io.UnsupportedOperation

    def tell(self):
        raise io.UnsupportedOperation


def entry(name, *, system=3, mode=stat.S_IFREG | 0o644, extra=b""):
    made = zipfile.ZipInfo(name, (2026, 11, 25, 12, 0, 0))
    made.create_system, made.external_attr, made.extra = system, mode << 16, extra
    made.compress_type = zipfile.ZIP_DEFLATED
    return made


def plain(files):
    return {entry(name): data for name, data in files.items()}


def folder(name):
    return entry(name, mode=stat.S_IFDIR | 0o755)


def with_folders(files):
    return {folder("data/"): b"", folder("recordings/"): b"", **plain(files), folder("empty/"): b""}


def in_a_folder(files, top="story"):
    return {folder(f"{top}/"): b"", **plain({f"{top}/{name}": data for name, data in files.items()})}


def by_macos(files):
    files = {**files, ".DS_Store": b"Bud1", "data/.DS_Store": b"Bud1"}
    inside = plain({f"story/{name}": data for name, data in files.items()})
    beside = plain({"__MACOSX/story/._bagit.txt": b"\0\5\x16\7", "__MACOSX/._story": b"\0\5\x16\7"})
    return {folder("story/"): b"", **inside, folder("__MACOSX/"): b"", **beside}


def by_windows(files):
    names = {entry(f"story/{name}", system=0, mode=0): data for name, data in files.items()}
    return {**names, entry("story/Thumbs.db", system=0, mode=0): b"x", entry("story/desktop.ini", system=0, mode=0): b"x"}


def backwards(files):
    return dict(reversed(plain(files).items()))


def with_extra_fields(files):
    times = b"UT\x05\x00\x01" + b"\0\0\0\x6a" + b"ux\x0b\x00\x01\x04\xe8\x03\0\0\x04\xe8\x03\0\0"
    return {entry(name, extra=times): data for name, data in files.items()}


def stored(files):
    made = plain(files)
    for info in made:
        info.compress_type = zipfile.ZIP_STORED
    return made


def two_folders_deep(files):
    return in_a_folder(files, "ada/story")


WAYS = [plain, with_folders, in_a_folder, by_macos, by_windows, backwards, with_extra_fields, stored, two_folders_deep]
SOME_WAYS = [by_macos, by_windows, *only_soak(*(way for way in WAYS if way not in (by_macos, by_windows)))]


def zipped(path, entries, *, comment=b"", sink=None):
    sink = sink or io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for info, data in entries.items():
            archive.writestr(info, data, compresslevel=9)
        archive.comment = comment
    path.write_bytes(sink.getvalue())
    return path


@pytest.fixture
def bob(tmp_path):
    with pplab.Lab(store=tmp_path / "bob", user="bob") as lab:
        yield lab


@pytest.mark.parametrize("way", SOME_WAYS)
def test_the_same_bytes_verify_and_are_imported_as_the_same_package(tmp_path, bob, way):
    path = share_labs.package(tmp_path)
    first = verify_package(path)
    again = zipped(tmp_path / "again.zip", way(share_labs.files(path)))
    report = verify_package(again)
    assert report.problems == ()
    assert (report.sha256, report.files, report.rows) == (first.sha256, first.files, first.rows)
    assert bob.import_package(again).new == 1
    assert bob.import_package(path).new == 0
    assert bob.replay(again).identical
    kept = bob.folder / "imports"
    assert [folder.name for folder in kept.iterdir()] == [first.sha256[:16]]
    assert (kept / first.sha256[:16] / "bagit.txt").is_file()


@pytest.mark.parametrize("way", SOME_WAYS)
def test_a_byte_that_was_altered_before_zipping_is_found(tmp_path, bob, way):
    files = share_labs.files(share_labs.package(tmp_path))
    for name in ("data/responses.jsonl", "recordings/calls.jsonl", "data/responses.parquet", "bag-info.txt"):
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        again = zipped(tmp_path / "again.zip", way({**files, name: bytes(data)}))
        assert f"{name} was altered" in verify_package(again).problems
        with pytest.raises(StoreTampered):
            bob.import_package(again)
    assert bob.counts()["experiments"] == 0


def test_every_byte_of_the_contents_that_is_altered_in_the_zip_is_found(tmp_path):
    again = zipped(tmp_path / "again.zip", stored(share_labs.files(share_labs.package(tmp_path))))
    original = again.read_bytes()
    with zipfile.ZipFile(again) as archive:
        infos = archive.infolist()
    for info in infos:
        data = bytearray(original)
        data[info.header_offset + 30 + len(info.filename) + info.file_size // 2] ^= 1
        again.write_bytes(bytes(data))
        assert verify_package(again).problems


def test_files_slipped_in_or_taken_away_are_found(tmp_path):
    files = share_labs.files(share_labs.package(tmp_path))
    more = zipped(tmp_path / "more.zip", in_a_folder({**files, "data/evil.py": b"print(1)"}))
    assert "data/evil.py was added: no manifest lists it" in verify_package(more).problems
    fewer = zipped(tmp_path / "fewer.zip", in_a_folder({n: d for n, d in files.items() if n != "env.lock"}))
    assert "env.lock is missing" in verify_package(fewer).problems


def test_a_zip_that_was_streamed_or_has_a_comment_of_its_own_is_as_good(tmp_path):
    files = share_labs.files(share_labs.package(tmp_path))
    assert verify_package(zipped(tmp_path / "a.zip", plain(files), sink=Pipe())).ok
    assert verify_package(zipped(tmp_path / "b.zip", plain(files), comment=b"made by a zipper")).ok


@pytest.mark.parametrize("way", SOME_WAYS)
def test_a_zipper_that_keeps_our_comment_makes_a_good_package_and_that_it_was_written_again_is_said(tmp_path, bob, way):
    path = share_labs.package(tmp_path)
    with zipfile.ZipFile(path) as archive:
        seal = archive.comment
    again = zipped(tmp_path / "again.zip", way(share_labs.files(path)), comment=seal)
    report = bob.verify(again)
    assert (report.ok, report.rewritten) == (True, True)
    assert "written again by another program" in report.words
    assert "written again by another program" in bob.import_package(again).words
    assert bob.replay(again).identical


def test_a_package_as_we_wrote_it_is_not_called_written_again(tmp_path, bob):
    path = share_labs.package(tmp_path)
    assert "written again" not in bob.verify(path).words
    assert "written again" not in bob.import_package(path).words
    shutil.unpack_archive(path, tmp_path / "story")
    assert "written again" not in bob.verify(tmp_path / "story").words


@pytest.mark.parametrize("wrapper", ["outer", "outer/inner"])
def test_a_folder_around_an_unpacked_package_is_passed_over_as_in_a_zip_and_nothing_of_the_users_is_moved(tmp_path, bob, wrapper):
    outer = tmp_path / "outer"
    shutil.unpack_archive(share_labs.package(tmp_path), tmp_path / wrapper / "story")
    for litter in (outer / ".DS_Store", outer / "__MACOSX" / "._story"):
        litter.parent.mkdir(exist_ok=True)
        litter.write_bytes(b"x")
    before = sorted(outer.rglob("*"))
    report = bob.verify(outer)
    assert (report.ok, report.rewritten) == (True, False)
    assert bob.import_package(outer).new == 1
    assert bob.replay(outer).identical
    assert bob.check(outer).outcome == "same"
    assert sorted(outer.rglob("*")) == before
    (tmp_path / wrapper / "story" / "env.lock").write_text("x")
    with pytest.raises(StoreTampered, match=r"env\.lock was altered"):
        bob.import_package(outer)


def test_a_folder_that_holds_itself_or_several_things_is_no_package(tmp_path, bob):
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "again").symlink_to(tmp_path / "loop", target_is_directory=True)
    shutil.unpack_archive(share_labs.package(tmp_path), tmp_path / "two" / "story")
    (tmp_path / "two" / "other").mkdir()
    for folder in ("loop", "two"):
        with pytest.raises(BadInput, match="not a package"):
            bob.verify(tmp_path / folder)


def test_what_could_do_harm_is_refused_also_among_what_is_passed_over(tmp_path):
    files = share_labs.files(share_labs.package(tmp_path))
    for name in ("__MACOSX/../../evil", "story/__MACOSX/\\evil", "__MACOSX/a\x01"):
        with pytest.raises(BadInput, match="was not opened"):
            verify_package(zipped(tmp_path / "again.zip", {**in_a_folder(files), entry(name): b""}))


@pytest.mark.parametrize("zipper", ZIPPERS, ids=["Python", "zip"][: len(ZIPPERS)])
def test_other_programs_make_a_good_package_of_an_unpacked_one(tmp_path, zipper):
    path = share_labs.package(tmp_path)
    shutil.unpack_archive(path, tmp_path / "story")
    subprocess.run([*zipper, "again.zip", "story"], cwd=tmp_path, check=True)
    assert verify_package(tmp_path / "again.zip").ok
    subprocess.run([*zipper, "../inside.zip", "."], cwd=tmp_path / "story", check=True)
    assert verify_package(tmp_path / "inside.zip").ok
