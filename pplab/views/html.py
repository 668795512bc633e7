"""Static HTML: the one renderer of model text, and the parts that a page of results is made of. Pure: values in, markup out.

Every function returns a complete fragment that needs no kernel, script, style sheet or network, and that is the same for the same
values. Names in ``data-pplab`` are relied on by tests and scripts; see the package's guide to outputs.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pplab.errors import BadInput
from pplab.log import log_error
from pplab.views.escape import clip, escape_markdown, escape_text, name_hidden, strip_terminal_codes
from pplab.views.records import CARD_CAP, TURN_CAP
from pplab.views.table_cells import grid, number, score_words
from pplab.views.theme import LINE, SURFACE, TONES, Tone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore

    from pplab.views.records import Card, Turn, Turns
    from pplab.views.table_cells import Rows

__all__ = [
    "beside",
    "cards",
    "conversation",
    "error",
    "escape_markdown",
    "escape_text",
    "file_link",
    "key_values",
    "model_html",
    "notice",
    "page",
    "response_card",
    "table",
]

# --- model text -------------------------------------------------------------------------------------------------------

_TAGS: Final = {
    *("p", "br", "hr", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
    *("a", "em", "strong", "s", "code", "pre", "kbd"),
}
_LINK: Final = re.compile(r"(?:https?://|mailto:[\w.%+-]+@)[a-z0-9._-]+(?::\d{1,5})?(?:[/?#][!-~]*)?", re.ASCII | re.IGNORECASE)
"""An absolute address with a plain host: no user name before it, which serves to look like another host."""
_GROWTH: Final = 16
"""Markup longer than this many times its source is an attack (such as a table of missing cells) and is shown as plain text."""
_REST: Final = 4
"""How much of a long text stands behind "show more", in caps."""


def model_html(text: str, *, cap: int = 4000) -> str:
    """Render what a model wrote, which is hostile input, as a ``data-pplab="text"`` element.

    CommonMark with tables and strikethrough is parsed with HTML and images off; then nh3 keeps an allow-list of elements, of
    links only ``http``, ``https`` and ``mailto`` (with ``rel="noopener noreferrer"``), and no id, name, style, class, data or
    form. Terminal codes are removed; hidden and bidirectional characters become ``<kbd class="pplab-badge">U+202E</kbd>``, which
    model text cannot write itself. Headings start at level four, below those of the page.

    A longer text is cut near ``cap`` characters, before it is parsed; "show more" stands outside the element and holds the next
    four caps as plain text. Any string is rendered, in time linear in its length.

    Examples
    --------
    >>> model_html("**hi** <script>")
    '<div data-pplab="text" class="pplab-text" dir="auto"><p><strong>hi</strong> &lt;script&gt;</p></div>'
    """
    text = strip_terminal_codes(text).strip("\n")
    end = _cut(text, cap)
    element = f'<div data-pplab="text" class="pplab-text" dir="auto">{_render(text[:end])}</div>'
    rest = text[end:]
    if not rest.strip():
        return element
    hidden = rest[: _REST * cap]
    beyond = len(rest) - len(hidden)
    note = f"<p><em>{beyond:,} more characters are in the data frame.</em></p>" if beyond else ""
    more = f"<summary>show more ({len(rest):,} characters)</summary>{_plain(hidden.strip())}{note}"
    return f'{element}<details class="pplab-more">{more}</details>'


def _cut(text: str, cap: int) -> int:
    """Return where to cut: after a paragraph, a line or a word if one ends in the last fifth before ``cap``."""
    if len(text) <= cap:
        return len(text)
    for boundary in ("\n\n", "\n", " "):
        end = text.rfind(boundary, cap - cap // 5, cap)
        if end >= 0:
            return end
    return cap


def _render(text: str) -> str:
    import nh3

    try:
        markup = _parser().render(text)
    except Exception as error:  # noqa: BLE001 - a parser's bug on hostile input must not cost the user the other answers
        log_error("an answer is shown as plain text", error)
        return _plain(text)
    if len(markup) > _GROWTH * max(len(text), 256):
        return _plain(text)
    return nh3.clean(
        markup,
        tags=_TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        allowed_classes={"kbd": {"pplab-badge"}},
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    ).strip()


def _plain(text: str) -> str:
    """Return text as one paragraph without Markdown."""
    return f"<p>{_words(text)}</p>"


def _words(text: str) -> str:
    """Escape words for HTML; hidden characters become badges and line ends breaks."""
    return _badges(escape(strip_terminal_codes(text))).replace("\n", "<br>")


def _badges(escaped: str) -> str:
    return name_hidden(escaped, '<kbd class="pplab-badge">{}</kbd>'.format)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML

    class Renderer(RendererHTML):
        """Names hidden characters where text is written out, so that entities are caught and markup cannot be forged."""

        def text(self, tokens: Any, idx: int, options: Any, env: Any) -> str:  # noqa: ARG002 - markdown-it's signature
            return _badges(escape(tokens[idx].content))

        def code_inline(self, tokens: Any, idx: int, options: Any, env: Any) -> str:  # noqa: ARG002 - as above
            return f"<code>{_badges(escape(tokens[idx].content))}</code>"

        def fence(self, tokens: Any, idx: int, options: Any, env: Any) -> str:  # noqa: ARG002 - as above
            return f"<pre><code>{_badges(escape(tokens[idx].content))}</code></pre>\n"

        code_block = fence

    class Parser(MarkdownIt):
        """Lets only absolute web and mail addresses become links, and shows them as they are (not percent-decoded)."""

        def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
            return _LINK.fullmatch(url) is not None

        def normalizeLinkText(self, link: str) -> str:  # noqa: N802 - as above
            return link

    parser = Parser("commonmark", {"html": False}, renderer_cls=Renderer)
    parser.enable(["table", "strikethrough"]).disable("image")
    parser.core.ruler.at("normalize", _keep_source)
    parser.core.ruler.push("pplab_headings", _lower_headings)
    return parser


def _keep_source(state: StateCore) -> None:
    """Replace markdown-it's own normalisation, which hides NUL characters; line ends are already plain."""


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 3, 6)}"


