"""A migration: whether some setting of a new model can take the place of the old one; go, no-go or cannot tell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from pplab.analysis.control import against_control
from pplab.analysis.decision import counting
from pplab.analysis.decision_words import Lines
from pplab.analysis.migration_words import Comparison, lines, lines_without_control
from pplab.analysis.paired import paired
from pplab.analysis.response_matrix import layout
from pplab.analysis.statements import error_of_look, prompts_beside_control
from pplab.analysis.unusable import unusable, usable_rows
from pplab.analysis.utility import metric_cells, utility_cells
from pplab.inputs.visible import visible
from pplab.plan.vocabulary import PRECISION_SCORES, SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.analysis.diversity import Distance
    from pplab.analysis.paired import CellValues
    from pplab.analysis.response_matrix import Floats, ResponseMatrix
    from pplab.analysis.unusable import Unusable
    from pplab.plan.race import Raced

STORED = -1
"""The setting index of a control whose answers come from another experiment."""
PAIRS = 3
"""Pairs of answers that show what is lost."""
OF_BOTH = ("prompt_index", "setting_index", "prompt", "replicate", "status", "text", "fault", *SCORES, "cost", "latency_ms")
_UNSCORED = "none of its answers has the scores that the decision rests on"


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """Two answers to one prompt, the old one and the new one, and how much the new one loses on it."""

    prompt: str
    old: str
    new: str
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class MigrationDecision:
    """What the answers of a migration allow to decide. Returned by `decide_migration`.

    Attributes
    ----------
    outcome : {"go", "no-go", "cannot tell"}
        ``go``: a setting of the new model is no worse than the old one by more than the margin. ``no-go``: every one is worse by
        more, or cannot be used. ``cannot tell``: neither is sure.
    headline, evidence, next_step : str
        The outcome and how sure that is; what it rests on; what to do.
    setting : int or None
        The setting index to use: the highest of those that are as good; ``None`` unless the outcome is ``go``.
    nearest : int or None
        That setting, or else the one that comes nearest to the old one.
    going : tuple of int
        The settings that have to be asked more, the nearest first; empty where it is settled.
    out : dict of str
        Of those that need not be asked further, why, by setting index.
    table : DataFrame
        The old setting, then the new ones, highest first: ``setting`` (in words), ``utility``, ``gain`` on the old one, ``low``
        and ``high`` (bounds that hold together), each score, ``usable`` (share of answers), ``cost`` (US dollars an answer) and
        ``latency_ms`` (median).
    pairs : tuple of AnswerPair
        Where the outcome is ``no-go``, answers to the prompts on which the nearest setting loses most.
    """

    outcome: Literal["go", "no-go", "cannot tell"]
    headline: str
    evidence: str
    next_step: str
    setting: int | None = None
    nearest: int | None = None
    going: tuple[int, ...] = ()
    out: Mapping[int, str] = field(default_factory=dict)
    table: pd.DataFrame
    pairs: tuple[AnswerPair, ...] = ()

    @property
    def words(self) -> str:
        """The three lines: headline, evidence, next step."""
        return f"{self.headline}\n{self.evidence}\n{self.next_step}"

    def __repr__(self) -> str:
        return self.words


def beside(frame: pd.DataFrame, control: pd.DataFrame) -> pd.DataFrame:
    """Return responses with those of a control from another experiment, as setting `STORED`, to the prompts that both have.

    Prompts are the same where they read the same.
    """
    clustered = [name for name in ("cluster",) if name in frame.columns]
    first = frame.assign(key=_reads(frame)).drop_duplicates("key").set_index("key")
    mine = control.assign(key=_reads(control))
    mine = mine[mine["key"].isin(first.index)]
    taken = {name: first.loc[mine["key"], name].to_numpy() for name in ("prompt_index", *clustered)}
    mine = mine.assign(setting_index=STORED, **taken)
    columns = [*(name for name in OF_BOTH if name in frame.columns and name in mine.columns), *clustered]
    return pd.concat([frame[columns], mine[columns]], ignore_index=True)


def _reads(frame: pd.DataFrame) -> pd.Series[str]:
    return frame["prompt"].map(lambda prompt: visible(str(prompt)).strip())


def decide_migration(
    frame: pd.DataFrame,
    control: int,
    names: Mapping[int, str],
    *,
    new: str,
    precision: float,
    margin: float,
    looks: int,
    distance: Distance,
    raced: Raced,
) -> MigrationDecision:
    """Decide whether some setting can take the place of the control.

    Parameters
    ----------
    frame
        One row an answer, with the columns of `Experiment.responses`; those of the control among them.
    control
        Its setting index.
    names
        Each setting in words, by index.
    new
        The new models in words.
    precision, distance
        As in `pplab.analysis.decision.decide`.
    margin
        How much worse does not matter.
    looks
        Which look this is; see `pplab.analysis.statements.error_of_look`.
    raced
        How far the race came.
    """
    plan = layout(frame)
    counted = usable_rows(plan)
    at = plan.settings.index(control) if control in plan.settings else None
    lost = dict(zip(plan.settings, unusable(plan, counted, at), strict=True))
    useless = {setting: one.words for setting, one in lost.items() if one.out}
    if at is None or control in useless:
        why = lost[control].words if at is not None and lost[control].answers else "it has not answered these prompts"
        return _cannot_tell(lines_without_control(names[control], why))
    # What is out takes no measure from the others.
    plan = layout(plan.frame[~plan.frame["setting_index"].isin(list(useless))].reset_index(drop=True))
    plan = counting(plan, usable_rows(plan))
    cells = utility_cells(plan, precision, distance)
    scored = [] if cells is None else [bool(np.isfinite(of_setting).any()) for of_setting in cells.means.T]
    at = plan.column(control)
    if cells is None or not scored[at]:
        return _cannot_tell(lines_without_control(names[control], _UNSCORED))
    useless |= {setting: _UNSCORED for setting, one in zip(plan.settings, scored, strict=True) if not one}
    used = [k for k, one in enumerate(scored) if one]
    against = _against(plan, cells, used, at, margin, error_of_look(looks))
    table = _table(plan, lost, control, names, against)
    nearest = against.order[0] if against.order else None
    of_nearest = -1 if nearest is None else plan.settings.index(nearest)
    no_go, open_still = against.outcome == "no-go", against.outcome == "cannot tell"
    going = tuple(setting for setting in against.order if setting not in against.worse) if open_still else ()
    row = {} if nearest is None else _record(table, nearest)
    text = lines(
        Comparison(
            outcome=against.outcome,
            old=names[control],
            new=new,
            tried=len(lost) - 1,
            name=names[nearest] if nearest is not None else "",
            better=against.better,
            row=row,
            control=_record(table, control),
            margin=margin,
            mostly=_mostly(plan, at, of_nearest) if no_go and nearest is not None else "",
            out={names[setting]: why for setting, why in useless.items()},
            unit=plan.unit,
            prompts=int((cells.counts > 0).any(axis=1).sum()),
            raced=raced,
            more=against.more,
            asked=tuple(_record(table, setting) for setting in against.asked),
            replicates=max(int(np.median(cells.counts.max(axis=0))), 1),
        )
    )
    beaten = f"worse than {names[control]} by more than {margin:g} (95% sure)"
    return MigrationDecision(
        outcome=against.outcome,
        headline=text.headline,
        evidence=text.evidence,
        next_step=text.next_step,
        setting=nearest if against.outcome == "go" else None,
        nearest=nearest,
        going=(*going, *((control,) if going and control != STORED else ())),
        out=dict(sorted({**useless, **dict.fromkeys(against.worse, beaten)}.items())),
        table=table,
        pairs=_pairs(plan, cells.means, at, of_nearest) if no_go and nearest is not None else (),
    )


@dataclass(frozen=True, slots=True)
class _Against:
    """What holds of the settings that can be used, by setting index, the chosen or else the highest first.

    ``means`` are on the level of the control, ``gains`` have what each gains with its bounds; ``more`` prompts under ``asked``
    would settle it.
    """

    outcome: Literal["go", "no-go", "cannot tell"]
    order: tuple[int, ...]
    worse: frozenset[int]
    better: bool
    means: Mapping[int, float]
    gains: Mapping[int, tuple[float, float, float]]
    asked: tuple[int, ...] = ()
    more: int = 0


def _against(plan: ResponseMatrix, cells: CellValues, used: list[int], at: int, margin: float, error: float) -> _Against:
    control = used.index(at)
    level = float(np.nanmean(cells.means[:, at]))
    if len(used) == 1:
        return _Against("no-go", (), frozenset(), False, {plan.settings[at]: level}, {})
    found = paired(cells.among(used))
    held = against_control(found, control, margin, error)
    gain = np.where(np.isfinite(found.lead[:, control]), found.lead[:, control], -np.inf)
    order = sorted((k for k in range(len(used)) if k != control), key=lambda k: (k != held.chosen, -gain[k]))
    still = [k for k in order if not held.worse[k]]
    settings = [plan.settings[k] for k in used]
    asked, more = prompts_beside_control(found, control, still, margin, error) if held.outcome == "cannot tell" else ([], 0)
    return _Against(
        outcome=held.outcome,
        order=tuple(settings[k] for k in order),
        worse=frozenset(settings[k] for k in order if held.worse[k]),
        better=held.chosen is not None and bool(held.better[held.chosen]),
        means={settings[k]: level if k == control else level + float(found.lead[k, control]) for k in range(len(used))},
        gains={settings[k]: (float(found.lead[k, control]), float(held.low[k]), float(held.high[k])) for k in order},
        asked=tuple(settings[k] for k in asked),
        more=more,
    )


def _cannot_tell(text: Lines) -> MigrationDecision:
    table = pd.DataFrame(columns=_COLUMNS, index=pd.Index([], name="setting_index"))
    return MigrationDecision(
        outcome="cannot tell", headline=text.headline, evidence=text.evidence, next_step=text.next_step, table=table
    )


def undecided(name: str, status: str, answers: int) -> MigrationDecision:
    """Return the decision of a migration that was stopped on the way."""
    return _cannot_tell(
        Lines(
            f"Cannot tell yet whether {name} can be replaced: the run is {status}.",
            f"{answers:,} answers have come, and nothing is decided between two looks.",
            "Next: resume it; it goes on where it stopped.",
        )
    )


def without_control() -> MigrationDecision:
    """Return the decision where the experiment with the old answers is not in the lab."""
    return _cannot_tell(
        Lines(
            "Cannot tell: the experiment with the old model's answers is not in this lab.",
            "The new answers are here, and there is nothing to compare them with.",
            "Next: import the package that has both.",
        )
    )


_COLUMNS = ["setting", "utility", "gain", "low", "high", *SCORES, "usable", "cost", "latency_ms"]


def _table(
    plan: ResponseMatrix, lost: Mapping[int, Unusable], control: int, names: Mapping[int, str], against: _Against
) -> pd.DataFrame:
    order = [control, *against.order, *(setting for setting in lost if setting not in {control, *against.order})]
    costs, times = (_by_setting(plan, name) for name in ("cost", "latency_ms"))
    rows: list[dict[str, Any]] = []
    for setting in order:
        row: dict[str, Any] = {"setting": names[setting], "utility": against.means.get(setting, math.nan)}
        row |= dict(zip(("gain", "low", "high"), against.gains.get(setting, (math.nan,) * 3), strict=True))
        if setting in plan.settings:
            column = plan.column(setting)
            row |= {name: _mean(plan.cells(name).means[:, column]) for name in SCORES if name in plan.frame.columns}
            row |= {"cost": float(costs[column].mean()), "latency_ms": float(times[column].median())}
        row["usable"] = 1 - lost[setting].share if lost[setting].answers else math.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=_COLUMNS, index=pd.Index(order, name="setting_index"))


def _by_setting(plan: ResponseMatrix, name: str) -> list[pd.Series[float]]:
    """Return the numbers of a column under each setting, of usable answers."""
    numbers = plan.frame[name].astype("float64") if name in plan.frame.columns else pd.Series(math.nan, index=plan.frame.index)
    return [numbers[plan.usable & (plan.setting_of_row == column)] for column in range(len(plan.settings))]


def _record(table: pd.DataFrame, setting: int) -> dict[str, Any]:
    return {str(name): value for name, value in table.loc[setting].items()}


def _mean(values: Floats) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else math.nan


def _mostly(plan: ResponseMatrix, control: int, nearest: int) -> str:
    """Return the score on which a column loses most on the control's, empty where it loses on none."""
    losses = {}
    for name in (*PRECISION_SCORES, "creativity"):
        if name in plan.frame.columns:
            means = metric_cells(plan, name).means
            losses[name] = _mean(means[:, control] - means[:, nearest])
    known = {name: loss for name, loss in losses.items() if loss > 0}
    return max(known, key=lambda name: known[name]) if known else ""


def _pairs(plan: ResponseMatrix, means: Floats, control: int, nearest: int) -> tuple[AnswerPair, ...]:
    """Return pairs of answers to the prompts (with clusters: of the clusters) on which a column loses most."""
    loss = means[:, control] - means[:, nearest]
    rows = plan.rows()
    pairs = []
    for place in sorted(np.flatnonzero(np.isfinite(loss)).tolist(), key=lambda p: -loss[p]):
        prompt = place if plan.unit == "prompt" else int(np.flatnonzero(plan.cluster == place)[0])
        old, new = rows[prompt, control], rows[prompt, nearest]
        if old and new and loss[place] > 0:
            shown = plan.frame.iloc[[old[0], new[0]]]
            texts = [str(text) for text in shown["text"]]
            pairs.append(AnswerPair(str(shown["prompt"].iloc[0]), texts[0], texts[1], float(loss[place])))
    return tuple(pairs[:PAIRS])
