"""A page: both forms of a view, HTML and plain text, put together part by part."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any

from pplab.views import html, text
from pplab.views.escape import escape_text
from pplab.views.records import Display

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.views.records import Card


@dataclass(frozen=True, slots=True, repr=False)
class FrameDisplay(Display):
    """A display that also holds the data behind it as ``.df``."""

    df: Any = None


class Page:
    """Collects the two forms of a view side by side."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._html: list[str] = []
        self._text: list[str] = []

    def notice(self, kind: Any, words: str) -> Page:
        """Add a notice of a kind: success, info, warning or error."""
        return self.add(html.notice(kind, words), text.notice(kind, words))

    def pairs(self, pairs: Mapping[str, object]) -> Page:
        """Add names with their values."""
        return self.add(html.key_values(pairs), text.key_values(pairs))

    def table(self, rows: Any, chart: str = "", **options: Any) -> Page:
        """Add a table, with a chart beside it where there is one."""
        markup = html.table(rows, **options)
        return self.add(html.beside(chart, markup) if chart else markup, text.table(rows, **options))

    def cards(self, cards: Sequence[Card]) -> Page:
        """Add cards."""
        return self.add(html.cards(cards), text.cards(cards))

    def words(self, words: str) -> Page:
        """Add words, a paragraph a line."""
        lines = [escape_text(line) for line in words.splitlines()]
        return self.add(
            "".join(f'<p style="margin:6px 0">{escape(line)}</p>' for line in lines), "\n".join(fill(x, 96) for x in lines)
        )

    def folded(self, title: str, words: str) -> Page:
        """Add words that HTML shows when they are opened; plain text leaves them out."""
        return self.details(title, escape(escape_text(words)))

    def details(self, title: str, markup: str) -> Page:
        """Add what HTML shows when it is opened, if there is any; plain text leaves it out."""
        if not markup:
            return self
        return self.add(f"<details><summary>{escape(title)}</summary>{markup}</details>", "")

    def add(self, markup: str, plain: str) -> Page:
        """Add one part in both forms."""
        self._html.append(markup)
        self._text.append(plain)
        return self

    def display(self) -> Display:
        """Return the page."""
        return Display(html=html.page(self._title, *self._html), text=text.page(self._title, *self._text))

    def with_frame(self, frame: Any) -> FrameDisplay:
        """Return the page with the data behind it."""
        return FrameDisplay(html=html.page(self._title, *self._html), text=text.page(self._title, *self._text), df=frame)
