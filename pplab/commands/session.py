"""What both doors share: the labs that a command may use, and what it leaves as an object, as JSON and as an exit code."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pplab.errors import PplabError
    from pplab.experiments.dependencies import Listener
    from pplab.lab import Lab

    Watch = Callable[[Lab], AbstractContextManager[Listener | None]]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command leaves: the object a notebook gets, its JSON for programs, and the process's exit code."""

    value: Any
    data: Any
    exit_code: int = 0


def unwatched(_lab: Lab) -> AbstractContextManager[None]:
    """Show no progress."""
    return nullcontext()


@dataclass(slots=True)
class Session:
    """Where commands run: the labs they may use, whether in a notebook or a terminal, and how progress and notices are shown."""

    open_lab: Callable[[], Lab]
    place: Literal["notebook", "terminal"]
    watch: Watch = unwatched
    recording: tuple[Path, float | None] | None = None
    say: Callable[[str], object] = str
    _others: dict[tuple[Any, ...], Lab] = field(default_factory=dict)
    _told: set[Path] = field(default_factory=set)

    @property
    def door(self) -> str:
        """What a command begins with here."""
        return "%pplab" if self.place == "notebook" else "pplab"

    def lab(self, arguments: argparse.Namespace) -> Lab:
        """Return the session's lab, or one that differs from it in what the arguments say; both use the session's recording."""
        lab = self._lab(arguments)
        if (why := lab.context.store.read_only) and lab.folder not in self._told:
            self._told.add(lab.folder)
            print(f"{self.door}: the lab can only be read ({why}): its tables are shown as they are", file=sys.stderr)
        if self.recording is not None and (lab.recording is None or lab.recording.path != self.recording[0]):
            lab.use_recording(self.recording[0], max_age_days=self.recording[1])
        return lab

    def record(self, arguments: argparse.Namespace, path: str, max_age_days: float | None) -> None:
        """Use a recording in every lab of this session from here on."""
        made = self._lab(arguments).use_recording(path, max_age_days=max_age_days)
        assert made is not None
        self.recording = made.path, max_age_days

    def stop_recording(self, arguments: argparse.Namespace) -> None:
        """Ask the models again, in every lab of this session."""
        self.recording = None
        for lab in (self._lab(arguments), *self._others.values()):
            if lab.recording is not None:
                lab.use_recording(None)

    def _lab(self, arguments: argparse.Namespace) -> Lab:
        from pplab.config.configuration import TEMPORARY
        from pplab.lab import Lab

        names = ("store", "user", "model", "base_url")
        wanted = {name: value for name in names if (value := getattr(arguments, name, None)) is not None}
        if not wanted:
            return self.open_lab()
        base = None if "store" in wanted else self.open_lab()
        key = (base, *sorted(wanted.items()))  # after a change of the configuration the session has another lab
        if key not in self._others:
            if base is not None:
                store = TEMPORARY if base.name == TEMPORARY else base.folder
                wanted = {"store": store, "user": base.user, "configuration": base.configuration, **wanted}
            self._others[key] = Lab(**wanted)
        return self._others[key]

    def close(self) -> None:
        """Close the labs that arguments opened."""
        for lab in self._others.values():
            lab.close()
        self._others.clear()


def as_json(done: CommandResult) -> str:
    """Return the one result shape of a success, in one line of ASCII, which every terminal and pipe can carry."""
    return json.dumps({"success": True, "data": plain(done.data)})


def as_json_error(error: PplabError) -> str:
    """Return the one result shape of a failure, in one line of ASCII."""
    return json.dumps({"success": False, "error": error.as_dict()})


def plain(value: Any) -> Any:
    """Return ``value`` as what JSON can hold; numbers that are not finite and missing values become null.

    Examples
    --------
    >>> plain({"score": float("nan"), "counts": (1, 2)})
    {'score': None, 'counts': [1, 2]}
    """
    import dataclasses
    import math

    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [plain(row) for row in value.to_dict("records")]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "ndarray":
        return [plain(v) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int)) else str(value)
