"""Cases of a test that `make soak` runs and `make test` does not."""

from __future__ import annotations

from typing import Any

import pytest


def only_soak(*values: Any) -> list[Any]:
    """Return each value as a case of a parametrized test that only ``make soak`` runs.

    Examples
    --------
    >>> [case.values for case in only_soak(48, 64)]
    [(48,), (64,)]
    """
    return [pytest.param(value, marks=pytest.mark.soak) for value in values]


def only_soak_cases(*cases: tuple[Any, ...]) -> list[Any]:
    """Return each tuple, which has a value of each parameter, as a case that only ``make soak`` runs.

    Examples
    --------
    >>> [case.values for case in only_soak_cases((3, "tie"))]
    [(3, 'tie')]
    """
    return [pytest.param(*case, marks=pytest.mark.soak) for case in cases]
