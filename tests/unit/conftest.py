"""Where labs of the tests meet, and folders that are filled once for many tests."""

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


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A function that gives a folder and what ``fill(folder, *more)`` returned; only the first test that asks for it fills it.

    A test that would alter the folder copies it.
    """
    made = {}

    def folder_of(fill, *more):
        if (fill, *more) not in made:
            folder = tmp_path_factory.mktemp(fill.__name__)
            made[fill, *more] = folder, fill(folder, *more)
        return made[fill, *more]

    return folder_of
