from __future__ import annotations

import pytest

from pplab.store.store import open_store


@pytest.fixture
def folder(tmp_path):
    """A lab's folder on a path with a space and characters beyond ASCII."""
    return tmp_path / "a lab of Žofie 研究" / ".pplab"


@pytest.fixture
def store(folder):
    opened = open_store(folder)
    yield opened
    opened.close()
