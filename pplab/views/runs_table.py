"""The table of the runs under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import duration
from pplab.views.page import FrameDisplay, Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from pplab.views.records import Display


HEADINGS = {
    "id": "id",
    "name": "name",
    "state": "state",
    "done": "answers",
    "rate": "a second",
    "left": "time left",
    "cost": "cost (US dollars)",
    "concurrency": "at once",
    "user": "begun by",
}


def runs_table(frame: pd.DataFrame) -> FrameDisplay:
    """Return the display of what `Lab.runs` returned."""
    rows = [_row(row) for row in frame.astype(object).where(frame.notna(), None).to_dict("records")]
    shown = {key: heading for key, heading in HEADINGS.items() if any(row[key] is not None for row in rows)}
    page = Page("Runs under way")
    if rows:
        page.table(rows, headings=shown)
    for words in _words(frame):
        page.words(words)
    return page.with_frame(frame)


def handed_over(program: str) -> Display:
    """Return what is shown of a run that was handed to a process of its own, which is the same for every run."""
    page = Page("Detached run").notice("success", "The run goes on in a process of its own, also when this one ends.")
    words = f"{program} runs lists it, {program} runs --follow latest shows how it goes on, {program} results what it has so far."
    return page.words(words).display()


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    going = row["state"] != "interrupted"
    return {
        "id": row["experiment_id"][:8],
        "name": row["name"],
        "state": _state(row),
        "done": f"{row['done']:,} of {row['planned']:,}" + (f" ({row['failed']:,} failed)" if row["failed"] else ""),
        "rate": f"{row['rate']:.3g}" if going and row["rate"] else None,
        "left": duration(row["seconds_left"]) if row["seconds_left"] is not None else None,
        "cost": _cost(row),
        "concurrency": row["concurrency"] if going else None,
        "user": row["user"],
    }


def _state(row: dict[str, Any]) -> str:
    if row["state"] == "waiting":
        return f"the server asks to wait until {row['waiting_until']:%H:%M:%S} UTC"
    if row["state"] == "interrupted":
        return "interrupted: its process ended"
    if row["state"] == "running" and row["waiting_for"]:
        return f"waiting for {row['waiting_for']}"
    return f"{row['state']}, detached" if row["detached"] else str(row["state"])


def _cost(row: dict[str, Any]) -> str:
    limit = row["max_cost"]
    return f"{row['cost']:.4f}" + (f" of {limit:g}" if limit is not None else "")


def _words(frame: pd.DataFrame) -> Iterator[str]:
    if frame.empty:
        yield "Nothing is running."
    lost = frame.loc[frame["state"] == "interrupted", "experiment_id"]
    if len(lost):
        one = lost.iloc[0][:8]
        yield f"What an interrupted one stored is safe: run --resume {one} completes it, runs --cancel {one} takes it off."
