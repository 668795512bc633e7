"""What every test starts from: no keys, no settings, an empty working folder."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

import pplab

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no test fails on time
settings.load_profile("busy")

SETTINGS = ("PPLAB_", "OPENAI_", "JUPYTERHUB_", "JPY_")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep the browser tests on one worker, since they share a server and a browser; the others go where there is time."""
    from xdist.scheduler import LoadScopeScheduling

    class OneBrowser(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "browser" if nodeid.startswith("tests/browser/") else nodeid

    return OneBrowser(config, log)


def pytest_collection_finish(session):
    """Keep what collecting made out of every later garbage collection, but the last."""
    gc.freeze()


def pytest_unconfigure(config):
    """Let the process end as it would have."""
    gc.unfreeze()


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