# --- response cards ---------------------------------------------------------------------------------------------------

_CARD: Final = (
    f"border:1px solid {LINE};border-radius:8px;padding:10px 14px;overflow-wrap:break-word;min-width:0;"
    "display:flex;flex-direction:column"
)
_CHIP: Final = f"border:1px solid {LINE};border-radius:9px;padding:0 7px"


def response_card(card: Card) -> str:
    """Return one response: what it is, the text, why it is short of an answer if it is, and its scores.

    Latency, times and ids are not shown: they differ between runs. A text beyond 2,000 characters is behind "show more".
    """
    edge = "" if card.status == "ok" else f";border-left:4px solid {TONES['error' if card.failed else 'warning']}"
    chips = [*([card.status.replace("_", " ")] if card.status != "ok" else []), *card.badges]
    head = "".join(f' <small style="{_CHIP}">{_words(chip)}</small>' for chip in chips)
    return (
        f'<div data-pplab="card" data-status="{escape(card.status)}" class="pplab-card" style="{_CARD}{edge}">'
        f'<div style="margin-bottom:4px"><strong>answer {card.replicate + 1}</strong>{head}</div>'
        f"{model_html(card.text, cap=CARD_CAP)}{_reason(card)}{_metrics(card)}</div>"
    )


def _reason(card: Card) -> str:
    if not card.reason:
        return ""
    role = ' role="alert"' if card.failed else ""
    return f'<div{role} class="pplab-reason" style="margin:6px 0">{_words(card.reason)}</div>'


def _metrics(card: Card) -> str:
    rows = "".join(f"<span>{_words(card.label(name))}</span>{_meter(card, name)}" for name in card.scores)
    unjudged = f'<div style="opacity:.75;font-size:85%">{_words(card.unjudged)}</div>' if card.unjudged and rows else ""
    tokens = f'<div style="opacity:.75;font-size:85%">{card.tokens}</div>' if card.tokens else ""
    if not rows and not tokens:
        return ""
    bars = f'<div style="display:grid;grid-template-columns:auto auto 1fr;gap:0 10px;align-items:center">{rows}</div>'
    return (
        f'<div data-pplab="metrics" class="pplab-metrics" style="margin-top:auto;padding-top:8px">{bars}{unjudged}{tokens}</div>'
    )


