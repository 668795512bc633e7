"""A race of settings over prompts: at which numbers of prompts it is looked at, and with what error.

Every setting answers the prompts up to the first look. At each look the answers so far are judged with `RACE_ERROR`; the race
stops where they settle which setting to use. Else the leader and those rivals that may still be better by more than the margin
(`pplab.analysis.statements.Statements.open`) answer the prompts up to the next look, a rival that opens again also those it
missed. So settings are always compared on the prompts that both answered.

References
----------
S.-H. Kim and B. L. Nelson, "A fully sequential procedure for indifference-zone selection in simulation", ACM TOMACS 11, 2001:
rivals leave a race as soon as they cannot win by more than a margin. P. Armitage, C. K. McPherson and B. C. Rowe, "Repeated
significance tests on accumulating data", JRSS A 132, 1969: looking again and again needs a smaller error at each look.
"""

from __future__ import annotations

from pplab.analysis.statements import error_of_look

LOOKS = (6, 9, 13, 20, 30, 45, 68, 100)
"""After how many prompts a race is looked at: each time half as many again."""
RACE_ERROR = error_of_look(2)
"""How often one look at a race may err; simulated, all eight together err in less than 5 %."""


def next_look(prompts: int, available: int) -> int | None:
    """Return after how many prompts a race is looked at next; ``None`` where there is no further look.

    Parameters
    ----------
    prompts
        Those of the last look; 0 at the start.
    available
        Those of the plan: where they end between two looks, that is the last look.

    Examples
    --------
    >>> next_look(0, 25), next_look(6, 25), next_look(20, 25), next_look(25, 25)
    (6, 9, 25, None)
    """
    looks = [*(look for look in LOOKS if look < available), min(available, LOOKS[-1])]
    return next((look for look in looks if look > prompts), None)
