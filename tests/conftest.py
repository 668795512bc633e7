"""What every test starts from: no keys, no settings, an empty working folder."""

from __future__ import annotations

import gc
import os

import pytest

import pplab

SETTINGS = ("PPLAB_", "OPENAI_", "JUPYTERHUB_", "JPY_")


def pytest_collection_finish(session):
    """Keep what collecting made out of every later garbage collection."""
    gc.freeze()


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Keep the developer's own keys, settings and labs out of the tests."""
    for name in [name for name in os.environ if name.startswith(SETTINGS) and name != "PPLAB_SOAK"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PPLAB_USER", "ada")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lab(tmp_path):
    """A lab of its own, closed at the end."""
    with pplab.Lab(store=tmp_path / ".pplab") as opened:
        yield opened
