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


def run(folder, *words, **env):
    """Run pytest in a folder, as a team does; return its outcomes and what it printed."""
    quick = ("-p", "no:cacheprovider", "-p", "no:nbval")
    command = [sys.executable, "-m", "pytest", *quick, "--rootdir", str(folder), *LOADED, *words]
    paths = {"PYTHONPATH": str(Path(pplab.__file__).parents[1])}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **paths, **env}, capture_output=True, text=True, timeout=240, check=False
    )
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout.splitlines()[-1])}
    return counts, done.stdout


@pytest.fixture
def notebooks(tmp_path):
    (tmp_path / "notebooks").mkdir()
    share_labs.package(tmp_path / "notebooks")
    return tmp_path / "notebooks"


def test_packages_are_tests_when_asked_for(tmp_path, notebooks):
    counts, printed = run(tmp_path, "--pplab-check", "notebooks", "-v")
    assert counts == {"passed": 3}
    for name in ("verify", "replay", "check"):
        assert re.search(rf"ada\.zip::{name} PASSED", printed)


@pytest.mark.soak
def test_without_the_option_no_zip_is_touched(tmp_path, notebooks):
    assert "no tests ran" in run(tmp_path, "notebooks")[1]


def test_a_package_that_was_altered_fails_in_words_without_a_traceback(tmp_path, notebooks):
    share_labs.repacked(notebooks / "ada.zip", {"env.lock": b"# other\n"})
    counts, printed = run(tmp_path, "--pplab-check", "notebooks")
    assert counts == {"failed": 3}
    assert "env.lock was altered" in printed
    assert "Traceback" not in printed


@pytest.mark.soak
def test_a_damaged_package_is_reported_not_passed_over(tmp_path, notebooks):
    data = (notebooks / "ada.zip").read_bytes()
    (notebooks / "ada.zip").write_bytes(data[:200] + b"\0" * 50 + data[250:])
    assert run(tmp_path, "--pplab-check", "notebooks")[0] == {"failed": 3}


@pytest.mark.soak
def test_other_zips_are_not_ours(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    assert "no tests ran" in run(tmp_path, "--pplab-check")[1]


MINE = """
def test_rain(pplab_lab, pplab_recording):
    experiment = pplab_lab.run("Describe rain.", n=2)
    assert experiment.status == "completed"
    assert pplab_lab.recording.path == pplab_recording
"""


def test_the_fixtures_give_a_lab_and_a_recording_beside_the_test(tmp_path):
    (tmp_path / "test_mine.py").write_text(MINE)
    assert run(tmp_path)[0] == {"passed": 1}
    path = tmp_path / "recordings" / "test_mine.test_rain.jsonl"
    before = path.read_bytes()
    assert run(tmp_path, PPLAB_OFFLINE="1")[0] == {"passed": 1}
    assert path.read_bytes() == before
    (tmp_path / "test_mine.py").write_text(MINE.replace("Describe rain.", "Describe snow."))
    counts, printed = run(tmp_path, PPLAB_OFFLINE="1")
    assert counts == {"failed": 1}
    assert "the nearest recorded call differs in the prompt" in printed


def test_a_lab_without_a_recording_is_the_tests_own(tmp_path):
    (tmp_path / "test_mine.py").write_text("""
def test_one(pplab_lab):
    assert pplab_lab.recording is None
    pplab_lab.calibrate("precise")

def test_two(pplab_lab):
    assert pplab_lab.counts()["calibrations"] == 0
""")
    assert run(tmp_path)[0] == {"passed": 2}
