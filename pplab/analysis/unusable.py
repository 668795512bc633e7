"""Answers nobody can use, as an outcome of their own: which settings they rule out, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pplab.plan.vocabulary import CORRECT, FAULTS

if TYPE_CHECKING:
    from pplab.analysis.response_matrix import Flags, ResponseMatrix

MOST_MORE = 0.2
"""By how much a setting's share of unusable answers may exceed the least before it is out."""
_Z = 1.645  # 95 % on one side
_VERBS = {
    "loop": ("loops", "loop"),
    "cut": ("stops in the middle of a sentence", "stop in the middle of a sentence"),
    "refusal": ("declines", "decline"),
    "echo": ("repeats the prompt", "repeat the prompt"),
    "truncated": ("is cut at the token limit", "are cut at the token limit"),
    "empty": ("is empty", "are empty"),
    "refused": ("is refused", "are refused"),
    "filtered": ("is filtered", "are filtered"),
    "tool_call": ("is a tool call", "are tool calls"),
    "rejected": ("was rejected by the server", "were rejected by the server"),
    "failed": ("has failed", "have failed"),
    "timeout": ("timed out", "timed out"),
}


@dataclass(frozen=True, slots=True)
class Unusable:
    """The unusable answers of one setting.

    Attributes
    ----------
    answers, unusable : int
        How many were sent, and how many of them cannot be used.
    kinds : dict of int
        How many of each kind, the most frequent first.
    out : bool
        Whether that rules the setting out.
    """

    answers: int
    unusable: int
    kinds: dict[str, int]
    out: bool = False

    @property
    def share(self) -> float:
        """The share of unusable answers."""
        return self.unusable / self.answers if self.answers else 0.0

    @property
    def words(self) -> str:
        """How many are unusable, and why, such as ``5 of 5 answers loop``."""
        if not self.answers:
            return "it was not asked"
        kind, most = next(iter(self.kinds.items()), ("", 0))
        if most == self.unusable:
            what = _VERBS.get(kind, (f"is {kind}", f"are {kind}"))[self.answers > 1]
        else:
            what = f"{'are' if self.answers > 1 else 'is'} not usable, most of them: {_VERBS.get(kind, ('', kind))[1]}"
        return f"{self.unusable} of {self.answers} answer{'s' if self.answers > 1 else ''} {what}"

    @property
    def named_fault(self) -> str:
        """The commonest fault in brackets, such as `` (loop)``, where a status does not say more."""
        kind = next(iter(self.kinds), "")
        return f" ({_VERBS[kind][1]})" if kind in FAULTS else ""


def usable_rows(plan: ResponseMatrix) -> Flags:
    """Return which rows count: usable by their status and without a fault, unless a check says whether they are right."""
    if "fault" not in plan.frame.columns:
        return plan.usable
    counted = ~plan.frame["fault"].isin(list(FAULTS)).to_numpy()
    if CORRECT in plan.frame.columns:
        counted |= plan.frame[CORRECT].notna().to_numpy()
    return np.asarray(plan.usable & counted)


def fault_is_named(status: pd.Series, fault: pd.Series) -> pd.Series:
    """Return where the fault says more than the status: a loop that met the token limit is a loop."""
    return fault.notna() & ((status == "ok") | ((status == "truncated") & (fault != "cut")))


def unusable(plan: ResponseMatrix, usable: Flags, control: int | None = None) -> tuple[Unusable, ...]:
    """Return the unusable answers of each setting, and which settings they rule out.

    A setting is out when all its answers are unusable, or when their share exceeds the least by more than `MOST_MORE` with 95 %
    confidence; with a ``control``, a column, when it exceeds the control's. Equal answers to a prompt count once for that, and
    prompts that fail as a whole count for less.

    References
    ----------
    R. G. Newcombe, "Interval estimation for the difference between independent proportions", Stat. Med. 17, 1998, method 10. The
    design effect of clusters: L. Kish, "Survey Sampling", 1965.
    """
    frame = plan.frame
    status = frame["status"].astype(str)
    sent = ((status != "cancelled") & (plan.setting_of_row >= 0)).to_numpy()
    fault = frame["fault"] if "fault" in frame.columns else pd.Series(None, index=frame.index, dtype=object)
    kind = status.where(~fault_is_named(status, fault), fault.astype(str))
    place: dict[str, Any] = {"setting": plan.setting_of_row, "prompt": plan.prompt_of_row}
    text = frame["text"].to_numpy() if "text" in frame.columns else range(len(frame))
    rows = pd.DataFrame({**place, "bad": ~usable, "kind": kind.to_numpy(), "text": text})[sent]
    distinct = rows.drop_duplicates()
    found = []
    for setting in range(len(plan.settings)):
        mine = rows[rows["setting"] == setting]
        kinds = mine.loc[mine["bad"], "kind"].value_counts()
        found.append(Unusable(len(mine), int(mine["bad"].sum()), {str(name): int(count) for name, count in kinds.items()}))
    shares = [_share(distinct[distinct["setting"] == setting]) for setting in range(len(plan.settings))]
    compared = range(len(found)) if control is None else [control]
    some = [(shares[k][0], -shares[k][1]) for k in compared if found[k].unusable < found[k].answers]
    least = min(some, default=None)
    return tuple(
        Unusable(one.answers, one.unusable, one.kinds, _out(one, share, size, least))
        for one, (share, size) in zip(found, shares, strict=True)
    )


def _out(one: Unusable, share: float, size: float, least: tuple[float, float] | None) -> bool:
    if not one.answers or one.unusable == one.answers:
        return True
    return least is not None and _lowest_difference(share, size, least[0], -least[1]) > MOST_MORE


def _share(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the share of unusable answers, and of how many independent answers it is."""
    if rows.empty:
        return 0.0, 0.0
    share, size = float(rows["bad"].mean()), float(len(rows))
    by_prompt = rows.groupby("prompt")["bad"].mean()
    if len(by_prompt) > 2 and 0 < share < 1:
        each = size / len(by_prompt)
        size /= max(1.0, float(by_prompt.var()) * each / (share * (1 - share)))
    return share, size


def _lowest_difference(one: float, of_one: float, other: float, of_other: float) -> float:
    low, _ = _wilson(one, of_one)
    _, high = _wilson(other, of_other)
    return float((one - other) - np.sqrt((one - low) ** 2 + (high - other) ** 2))


def _wilson(share: float, size: float) -> tuple[float, float]:
    middle = (share + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z / (1 + _Z**2 / size) * np.sqrt(share * (1 - share) / size + _Z**2 / (4 * size**2))
    return middle - half, middle + half
