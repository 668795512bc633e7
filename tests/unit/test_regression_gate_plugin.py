"""The pytest plugin as a team uses it: packages as tests, and fixtures for a lab and its recording."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import pplab
from tests.unit import share_labs

LOADED = () if "pplab" in entry_points(group="pytest11").names else ("-p", "pplab.pytest_plugin")


QUICK = ("-p", "no:cacheprovider", "-p", "no:nbval", "-p", "no:faulthandler", "-p", "no:randomly")


def outcomes(printed):
    return {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", printed.splitlines()[-1])}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs pytest in this process, in the folder of the test; it returns the outcomes and what was printed."""

    def run(*words, **env):
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            patch.setattr(sys, "path", sys.path[:])
            patch.setattr(sys, "dont_write_bytecode", True)
            patch.delitem(sys.modules, "test_mine", raising=False)
            capsys.readouterr()
            pytest.main([*QUICK, "--capture=sys", "--import-mode=importlib", "--rootdir", str(tmp_path), *LOADED, *words])
        printed = capsys.readouterr().out
        return outcomes(printed), printed

    return run


@pytest.fixture
def notebooks(tmp_path):
    (tmp_path / "notebooks").mkdir()
    share_labs.package(tmp_path / "notebooks")
    return tmp_path / "notebooks"


def test_packages_are_tests_when_asked_for(notebooks, run):
    counts, printed = run("--pplab-check", "notebooks", "-v")
    assert counts == {"passed": 3}
    for name in ("verify", "replay", "check"):
        assert re.search(rf"ada\.zip::{name} PASSED", printed)


@pytest.mark.soak
def test_packages_are_tests_in_a_process_of_its_own(tmp_path, notebooks):
    command = [sys.executable, "-m", "pytest", *QUICK, "--rootdir", str(tmp_path), *LOADED, "--pplab-check", "notebooks"]
    environment = {**os.environ, "PYTHONPATH": str(Path(pplab.__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert outcomes(done.stdout) == {"passed": 3}


@pytest.mark.soak
def test_without_the_option_no_zip_is_touched(notebooks, run):
    assert "no tests ran" in run("notebooks")[1]


def test_a_package_that_was_altered_fails_in_words_without_a_traceback(notebooks, run):
    share_labs.repacked(notebooks / "ada.zip", {"env.lock": b"# other\n"})
    counts, printed = run("--pplab-check", "notebooks")
    assert counts == {"failed": 3}
    assert "env.lock was altered" in printed
    assert "Traceback" not in printed


@pytest.mark.soak
def test_a_damaged_package_is_reported_not_passed_over(notebooks, run):
    data = (notebooks / "ada.zip").read_bytes()
    (notebooks / "ada.zip").write_bytes(data[:200] + b"\0" * 50 + data[250:])
    assert run("--pplab-check", "notebooks")[0] == {"failed": 3}


@pytest.mark.soak
def test_other_zips_are_not_ours(tmp_path, run):
    (tmp_path / "data.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    assert "no tests ran" in run("--pplab-check")[1]


MINE = """
def test_rain(pplab_lab, pplab_recording):
    experiment = pplab_lab.run("Describe rain.", n=2)
    assert experiment.status == "completed"
    assert pplab_lab.recording.path == pplab_recording
"""


def test_the_fixtures_give_a_lab_and_a_recording_beside_the_test(tmp_path, run):
    (tmp_path / "test_mine.py").write_text(MINE)
    assert run()[0] == {"passed": 1}
    path = tmp_path / "recordings" / "test_mine.test_rain.jsonl"
    before = path.read_bytes()
    assert run(PPLAB_OFFLINE="1")[0] == {"passed": 1}
    assert path.read_bytes() == before
    (tmp_path / "test_mine.py").write_text(MINE.replace("Describe rain.", "Describe snow."))
    counts, printed = run(PPLAB_OFFLINE="1")
    assert counts == {"failed": 1}
    assert "the nearest recorded call differs in the prompt" in printed


def test_a_lab_without_a_recording_is_the_tests_own(tmp_path, run):
    (tmp_path / "test_mine.py").write_text("""
def test_one(pplab_lab):
    assert pplab_lab.recording is None
    pplab_lab.calibrate("precise")

def test_two(pplab_lab):
    assert pplab_lab.counts()["calibrations"] == 0
""")
    assert run()[0] == {"passed": 2}
