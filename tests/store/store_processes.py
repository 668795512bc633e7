"""Programs of their own that work on a lab beside a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__)
PYTHONPATH = os.pathsep.join([str(HERE.parent), str(HERE.parents[2])])
"""Where such a program finds pplab and the helpers beside it."""


def start(program, *arguments, **kw):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": PYTHONPATH},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kw,
    )
