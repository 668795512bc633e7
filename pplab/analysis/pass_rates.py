"""Pass rates: how often the answers of a setting are right, with an interval, pass@k and pass^k.

With c of n answers to a prompt right, *pass@k* is the chance that at least one of k answers is right,
``1 - C(n-c, k) / C(n, k)``, and *pass^k* the chance that all k are, ``C(c, k) / C(n, k)``; both without bias, averaged over
prompts. The interval is Wilson's for as many independent prompts as the spread of the prompts allows: prompts of one cluster are
one, and where nothing varies each prompt counts once, however often it was asked.

References
----------
M. Chen et al., "Evaluating Large Language Models Trained on Code", arXiv 2107.03374, 2021: pass@k. S. Yao et al., "tau-bench",
arXiv 2406.12045, 2024: pass^k. E. B. Wilson, J. Am. Stat. Assoc. 22, 1927. E. L. Korn and B. I. Graubard, "Confidence intervals
for proportions with small expected number of positive counts estimated from survey data", Survey Methodology 24, 1998: the
effective sample size.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

from pplab.analysis.response_matrix import layout
from pplab.analysis.unusable import usable_rows
from pplab.plan.vocabulary import CORRECT

if TYPE_CHECKING:
    import pandas as pd

    from pplab.analysis.response_matrix import Floats, ResponseMatrix, Responses

CONFIDENCE = 0.95
FEWEST = 2
"""Prompts from which an interval speaks of prompts like these."""


def pass_rates(frame: Responses) -> pd.DataFrame:
    """Return how often the answers of each setting are right.

    Parameters
    ----------
    frame
        Responses with a column ``correct``, see `pplab.analysis.response_matrix.layout`.

    Returns
    -------
    pandas.DataFrame
        One row a setting: ``setting_index``, ``setting`` (in words), ``prompts`` (or clusters) and ``answers`` that were checked;
        ``pass_rate``, the mean of ``correct``, with ``low`` and ``high`` (95 %, for prompts like these); for each k up to the
        number of answers to every prompt ``pass@k``, and ``pass^k`` with ``pass^k_low`` and ``pass^k_high``, for which an answer
        passes when ``correct`` is 1. NaN where there is nothing to go by; answers that cannot be used are not counted.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(p, 0, r, "ok", float(r < p)) for p in range(3) for r in range(2)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "replicate", "status", "correct"])
    >>> pass_rates(frame)[["pass_rate", "pass@2", "pass^2"]].round(2).values.tolist()
    [[0.5, 0.67, 0.33]]
    """
    import pandas as pd

    plan = layout(frame)
    total, right, checked = _counts(plan)
    rows = []
    for column, setting in enumerate(plan.settings):
        of_one = _of_setting(plan, total[:, column], right[:, column], checked[:, column])
        rows.append({"setting_index": setting, "setting": plan.labels[column], **of_one})
    return pd.DataFrame(rows)


def _counts(plan: ResponseMatrix) -> tuple[Floats, Floats, Floats]:
    """Return of each prompt and setting the sum of ``correct``, how many answers are wholly right, and how many were checked."""
    correct = plan.numbers(CORRECT)
    keep = np.isfinite(correct) & usable_rows(plan)
    total, right, checked = (np.zeros((plan.prompts, len(plan.settings))) for _ in range(3))
    place = plan.prompt_of_row[keep], plan.setting_of_row[keep]
    np.add.at(total, place, correct[keep])
    np.add.at(right, place, correct[keep] >= 1)
    np.add.at(checked, place, 1.0)
    return total, right, checked


def _of_setting(plan: ResponseMatrix, total: Floats, right: Floats, checked: Floats) -> dict[str, Any]:
    asked = checked > 0
    most = int(checked[asked].min()) if asked.any() else 0
    each = float(checked[asked].mean()) if asked.any() else 0.0
    rate = _by_unit(plan, np.divide(total, checked, out=np.full(len(right), np.nan), where=asked))
    low, high = interval(rate, each)
    table: dict[str, Any] = {
        "prompts": len(rate),
        "answers": int(checked.sum()),
        "pass_rate": _mean(rate),
        "low": low,
        "high": high,
    }
    for k in range(1, most + 1):
        counts = list(zip(right.astype(int).tolist(), checked.astype(int).tolist(), strict=True))
        some = np.array([1 - comb(n - c, k) / comb(n, k) if n else np.nan for c, n in counts])
        every = _by_unit(plan, np.array([comb(c, k) / comb(n, k) if n else np.nan for c, n in counts]))
        bounds = interval(every, each)
        table |= {f"pass@{k}": _mean(_by_unit(plan, some)), f"pass^{k}": _mean(every)}
        table |= {f"pass^{k}_low": bounds[0], f"pass^{k}_high": bounds[1]}
    return table


def interval(values: Floats, each: float) -> tuple[float, float]:
    """Return the bounds of a mean of values in [0, 1], one a prompt (or cluster), each of ``each`` answers; NaN for too few.

    Examples
    --------
    >>> low, high = interval(np.array([1.0] * 10), 2)
    >>> round(low, 2), high
    (0.66, 1.0)
    """
    from scipy.special import stdtrit

    count = len(values)
    if count < FEWEST:
        return float("nan"), float("nan")
    mean, variance = float(values.mean()), float(values.var(ddof=1)) / count
    binomial = mean * (1 - mean)
    size = count if min(binomial, variance) <= 0 else min(max(binomial / variance, 1.0), count * max(each, 1.0))
    t = float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2))
    middle = (mean + t * t / 2 / size) / (1 + t * t / size)
    half = t / (1 + t * t / size) * float(np.sqrt(binomial / size + t * t / 4 / size**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _by_unit(plan: ResponseMatrix, values: Floats) -> Floats:
    means = plan.clustered(values[:, None])[:, 0]
    return np.asarray(means[np.isfinite(means)])


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
