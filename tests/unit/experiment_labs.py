"""Labs over the fault server, for the tests of runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pplab import Lab

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import FaultServer
    from tests.servers.gated import GatedServer

SOAK = os.environ.get("PPLAB_SOAK") == "1"
KEY = "sk-test-0123456789abcdefghijklmnop"


def lab_at(folder: Path, server: FaultServer | GatedServer, model: str) -> Lab:
    """Return a lab whose model plays what its name says."""
    return Lab(store=folder / "lab", user="ada", model=model, base_url=server.base_url, api_key=KEY)


def attempts(lab: Lab, columns: str = "decision") -> list[tuple[object, ...]]:
    """Return these columns of every stored attempt, by response and number."""
    frame = lab.sql(f"SELECT {columns} FROM call_attempts ORDER BY response_id, attempt")
    return list(frame.itertuples(index=False, name=None))
