"""One small experiment and its package, made once for the tests of sharing."""

from __future__ import annotations

import functools
import shutil
import tempfile
import zipfile
from pathlib import Path

import pplab
from pplab.share.archive import pack

PROMPTS = ["Write a tagline for a notebook.", "Describe rain."]


@functools.cache
def _made() -> tuple[Path, str]:
    folder = Path(tempfile.mkdtemp(prefix="pplab-share-"))
    with pplab.Lab(store=folder / "lab", user="ada") as lab:
        calibration = lab.calibrate("balanced")
        experiment = lab.run(PROMPTS, calibration=calibration, n=2, sweep={"temperature": [0.2, 0.9]})
        lab.export(experiment, format="package", path=folder / "ada.zip")
    return folder, experiment.id


def package(folder: Path) -> Path:
    """Return a fresh copy of the package in a folder."""
    return Path(shutil.copy(_made()[0] / "ada.zip", folder / "ada.zip"))


def ada(folder: Path) -> pplab.Lab:
    """Return a copy of the lab that exported it."""
    shutil.copytree(_made()[0] / "lab", folder / "ada")
    return pplab.Lab(store=folder / "ada", user="ada")


def experiment_id() -> str:
    """Return the id of its experiment."""
    return _made()[1]


def files(path: Path) -> dict[str, bytes]:
    """Return what is in a package."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(path: Path, changed: dict[str, bytes | None]) -> Path:
    """Write a package anew, as somebody with our own tools would who altered files and sealed it again."""
    contents = {**files(path), **changed}
    path.write_bytes(pack({n: c for n, c in contents.items() if c is not None}, "2026-01-01T00:00:00"))
    return path


def rehashed(path: Path, changed: dict[str, bytes]) -> Path:
    """Do the same and bring every hash of the package up to date: only what the rows say can give it away."""
    from pplab.share.package import MANIFEST, ROWS, TAG_MANIFEST, manifest
    from pplab.share.package_contents import TABLES, row_sha256

    contents = {**files(path), **changed}
    rows = ""
    for table in TABLES:
        lines = contents.get(f"data/{table}.jsonl", b"").decode().splitlines()
        rows += "".join(f"{row_sha256(line)}  data/{table}.jsonl:{n}\n" for n, line in enumerate(lines, 1))
    contents[ROWS] = rows.encode()
    contents[MANIFEST] = manifest({n: c for n, c in contents.items() if n.startswith("data/")})
    contents[TAG_MANIFEST] = manifest({n: c for n, c in contents.items() if not n.startswith("data/") and n != TAG_MANIFEST})
    path.write_bytes(pack(contents, "2026-01-01T00:00:00"))
    return path
