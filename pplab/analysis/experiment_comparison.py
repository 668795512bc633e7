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

    Differences are the first experiment's mean minus the second's. Prompts that only one of them asked are left out.

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
    sides = [
        side[side["prompt"].isin(prompts)].assign(
            setting_index=index, setting_label=label, prompt_index=lambda frame: frame["prompt"].map(number)
        )
        for index, (side, label) in enumerate(((a, "the first experiment"), (b, "the second experiment")))
    ]
    return compare(pd.concat(sides, ignore_index=True), 0, 1, metrics, lower_is_better=lower_is_better)
