"""Response cards: one card an answer, as it arrives or in pages, with Retry where a call failed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from pplab.errors import NotFound
from pplab.log import thread
from pplab.plan.levels import factor_levels
from pplab.plan.plan import PlannedCall
from pplab.plan.ratings import GRADES
from pplab.plan.settings import Setting
from pplab.plan.vocabulary import CORRECT, FAILED, READER_SCORES, SCORES
from pplab.views.escape import clip, escape_text
from pplab.views.records import Display, Turns, last_turns, with_originality
from pplab.views.widgets.base import LabWidget, chosen, owned
from pplab.views.widgets.card_data import MEASURED, SHOWN, CardData, card_data, unfinished

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    import pandas as pd

    from pplab.analysis.originality import Distant, Originality
    from pplab.context import LabContext
    from pplab.experiments.dependencies import Progress
    from pplab.experiments.experiment import Experiment
    from pplab.lab import Lab
    from pplab.plan.levels import FactorLevels
    from pplab.plan.plan import Plan
    from pplab.plan.race import Race
    from pplab.plan.vocabulary import MetricInfo
    from pplab.store.rows import ResponseRow

PAGE = 100
LIVE_CARDS = 100
"""While a run is under way only its first answers become cards: the rest are counted, and paged when it has ended."""
WRITING_SECONDS = 0.3
"""How often the text of an answer that is being written is shown anew."""
LONGEST_LEVEL = 40  # columns of a value among those to choose cards by


class Scale(TypedDict):
    """The range of a metric of the user's own (``None``: no end, or none known) and its direction."""

    low: float | None
    high: float | None
    higher_is_better: bool


class Counts(TypedDict):
    """Where a run stands.

    ``until`` (UNIX seconds) is when the server, which asked to be left alone, is asked again; ``unread`` counts the answers that
    the reader still has to read.
    """

    planned: int
    done: int
    failed: int
    in_flight: int
    paused: bool
    until: float | None
    unread: int


class Dropped(TypedDict):
    """A setting that a race asks no further: its index, and in words which it is and why."""

    setting: int
    words: str


class Standing(TypedDict):
    """How a race stands: the three lines of its last look (none before the first, and once it is over), and what was dropped."""

    lines: tuple[str, ...]
    dropped: tuple[Dropped, ...]


class FactorChoice(TypedDict):
    """A factor by whose levels cards can be chosen: its column, what users call it, and its levels in words."""

    name: str
    title: str
    levels: tuple[str, ...]


class PageRequest(TypedDict):
    """Which page, how sorted, and of which status and setting (``""`` and -1: all).

    ``levels`` has the place of the chosen level of each factor by which the cards are chosen.
    """

    page: int
    sort: str
    status: str
    setting: int
    levels: dict[str, int]


class Ask(TypedDict):
    """Show a page. What is wanted comes along because a changed trait may be sent later than a message."""

    kind: Literal["ask"]
    wanted: PageRequest


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
    cards: tuple[CardData, ...]