def _meter(card: Card, name: str) -> str:
    """Return a score as a meter over its metric's range, where it has one, and as a number."""
    value, scale = card.scores[name], card.scales.get(name)
    if value is None:
        return "<span></span><span>n/a</span>"
    if scale is None:
        words = number(value, 2)
        return f'<meter value="{words}" aria-label="{escape(escape_text(name))}">{words}</meter><span>{words}</span>'
    words = score_words(card, name)
    if scale.share(value) is None:
        return f"<span></span><span>{_words(words)}</span>"
    best = scale.high if scale.higher_is_better else scale.low
    ends = f'min="{scale.low:g}" max="{scale.high:g}" optimum="{best:g}"'
    meter = f'<meter value="{value:.6g}" {ends} aria-label="{escape(escape_text(card.label(name)))}">{words}</meter>'
    return f"{meter}<span>{words}</span>"


def cards(responses: Sequence[Card], *, limit: int = 100) -> str:
    """Return the first ``limit`` responses, neighbours of one prompt and setting under one heading, and say how many remain."""
    groups = groupby(responses[:limit], key=lambda card: (card.prompt, card.setting))
    parts: list[str] = []
    prompt_above = ""
    for (prompt, setting), members in groups:
        alike = list(members)
        if prompt and prompt != prompt_above:
            asked = f'<p style="margin:14px 0 4px">Prompt: <strong>{_words(clip(prompt, 300))}</strong></p>'
            parts.append(conversation(alike[0].turns) if alike[0].turns.shown else asked)
        prompt_above = prompt
        if setting:
            parts.append(f'<p style="margin:10px 0 4px">{_words(setting)}</p>')
        tiles = "".join(map(response_card, alike))
        columns = "repeat(auto-fill,minmax(300px,1fr))"
        parts.append(f'<div style="display:grid;grid-template-columns:{columns};gap:12px">{tiles}</div>')
    remaining = len(responses) - limit
    if remaining > 0:
        parts.append(
            f"<p>{limit:,} of {len(responses):,} responses are shown here, {remaining:,} more are in the data frame.</p>"
        )
    return "".join(parts) or "<p>No responses yet.</p>"


_TURN: Final = f"border-left:2px solid {LINE};padding-left:10px;margin:6px 0;overflow-wrap:break-word"


def conversation(turns: Turns) -> str:
    """Return the messages before an answer, as plain text whoever wrote them; earlier and long ones are folded away."""
    each = list(map(_turn, turns.shown))
    earlier, recent = each[: turns.folded], each[turns.folded :]
    note = f'<p style="margin:2px 0;opacity:.75">{turns.before_words}</p>' if turns.before else ""
    summary = f"<summary>{len(earlier) + turns.before:,} earlier messages</summary>"
    folded = f"<details>{summary}{note}{''.join(earlier)}</details>" if earlier else ""
    return f'<div data-pplab="conversation" class="pplab-conversation" style="margin:14px 0 4px">{folded}{"".join(recent)}</div>'


def _turn(turn: Turn) -> str:
    text = strip_terminal_codes(turn.text).strip("\n")
    end = _cut(text, TURN_CAP)
    rest, hidden = text[end:], text[end:][: _REST * CARD_CAP]
    beyond = f"<p><em>{len(rest) - len(hidden):,} more characters are in the plan.</em></p>" if len(rest) > len(hidden) else ""
    summary = f"<summary>show more ({len(rest):,} characters)</summary>"
    more = f"<details>{summary}{_plain(hidden.strip())}{beyond}</details>" if rest.strip() else ""
    role = f'<small style="opacity:.75">{_words(turn.role)}</small>'
    return f'<div data-pplab="turn" style="{_TURN}">{role}<div dir="auto">{_words(text[:end])}</div>{more}</div>'


# --- parts of a page --------------------------------------------------------------------------------------------------


def page(title: str, *parts: str) -> str:
    """Return finished parts under a heading, as one output.

    The heading is no ``<h3>``: JupyterLab would list it, once for each output, in the notebook's table of contents.
    """
    style = "font-size:125%;font-weight:600;margin:4px 0 8px"
    heading = f'<div role="heading" aria-level="3" style="{style}">{_words(title)}</div>' if title else ""
    return f'<div class="pplab" style="line-height:1.5;max-width:1320px">{heading}{"".join(parts)}</div>'


