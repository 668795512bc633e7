"""The session of a front end: the labs that its commands use, its recording, and how progress and notices are shown."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pplab.config.configuration import PPLab
    from pplab.experiments.dependencies import Listener
    from pplab.lab import Lab

    ShowProgress = Callable[[Lab], AbstractContextManager[Listener | None]]


def no_progress(_lab: Lab) -> AbstractContextManager[None]:
    """Show no progress."""
    return nullcontext()


@dataclass(slots=True)
class Session:
    """The state that the commands of one notebook or one call of the program share.

    Parameters
    ----------
    open_lab
        Returns the lab that commands use unless their options name another.
    front_end
        ``notebook`` or ``terminal``.
    show_progress
        Shows a run's progress in a lab until its context ends.
    recording
        The file that calls are recorded to and answered from, and the age in days from which they are reported.
    say
        Shows the user a notice.
    """

    open_lab: Callable[[], Lab]
    front_end: Literal["notebook", "terminal"]
    show_progress: ShowProgress = no_progress
    recording: tuple[Path, float | None] | None = None
    say: Callable[[str], object] = str
    _labs: dict[tuple[Any, ...], Lab] = field(default_factory=dict)
    _former_labs: list[Lab] = field(default_factory=list)
    _configurations: dict[str, PPLab] = field(default_factory=dict)
    _reported_read_only: set[Path] = field(default_factory=set)

    @property
    def program(self) -> str:
        """What the user types before a command: ``%pplab`` or ``pplab``."""
        return "%pplab" if self.front_end == "notebook" else "pplab"

    def lab(self, arguments: argparse.Namespace) -> Lab:
        """Return the session's lab, or the one that the options describe; both use the session's recording."""
        lab = self._lab(arguments)
        if (reason := lab.context.store.read_only) and lab.folder not in self._reported_read_only:
            self._reported_read_only.add(lab.folder)
            print(f"{self.program}: this lab is read-only ({reason}): its tables are shown as they are", file=sys.stderr)
        if self.recording is not None and (lab.recording is None or lab.recording.path != self.recording[0]):
            lab.use_recording(self.recording[0], max_age_days=self.recording[1])
        return lab

    def progress(self, lab: Lab, arguments: argparse.Namespace) -> AbstractContextManager[Listener | None]:
        """Return the display of a run's progress; there is none where a program reads the output."""
        return no_progress(lab) if arguments.json else self.show_progress(lab)

    def record(self, arguments: argparse.Namespace, path: str, max_age_days: float | None) -> None:
        """Use a recording in every lab of this session from here on."""
        recording = self._lab(arguments).use_recording(path, max_age_days=max_age_days)
        assert recording is not None
        self.recording = recording.path, max_age_days

    def stop_recording(self, arguments: argparse.Namespace) -> None:
        """Ask the models again, in every lab of this session."""
        self.recording = None
        for lab in (self._lab(arguments), *self._labs.values()):
            if lab.recording is not None:
                lab.use_recording(None)

    def configuration_changed(self, lab: Lab) -> None:
        """Make the next command open this lab's folder with the changed configuration; runs and views of the lab go on."""
        for key in [key for key, other in self._labs.items() if other.folder == lab.folder]:
            self._former_labs.append(self._labs.pop(key))
            options = dict(key[1:])
            if "store" in options:
                self._configurations[options["store"]] = lab.configuration

    def _lab(self, arguments: argparse.Namespace) -> Lab:
        from pplab.config.configuration import TEMPORARY
        from pplab.lab import Lab

        names = ("store", "user", "model", "base_url")
        given = {name: value for name in names if (value := getattr(arguments, name, None)) is not None}
        if not given:
            return self.open_lab()
        base = None if "store" in given else self.open_lab()
        key = (base, *sorted(given.items()))  # after a change of the configuration the session has another lab
        if key not in self._labs:
            if base is not None:
                store = TEMPORARY if base.name == TEMPORARY else base.folder
                options = {"store": store, "user": base.user, "configuration": base.configuration, **given}
            else:
                options = {"configuration": self._configurations.get(given["store"]), **given}
            self._labs[key] = Lab(**options)
        return self._labs[key]

    def close(self) -> None:
        """Close the labs that options opened."""
        for lab in (*self._labs.values(), *self._former_labs):
            lab.close()
        self._labs.clear()
        self._former_labs.clear()
