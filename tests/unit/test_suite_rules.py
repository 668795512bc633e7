"""The rules of a run of the tests: nothing is skipped in silence, reruns are counted, interrupts reach what they are sent to."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from tests.servers.small_model import weights

ROOT = Path(__file__).parents[2]
SERIAL = "tests/unit/test_wheel.py"  # the only file that `make test` looks through for tests marked serial
ALONE = f"{SERIAL} tests/browser"  # where it looks for what must not share the machine with other tests
ONLY_IN_SOAK = {
    "tests/model/test_model_judged.py": "test_analysis_rating_agreement and test_judging find out such raters and judges",
    "tests/model/test_model_probe.py": "test_experiments_probe comes to these verdicts with a server that plays a model",
    "tests/reader/test_reader_shards.py": "the reader and the shards each have tests of their own; this is both at once",
}
PASSES = "def test_passes():\n    pass\n"
FAILS_AS_EXPECTED = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_x():\n    assert False\n"
SECOND_TIME = """
import pathlib, pytest

@pytest.fixture
def ends_badly_too(request):
    yield
    assert request.node.execution_count > 1

@pytest.mark.flaky(reruns=2)
@pytest.mark.usefixtures("ends_badly_too")
@pytest.mark.parametrize("name", {names!r})
def test_passes_at_the_second_attempt(name):
    begun = pathlib.Path({folder!r}, name)
    if not begun.exists():
        begun.touch()
        raise AssertionError(name)
"""
INTERRUPTED = """
import signal, subprocess, sys, pytest

def test_an_interrupt_is_raised_here_and_in_a_child():
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    child = subprocess.run([sys.executable, "-c", "import signal; signal.raise_signal(signal.SIGINT)"], stderr=subprocess.PIPE)
    assert b"KeyboardInterrupt" in child.stderr
"""


def run(folder, *files, before=(), **env):
    """Run files of tests under the rules of this suite; return the exit status and what was printed."""
    for name, text in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    command = [
        *before,
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:nbval",
        "--rootdir",
        str(folder),
    ]
    ours = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")}  # pytest prints more there
    environment = {**ours, "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False)
    return done.returncode, done.stdout + done.stderr


WHILE_RUNNING = """
import pytest

@pytest.fixture
def ratings():
    pytest.skip("no fixture here")

@pytest.mark.skip(reason="no mark here")
def test_marked():
    pass

@pytest.mark.skipif(True, reason="no condition here")
def test_conditional():
    pass

def test_runs():
    pytest.skip("no body here")

def test_asks_for_a_fixture(ratings):
    pass
"""
WHILE_COLLECTED = {
    "test_whole_file.py": 'import pytest\npytest.skip("no file here", allow_module_level=True)\n',
    "test_missing.py": 'import pytest\npytest.importorskip("nowhere", reason="no module here")\n',
}


def test_a_skipped_test_fails_the_run_and_says_why_and_how_to_leave_it_out(tmp_path):
    status, printed = run(tmp_path, ("test_all.py", PASSES), ("test_ratings.py", WHILE_RUNNING))
    assert status == 1
    assert "1 failed, 1 passed, 3 errors" in printed
    for cause in ("fixture", "mark", "condition", "body"):
        assert f"no {cause} here" in printed
    assert printed.count("PPLAB_TEST_SKIP=ratings leaves its file out") == 4


def test_a_file_that_skips_itself_when_it_is_collected_fails_the_run_too(tmp_path):
    status, printed = run(tmp_path, ("test_all.py", PASSES), *WHILE_COLLECTED.items())
    assert status != 0
    assert "no file here" in printed
    assert "no module here" in printed
    assert "PPLAB_TEST_SKIP=whole_file leaves its file out" in printed


def test_what_is_named_is_left_out_as_the_summary_says_and_an_expected_failure_is_no_skip(tmp_path):
    files = [
        ("test_all.py", PASSES + FAILS_AS_EXPECTED),
        ("test_ratings.py", WHILE_RUNNING),
        ("slow/test_other.py", WHILE_RUNNING),
    ]
    status, printed = run(tmp_path, *files, PPLAB_TEST_SKIP="ratings,slow")
    assert status == 0
    assert "1 passed, 1 xfailed" in printed
    assert "Left out by PPLAB_TEST_SKIP: ratings, slow\n" in printed


@pytest.mark.parametrize(("times", "status", "workers"), [(2, 0, 0), (3, 1, 1)])
def test_two_reruns_are_shown_and_a_third_fails_the_run(tmp_path, times, status, workers):
    (tmp_path / "begun").mkdir()
    names = [f"page {number}" for number in range(times)]
    test = SECOND_TIME.format(names=names, folder=str(tmp_path / "begun"))
    found, printed = run(tmp_path, ("test_pages.py", test), PYTEST_ADDOPTS=f"-n {workers}")
    assert found == status, printed
    assert f"{times} passed" in printed
    assert f"{times} reruns; " in printed
    assert "test_pages.py::test_passes_at_the_second_attempt[page 1]" in printed


def test_interrupts_reach_tests_that_were_begun_where_they_are_ignored(tmp_path):
    deaf = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
    status, printed = run(tmp_path, ("test_interrupts.py", INTERRUPTED), before=deaf)
    assert status == 0, printed


def test_without_the_model_its_tests_fail_and_say_how_to_install_it_and_how_to_leave_them_out(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(RuntimeError, match="run `make model`, or leave them out with PPLAB_TEST_SKIP=model"):
        weights()


def selections(target):
    """Return the marks that each pytest command of a target of the Makefile asks for, and the paths where it looks."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1]
    found = re.findall(r'\$\(PYTEST\) .*-m "([^"]*)" (.+)$', recipe, re.MULTILINE)
    return [(Expression.compile(marks), path) for marks, path in found]


def selected(target, *marks):
    """Return where a target looks for tests with these marks."""
    return [path for asked, path in selections(target) if asked.evaluate(lambda name, /, **_: name in marks)]


def test_a_test_marked_soak_runs_in_make_soak_and_not_in_make_test():
    for others in ((), ("serial",), ("browser",)):
        assert selected("test", "soak", *others) == []
        assert selected("soak", "soak", *others) == ["tests"]


def test_every_other_test_runs_once_in_either():
    for marks, paths in (((), "tests"), (("browser",), ALONE), (("serial",), ALONE)):
        assert selected("test", *marks) == [paths]
        assert selected("soak", *marks) == ["tests"]


def marks_of(path):
    """Return the marks that each test of a file has in all of its cases."""
    body = ast.parse(path.read_text("utf-8")).body
    assigned = [ast.unparse(node.value) for node in body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)]
    of_file = re.findall(r"pytest\.mark\.(\w+)", " ".join(assigned))
    tests = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")]
    own = {test.name: [ast.unparse(mark) for mark in test.decorator_list] for test in tests}
    return {name: {*of_file, *(mark.removeprefix("pytest.mark.") for mark in found)} for name, found in own.items()}


@pytest.fixture(scope="module")
def marks():
    """The marks of each test of each file."""
    return {path.relative_to(ROOT).as_posix(): marks_of(path) for path in (ROOT / "tests").rglob("test_*.py")}


def test_no_file_is_left_to_make_soak_unless_it_is_named_here(marks):
    left = {name for name, tests in marks.items() if tests and all("soak" in of_test for of_test in tests.values())}
    assert left == set(ONLY_IN_SOAK)


def test_serial_tests_are_where_make_test_looks_for_them(marks):
    serial = {name for name, tests in marks.items() if any("serial" in found and "perf" not in found for found in tests.values())}
    assert serial == {SERIAL}
