"""File systems without what a lab relies on: it is named, with what to do, before anything is lost."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from store_records import event

import pplab
from pplab import files
from pplab.errors import PplabError, StoreError
from pplab.store import filesystem, segments
from pplab.store import journal as journal_module
from pplab.store.store import open_store

fcntl = pytest.importorskip("fcntl", reason="Windows always has locks")


def refusing(code):
    def refuse(*_args, **_options):
        raise OSError(code, os.strerror(code))

    return refuse


def test_a_file_system_without_locks_is_named_before_a_call_is_made(tmp_path, monkeypatch):
    with pplab.Lab(store=tmp_path / "lab") as lab:
        for code in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            with monkeypatch.context() as patch:
                patch.setattr(files.fcntl, "flock", refusing(code))
                for work in (lambda: lab.run("Say hello.", n=1), lab.experiments, lambda: lab.calibrate("precise"), lab.rebuild):
                    with pytest.raises(PplabError, match="file system has no file locks") as refused:
                        work()
                    assert "local disk" in str(refused.value)
                    assert "\n" not in str(refused.value)
                lab.record().result()  # what was queued before is refused, too
                assert list((lab.folder / "journal").iterdir()) == []
        assert lab.run("Say hello.", n=1).status == "completed", "as soon as there are locks"


def test_a_file_system_that_cannot_sync_a_folder_is_used_as_it_is(tmp_path, monkeypatch):
    fsync = os.fsync

    def only_files(fd):
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", only_files)
    with pplab.Lab(store=tmp_path / "lab") as lab:
        assert lab.run("Say hello.", n=1).status == "completed"


def test_what_the_system_refuses_is_said_with_what_to_do(store, monkeypatch):
    advice = {
        errno.ENOSPC: "free some space",
        errno.EDQUOT: "quota",
        errno.EFBIG: "ulimit -f",
        errno.EROFS: "read-only",
        errno.EACCES: "chmod",
    }
    for done, (code, words) in enumerate(advice.items(), 1):
        with monkeypatch.context() as patch:
            patch.setattr(journal_module.os, "write", refusing(code))
            with pytest.raises(StoreError, match=os.strerror(code)) as refused:
                store.append(event(), durable=True)
        assert words in refused.value.hint
        store.append(event())
        assert len(store.audit()) == done


def test_a_full_journal_goes_on_where_no_further_file_can_be_opened(folder, monkeypatch):
    monkeypatch.setattr(journal_module, "ROTATE_BYTES", 500)
    store = open_store(folder)
    try:
        store.append(event(), event(), durable=True)
        with monkeypatch.context() as patch:
            patch.setattr(store._journal, "_open_file", refusing(errno.EMFILE))
            for _ in range(5):
                store.append(event(), event(), durable=True)
        store.append(event(), durable=True)
        assert len(store.audit()) == 13
        assert len(segments.file_names(folder / "journal")) == 2
    finally:
        store.close()


def test_folders_that_could_be_made_are_taken_back_when_the_last_one_cannot(tmp_path):
    with pytest.raises(StoreError, match="File name too long"):
        filesystem.make_folder(tmp_path / "a" / "b" / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


def test_an_obstacle_names_what_cannot_be_written_and_changes_nothing(folder, monkeypatch):
    open_store(folder).close()
    (folder / "lab.lock").touch()
    before = sorted(folder.rglob("*"))
    assert filesystem.obstacle(folder) == ""
    monkeypatch.setattr(filesystem, "_may", lambda path, mode: path.name != "lab.lock")
    assert filesystem.obstacle(folder) == "Permission denied: lab.lock"
    assert sorted(folder.rglob("*")) == before
