"""Progress of long work in a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from pplab.analysis.phrasing import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from pplab.experiments.dependencies import Listener, Progress
    from pplab.store.rows import ResponseRow


class _ProgressBar:
    """Moves a bar of rich's."""

    def __init__(self, bar: Bar, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def progress(self, progress: Progress) -> None:
        """Move the bar to where the run stands."""
        words = f"{progress.in_flight} under way"
        if progress.race is not None and (look := progress.race.last_look) is not None:
            words = f"race after {look.prompts} prompts: {len(look.out)} of {len(progress.race.reach)} settings out; {words}"
        if progress.paused:
            words = f"paused; {words}"
        elif progress.waiting_for:
            words = f"waiting for {progress.waiting_for}"
        elif progress.waiting_until is not None and not progress.in_flight:
            words = f"the server asks to wait until {datetime.fromtimestamp(progress.waiting_until).astimezone():%H:%M:%S}"
        if progress.unread and not progress.in_flight:
            words = f"the reader has {counted(progress.unread, 'answer')} left to read"
        self._bar.update(self._task, completed=progress.done, total=max(1, progress.planned), description=words)

    def arrived(self, row: ResponseRow) -> None:
        """Do nothing: the bar counts."""


@contextmanager
def terminal_bar() -> Iterator[Listener | None]:
    """Show rich's bar on standard error while the block runs, if it is a terminal."""
    import sys

    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _ProgressBar(bar, bar.add_task("answers", total=None))