def beside(*parts: str) -> str:
    """Return finished parts next to each other, such as a chart and its table; they stack where the page is narrow."""
    items = "".join(f'<div style="flex:1 1 auto;min-width:0;max-width:100%">{part}</div>' for part in parts if part)
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start;margin:8px 0">{items}</div>'


def table(rows: Rows, *, caption: str = "", headings: Mapping[str, str] | None = None, limit: int = 50) -> str:
    """Return a frame or a sequence of mappings as a table: numbers to the right, missing values ``n/a``.

    Parameters
    ----------
    rows
        What to show; cells may be `pplab.views.records.Estimate`, numbers, words, lists or ``None``.
    caption
        Says what the table shows.
    headings
        Chooses the columns, their order and their words; without it every column is shown.
    limit
        Rows beyond it are counted, not shown.
    """
    content = grid(rows, headings=headings, limit=limit)
    sides = ["right" if column.numeric else "left" for column in content.columns]
    head = "".join(
        f'<th scope="col" style="text-align:{side}">{_words(column.heading)}</th>'
        for side, column in zip(sides, content.columns, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align:{side}">{_words(column.cells[row])}</td>'
            for side, column in zip(sides, content.columns, strict=True)
        )
        + "</tr>"
        for row in range(content.shown)
    )
    title = f'<caption style="text-align:left">{_words(caption)}</caption>' if caption else ""
    after = f'<p style="margin:2px 0;opacity:.75">{content.remainder}</p>' if content.remainder else ""
    empty = "" if content.shown else '<p style="margin:2px 0;opacity:.75">nothing here yet</p>'
    return (
        f'<div tabindex="0" style="overflow-x:auto;margin:8px 0"><table cellpadding="5" style="{_TABLE}">{title}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{after}{empty}</div>"
    )


_TABLE: Final = "border-collapse:collapse;margin:0;table-layout:auto"


def key_values(pairs: Mapping[str, object], *, caption: str = "") -> str:
    """Return names and their values, one a line."""
    values = [grid([{"value": value}]).columns[0].cells[0] for value in pairs.values()]
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;white-space:nowrap">{_words(name)}</th>'
        f'<td style="text-align:left;white-space:normal">{_words(value)}</td></tr>'
        for name, value in zip(pairs, values, strict=True)
    )
    title = f'<caption style="text-align:left">{_words(caption)}</caption>' if caption else ""
    return f'<table cellpadding="5" style="{_TABLE}">{title}<tbody>{rows}</tbody></table>'


def notice(kind: Tone, words: str) -> str:
    """Return a sentence that stands out: ``info``, ``success``, ``warning`` or ``error``."""
    role = "alert" if kind == "error" else "status"
    return f'<div role="{role}" class="pplab-notice" style="{_notice_style(kind)}">{_words(words)}</div>'


def _notice_style(kind: Tone) -> str:
    return f"border-left:4px solid {TONES[kind]};background:{SURFACE};padding:8px 12px;margin:8px 0;overflow-wrap:break-word"


def folded(title: str, lines: Sequence[str]) -> str:
    """Return a list of lines that is shown when it is opened."""
    items = "".join(f"<li>{_words(line)}</li>" for line in lines)
    return f"<details><summary>{_words(title)}</summary><ul>{items}</ul></details>"


def error(details: Mapping[str, Any]) -> str:
    """Return the ``error`` part of the one result shape: what happened and what to do next.

    The correlation id is not shown, so that a failing cell gives the same output on every run; the exception holds it.
    """
    hint = f"<div>{_words(str(details['hint']))}</div>" if details.get("hint") else ""
    code = f' <small style="{_CHIP}">{_words(str(details.get("code", "failed")))}</small>'
    return (
        f'<div role="alert" class="pplab-notice" style="{_notice_style("error")}">'
        f"<strong>{_words(str(details['message']))}</strong>{code}{hint}</div>"
    )


def file_link(path: str, words: str = "") -> str:
    """Return a link to a file beside the notebook, such as an export.

    ``path`` is relative with ``/`` between its parts; anything else would name the machine or leave the folder, and is refused.
    """
    if path.startswith("/") or ":" in path or "\\" in path or ".." in path.split("/"):
        raise BadInput("the link must stay beside the notebook", hint="give a relative path without '..'")
    return f'<a href="{escape(quote(path, errors="replace"))}" download>{_words(words or path)}</a>'
