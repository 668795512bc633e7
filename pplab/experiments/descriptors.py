"""The limit that open files set to concurrent calls: each needs a connection, and a process may only have so many files open."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

from pplab.errors import PplabError

RESERVED = 28
"""Descriptors left for everything else: the event loop, the journal and its successor, the tables, names looked up, imports."""

LATE_IMPORTS = (
    *(
        "openai.resources.chat.completions",
        "pplab.scoring.surface.form_requests",
        "pplab.scoring.surface.wording_requests",
        "pplab.models.prices",
        "genai_prices.data",
    ),
    *("duckdb", "pandas", "pyarrow", "pplab.store.drain", "pplab.store.migrate"),
)
"""What is otherwise imported while answers arrive, when every descriptor may be taken."""


@dataclass(frozen=True, slots=True)
class CallLimit:
    """How many calls may be under way at once, and a caveat when that is fewer than were wanted.

    ``room`` is how many there is room for, ``None`` where there is no limit to speak of.
    """

    calls: int
    caveat: str = ""
    room: int | None = None


def call_limit(wanted: int) -> CallLimit:
    """Return how many of ``wanted`` concurrent calls the system's limit of open files leaves room for.

    The limit is left as it is: raising it is for whoever owns the process, since programs that call ``select`` break above 1,024.

    Raises
    ------
    PplabError
        When there is no room for a single call.
    """
    limit = _limit()
    if limit is None:
        return CallLimit(wanted)
    left = limit - _open() - RESERVED
    if left < 1:
        raise PplabError(
            f"this process may open {limit} files, which leaves no room for a call",
            hint="raise the limit with ulimit -n 1024, or close files",
            code="system",
        )
    if left >= wanted:
        return CallLimit(wanted, room=left)
    for name in LATE_IMPORTS:
        importlib.import_module(name)
    caveat = f"at most {left} calls are made at once instead of {wanted}: this process may open {limit} files (ulimit -n)"
    return CallLimit(left, caveat, left)


def _limit() -> int | None:
    """Return how many files this process may have open; ``None`` where there is no limit to speak of."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _open() -> int:
    try:
        return sum(1 for _ in Path("/dev/fd").iterdir()) - 1  # one of them reads the folder
    except OSError:  # not every system has it; a bare interpreter with the lab open has about this many
        return 16
