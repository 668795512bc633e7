"""Counts how often the lab's tables are opened, which costs some ten milliseconds each and keeps other processes waiting."""

from __future__ import annotations

import threading
from typing import Any

from pplab.store import connect


class Openings(list[str]):
    """The threads that opened tables since this was made; the timer that drains on its own is left out."""

    def __init__(self, monkeypatch: Any) -> None:
        super().__init__()
        opened = connect._open

        def counted(*args: Any, **options: Any) -> Any:
            name = threading.current_thread().name
            if name != "pplab-drain":
                self.append(name)
            return opened(*args, **options)

        monkeypatch.setattr(connect, "_open", counted)
