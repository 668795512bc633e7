"""Response cards: one card an answer, as it arrives or in pages, with Retry where a call failed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from pplab.errors import NotFound
from pplab.experiments.settings import SETTING_FIELDS, Setting
from pplab.views.html import model_html
from pplab.views.records import Card
from pplab.views.widget import LabWidget, owned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pplab.experiments.results import Experiment
    from pplab.experiments.runner import Progress
    from pplab.lab import Lab
    from pplab.store.rows import ResponseRow
    from pplab.views.records import Display

PAGE = 100
LIVE_CARDS = 100
"""While a run is under way only its first answers become cards: the rest are counted, and paged when it has ended."""
SHOWN = ("prompt_index", "prompt", "setting_index", "replicate", "status", "text", "error", "finish_reason")
MEASURED = ("input_tokens", "output_tokens", "cost", "latency_ms")


class ShownCard(TypedDict):
    """One response. ``html`` is the model's text, sanitised; ``plain`` is the text as it came, for copying."""

    id: str
    prompt_index: int
    prompt: str
    setting_index: int
    setting: str
    replicate: int
    status: str
    failed: bool
    reason: str
    badges: tuple[str, ...]
    html: str
    plain: str
    scores: dict[str, float | None]
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    latency_ms: float | None


class Counts(TypedDict):
    """Where a run stands."""

    planned: int
    done: int
    failed: int
    in_flight: int


class Ask(TypedDict):
    """Show a page: which one, how sorted, and of which status and setting (``""`` and -1: all)."""

    kind: Literal["ask"]
    page: int
    sort: str
    status: str
    setting: int


class Explain(TypedDict):
    """Show what the scores of a response rest on."""

    kind: Literal["explain"]
    id: str


class Resend(TypedDict):
    """Send the call of a failed response again."""

    kind: Literal["resend"]
    id: str


class Page(TypedDict):
    """The cards of a page, and of how many they are a part."""

    kind: Literal["page"]
    page: int
    total: int
    cards: tuple[ShownCard, ...]


class Arrived(TypedDict):
    """One response that has just been stored, new or in the place of the one with the same id."""

    kind: Literal["arrived"]
    card: ShownCard


class Explained(TypedDict):
    """What the scores of a response rest on: words, and each metric's sub-scores."""

    kind: Literal["explained"]
    id: str
    words: str
    parts: dict[str, dict[str, float | None]]


