"""Agreement with people on the developers' half of the ratings, by the script that comes with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT.parent / "shared" / "data" / "metrics" / "evaluate.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="the human ratings are not beside this checkout")
@pytest.mark.skipif(os.environ.get("PPLAB_SOAK") != "1", reason="takes 15 s; runs with PPLAB_SOAK=1")
def test_every_required_figure_of_agreement_with_people_is_met():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--only", "validity"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:]
