"""Values that a user hands in, as Python's own types: numbers and times of NumPy, series, arrays, durations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pplab.errors import BadInput


def python_value(value: Any) -> Any:
    """Return a value with the scalars of NumPy in it as Python's own, also inside lists, tuples and dicts.

    Examples
    --------
    >>> import numpy as np
    >>> python_value({"n": np.int64(3), "temperature": [np.float32(0.1)]})
    {'n': 3, 'temperature': [0.1]}
    """
    kind = type(value)
    if kind in (list, tuple):
        return kind(python_value(item) for item in value)
    if kind is dict:
        return {python_value(name): python_value(item) for name, item in value.items()}
    if not hasattr(value, "dtype") or getattr(value, "shape", None) != ():
        return value
    if value.dtype.kind in "mM":  # in nanoseconds they would become a number
        return value.astype(f"{value.dtype.kind}8[us]").item()
    if value.dtype.kind == "f" and value.dtype.itemsize < 8:
        return float(str(value))  # as it is written, without the digits that a longer float adds
    return value.item()


def mapping(value: Any, name: str, example: str) -> dict[Any, Any]:
    """Return a dict, or what can stand for one, such as a series of pandas; else refuse it, calling it ``name``."""
    if isinstance(value, Mapping) or hasattr(value, "keys"):
        return {python_value(key): python_value(value[key]) for key in value.keys()}  # noqa: SIM118 - iterating a series gives its values
    raise BadInput(f"{name} must be a dict, not {type(value).__name__}", hint=f"write it like {example}")


def as_list(value: Any) -> list[Any]:
    """Return the values of a list, an array, a series or a range; one value alone is a list of it."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        return [python_value(value)]
    return [python_value(item) for item in value]


def moment_text(value: Any) -> Any:
    """Return a date or a time as ISO 8601; one without a zone is UTC, as all times of a lab are.

    Examples
    --------
    >>> moment_text(date(2026, 11, 23))
    '2026-11-23T00:00:00+00:00'
    """
    value = python_value(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return value


def in_units(value: Any, unit: timedelta) -> Any:
    """Return a duration as a number of units; a number is one already."""
    value = python_value(value)
    return value / unit if isinstance(value, timedelta) else value
