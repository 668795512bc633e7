"""The look that every view shares: colours, marks, and the inline styles of static HTML. No markup is made here.

Static HTML has to be readable in any host and theme. JupyterLab's sanitiser (4.6) removes ``<style>`` from an untrusted
notebook and every declaration that contains ``var()``; other hosts do not define JupyterLab's variables at all. So text
inherits its colour and font, and lines and surfaces are translucent greys, which work on light and on dark alike.
"""

from __future__ import annotations

from typing import Final, Literal

BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREY: Final = "#6B7280"

PALETTE: Final[tuple[str, ...]] = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
"""Categorical colours in the order of use, from Okabe & Ito, "Color Universal Design" (2008): distinct for all common kinds of
colour blindness. Their yellow and black are left out: they vanish on a light or on a dark background."""

METRIC_COLOURS: Final[dict[str, str]] = {
    "creativity": VERMILLION,
    "coherence": BLUE,
    "structure": GREEN,
    "completeness": PURPLE,
    "diversity": ORANGE,
    "originality": ORANGE,
    "agreement": SKY,
}
"""A metric has the same colour in every chart."""

Mark = Literal["circle", "square", "triangle", "diamond"]
MARKS: Final[tuple[Mark, ...]] = ("circle", "square", "triangle", "diamond")
"""Marks differ in shape too, so that no chart depends on colour alone."""

Tone = Literal["info", "success", "warning", "error"]
TONES: Final[dict[Tone, str]] = {"info": BLUE, "success": GREEN, "warning": ORANGE, "error": VERMILLION}

PANEL: Final = "#F3F4F6"
"""The background of a static chart: an image cannot see the page's theme, so it brings its own paper."""
INK: Final = "#262A30"
QUIET_INK: Final = "#5A616B"
RULE: Final = "#DDE0E5"
TRACK: Final = "#C6CBD3"
BAND: Final = "#DCE7F3"
"""Behind what lies within a margin."""

LINE: Final = "#80808066"
SURFACE: Final = "#80808014"


def series_colour(name: str, index: int) -> str:
    """Return the colour of a metric by its name, or of any other series by its position.

    Examples
    --------
    >>> series_colour("coherence", 3)
    '#0072B2'
    >>> series_colour("answers per second", 0)
    '#0072B2'
    """
    return METRIC_COLOURS.get(name, PALETTE[index % len(PALETTE)])


def series_mark(index: int) -> Mark:
    """Return the mark of the series at this position."""
    return MARKS[index % len(MARKS)]
