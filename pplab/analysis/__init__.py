"""Frames of responses in; means, intervals, tests and sentences out. Nothing here reads a store, calls a model or draws.

Each module is imported by its own name, so that a caller pays only for what it uses:

``layout``       responses arranged by prompt and setting; what counts and what is left out
``summaries``    one row a setting
``resampling``   the seeded bootstrap and permutation kernels
``power``        which difference a number of prompts can show, and how many a difference needs
``wording``      numbers, counts and caveats in plain words
``records``      the results, each with ``.words`` and ``.as_dict()``
``statistics``   means with intervals, paired differences, effect sizes, corrections
``variance``     the variance of a score, split between prompts, factors and replicates
``unjudged``     what metrics could not judge, in words
``trend``        whether a metric rises or falls with an ordered parameter
``between``      two experiments on the prompts that both asked
``diversity``    how far apart the answers of a setting are, against another setting
``originality``  how far an answer is from the others of its setting; nothing rests on it
``equivalence``  same, drifted or cannot tell
``decision``     which setting to use, how sure that is, what to run next: `decide`
``paired``       settings against each other on the same prompts, with errors in closed form
``statements``   what can be said of them with an error of 5 % in all
``utility``      precision and personality of an answer, and their balance as one number
``unusable``     answers nobody can use, and the settings they rule out
``settling``     what a planned experiment will be able to decide
``bradley_terry``    settings ranked by which of two answers people preferred; ``preference`` says it in words
``corrected_means``  the score of all answers, corrected by people's ratings of some
``rating_agreement`` scores against people, raters against themselves, raters against each other
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pplab.analysis.decision import Decision, decide

__all__ = ["Decision", "decide"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'pplab.analysis' has no attribute '{name}'")
    from pplab.analysis import decision

    return getattr(decision, name)
