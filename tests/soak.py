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
