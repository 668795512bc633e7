"""Progress of long work: a bar in a notebook, whose plain text is constant so that outputs compare, and one in a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplab.experiments.runner import Progress

PLAIN = "pplab: answers are stored as they arrive"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@contextmanager
def notebook_bar(display: Callable[..., Any]) -> Iterator[Callable[[Progress], None]]:
    """Show an ipywidgets bar while the block runs.

    It is always shown, also for work that is over at once: an output that is there on some runs only could not be compared.
    """
    import ipywidgets

    bar = ipywidgets.IntProgress(min=0, max=1, bar_style="info")
    label = ipywidgets.Label("")
    box = ipywidgets.HBox([bar, label])
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display({WIDGET_VIEW: view, "text/plain": PLAIN, "text/html": f"<small>{PLAIN}</small>"}, raw=True)

    def update(progress: Progress) -> None:
        bar.max = max(1, progress.planned)
        bar.value = progress.done
        label.value = _words(progress)

    try:
        yield update
    finally:
        for widget in (box, bar, label, bar.layout, bar.style, label.layout, label.style, box.layout):
            widget.close()


@contextmanager
def terminal_bar() -> Iterator[Callable[[Progress], None]]:
    """Show rich's bar on standard error while the block runs, if it is a terminal."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("answers")
        yield lambda p: bar.update(task, completed=p.done, total=max(1, p.planned), description=f"{p.in_flight} under way")


def _words(progress: Progress) -> str:
    return f"{progress.done:,} of {progress.planned:,} answers, {progress.in_flight} under way"