class Arrived(TypedDict):
    """One response that has just been stored or written on, new or where the one in the same place was."""

    kind: Literal["arrived"]
    card: CardData


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
    blocking
        Whether a run under way keeps the kernel busy, so that only an interrupt ends it early.
    """

    bundle: ClassVar[str] = "cards"
    takes: ClassVar[tuple[type, ...]] = (Ask, Explain, Resend)
    sends: ClassVar[tuple[type, ...]] = (Page, Arrived, Explained)

    state = owned(Literal["waiting", "running", "done"], default="waiting")
    blocking = owned(bool, default=False)
    head = owned(str, default="")
    code = owned(str, default="")
    settings = owned(tuple[str, ...], default=())
    factors = owned(tuple[FactorChoice, ...], default=())
    metrics = owned(tuple[str, ...], default=())
    scales = owned(dict[str, Scale])
    statuses = owned(dict[str, int])
    counts = owned(Counts | None)
    standing = owned(Standing | None)
    wanted = chosen(PageRequest)

    def __init__(self, lab: Lab | LabContext, experiment: Experiment | None = None, *, blocking: bool = True) -> None:
        self._experiment: Experiment | None = None
        self._frame: pd.DataFrame | None = None
        self._plan: Plan | None = None
        self._factors: tuple[FactorLevels, ...] = ()
        self._static: Display | None = None
        self._arrived = 0
        self._texts_so_far: dict[PlannedCall, tuple[float, str]] = {}
        self._resending = threading.Lock()
        wanted = PageRequest(page=0, sort="", status="", setting=-1, levels={})
        self._reasons: Mapping[str, Mapping[str, str]] = {}
        self._wrong: Mapping[str, str] = {}
        self._originality: Originality | None = None
        super().__init__(lab, statuses={}, scales={}, wanted=wanted, blocking=blocking)
        if experiment is not None:
            self.show_experiment(experiment)

    # -- what Python tells it -------------------------------------------------------------------------------------------------

    def show_experiment(self, experiment: Experiment) -> None:
        """Show the stored responses of an experiment that has ended."""
        with self._turn, experiment.reading():
            self._experiment, self._plan = experiment, experiment.plan
            self.settings = tuple(s.label() for s in self._plan.settings)
            self._factors = _factors(self._plan)
            self.factors = tuple(
                FactorChoice(
                    name=f.name, title=f.title, levels=tuple(clip(escape_text(label), LONGEST_LEVEL) for label in f.labels)
                )
                for f in self._factors
            )
            self.metrics = experiment.metrics
            self.scales = _scales(experiment.metric_info)
            self._read(experiment)
            self.counts = None
            self.standing = _standing(self._plan.race, over=True)
            self.state = "done"

    def begin(self, experiment: Experiment | None) -> None:
        """Show a run that nobody waits for; ``None``: one that is about to begin."""
        with self._turn:
            self._experiment, self._plan = experiment, experiment.plan if experiment else None
            if experiment is None:
                self._frame = self._static = self.counts = self.standing = None
                self._arrived = 0
                self._texts_so_far.clear()
            self.head = self.code = ""
            from pplab.scoring.registry import registered

            self.scales = _scales(registered())
            self.state = "running" if experiment else "waiting"

    def arrived(self, row: ResponseRow) -> None:
        """Show one response; called on whichever thread waits for it."""
        with self._turn:
            self._texts_so_far.pop(_place(row), None)
            self._arrived += 1
            if self._arrived > LIVE_CARDS or self.state == "done":
                return
            values = {name: getattr(row, name) for name in (*SHOWN, *MEASURED, "response_id")}
            scores = {name: getattr(row, name, None) for name in SCORES} | dict(row.metrics)
            if CORRECT in scores:
                scores = {CORRECT: scores.pop(CORRECT), **scores}
            wrong = row.detail.get(CORRECT, {}).get("wrong", "")
            reasons = {name: part["reason"] for name, part in row.detail.items() if "reason" in part}
            turns = self._turns(_place(row))
            data = card_data(values, self._label(row), turns, scores, reasons, wrong, embedded=self._embedded)
            self.tell(Arrived(kind="arrived", card=data))

    def _label(self, row: ResponseRow) -> str:
        """Return the setting of a response in words, also before its plan is known."""
        if self._plan is not None:
            return self._plan.settings[row.setting_index].label()
        return Setting.of(row.parameters, system=row.system, wording=row.wording).label()

    def writing(self, call: PlannedCall, piece: str) -> None:
        """Show what has been written so far of a streamed answer, now and then."""
        with self._turn:
            if self._plan is None or self.state == "done" or self._arrived + len(self._texts_so_far) > LIVE_CARDS:
                return
            shown_at, text = self._texts_so_far.get(call, (0.0, ""))
            text += piece
            due = time.monotonic() - shown_at >= WRITING_SECONDS
            self._texts_so_far[call] = (time.monotonic() if due else shown_at, text)
            if due:
                self.tell(Arrived(kind="arrived", card=unfinished(self._plan, call, text, embedded=self._embedded)))

    def progress(self, progress: Progress) -> None:
        """Show where the run stands."""
        if self.state == "done":
            return
        self.counts = Counts(
            planned=progress.planned,
            done=progress.done,
            failed=sum(progress.counts[s] for s in FAILED),
            in_flight=progress.in_flight,
            paused=progress.paused,
            until=progress.waiting_until,
            unread=progress.unread,
        )
        self.standing = _standing(progress.race, over=False)
        if self.state == "waiting":
            self.state = "running"

    def static(self) -> Display:
        """Return the experiment's static form."""
        return self._static or Display(html=f"<small>{ARRIVING}</small>", text=ARRIVING)

    def _read(self, experiment: Experiment) -> None:
        from pplab.views import static

        self._frame = experiment.responses
        self._reasons, self._wrong, self._originality = experiment.unjudged, experiment.wrong, experiment.originality
        self.statuses = {str(k): int(v) for k, v in self._frame["status"].value_counts().items()}
        head, self._static = static.experiment_forms(experiment, self._frame)
        self.head = head.html
        decided = None if experiment.status == "running" else experiment.verdict()
        self.code = experiment.code() if decided is not None and decided.arguments is not None else ""

    # -- what the front end asks for --------------------------------------------------------------------------------------------

    @property
    def _embedded(self) -> bool:
        return self._experiment.embedded if self._experiment is not None else self._context.provider == "embedded"

    def _take_ask(self, message: Ask) -> None:
        if self._frame is None:
            return
        wanted = message["wanted"]
        by = wanted["sort"]
        rows = _sorted(_chosen(self._frame, wanted, self._factors), by, lowest_first=self._lower_is_better(by))
        pages = max(1, -(-len(rows) // PAGE))
        page = min(max(0, wanted["page"]), pages - 1)
        page_rows = rows.iloc[page * PAGE : (page + 1) * PAGE].to_dict("records")
        self.tell(Page(kind="page", page=page, total=len(rows), cards=tuple(map(self._card, page_rows))))

    def _take_explain(self, message: Explain) -> None:
        from pplab.scoring.scores import Scores

        row = self._context.store.response(message["id"])
        scores = Scores(
            creativity=row.creativity,
            coherence=row.coherence,
            structure=row.structure,
            completeness=row.completeness,
            detail=row.detail,
            metrics=row.metrics,
        )
        parts: dict[str, dict[str, float | None]] = {
            name: {str(k): v for k, v in part.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
            for name, part in row.detail.items()
            if isinstance(part, dict)
        }
        stored = self._context.store
        read, judged = (
            {one.metric: one for one in stored.score_rows(row.experiment_id, row.response_id, row.revision, source=source)}
            for source in ("reader", "judge")
        )
        original = self._original(row.response_id)
        words = [scores.explain(), *([original.words] if original else []), *self._own_metrics(row)]
        words += [f"The reader's {name}: {read[name].explanation}." for name in READER_SCORES if name in read]
        words += [f"The judge {one.rater} ({name.replace('_', ' ')}): {one.explanation}" for name, one in judged.items()]
        words += self._ratings(row)
        self.tell(Explained(kind="explained", id=message["id"], words=" ".join(words), parts=parts))

    def _ratings(self, row: ResponseRow) -> list[str]:
        """Return who rated an answer, and how."""
        given = self._context.store.ratings(row.experiment_id)
        mine = given[(given["response_id"] == row.response_id) & given["other_id"].isna()]
        return [
            f"{rater} rated it {choice} of {len(GRADES)}" + (f": {note.rstrip('.')}." if isinstance(note, str) else ".")
            for rater, choice, note in zip(mine["rater"], mine["choice"], mine["note"], strict=True)
        ]

    def _own_metrics(self, row: ResponseRow) -> list[str]:
        """Return what the user's metrics say of their latest values of an answer, and what these cost."""
        stored = self._context.store.score_rows(row.experiment_id, row.response_id, row.revision, source="surface")
        latest = {one.metric: one for one in stored if one.metric not in SCORES and one.value is not None}
        words = []
        for name, one in latest.items():
            cost = "" if one.cost is None else f" (${one.cost:.4g})"
            if one.explanation or cost:
                said = one.explanation or f"{one.value:g}"
                words.append(f"{name}{cost}: {said.rstrip('.')}.")
        return words

    def _take_resend(self, message: Resend) -> None:
        """Send one call again without holding up the kernel; its card changes when the answer is stored."""
        if self._experiment is None:
            raise NotFound("there is no experiment to send this call of again", hint="run the cell again")
        experiment = self._experiment

        def resend() -> None:
            try:
                with self._resending:  # an experiment takes one such request at a time
                    experiment.retry([message["id"]])
                with self._turn, experiment.reading():
                    self._read(experiment)
                    self.tell(Arrived(kind="arrived", card=self._card(self._row(message["id"]))))
            except Exception as error:  # noqa: BLE001 - shown in the widget, with a Retry button
                self._failed = dict(message)
                self.show(error)

        thread(resend, name="pplab-resend").start()

    def _row(self, response_id: str) -> dict[Hashable, Any]:
        assert self._frame is not None
        return self._frame.loc[self._frame["response_id"] == response_id].iloc[0].to_dict()

    def _card(self, row: Mapping[Hashable, Any]) -> CardData:
        reasons, wrong = self._reasons.get(row["response_id"], {}), self._wrong.get(row["response_id"], "")
        scores = with_originality({name: row.get(name) for name in self.metrics}, self._original(row["response_id"]))
        turns = self._turns(PlannedCall(row["prompt_index"], row["setting_index"], row["replicate"]))
        return card_data(row, self.settings[row["setting_index"]], turns, scores, reasons, wrong, embedded=self._embedded)

    def _original(self, response_id: str) -> Distant | None:
        """Return how far an answer is from the others; ``None`` before the experiment has ended, and where it has none."""
        return self._originality.of(response_id) if self._originality else None

    def _turns(self, call: PlannedCall) -> Turns:
        """Return the messages before an answer; none before its plan is known."""
        return Turns(()) if self._plan is None else last_turns(self._plan.turns(call))

    def _lower_is_better(self, name: str) -> bool:
        return name in self.scales and not self.scales[name]["higher_is_better"]


ARRIVING = "pplab: answers are stored as they arrive"


def _standing(race: Race | None, *, over: bool) -> Standing | None:
    """Return how a race stands, ``None`` where there is none."""
    look = race.last_look if race else None
    if look is None:
        return None
    lines = () if over else (look.headline, look.evidence, look.next_step)
    dropped = tuple(Dropped(setting=setting, words=escape_text(words)) for setting, words in look.out.items())
    return Standing(lines=tuple(map(escape_text, lines)), dropped=dropped)


def _scales(metrics: Iterable[MetricInfo]) -> dict[str, Scale]:
    """Return the scales of the user's own metrics."""
    return {m.name: Scale(low=m.low, high=m.high, higher_is_better=m.higher_is_better) for m in metrics if not m.built_in}


def _place(row: ResponseRow) -> PlannedCall:
    return PlannedCall(row.prompt_index, row.setting_index, row.replicate)


def _factors(plan: Plan) -> tuple[FactorLevels, ...]:
    """Return the levels of each factor of a plan."""
    values = [plan.factor_values(index) for index in range(len(plan.settings))]
    return tuple(factor_levels(name, [of_one.get(name) for of_one in values]) for name in plan.factors)


def _chosen(frame: pd.DataFrame, wanted: PageRequest, factors: Sequence[FactorLevels]) -> pd.DataFrame:
    """Return the rows that a page is made of."""
    if wanted["status"]:
        frame = frame[frame["status"] == wanted["status"]]
    if wanted["setting"] >= 0:
        frame = frame[frame["setting_index"] == wanted["setting"]]
    for factor in factors:
        level = wanted["levels"].get(factor.name)
        if level is not None:
            frame = frame[frame["setting_index"].isin([i for i, own in enumerate(factor.of_settings) if own == level])]
    return frame


def _sorted(frame: pd.DataFrame, by: str, *, lowest_first: bool) -> pd.DataFrame:
    """Return ``frame`` in plan order, or by a column, best or largest first."""
    plan: Sequence[str] = ["prompt_index", "setting_index", "replicate"]
    if by in frame.columns and by not in plan:
        return frame.sort_values([by, *plan], ascending=[lowest_first, True, True, True], na_position="last", kind="stable")
    return frame.sort_values(list(plan), kind="stable")
