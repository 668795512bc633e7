"""The pytest plugin: packages checked as regression tests, and fixtures that give a test a lab and a recording."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pplab.lab import Lab
    from pplab.share.regression_gate import BaselineComparison

RECORDINGS = "recordings"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--pplab-check``."""
    group = parser.getgroup("pplab", "Precision + Personality Lab")
    group.addoption(
        "--pplab-check",
        action="store_true",
        help="check every pplab package (.zip) in these folders: unaltered, same scores with the installed version, no drift",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect packages when asked to; other zips are not ours."""
    if file_path.suffix == ".zip" and parent.config.getoption("--pplab-check") and _is_package(file_path):
        return PackageFile.from_parent(parent, path=file_path)
    return None


def _is_package(path: Path) -> bool:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return {"bagit.txt", "data/experiments.jsonl"} <= set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return path.read_bytes()[-200:].find(b"pplab-package") >= 0  # damaged, and to be reported as such


class PackageFile(pytest.File):
    """A package: its verification, its replay, and the check of its experiments."""

    def collect(self) -> Iterable[pytest.Item]:
        """Yield the tests of this package."""
        yield PackageItem.from_parent(self, name="verify", run=_verify)
        yield PackageItem.from_parent(self, name="replay", run=_replay)
        yield PackageItem.from_parent(self, name="check", run=_check)


class CheckFailed(Exception):
    """The failure of a package's check; its message is what the report shows."""


class PackageItem(pytest.Item):
    """One test of a package."""

    def __init__(self, *, run: Any, **options: Any) -> None:
        super().__init__(**options)
        self._run = run

    def runtest(self) -> None:
        """Run it in a lab that ends with the process."""
        from pplab.lab import Lab

        with Lab(store=":temp:") as lab:
            self._run(lab, self.path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show words instead of a traceback where there are any."""
        from pplab.errors import PplabError

        if isinstance(excinfo.value, (CheckFailed, PplabError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Say where this test is."""
        return self.path, None, f"{self.path.name}: {self.name}"


def _verify(lab: Lab, path: Path) -> None:
    lab.verify(path)


def _replay(lab: Lab, path: Path) -> None:
    report = lab.replay(path)
    if not report.identical:
        raise CheckFailed(report.words)


def _check(lab: Lab, path: Path) -> None:
    gate = lab.check(path)
    if gate.outcome == "drifted":
        raise CheckFailed(gate.words)
    if gate.outcome == "cannot tell":
        pytest.skip(_advice(gate.checks))


def _advice(checks: Iterable[BaselineComparison]) -> str:
    n = max((check.n_suggested or 0 for check in checks), default=0)
    return (
        f"cannot tell whether it drifted; record the baseline with n={n}" if n else "too few answers to tell whether it drifted"
    )


@pytest.fixture
def pplab_recording(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Answer this test's calls from ``recordings/<module>.<test>.jsonl`` beside it, and record those it does not have.

    Commit the file, and the test needs neither a key nor a network; with ``PPLAB_OFFLINE=1`` a call that is not recorded is an
    error. Every lab opened in the test uses it.
    """
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{request.path.stem}.{request.node.name}")
    path: Path = request.path.parent / RECORDINGS / f"{name}.jsonl"
    monkeypatch.setenv("PPLAB_RECORDING", str(path))
    return path


@pytest.fixture
def pplab_lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """Return a lab of this test's own, closed at its end; with ``pplab_recording`` it answers from that recording."""
    from pplab.lab import Lab

    if "pplab_recording" in request.fixturenames:
        request.getfixturevalue("pplab_recording")
    with Lab(store=tmp_path / ".pplab") as lab:
        yield lab
