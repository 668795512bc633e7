"""The studio: a run put together by hand inside the calibrated ranges, and sent without keeping the kernel busy."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from pplab.calibration import Calibration
from pplab.config.configuration import EMBEDDED
from pplab.errors import BadInput, PplabError, in_words
from pplab.experiments.follow import follow
from pplab.experiments.interrupts import Interrupts
from pplab.log import log_error, thread
from pplab.models.capabilities import offered_parameters
from pplab.views.widgets.base import LabWidget, chosen, owned
from pplab.views.widgets.cards import Cards
from pplab.views.widgets.studio_draft import (
    Draft,
    ParameterScale,
    Persona,
    WrittenParameter,
    code_of,
    models_of,
    request_of,
    scales,
    sweep_and_fixed,
    written_parameters,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pplab.experiments.experiment import Experiment
    from pplab.experiments.preflight import Preflight
    from pplab.lab import Lab
    from pplab.plan.request import RunRequest
    from pplab.views.records import Display

MOST_EXPERIMENTS = 50
"""The latest experiments whose models are offered."""
MOST_MODELS = 12
MOST_CALIBRATIONS = 20
"""Calibrations to choose from, the latest first."""
UNWRITTEN = "Write a prompt to see what the run takes."


class CalibrationChoice(TypedDict):
    """A calibration to work in.

    ``values`` is what a draft starts from: its points of temperature. ``kept`` is sent of what a draft leaves open.
    """

    id: str
    label: str
    ranges: dict[str, tuple[float, float]]
    points: dict[str, tuple[float, ...]]
    persona: str
    personas: dict[str, str]
    values: dict[str, tuple[float, ...]]
    kept: dict[str, float]


class Offer(TypedDict):
    """A parameter as the models of the draft are known to take it: ``words`` say why it is not usable, or what to heed."""

    usable: bool
    words: str
    choices: tuple[str, ...]


class DraftEstimate(TypedDict):
    """What the draft would be as a run: a line, everything else that is known, and the columns of its table of prompts."""

    possible: bool
    line: str
    more: tuple[str, ...]
    columns: tuple[str, ...]


class Run(TypedDict):
    """Send this draft. It comes along because a changed trait may be sent later than a message."""

    kind: Literal["run"]
    draft: Draft


class Pause(TypedDict):
    """Send nothing new for now."""

    kind: Literal["pause"]


class GoOn(TypedDict):
    """Go on sending."""

    kind: Literal["go_on"]


class Cancel(TypedDict):
    """End the run; what arrived is kept."""

    kind: Literal["cancel"]


class Studio(LabWidget):
    """The studio as a widget; what it runs is what ``%%pplab run`` with the code it shows would run.

    Parameters
    ----------
    lab
        Where the experiment is stored, and whose model answers.
    calibration : Calibration or str, optional
        The ranges and the persona to begin with; an id or ``"latest"``. Default: the latest one, if there is any.

    Attributes
    ----------
    experiment : Experiment or None
        The last one that was run here.

    Examples
    --------
    >>> studio = Studio(lab)  # doctest: +SKIP
    >>> studio  # doctest: +SKIP
    >>> studio.experiment.verdict()  # doctest: +SKIP
    """

    bundle: ClassVar[str] = "studio"
    takes: ClassVar[tuple[type, ...]] = (Run, Pause, GoOn, Cancel)

    knobs = owned(tuple[ParameterScale, ...])
    others = owned(tuple[WrittenParameter, ...])
    offers = owned(dict[str, Offer])
    models = owned(tuple[str, ...])
    calibrations = owned(tuple[CalibrationChoice, ...])
    embedded = owned(bool, default=False)
    state = owned(Literal["ready", "starting", "running", "paused"], default="ready")
    ahead = owned(DraftEstimate)
    code = owned(str, default="")
    cards = owned(str, default="")
    draft = chosen(Draft)

    def __init__(self, lab: Lab, calibration: Calibration | str | None = None) -> None:
        self.lab = lab
        self.experiment: Experiment | None = None
        self._ending = threading.Event()
        self._following = Interrupts()
        self._stale, self._checking = False, False
        self._calibration, choices = _calibration_choices(lab, calibration)
        draft = Draft(
            prompt="",
            table="",
            systems=(Persona(name="", text=""),),
            models=lab.model,
            calibration=self._calibration.id if self._calibration else "",
            beyond=False,
            values=choices[0]["values"] if self._calibration else {},
            written={},
            n=5,
            stream=False,
            detach=False,
        )
        super().__init__(
            lab,
            knobs=scales(),
            others=written_parameters(),
            offers=_offers(lab, draft),
            models=_known_models(lab),
            calibrations=choices,
            embedded=lab.provider == EMBEDDED and not lab.configuration.endpoints,
            draft=draft,
            ahead=_nothing(UNWRITTEN),
            code=code_of(draft, lab.model),
        )
        self._cards = Cards(lab, blocking=False)
        self.observe(self._edited, "draft")

    def static(self) -> Display:
        """Return where the studio begins: its model and the ranges it works in."""
        from pplab.views import static

        return static.studio(self._calibration, self.lab.model)

    def close(self) -> None:
        """End the studio and its run, which can be resumed, unless that is detached; closing twice does nothing."""
        if "_cards" not in self.__dict__:
            return  # never opened: what it was to begin with was refused
        self._ending.set()
        self._following.count += 1
        if self.experiment is not None and self.experiment.running:
            self.experiment.cancel()
        self._cards.close()
        super().close()

    # -- while one edits ------------------------------------------------------------------------------------------------------

    def _edited(self, _change: Any) -> None:
        """Look at the draft on a thread of its own, so that neither the kernel nor the keys wait for it."""
        with self._turn:
            self._stale = True
            if not self._checking:
                self._checking = True
                thread(self._check_draft, name="pplab-preflight").start()

    def _check_draft(self) -> None:
        while True:
            with self._turn:
                if not self._stale or self._ending.is_set():
                    self._checking = False
                    return
                self._stale, draft = False, self.draft
            self.code = code_of(draft, self.lab.model)
            self.offers = self._offers(draft)
            self.ahead = self._ahead(draft)

    def _offers(self, draft: Draft) -> dict[str, Offer]:
        try:
            return _offers(self.lab, draft)
        except PplabError:  # a model that cannot be asked, which the estimate says
            return {}

    def _ahead(self, draft: Draft) -> DraftEstimate:
        columns: tuple[str, ...] = ()
        try:
            if draft["table"].strip():
                from pplab.plan.tables import read_table

                columns = read_table(draft["table"].strip()).columns
            elif not draft["prompt"].strip():
                return _nothing(UNWRITTEN)
            request = self._request(draft)
            return _ahead(self.lab.manager.preflight(request), columns)
        except Exception as error:  # noqa: BLE001 - shown where the estimate would stand
            if not isinstance(error, PplabError):
                log_error("the estimate failed", error)
            problem = in_words(error, self.bundle)
            problem.scrub(self.lab.scrub)
            return DraftEstimate(
                possible=False, line=problem.message, more=(problem.hint,) if problem.hint else (), columns=columns
            )

    def _request(self, draft: Draft) -> RunRequest:
        """Return the request that a draft makes; values outside of the calibration are refused unless the draft allows them."""
        calibration = next((c for c in self.calibrations if c["id"] == draft["calibration"]), None)
        if calibration is not None and not draft["beyond"]:
            _check_inside(draft["values"], calibration)
        return request_of(draft)

    # -- running --------------------------------------------------------------------------------------------------------------

    def _take_run(self, message: Run) -> None:
        if self.state != "ready":
            raise BadInput("a run is under way", hint="wait for it, or cancel it")
        request = self._request(message["draft"])
        self.state = "starting"
        self._cards.begin(None)
        self.cards = f"anywidget:{self._cards.model_id}"
        thread(self._run, message, request, name="pplab-studio").start()

    def _run(self, message: Run, request: RunRequest) -> None:
        """Run to the end on a thread of its own: the kernel stays free for other cells."""
        try:
            with self.timed("run") as timing:
                told: dict[str, Any] = {} if request.detach else {"on": self._cards, "on_text": self._cards.writing}
                self.experiment = experiment = self.lab.start(**request.given(), **told)
                timing["correlation_id"] = experiment.correlation_id
                self._cards.begin(experiment)
                self.state = "running"
                self._follow(experiment, elsewhere=bool(request.detach))
        except Exception as error:  # noqa: BLE001 - shown in the widget, with a Retry button
            if not self._ending.is_set():
                self._failed = dict(message)
                self.show(error)
        finally:
            self.state = "ready"

    def _follow(self, experiment: Experiment, *, elsewhere: bool) -> None:
        """Wait until a run has ended, and show what it came to."""
        if elsewhere:
            follow(self.lab.context.store, experiment.id, self._cards, self._following)
        else:
            if self._ending.is_set():  # closed while the run began
                experiment.cancel()
            experiment.wait()
        if not self._ending.is_set():
            self._cards.show_experiment(experiment)

    def _take_pause(self, _message: Pause) -> None:
        if self.state == "running" and self.experiment is not None:
            self.experiment.pause()
            self.state = "paused"

    def _take_go_on(self, _message: GoOn) -> None:
        if self.state == "paused" and self.experiment is not None:
            self.experiment.go_on()
            self.state = "running"

    def _take_cancel(self, _message: Cancel) -> None:
        if self.state in ("running", "paused") and self.experiment is not None:
            self.experiment.cancel()


def _check_inside(values: Mapping[str, tuple[float, ...]], calibration: CalibrationChoice) -> None:
    for name, several in values.items():
        low, high = calibration["ranges"].get(name, (float("-inf"), float("inf")))
        for value in several:
            if not low <= value <= high:
                raise BadInput(
                    f"{name} {value:g} is outside of the calibrated range, {low:g} to {high:g}",
                    hint="choose a value inside, or allow values beyond the calibration",
                )


def _ahead(preflight: Preflight, columns: tuple[str, ...]) -> DraftEstimate:
    _, tokens_in, tokens_out, cost, time, *rest = preflight.words.split("\n")
    calls = f"{preflight.calls:,} call{'' if preflight.calls == 1 else 's'}"
    low, high = preflight.output_tokens
    about = "" if preflight.input_exact else "about "
    line = [
        f"{calls} to {preflight.model}",
        f"{about}{preflight.input_tokens:,} tokens in, {low:,} to {high:,} out",
        f"cost: {cost.removeprefix('Cost: ').partition(' (')[0]}",
        f"time: {time.removeprefix('Time: ').partition(' (')[0]}",
    ]
    if preflight.settling.limits:
        line.append(preflight.settling.limits)
    return DraftEstimate(possible=True, line=" · ".join(line), more=(tokens_in, tokens_out, cost, time, *rest), columns=columns)


def _nothing(words: str) -> DraftEstimate:
    return DraftEstimate(possible=False, line=words, more=(), columns=())


def _offers(lab: Lab, draft: Draft) -> dict[str, Offer]:
    """Return how the draft's models take each parameter, given its other parameters: usable where one of them takes it."""
    try:
        _, fixed = sweep_and_fixed(draft)
    except BadInput:  # said beside the form
        fixed = {}
    offers: dict[str, Offer] = {}
    models = [lab.context.asked(label) for label in models_of(draft) or [lab.model]]
    for model in models:
        known = offered_parameters(model.name, lab.manager.capabilities, provider=model.provider or "", setting=fixed)
        for name, of_model in known.items():
            words = f"{model.label}: {of_model.words}" if of_model.words and len(models) > 1 else of_model.words
            if name not in offers:
                offers[name] = Offer(usable=of_model.usable, words=words, choices=of_model.choices)
                continue
            before = offers[name]
            offers[name] = Offer(
                usable=before["usable"] or of_model.usable,
                words="; ".join(dict.fromkeys(filter(None, (before["words"], words)))),
                choices=tuple(dict.fromkeys((*before["choices"], *of_model.choices))),
            )
    return {name: offer for name, offer in offers.items() if offer["words"] or offer["choices"]}


