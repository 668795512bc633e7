"""Where a Python that the tests start for Jupyter's or Sphinx's sake finds its modules."""

from __future__ import annotations

import os
from pathlib import Path

TESTS = Path(__file__).parent
PYTHONPATH = os.pathsep.join([str(TESTS.parent), str(TESTS / "stand_ins")])
"""These sources, and a stand-in of what would cost each of those processes 3 s: `tests/conftest.py` has it left out here."""
