"""The studio: a run put together by hand inside the calibrated ranges, and sent without keeping the kernel busy."""

from __future__ import annotations

import json
import shlex
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from pplab.calibration import Calibration
from pplab.config.configuration import EMBEDDED, TEMPORARY
from pplab.errors import BadInput, PplabError, in_words
from pplab.log import log_error, thread
from pplab.plan.parameters import CALIBRATED, PARAMETERS
from pplab.plan.request import RunRequest
from pplab.views.widgets.base import LabWidget, chosen, owned
from pplab.views.widgets.cards import Cards

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pplab.experiments.experiment import Experiment
    from pplab.experiments.preflight import Preflight
    from pplab.lab import Lab
    from pplab.views.records import Display

MOST_CALIBRATIONS = 20
"""Calibrations to choose from, the latest first."""
UNWRITTEN = "Write a prompt to see what the run takes."


class ParameterScale(TypedDict):
    """A sampling parameter and the values it may take at all."""

    name: str
    meaning: str
    low: float
    high: float
    logarithmic: bool
    integer: bool


class CalibrationChoice(TypedDict):
    """A calibration to work in.

    ``values`` is what a draft starts from: its points of temperature. ``kept`` is sent of what a draft leaves open.
    """

    id: str
    label: str
    ranges: dict[str, tuple[float, float]]
    points: dict[str, tuple[float, ...]]
    persona: str
    values: dict[str, tuple[float, ...]]
    kept: dict[str, float]


