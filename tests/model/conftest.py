"""A real language model: one server for all tests of this folder, a lab for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pplab import Lab
from tests.servers.small_model import NAME, SmallModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallModel]:
    """Start the model's server, and end it with the last test of this folder."""
    with SmallModel(tmp_path_factory.mktemp("model") / "log") as running:
        yield running


@pytest.fixture
def lab(model: SmallModel, tmp_path: Path) -> Iterator[Lab]:
    """A lab that asks the small model."""
    with Lab(store=tmp_path / ".pplab", user="ada", model=NAME, base_url=model.base_url, api_key="none") as opened:
        yield opened
