"""A lab that is open in the server, and whose changes are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.server.changes import LabChanges
from pplab.server.open_lab import OpenLab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class WatchedLab(OpenLab):
    """An open lab whose changes can be watched.

    Attributes
    ----------
    changes : LabChanges
    """

    def __init__(self, root: Path, folder: Path, in_thread: Callable[[Callable[[], None]], object]) -> None:
        super().__init__(root, folder, in_thread)
        self.changes = LabChanges(self)

    def close(self) -> None:
        """Give up the lab, and tell nobody of it any more."""
        self.changes.close()
        super().close()