class Cards(LabWidget):
    """The responses of an experiment as cards.

    Parameters
    ----------
    lab
        Where they are stored.
    experiment
        Whose responses; ``None`` for a run that is about to begin, whose `progress` and answers (`arrived`) it is then told of.
    """

    bundle: ClassVar[str] = "cards"
    takes: ClassVar[tuple[type, ...]] = (Ask, Explain, Resend)
    sends: ClassVar[tuple[type, ...]] = (Page, Arrived, Explained)

    state = owned(Literal["waiting", "running", "done", "gone"], default="waiting")
    head = owned(str, default="")
    settings = owned(tuple[str, ...], default=())
    metrics = owned(tuple[str, ...], default=())
    statuses = owned(dict[str, int])
    counts = owned(Counts | None)

    def __init__(self, lab: Lab, experiment: Experiment | None = None) -> None:
        self._experiment: Experiment | None = None
        self._frame: pd.DataFrame | None = None
        self._arrived = 0
        super().__init__(lab, statuses={})
        if experiment is not None:
            self.show_experiment(experiment)

    # -- what Python tells it -------------------------------------------------------------------------------------------------

    def show_experiment(self, experiment: Experiment) -> None:
        """Show the stored responses of an experiment that has ended."""
        from pplab.views import results

        with self._turn:
            self._experiment, self._frame = experiment, experiment.responses
            self.settings = tuple(s.label() for s in experiment.plan.settings)
            self.metrics = tuple(experiment.metrics)
            self.statuses = {str(k): int(v) for k, v in self._frame["status"].value_counts().items()}
            self.head = results.experiment_head(experiment).html
            self.counts = None
            self.state = "done"

    def arrived(self, row: ResponseRow) -> None:
        """Show one response; called on whichever thread stored it."""
        self._arrived += 1
        if self._arrived <= LIVE_CARDS:
            values = {name: getattr(row, name) for name in (*SHOWN, *MEASURED, *SETTING_FIELDS, "response_id")}
            scores = {name: getattr(row, name, None) for name in FOUR} | dict(row.metrics)
            self.tell(Arrived(kind="arrived", card=_shown(values, scores, embedded=self._embedded)))

    def progress(self, progress: Progress) -> None:
        """Show where the run stands."""
        self.counts = Counts(
            planned=progress.planned,
            done=progress.done,
            failed=sum(progress.counts[s] for s in ("failed", "timeout", "rejected")),
            in_flight=progress.in_flight,
        )
        if self.state == "waiting":
            self.state = "running"

    def vanish(self) -> None:
        """Show nothing more: what the run came to is shown by its result."""
        self.state = "gone"

    def static(self) -> Display:
        """Return the experiment's static form."""
        from pplab.views import results
        from pplab.views.records import Display

        if self._experiment is None or self.state != "done":
            return Display(html=f"<small>{ARRIVING}</small>", text=ARRIVING)
        return results.experiment(self._experiment)

    # -- what the front end asks for --------------------------------------------------------------------------------------------

    @property
    def _embedded(self) -> bool:
        return self._experiment.embedded if self._experiment is not None else self.lab.provider == "embedded"

    def _take_ask(self, message: Ask) -> None:
        if self._frame is None:
            return
        chosen = _chosen(self._frame, message["status"], message["setting"])
        chosen = _sorted(chosen, message["sort"])
        pages = max(1, -(-len(chosen) // PAGE))
        page = min(max(0, message["page"]), pages - 1)
        rows = chosen.iloc[page * PAGE : (page + 1) * PAGE].to_dict("records")
        shown = tuple(self._card({str(k): v for k, v in row.items()}) for row in rows)
        self.tell(Page(kind="page", page=page, total=len(chosen), cards=shown))

    def _take_explain(self, message: Explain) -> None:
        from pplab import metrics

        row = self.lab.response(message["id"])
        scores = metrics.Scores(
            creativity=row.creativity,
            coherence=row.coherence,
            structure=row.structure,
            completeness=row.completeness,
            detail=row.detail,
            metrics=row.metrics,
        )
        parts = {
            name: {k: v for k, v in part.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
            for name, part in row.detail.items()
            if isinstance(part, dict)
        }
        self.tell(Explained(kind="explained", id=message["id"], words=scores.explain(), parts=parts))

    def _take_resend(self, message: Resend) -> None:
        """Send one call again without holding up the kernel; its card changes when the answer is stored."""
        if self._experiment is None:
            raise NotFound("there is no experiment to send this call of again", hint="run the cell again")
        experiment = self._experiment

        def resend() -> None:
            try:
                experiment.retry([message["id"]])
                self._frame = experiment.responses
                row = self._frame.loc[self._frame["response_id"] == message["id"]].iloc[0].to_dict()
                self.tell(Arrived(kind="arrived", card=self._card(row)))
                self.statuses = {str(k): int(v) for k, v in self._frame["status"].value_counts().items()}
            except Exception as error:  # noqa: BLE001 - shown in the widget, with a Retry button
                self._failed = dict(message)
                self.show(error)

        threading.Thread(target=resend, name="pplab-resend", daemon=True).start()

    def _card(self, row: Mapping[str, Any]) -> ShownCard:
        return _shown(row, {name: row.get(name) for name in self.metrics}, embedded=self._embedded)


FOUR = ("creativity", "coherence", "structure", "completeness")
ARRIVING = "pplab: answers are stored as they arrive"


def _shown(row: Mapping[str, Any], scores: Mapping[str, Any], *, embedded: bool) -> ShownCard:
    """Return the card of a response, given as a mapping from column to value."""
    status = str(row["status"])
    text = row["text"] or ""
    known = {name: _number(value) for name, value in scores.items()} if status in ("ok", "truncated") else {}
    card = Card(status=status, text=text, error=_words(row["error"]))
    badges = [*([status.replace("_", " ")] if status != "ok" else []), *(["embedded"] if embedded else [])]
    return ShownCard(
        id=str(row["response_id"]),
        prompt_index=int(row["prompt_index"]),
        prompt=str(row["prompt"])[:500],
        setting_index=int(row["setting_index"]),
        setting=Setting.of(**{n: v for n in SETTING_FIELDS if (v := _number(row[n])) is not None}).label(),
        replicate=int(row["replicate"]),
        status=status,
        failed=card.failed or status == "cancelled",
        reason=card.reason if status != "ok" else "",
        badges=tuple(badges),
        html=model_html(text),
        plain=text,
        scores=known,
        finish_reason=_words(row["finish_reason"]),
        input_tokens=_whole(row["input_tokens"]),
        output_tokens=_whole(row["output_tokens"]),
        cost=_number(row["cost"]),
        latency_ms=_number(row["latency_ms"]),
    )


def _chosen(frame: pd.DataFrame, status: str, setting: int) -> pd.DataFrame:
    if status:
        frame = frame[frame["status"] == status]
    return frame[frame["setting_index"] == setting] if setting >= 0 else frame


def _sorted(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return ``frame`` in plan order, or by a column, best or largest first."""
    plan: Sequence[str] = ["prompt_index", "setting_index", "replicate"]
    if by in frame.columns and by not in plan:
        return frame.sort_values([by, *plan], ascending=[False, True, True, True], na_position="last", kind="stable")
    return frame.sort_values(list(plan), kind="stable")


def _number(value: Any) -> float | None:
    if value is None or value != value or str(value) == "<NA>":  # noqa: PLR0124 - NaN is not equal to itself
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
