"""Cases of a test that `make soak` runs and `make test` does not."""

from __future__ import annotations

from typing import Any

import pytest


def only_soak(*values: Any) -> list[Any]:
    """Return each value as a case of a parametrized test that only ``make soak`` runs; a tuple has one for each parameter.

    Examples
    --------
    >>> [case.values for case in only_soak(48, 64)]
    [(48,), (64,)]
    >>> [case.values for case in only_soak((3, "tie"))]
    [(3, 'tie')]
    """
    cases = (value if isinstance(value, tuple) else (value,) for value in values)
    return [pytest.param(*case, marks=pytest.mark.soak) for case in cases]
