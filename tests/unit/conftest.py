"""Where labs of the tests meet."""

from __future__ import annotations

import pytest

from tests.unit import meeting_labs


@pytest.fixture
def team(tmp_path):
    """A folder that is a remote."""
    folder = tmp_path / "team"
    folder.mkdir()
    return folder


@pytest.fixture
def labs(tmp_path, team):
    """Two labs that know the folder as ``team``."""
    opened = [meeting_labs.lab(tmp_path, user, team) for user in ("ada", "bob")]
    yield opened
    for one in opened:
        one.close()
