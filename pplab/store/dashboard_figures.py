"""What a dashboard asks of a store and what it gets: conditions on experiments, and figures of them as plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pplab.plan.vocabulary import FAILED

if TYPE_CHECKING:
    from collections.abc import Mapping

SAME_PROMPTS: Final = "prompts:"
"""What the name of a comparison begins with that takes in all experiments over the prompts of one: its id follows."""

MOST_SCORES: Final = 4
"""Scores of one source that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions on experiments, which of them are compared, and the factor along which the scores are drawn.

    Attributes
    ----------
    model : str or None
        Experiments that ask this model, as ``MODEL`` or ``MODEL@ENDPOINT``, be it among others.
    search : str
        A part of an experiment's name, tags, note, model or notebook, in any case, or the beginning of its id.
    comparison : str or None
        The id of one experiment; ``prompts:`` and an id: all experiments over the prompts of that one; ``None``: all over those
        of the latest one.
    factor : str or None
        Its column or ``model``; ``None``: the first that varies between what is compared.
    source : str or None
        Whose scores are shown, one of `pplab.plan.vocabulary.SOURCES`. ``None``, and where what is compared has none of it: those
        of checks where there are any, else those of the surface.
    """

    user: str | None = None
    calibration_id: str | None = None
    model: str | None = None
    search: str = ""
    comparison: str | None = None
    factor: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over answers that any number of experiments can be added up from.

    Attributes
    ----------
    answers, prompts, strata : int
        Usable answers that have the measure, the prompts and the combinations of prompt and setting they belong to.
    total, squares : float
        Sums over those prompts of the prompt's mean and of its square.
    repeated : int
        Prompts with at least two answers under each setting.
    within : float
        Sum over those of the variance of the prompt's mean.
    """

    answers: int
    prompts: int
    strata: int
    total: float
    squares: float
    repeated: int
    within: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of how long answers took, in milliseconds, to within the 4.4 % of a bin; ``None`` when none is known."""

    median: float | None = None
    p90: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCounts:
    """Responses by status: how many there are of each one that occurs. ``scored`` are the usable ones that have a score."""

    counts: Mapping[str, int] = field(default_factory=dict)
    scored: int = 0

    @property
    def responses(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def ok(self) -> int:
        """The usable ones."""
        return self.counts.get("ok", 0)

    @property
    def failed(self) -> int:
        """Those without an answer, though one was asked for."""
        return sum(self.counts.get(status, 0) for status in FAILED)

    @property
    def cancelled(self) -> int:
        """Those that were never sent."""
        return self.counts.get("cancelled", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFigures:
    """One setting over all experiments that are compared.

    ``levels`` has its level of each factor that varies, by column; ``asked`` is all that it asks for.
    """

    levels: Mapping[str, str]
    asked: Mapping[str, Any]
    responses: StatusCounts
    measures: dict[str, Sums]
    latency: Latency
    output_tokens: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """All settings with one level of the chosen factor. ``number`` is its place on an axis, ``None`` for a category."""

    label: str
    number: float | None
    measures: dict[str, Sums]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """Experiments over the same prompts: the comparison they make, how many there are, and their prompts."""

    comparison: str
    experiments: int
    prompt: str
    prompts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is compared: experiments over one set of prompts.

    Attributes
    ----------
    prompt_set : PromptSet or None
        ``None`` when nothing is.
    prompt_sets : int
        Different sets of prompts among the chosen experiments.
    factors : tuple of str
        Columns of what varies between the settings.
    factor : str
        The one along which the scores are drawn.
    categories : bool
        Whether its levels are no numbers.
    levels_left_out : int
        Levels that are not drawn: those with the fewest answers where there are many.
    settings_without : int
        Settings without a value, where the levels are numbers.
    sources : tuple of str
        The sources whose scores there are.
    source : str
        The one whose scores are shown.
    scores : tuple of str
        Those scores, by their columns.
    """

    prompt_set: PromptSet | None
    prompt_sets: int
    factors: tuple[str, ...]
    factor: str
    categories: bool
    levels_left_out: int
    settings_without: int
    sources: tuple[str, ...]
    source: str
    scores: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """One experiment of the list of recent ones. ``name`` is what its user calls it."""

    experiment_id: str
    revision: int
    created_at: str
    user: str
    calibration_id: str | None
    model: str
    status: str
    planned: int
    responses: int
    ok: int
    failed: int
    prompt: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationChoice:
    """A calibration that can be chosen, with its scores."""

    calibration_id: str
    precision: float
    personality: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the filters can be set to, the most recently used first."""

    users: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    calibrations: tuple[CalibrationChoice, ...] = ()
    prompt_sets: tuple[PromptSet, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Everything that is chosen, in one line."""

    experiments: int = 0
    responses: StatusCounts = field(default_factory=StatusCounts)
    cost: float | None = None
    latency: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of a dashboard. The settings are those with most answers, in the order of their factors."""

    totals: Totals
    comparison: Comparison
    settings: tuple[SettingFigures, ...]
    settings_left_out: int
    levels: tuple[LevelFigures, ...]
    recent: tuple[Recent, ...]
    choices: Choices
