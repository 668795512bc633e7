"""Several users of one lab, and labs that may only be read: modes, what is refused before it is begun, what is read."""

from __future__ import annotations

import contextlib
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
ROOT_USER = os.name == "posix" and os.geteuid() == 0
with_modes = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")


def modes(folder):
    return {path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


@with_modes
@pytest.mark.parametrize(
    ("umask", "file", "directory"),
    [
        (0o077, 0o600, 0o700),
        pytest.param(0o002, 0o664, 0o775, marks=pytest.mark.soak),  # two users below work with it
        pytest.param(0o022, 0o644, 0o755, marks=pytest.mark.soak),
    ],
)
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


# -- other users ----------------------------------------------------------------------------------------------------------------
# Root becomes them. Who is not root stays who they are, but is left, for as long as they play a user, only those rights on a file
# or folder that this user has by its mode: the owner's bits of what that user made, else the group's or the others'.


class Shared:
    """A folder that Ada shares with a group: what is made in it belongs to the group."""

    def __init__(self, place, players):
        self.place, self.players = place, players
        self.folder = place / "team"
        self.folder.mkdir()
        self.folder.chmod(0o2775)
        self.made_by = {self.folder: ADA}
        if ROOT_USER:
            os.chown(self.folder, ADA, GROUP)
            place.chmod(0o755)

    def give_away(self):
        """Let the folder be root's, and nobody else's to write in."""
        self.folder.chmod(0o755)
        self.made_by[self.folder] = None
        if ROOT_USER:
            os.chown(self.folder, 0, 0)

    def play(self, user, code, *, umask=0o002, **environment):
        """Run lines of Python as a user of the group; return what they printed as JSON."""
        part = {"code": code, "folder": str(self.folder / "lab"), "user": user, "group": GROUP, "umask": umask}
        part["environment"] = {"PPLAB_USER": f"user{user}", **environment}
        with contextlib.nullcontext() if ROOT_USER else self._rights_of(user):
            self.players.stdin.write(json.dumps(part) + "\n")
            self.players.stdin.flush()
            printed, error = json.loads(self.players.stdout.readline())
        assert error == ""
        return json.loads(printed.splitlines()[-1])

    @contextlib.contextmanager
    def _rights_of(self, user):
        before = {path: stat.S_IMODE(path.stat().st_mode) for path in self._paths()}
        for path in reversed(before):  # a folder after what is in it
            path.chmod(self._left_to(user, path, before[path]))
        try:
            yield
        finally:
            for path, mode in before.items():
                if path.exists() and stat.S_IMODE(path.stat().st_mode) == self._left_to(user, path, mode):
                    path.chmod(mode)
            self.made_by |= {path: user for path in self._paths() if path not in before}

    def _paths(self):
        return [self.folder, *sorted(self.folder.rglob("*"))]

    def _left_to(self, user, path, mode):
        """Return a mode whose owner may do what the user may."""
        if self.made_by.get(path) == user:
            return mode
        bits = mode & 0o7 if self.made_by.get(path, "somebody") is None else mode >> 3 & 0o7
        return mode & ~0o700 | bits << 6


@pytest.fixture(scope="module")
def players():
    """A process that plays users, each in a fork of its own."""
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PLAYERS, json.dumps([RUN, READ, f"WORDS = {[*READING, *WRITING, ['doctor']]}\n{TRY}"])]
    with subprocess.Popen(command, env=env, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.stdin.close()


@pytest.fixture
def shared(players):
    place = Path(tempfile.mkdtemp(prefix="pplab-shared-"))
    yield Shared(place, players)
    for folder in [place / "team", *(place / "team").rglob("*")]:
        folder.chmod(0o700)
    shutil.rmtree(place)


# The process does once, elsewhere, what it will do as each user, who may not be able to read where Python is.
PLAYERS = """
import contextlib, io, json, os, sys, tempfile, traceback
from pathlib import Path
import pplab

def run(code, lab_folder):
    exec(code, {"pplab": pplab, "json": json, "lab_folder": lab_folder})

def play(code, folder, user, group, umask, environment):
    os.environ.update(environment)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    os.umask(umask)
    os.chdir(Path(folder).parent)
    run(code, Path(folder))

with tempfile.TemporaryDirectory() as elsewhere, contextlib.redirect_stdout(io.StringIO()):
    os.chdir(elsewhere)
    for code in json.loads(sys.argv[1]):
        run(code, Path(elsewhere, "lab"))
    os.chdir("/")
for part in sys.stdin:
    told, telling = os.pipe()
    if os.fork() == 0:
        printed, error = io.StringIO(), ""
        with contextlib.redirect_stdout(printed):
            try:
                play(**json.loads(part))
            except BaseException:
                error = traceback.format_exc()
        with open(telling, "w") as pipe:
            json.dump([printed.getvalue(), error], pipe)
        os._exit(0)
    os.close(telling)
    with open(told) as pipe:
        print(pipe.read(), flush=True)
    os.wait()
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
READING = [["results", "--list"], ["trace"], ["verify"], ["sql", "SELECT 1"]]
WRITING = [["run", "hello", "--n", "1"], ["calibrate", "--preset", "precise"], ["config", "model=x"]]
if os.environ.get("PPLAB_SOAK"):
    READING += [["status"], ["audit"], ["timing"], ["replay"], ["results"]]
    WRITING += [["export"], ["rebuild"]]


@with_modes
def test_two_users_of_a_shared_folder_run_and_read_in_turn(shared):
    assert shared.play(ADA, RUN) == 1
    assert shared.play(GRACE, RUN) == 2
    assert shared.play(ADA, READ) == [2, True]
    assert shared.play(ADA, RUN) == 3


@with_modes
def test_who_may_not_write_is_refused_before_anything_is_written_and_disturbs_nobody(shared):
    assert shared.play(ADA, RUN) == 1
    (shared.folder / "lab" / "lab.lock").chmod(0o644)  # as versions before made it
    before = modes(shared.folder)
    said = shared.play(GRACE, f"WORDS = {WRITING}\n{TRY}")
    assert {code for code, _, _ in said.values()} == {1}, said
    assert modes(shared.folder) == before, "nothing was left behind"
    assert shared.play(ADA, RUN) == 2


@with_modes
def test_a_journal_that_another_user_made_for_themselves_stops_nobody_and_is_named(shared):
    assert shared.play(ADA, RUN) == 1
    journal = shared.folder / "lab" / "journal" / "20260101T000000000000Z-1-aaaaaaaa.jsonl"
    journal.write_text("{}\n")
    journal.chmod(0o600)
    assert shared.play(ADA, READ) == [1, True]
    assert shared.play(ADA, RUN) == 2
    said = shared.play(ADA, f"WORDS = [['doctor']]\n{TRY}")["doctor"]
    assert said[0] == 1
    assert journal.name in said[1], said
    assert "chmod g+r" in said[1]


@with_modes
def test_a_lab_that_may_only_be_read_shows_its_tables_as_they_are_and_says_so(shared):
    assert shared.play(ADA, RUN) == 1
    for path in [shared.folder, *shared.folder.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    before = modes(shared.folder)
    said = shared.play(GRACE, f"WORDS = {READING}\n{TRY}", HOME="/nowhere")
    wrong = {name: told for name, told in said.items() if told[0] != 0 or not told[1].strip()}
    assert wrong == {}
    assert "as they are" in said["results --list"][2]
    said = shared.play(GRACE, f"WORDS = {WRITING}\n{TRY}", HOME="/nowhere")
    messages = {err for _, _, err in said.values()}
    assert {code for code, _, _ in said.values()} == {1}
    assert len(messages) == 1, messages
    assert modes(shared.folder) == before


@with_modes
def test_where_no_lab_can_be_made_every_command_says_the_same(shared):
    shared.give_away()
    said = shared.play(GRACE, f"WORDS = {[*READING, *WRITING]}\n{TRY}", HOME="/nowhere")
    messages = {err for _, _, err in said.values()}
    assert len(messages) == 1, messages
    assert "--store" in messages.pop()
    assert list(shared.folder.iterdir()) == []
