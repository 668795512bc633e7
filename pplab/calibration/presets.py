"""The presets: three full sets of answers in place of the quiz."""

from __future__ import annotations

import os
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pplab.calibration.answers import check_answers, load_answers
from pplab.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.calibration.questions import Value

PRESETS: Mapping[str, Mapping[str, Value]] = MappingProxyType(
    {
        "precise": MappingProxyType(
            {
                "task": "data",
                "fact_cost": 5,
                "sameness": 5,
                "surprise": 1,
                "length": "paragraph",
                "format": "template",
                "formality": 4,
                "warmth": 2,
                "repetition": 4,
                "explore": 1,
                "variation": 1,
            }
        ),
        "balanced": MappingProxyType(
            {
                "task": "answers",
                "fact_cost": 3,
                "sameness": 3,
                "surprise": 3,
                "length": "paragraphs",
                "format": "tidy",
                "formality": 3,
                "warmth": 4,
                "repetition": 2,
                "explore": 3,
                "variation": 3,
            }
        ),
        "expressive": MappingProxyType(
            {
                "task": "creative",
                "fact_cost": 2,
                "sameness": 1,
                "surprise": 5,
                "length": "paragraphs",
                "format": "free",
                "formality": 2,
                "warmth": 5,
                "repetition": 1,
                "explore": 5,
                "variation": 5,
            }
        ),
    }
)


def preset(name: str) -> dict[str, Value]:
    """Return a copy of the answers of the preset called ``name``, or raise `BadInput` with the names there are.

    Examples
    --------
    >>> preset("precise")["fact_cost"]
    5
    """
    key = name.strip().casefold()
    if key not in PRESETS:
        known = f"presets: {', '.join(PRESETS)}; or give the path of a JSON file"
        raise BadInput(f"unknown preset {name[:40]!r}", hint=did_you_mean(key[:40], PRESETS) or known)
    return dict(PRESETS[key])


def read_answers(source: Mapping[str, Any] | str | PathLike[str]) -> dict[str, Value]:
    """Return checked answers from a mapping, the name of a preset, or the path of a JSON file.

    Raises
    ------
    BadInput
        In one line, naming the question or the file.
    """
    if isinstance(source, str) and not _is_path(source):
        return preset(source)
    if isinstance(source, (str, PathLike)):
        return load_answers(source)
    return check_answers(source)


def _is_path(source: str) -> bool:
    """Return whether a text names a file rather than a preset."""
    named = source.strip().casefold() in PRESETS
    return not named and (any(mark in source for mark in (".", "/", "\\")) or os.path.exists(source))  # noqa: PTH110 - takes any text
