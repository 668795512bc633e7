"""Two experiments set against each other on the prompts that both asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from pplab.analysis.records import Comparisons


def compare_experiments(
    a: pd.DataFrame, b: pd.DataFrame, metrics: Sequence[str], lower_is_better: Collection[str] = ()
) -> Comparisons:
    """Compare two experiments, each taken as a whole, paired by the text of the prompt.

    Differences are the first experiment's mean minus the second's. Prompts that only one of them asked are left out. Where
    there are wordings, each text is a prompt, and those of one row of the table belong together; so do the prompts of a
    cluster, by the first experiment where both have clusters.

    Parameters
    ----------
    a, b
        Responses of the two, see `pplab.analysis.response_matrix.layout`, with a column ``prompt``.
    metrics, lower_is_better
        Names of columns, and those of which less is better.

    Raises
    ------
    BadInput
        If they share no prompt.
    """
    import pandas as pd

    from pplab.analysis.statistics import compare

    prompts = [p for p in dict.fromkeys(a["prompt"]) if p in set(b["prompt"])]
    if not prompts:
        raise BadInput("these experiments share no prompt", hint="compare experiments that asked the same prompts")
    number = {prompt: i for i, prompt in enumerate(prompts)}
    both = [side[side["prompt"].isin(prompts)] for side in (a, b)]
    group = _clusters(both)
    sides = [
        side.drop(columns="wording", errors="ignore").assign(
            setting_index=index,
            setting_label=label,
            prompt_index=lambda frame: frame["prompt"].map(number),
            cluster=lambda frame: frame["prompt"].map(group),
        )
        for index, (side, label) in enumerate(zip(both, ("the first experiment", "the second experiment"), strict=True))
    ]
    return compare(pd.concat(sides, ignore_index=True), 0, 1, metrics, lower_is_better=lower_is_better)


def _clusters(sides: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Return the cluster of each prompt that has one."""
    out: dict[str, str] = {}
    for number, side in enumerate(sides):
        if "cluster" in side.columns:
            named = side[["prompt", "cluster"]].dropna().drop_duplicates("prompt")
            for prompt, cluster in named.itertuples(index=False):
                out.setdefault(prompt, f"{number} {cluster}")
    return out
