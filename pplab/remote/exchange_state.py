"""State of a live exchange, a small file in the lab's folder: when it last went well, and what is wrong since."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.files import write_atomically
from pplab.store.origin_chains import OWN

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """What any process can say of a lab's exchange with a remote.

    Attributes
    ----------
    at
        When a remote was last asked and answered, to the minute: ISO 8601, UTC, without an offset; empty before the first time.
    failure
        Why it cannot be reached or written, or which segment is not as it should be, in one line; empty when all is well.
    """

    at: str = ""
    failure: str = ""


def exchange_state(folder: Path, remote: str) -> ExchangeState:
    """Return the state of a lab's exchange with a remote; an empty one where there was none, or none can be read."""
    try:
        values = json.loads(_path(folder, remote).read_text("utf-8"))
        return ExchangeState(str(values["at"]), str(values["failure"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ExchangeState()


def keep_exchange_state(folder: Path, remote: str, state: ExchangeState) -> None:
    """Keep the state of a lab's exchange with a remote."""
    write_atomically(_path(folder, remote), json.dumps(dataclasses.asdict(state)).encode())


def _path(folder: Path, remote: str) -> Path:
    return folder / OWN / f"{remote}.live.json"
