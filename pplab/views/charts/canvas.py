"""What every static chart is drawn with: a panel, scales with round ticks, marks and words, and the image that carries them."""

from __future__ import annotations

import base64
import math
import textwrap
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

from pplab.views.escape import clip, display_width, escape_text
from pplab.views.theme import INK, PANEL, QUIET_INK, RULE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplab.views.theme import Mark

FONT: Final = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
SIZE: Final = 13
_WIDE: Final = 0.57  # the width of an average character, in ems, in a wide font


@dataclass(frozen=True, slots=True)
class Scale:
    """A map from values in ``[low, high]`` to pixels between ``start`` and ``end``; logarithmic on request.

    Examples
    --------
    >>> Scale(0, 2, 100, 300).at(0.5)
    150.0
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of ``value``; values outside are drawn at the edge."""
        low, high, value = map(self._position, (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def _position(self, value: float) -> float:
        return math.log10(max(value, 1e-12)) if self.logarithmic else value

    def ticks(self, most: int = 6) -> list[float]:
        """Return at most about ``most`` round values (1, 2 or 5 times a power of ten) inside the scale."""
        if self.logarithmic:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1, max(1, math.ceil((last - first + 1) / most)))]
        step = round_step((self.high - self.low) / most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(index * step, 12) for index in range(first, last + 1)]


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not less than ``least``.

    Examples
    --------
    >>> round_step(0.034), round_step(7)
    (0.05, 10.0)
    """
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least * (1 - 1e-9)), 10 * power)


def span(values: Iterable[float | None], *, floor: float | None = None, ceiling: float | None = None) -> tuple[float, float]:
    """Return round limits around the known values, a little wider than they are, within ``floor`` and ``ceiling``.

    Examples
    --------
    >>> span([0.31, 0.58, None], floor=0, ceiling=1)
    (0.3, 0.6)
    """
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if high - low < 1e-9 * max(1.0, abs(high)):
        margin = abs(high) / 10 or 0.5
        low, high = low - margin, high + margin
    step = round_step((high - low) / 6)
    low = round(math.floor(low / step + 1e-9) * step, 12)
    high = round(math.ceil(high / step - 1e-9) * step, 12)
    return (low if floor is None else max(low, floor)), (high if ceiling is None else min(high, ceiling))


def tick_words(value: float) -> str:
    """Return a tick's value in few characters.

    Examples
    --------
    >>> tick_words(0.30000000000000004), tick_words(12000), tick_words(1e6)
    ('0.3', '12k', '1M')
    """
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit * (10 if letter == "k" else 1) or (letter == "k" and abs(value) >= unit and value % unit == 0):
            return f"{value / unit:g}{letter}"
    return f"{value:.10g}" if abs(value) >= 1e-6 or value == 0 else f"{value:.2g}"


@dataclass(slots=True)
class Canvas:
    """A drawing of fixed size that collects SVG elements in the order of drawing."""

    width: int
    height: int
    parts: list[str] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = RULE, width: float = 1) -> None:
        """Draw a straight line."""
        self.parts.append(
            f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width:g}" fill="none"/>'
        )

    def path(self, points: Sequence[tuple[float, float]], colour: str, *, width: float = 2, dash: str = "") -> None:
        """Draw a line through points."""
        if len(points) < 2:
            return
        steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="M{steps}" stroke="{colour}" stroke-width="{width:g}"{dashes} fill="none" stroke-linejoin="round"/>'
        )

    def curve(self, x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
        """Draw a left-to-right curve that ends in an arrow head."""
        middle = (x1 + x2) / 2
        self.parts.append(
            f'<path d="M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2 - 5:.1f} {y2:.1f}" '
            f'stroke="{colour}" stroke-width="1.4" fill="none"/>'
            f'<path d="M{x2 - 7:.1f} {y2 - 4:.1f}L{x2:.1f} {y2:.1f}L{x2 - 7:.1f} {y2 + 4:.1f}Z" fill="{colour}"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, fill: str, *, radius: float = 3, stroke: str = "none") -> None:
        """Draw a rectangle with round corners."""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" rx="{radius:g}" '
            f'fill="{fill}" stroke="{stroke}"/>'
        )

    def mark(self, shape: Mark, x: float, y: float, colour: str, size: float = 4.5) -> None:
        """Draw a data point; its thin outline separates it from what lies under it."""
        s = size
        element = {
            "circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{s:g}"',
            "square": f'<rect x="{x - s * 0.9:.1f}" y="{y - s * 0.9:.1f}" width="{s * 1.8:g}" height="{s * 1.8:g}"',
            "triangle": f'<path d="M{x:.1f} {y - s * 1.15:.1f}L{x + s * 1.1:.1f} {y + s * 0.85:.1f}H{x - s * 1.1:.1f}Z"',
            "diamond": f'<path d="M{x:.1f} {y - s * 1.25:.1f}L{x + s * 1.25:.1f} {y:.1f}L{x:.1f} {y + s * 1.25:.1f}'
            f'L{x - s * 1.25:.1f} {y:.1f}Z"',
        }[shape]
        self.parts.append(f'{element} fill="{colour}" stroke="{PANEL}" stroke-width="1"/>')

    def words(
        self, x: float, y: float, text: str, *, anchor: str = "start", quiet: bool = False, bold: bool = False, room: float = 0
    ) -> None:
        """Write clean words with their baseline at ``y``; ``room`` (pixels) clips them."""
        words = clip(escape_text(text), int(room / (SIZE * _WIDE))) if room else escape_text(text)
        size = SIZE - 1 if quiet else SIZE
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{QUIET_INK if quiet else INK}"{weight}>{escape(words)}</text>'
        )

    def label(self, x: float, middle: float, text: str, room: float, *, anchor: str = "start", bold: bool = False) -> None:
        """Write words in one or two lines, centred on the height ``middle``."""
        lines = fold(text, room)
        for index, line in enumerate(lines):
            y = middle + 4.5 + (index - (len(lines) - 1) / 2) * (SIZE + 2)
            self.words(x, y, line, anchor=anchor, bold=bold)

    def numeral(self, x: float, y: float, number: int) -> None:
        """Write a small number in the middle of a mark."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y + 3.5:.1f}" font-size="10" font-weight="700" text-anchor="middle" '
            f'fill="#FFFFFF">{number}</text>'
        )

    def rotated(self, x: float, y: float, text: str) -> None:
        """Write words upwards, as the label of a vertical axis."""
        self.parts.append(
            f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)" font-size="{SIZE - 1}" text-anchor="middle" '
            f'fill="{QUIET_INK}">{escape(escape_text(text))}</text>'
        )

    def image(self, alt: str) -> str:
        """Return the drawing as an ``<img>`` that holds it: inline SVG is removed from untrusted notebooks, images are not."""
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" font-family="{FONT}">'
            f'<rect width="{self.width}" height="{self.height}" rx="8" fill="{PANEL}"/>{"".join(self.parts)}</svg>'
        )
        data = base64.b64encode(svg.encode()).decode()
        return (
            f'<img alt="{escape(escape_text(alt))}" width="{self.width}" style="max-width:100%;height:auto" '
            f'src="data:image/svg+xml;base64,{data}">'
        )


def fold(text: str, room: float) -> list[str]:
    """Return clean words in at most two lines that each fit into ``room`` pixels; what is still too long is cut.

    Examples
    --------
    >>> fold("temperature 0.7, top_p 0.9", 130)
    ['temperature 0.7,', 'top_p 0.9']
    """
    columns = max(int(room / (SIZE * _WIDE)), 4)
    clean = clip(escape_text(text), 4 * columns)
    return textwrap.wrap(clean, columns, max_lines=2, placeholder=" …") or [""]


def text_width(text: str) -> float:
    """Return about how many pixels ``text`` takes."""
    return display_width(text) * SIZE * _WIDE