def _known_models(lab: Lab) -> tuple[str, ...]:
    """Return the models to choose from: the lab's own, and those that were asked before, the latest first."""
    before = lab.context.store.experiments(limit=MOST_EXPERIMENTS)
    labels = [label.strip() for joined in before["model"][::-1] for label in str(joined).split(",")]
    return tuple(dict.fromkeys((lab.model, *labels)))[:MOST_MODELS]


def _calibration_choices(
    lab: Lab, first_choice: Calibration | str | None
) -> tuple[Calibration | None, tuple[CalibrationChoice, ...]]:
    """Return the calibration to begin with and those to choose from, that one first."""
    store = lab.context.store
    frame = store.calibrations()
    if isinstance(first_choice, Calibration):
        chosen_one: Calibration | None = first_choice
    elif first_choice is not None or len(frame):
        chosen_one = Calibration.from_row(store.calibration(first_choice or "latest"))
    else:
        return None, ()
    assert chosen_one is not None
    first = frame["calibration_id"] == chosen_one.id
    if not first.any():
        raise PplabError("this calibration is not stored in this lab", hint="calibrate in this lab", code="not_found")
    rows = [*frame[first].to_dict("records"), *frame[~first][::-1].head(MOST_CALIBRATIONS - 1).to_dict("records")]
    with store.reading():
        stored = [Calibration.from_row(store.calibration(row["calibration_id"])) for row in rows]
    return chosen_one, tuple(_calibration_choice(one, row["created_at"]) for one, row in zip(stored, rows, strict=True))


def _calibration_choice(calibration: Calibration, created: pd.Timestamp) -> CalibrationChoice:
    ranges = {name: (r.low, r.high) for name, r in calibration.ranges.items()}
    precision, personality = calibration.scores["precision"], calibration.scores["personality"]
    points = {name: tuple(map(float, values)) for name, values in calibration.points.items()}
    return CalibrationChoice(
        id=calibration.id,
        label=f"precision {precision:g}, personality {personality:g} ({created:%d %b %H:%M} UTC)",
        ranges=ranges,
        points=points,
        persona=calibration.persona,
        personas=calibration.personas,
        values={"temperature": points["temperature"]} if "temperature" in points else {},
        kept={"max_tokens": ranges["max_tokens"][1]} if "max_tokens" in ranges else {},
    )
