"""The few monotone curves that turn raw measures into sub-scores between 0 and 1."""

from __future__ import annotations

import math


def linear_ramp(value: float, low: float, high: float) -> float:
    """Rise linearly from 0 at ``low`` to 1 at ``high``; where less is better, ``low`` is the larger one.

    Examples
    --------
    >>> linear_ramp(0.5, 0, 2), linear_ramp(3, 0, 2), linear_ramp(0.5, 2, 0)
    (0.25, 1.0, 0.75)
    """
    return min(1.0, max(0.0, (value - low) / (high - low)))


def hill_decay(value: float, half: float, order: int = 2) -> float:
    """Fall from 1 at 0 to one half at ``half`` and towards 0 beyond (a Hill curve), the more steeply the higher ``order``.

    Examples
    --------
    >>> hill_decay(0, 0.1), hill_decay(0.1, 0.1), round(hill_decay(0.3, 0.1), 2), round(hill_decay(0.3, 0.1, order=4), 3)
    (1.0, 0.5, 0.1, 0.012)
    """
    return float(1.0 / (1.0 + (value / half) ** order))


def log_decay(value: float, unit: float) -> float:
    """Fall from 1 at 0 to 0 at 1 logarithmically: each doubling beyond ``unit`` costs the same (Weber's law).

    Examples
    --------
    >>> log_decay(0, 0.005), round(log_decay(0.01, 0.005), 2), log_decay(1, 0.005)
    (1.0, 0.79, 0.0)
    """
    return 1.0 - math.log1p(value / unit) / math.log1p(1 / unit)


def exp_rise(value: float, scale: float) -> float:
    """Rise from 0 towards 1, reaching 63 % at ``scale``.

    Examples
    --------
    >>> exp_rise(0, 60), round(exp_rise(60, 60), 2)
    (0.0, 0.63)
    """
    return 1.0 - math.exp(-value / scale)