class Draft(TypedDict):
    """A run as it stands in the form.

    ``values`` has each parameter that is sent: one value, or several to sweep. ``calibration`` is an id or empty, ``table`` the
    file of prompts or empty, ``system`` a system message or empty (the calibration's persona), ``beyond`` whether values outside
    of the calibrated ranges are wanted.
    """

    prompt: str
    table: str
    system: str
    model: str
    calibration: str
    beyond: bool
    values: dict[str, tuple[float, ...]]
    n: int
    stream: bool


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
        self._others: dict[str, Lab] = {}
        self._ending = threading.Event()
        self._stale, self._checking = False, False
        self._calibration, choices = _calibration_choices(lab, calibration)
        draft = Draft(
            prompt="",
            table="",
            system="",
            model=lab.model,
            calibration=self._calibration.id if self._calibration else "",
            beyond=False,
            values=choices[0]["values"] if self._calibration else {},
            n=5,
            stream=False,
        )
        super().__init__(
            lab,
            knobs=_parameters(),
            calibrations=choices,
            embedded=lab.provider == EMBEDDED,
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
        """End the studio and its run, which can be resumed; closing twice does nothing."""
        if "_cards" not in self.__dict__:
            return  # never opened: what it was to begin with was refused
        self._ending.set()
        if self.experiment is not None:
            self.experiment.cancel()
        with self._turn:
            if self.state == "ready":
                self._close_others()
        self._cards.close()
        super().close()

    def _close_others(self) -> None:
        for other in self._others.values():
            other.close()

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
            self.ahead = self._ahead(draft)

    def _ahead(self, draft: Draft) -> DraftEstimate:
        columns: tuple[str, ...] = ()
        try:
            if draft["table"].strip():
                from pplab.plan.tables import read_table

                columns = read_table(draft["table"].strip()).columns
            elif not draft["prompt"].strip():
                return _nothing(UNWRITTEN)
            request = self._request(draft)
            return _ahead(self._lab_for(draft["model"]).manager.preflight(request), columns)
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

    def _lab_for(self, model: str) -> Lab:
        """Return the lab, or another one on the same store whose runs ask ``model``."""
        name = model.strip() or self.lab.model
        if name == self.lab.model:
            return self.lab
        with self._turn:
            if name not in self._others:
                from pplab.lab import Lab

                effective = self.lab.context.effective_configuration
                store = TEMPORARY if self.lab.name == TEMPORARY else self.lab.folder
                self._others[name] = Lab(
                    store, self.lab.user, effective.same_server(name), *effective.given, configuration=effective.configuration
                )
            return self._others[name]

    # -- running --------------------------------------------------------------------------------------------------------------

    def _take_run(self, message: Run) -> None:
        if self.state != "ready":
            raise BadInput("a run is under way", hint="wait for it, or cancel it")
        request = self._request(message["draft"])
        self.state = "starting"
        self._cards.begin(None)
        self.cards = f"anywidget:{self._cards.model_id}"
        work = (message, self._lab_for(message["draft"]["model"]), request)
        thread(self._run, *work, name="pplab-studio").start()

    def _run(self, message: Run, lab: Lab, request: RunRequest) -> None:
        """Run to the end on a thread of its own: the kernel stays free for other cells."""
        try:
            with self.timed("run") as timing:
                self.experiment = experiment = lab.start(**request.given(), on=self._cards, on_text=self._cards.writing)
                timing["correlation_id"] = experiment.correlation_id
                self._cards.begin(experiment)
                self.state = "running"
                self._follow(experiment)
        except Exception as error:  # noqa: BLE001 - shown in the widget, with a Retry button
            if not self._ending.is_set():
                self._failed = dict(message)
                self.show(error)
        finally:
            with self._turn:
                self.state = "ready"
                if self._ending.is_set():
                    self._close_others()

    def _follow(self, experiment: Experiment) -> None:
        """Wait until a run has ended, and show what it came to."""
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


# -- pure: from a draft to a run ------------------------------------------------------------------------------------------------


def request_of(draft: Draft) -> RunRequest:
    """Return the request that a draft makes.

    Examples
    --------
    >>> draft = Draft(prompt="Hi", table="", system="", model="embedded", calibration="", beyond=False,
    ...               values={"temperature": (0.0, 1.0), "top_p": (0.9,)}, n=3, stream=False)
    >>> request_of(draft).given()
    {'prompt': 'Hi', 'n': 3, 'sweep': {'temperature': [0.0, 1.0]}, 'parameters': {'top_p': 0.9}, 'stream': False}
    """
    sweep, fixed = _sweep_and_fixed(draft)
    table = draft["table"].strip() or None
    return RunRequest(
        prompt=draft["prompt"].rstrip("\n") or (None if table else ""),
        calibration=draft["calibration"] or None,
        n=draft["n"],
        sweep=sweep or None,
        parameters=fixed or None,
        data=table,
        system=_line(draft["system"]) or None,
        stream=draft["stream"],
    )


def code_of(draft: Draft, model: str) -> str:
    """Return the ``%%pplab run`` cell that runs what a draft stands for; ``model`` is the one that is asked without saying so."""
    sweep, fixed = _sweep_and_fixed(draft)
    words = ["%%pplab run", "--n", str(draft["n"])]
    for name, values in sweep.items():
        words += ["--sweep", f"{name}={','.join(f'{value:.10g}' for value in values)}"]
    for name, value in fixed.items():
        words += ["--set", f"{name}={value:.10g}"]
    given = {
        "--calibration": draft["calibration"],
        "--prompts": draft["table"].strip(),
        "--system": _line(draft["system"]),
        "--model": draft["model"].strip() if draft["model"].strip() != model else "",
    }
    for flag, text in given.items():
        if text:  # what begins with a dash would read as an option of its own
            words += [f"{flag}={shlex.quote(text)}"] if text.startswith("-") else [flag, shlex.quote(text)]
    words += ["--stream"] if draft["stream"] else []
    return f"{' '.join(words)}\n{draft['prompt'].rstrip()}"


def _sweep_and_fixed(draft: Draft) -> tuple[dict[str, list[float]], dict[str, float]]:
    values = {name: list(draft["values"][name]) for name in CALIBRATED if draft["values"].get(name)}
    sweep = {name: several for name, several in values.items() if len(several) > 1}
    if draft["calibration"] and not sweep:
        return values, {}  # a calibration without a sweep would draw settings from its ranges
    return sweep, {name: several[0] for name, several in values.items() if name not in sweep}


def _line(text: str) -> str:
    """Return a text as the one line that an option of a magic can hold."""
    return " ".join(text.split())


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
    return DraftEstimate(possible=True, line=" · ".join(line), more=(tokens_in, tokens_out, cost, time, *rest), columns=columns)


def _nothing(words: str) -> DraftEstimate:
    return DraftEstimate(possible=False, line=words, more=(), columns=())


def _parameters() -> tuple[ParameterScale, ...]:
    return tuple(
        ParameterScale(
            name=p.name,
            meaning=p.meaning,
            low=0.01 if p.low_open else p.low,
            high=p.high,
            logarithmic=p.low > 0 and p.high / p.low > 1000,
            integer=p.integer,
        )
        for p in map(PARAMETERS.__getitem__, CALIBRATED)
    )


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
    return chosen_one, tuple(_calibration_choice(row) for row in rows)


def _calibration_choice(row: Mapping[Any, Any]) -> CalibrationChoice:
    ranges = {str(name): (float(low), float(high)) for name, (low, high) in json.loads(row["ranges"]).items()}
    points = {str(name): tuple(map(float, values)) for name, values in json.loads(row["points"]).items()}
    created: pd.Timestamp = row["created_at"]
    return CalibrationChoice(
        id=str(row["calibration_id"]),
        label=f"precision {row['precision_score']:g}, personality {row['personality_score']:g} ({created:%d %b %H:%M} UTC)",
        ranges=ranges,
        points=points,
        persona=str(row["persona"]),
        values={"temperature": points["temperature"]} if "temperature" in points else {},
        kept={"max_tokens": ranges["max_tokens"][1]} if "max_tokens" in ranges else {},
    )
