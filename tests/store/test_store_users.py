"""Several users of one lab, and labs that may only be read: modes, what is refused before it is begun, what is read."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import pplab

GROUP, ADA, GRACE = 54000, 54001, 54002
ROOT = Path(pplab.__file__).parents[1]
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="other users are tried as root only")


def modes(folder):
    return {path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize(("umask", "file", "directory"), [(0o002, 0o664, 0o775), (0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_files_and_folders_have_the_modes_that_the_umask_leaves(tmp_path, umask, file, directory):
    folder, before = tmp_path / "lab", os.umask(umask)
    try:
        with pplab.Lab(store=folder) as lab:
            lab.run("Say hello.", n=1)
            lab.rebuild(swap=True)
            package = lab.export(format="package", path=tmp_path / "p.zip").path
        with pplab.Lab(store=tmp_path / "other") as other:
            other.import_package(package)
            found = {**modes(folder), **modes(other.folder)}
    finally:
        os.umask(before)
    wrong = {name: oct(mode) for name, mode in found.items() if mode not in (file, directory)}
    assert wrong == {}
    assert {"lab.lock", "lab.duckdb", "ledger.jsonl", "journal", "backup"} <= found.keys()


# -- other users, as other users ------------------------------------------------------------------------------------------------


@pytest.fixture
def shared():
    """A folder that a group shares: what is made in it belongs to the group."""
    place = Path(tempfile.mkdtemp(prefix="pplab-shared-"))
    folder = place / "team"
    folder.mkdir()
    os.chown(folder, ADA, GROUP)
    place.chmod(0o755)
    folder.chmod(0o2775)
    yield folder
    shutil.rmtree(place)


def as_user(user, shared, code, *, umask=0o002, **environment):
    """Run lines of Python as another user; return what they printed as JSON.

    The process does once, as root and elsewhere, what it will do as that user, who may not be able to read where Python is.
    """
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG")}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PPLAB_USER": f"user{user}", **environment}
    done = subprocess.run(
        [sys.executable, "-c", BECOME, code, str(shared / "lab"), str(user), str(GROUP), str(umask)],
        env=env, cwd=shared, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


BECOME = """
import contextlib, io, json, os, sys, tempfile
from pathlib import Path
import pplab
code, folder, user, group, umask = sys.argv[1:]
with tempfile.TemporaryDirectory() as elsewhere, contextlib.redirect_stdout(io.StringIO()):
    os.chdir(elsewhere)
    lab_folder = Path(elsewhere, "lab")
    with pplab.Lab(store=lab_folder) as lab:
        lab.run("hello", n=1)
    exec(code)
lab_folder = Path(folder)
os.setgroups([])
os.setgid(int(group))
os.setuid(int(user))
os.umask(int(umask))
os.chdir(lab_folder.parent)
exec(code)
"""
RUN = """
with pplab.Lab(store=lab_folder) as lab:
    lab.run("Say hello.", n=1)
    print(json.dumps(len(lab.experiments())))
"""
READ = """
with pplab.Lab(store=lab_folder) as lab:
    print(json.dumps([len(lab.experiments()), lab.verify().ok]))
"""
TRY = """
from pplab.cli import main
import contextlib, io
said = {}
for words in WORDS:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        left = main([*words, "--store", str(lab_folder)])
    said[" ".join(words[:2])] = [left, out.getvalue(), err.getvalue()]
print(json.dumps(said))
"""
READING = [
    ["results"],
    ["status"],
    ["audit"],
    ["timing"],
    ["trace"],
    ["verify"],
    ["sql", "SELECT 1"],
    ["replay"],
    ["results", "--list"],
]
WRITING = [["run", "hello", "--n", "1"], ["calibrate", "--preset", "precise"], ["config", "model=x"], ["export"], ["rebuild"]]


@as_root
def test_two_users_of_a_shared_folder_run_and_read_in_turn(shared):
    assert as_user(ADA, shared, RUN) == 1
    assert as_user(GRACE, shared, RUN) == 2
    assert as_user(ADA, shared, READ) == [2, True]
    assert as_user(GRACE, shared, RUN) == 3
    assert as_user(ADA, shared, RUN) == 4


@as_root
def test_who_may_not_write_is_refused_before_anything_is_written_and_disturbs_nobody(shared):
    assert as_user(ADA, shared, RUN) == 1
    (shared / "lab" / "lab.lock").chmod(0o644)  # as versions before made it
    before = modes(shared)
    said = as_user(GRACE, shared, f"WORDS = {WRITING}\n{TRY}")
    assert {code for code, _, _ in said.values()} == {1}, said
    assert modes(shared) == before, "nothing was left behind"
    assert as_user(ADA, shared, RUN) == 2


@as_root
def test_a_journal_that_another_user_made_for_themselves_stops_nobody_and_is_named(shared):
    assert as_user(ADA, shared, RUN) == 1
    assert as_user(GRACE, shared, RUN) == 2
    journal = shared / "lab" / "journal" / "20260101T000000000000Z-1-aaaaaaaa.jsonl"
    journal.write_text("{}\n")
    journal.chmod(0o600)
    assert as_user(ADA, shared, READ) == [2, True]
    assert as_user(ADA, shared, RUN) == 3
    said = as_user(ADA, shared, f"WORDS = [['doctor']]\n{TRY}")["doctor"]
    assert said[0] == 1
    assert journal.name in said[1]
    assert "chmod g+r" in said[1]


@as_root
def test_a_lab_that_may_only_be_read_shows_its_tables_as_they_are_and_says_so(shared):
    assert as_user(ADA, shared, RUN) == 1
    for path in [shared, *shared.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    before = modes(shared)
    said = as_user(GRACE, shared, f"WORDS = {READING}\n{TRY}", HOME="/nowhere")
    wrong = {name: told for name, told in said.items() if told[0] != 0 or not told[1].strip()}
    assert wrong == {}
    assert "as they are" in said["results"][2]
    said = as_user(GRACE, shared, f"WORDS = {WRITING}\n{TRY}", HOME="/nowhere")
    messages = {err for _, _, err in said.values()}
    assert {code for code, _, _ in said.values()} == {1}
    assert len(messages) == 1, messages
    assert modes(shared) == before


@as_root
def test_where_no_lab_can_be_made_every_command_says_the_same(shared):
    os.chown(shared, 0, 0)
    shared.chmod(0o755)
    said = as_user(GRACE, shared, f"WORDS = {[*READING, *WRITING]}\n{TRY}", HOME="/nowhere")
    messages = {err for _, _, err in said.values()}
    assert len(messages) == 1, messages
    assert "--store" in messages.pop()
    assert list(shared.iterdir()) == []
