"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from pplab import files
from pplab.files import is_locked, lock, replacement, unlock, write_atomically


def test_a_file_that_cannot_be_written_whole_stays_as_it_was_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    target = tmp_path / "a"
    write_atomically(target, b"old")

    def full(_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_replacement_takes_its_place_only_when_the_block_ends_well(tmp_path):
    target = tmp_path / "tables"
    with replacement(target) as part:
        part.write_bytes(b"first")
        assert not target.exists()

    def interrupted():
        with replacement(target) as part:
            part.write_bytes(b"second")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [target]


def test_threads_that_write_one_file_at_once_leave_one_of_the_whole_texts(tmp_path):
    target, texts = tmp_path / "a", [bytes([n]) * 100_000 for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda text: write_atomically(target, text), texts * 4))
    assert target.read_bytes() in texts
    assert list(tmp_path.iterdir()) == [target]


def test_a_name_as_long_as_the_file_system_allows_can_be_written(tmp_path):
    write_atomically(tmp_path / ("n" * 255), b"whole")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"whole"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
@pytest.mark.parametrize(("mode", "umask", "left"), [(0o666, 0o022, 0o644), (0o666, 0o002, 0o664), (0o600, 0o000, 0o600)])
def test_a_file_has_the_mode_that_is_asked_for_less_the_umask_from_its_first_byte_on(tmp_path, monkeypatch, mode, umask, left):
    modes = []
    fsync = os.fsync
    monkeypatch.setattr(files.os, "fsync", lambda fd: (modes.append(stat.S_IMODE(os.fstat(fd).st_mode)), fsync(fd)))
    (tmp_path / "a").write_text("an old file that all may read")
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "a", b"new", mode=mode)
    finally:
        os.umask(before)
    assert modes == [left]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == left


def test_a_lock_is_seen_by_whoever_asks_until_it_is_given_back(tmp_path):
    path = tmp_path / "a"
    with path.open("w") as file:
        assert lock(file.fileno(), wait=False)
        assert is_locked(path)
        unlock(file.fileno())
        assert not is_locked(path)
