"""The data of a card: one response as the front end shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from pplab.analysis import unjudged
from pplab.plan.vocabulary import SCORED
from pplab.views.escape import escape_text
from pplab.views.html import model_html
from pplab.views.records import CARD_CAP, Card, Turns, badges, last_turns, with_given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.plan.plan import Plan, PlannedCall
    from pplab.views.records import Turn

SHOWN = ("prompt_index", "prompt", "setting_index", "replicate", "status", "text", "error", "finish_reason", "fault")
MEASURED = ("input_tokens", "output_tokens", "cost", "latency_ms")
BADGES = {"rejected": "parameter rejected"}


class TurnData(TypedDict):
    """A message before an answer: who sends it, its text, and how many characters were left out of it."""

    role: str
    text: str
    left: int


class CardData(TypedDict):
    """One response. ``html`` is the model's text, sanitised; ``plain`` is the text as it came, for copying.

    ``unjudged`` says in words why it is not right by the checks, if it is not, and which metrics do not judge it and why.

    Of a conversation, ``turns`` are its last messages and ``turns_before`` says how many come before them.

    While it is being written its status is ``writing`` and it has no id; its place (prompt, setting, replicate) never changes.
    """

    id: str
    prompt_index: int
    prompt: str
    turns: tuple[TurnData, ...]
    turns_before: int
    setting_index: int
    setting: str
    replicate: int
    status: str
    failed: bool
    reason: str
    badges: tuple[str, ...]
    html: str
    plain: str
    scores: dict[str, float | None]
    unjudged: str
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    latency_ms: float | None


def card_data(
    row: Mapping[Any, Any],
    setting: str,
    turns: Turns,
    scores: Mapping[str, Any],
    reasons: Mapping[str, str],
    wrong: str = "",
    *,
    embedded: bool,
) -> CardData:
    """Return the card of a response, given as a mapping from column to value."""
    status = str(row["status"])
    text = _words(row["text"]) or ""
    values = with_given({name: _number(value) for name, value in scores.items()}) if status in SCORED else {}
    card = Card(status=status, text=text, error=_words(row["error"]))
    ended = BADGES.get(status, status.replace("_", " ")) if status != "ok" else ""
    return CardData(
        id=str(row["response_id"]),
        prompt_index=int(row["prompt_index"]),
        prompt=str(row["prompt"])[:500],
        turns=tuple(map(_turn_data, turns.shown)),
        turns_before=turns.before,
        setting_index=int(row["setting_index"]),
        setting=setting,
        replicate=int(row["replicate"]),
        status=status,
        failed=card.failed or status == "cancelled",
        reason=card.reason if status != "ok" else "",
        badges=tuple(filter(None, (ended, *badges({**row, **scores}, embedded=embedded)))),
        html=model_html(text),
        plain=text,
        scores=values,
        unjudged=escape_text(unjudged.of_response(reasons, wrong)) if values else "",
        finish_reason=_words(row["finish_reason"]),
        input_tokens=_whole(row["input_tokens"]),
        output_tokens=_whole(row["output_tokens"]),
        cost=_number(row["cost"]),
        latency_ms=_number(row["latency_ms"]),
    )


def unfinished(plan: Plan, call: PlannedCall, text: str, *, embedded: bool) -> CardData:
    """Return the card of an answer that is being written."""
    label = plan.settings[call.setting_index].label()
    values = {"status": "writing", "text": text, "prompt": plan.prompt(call), "response_id": ""}
    place = {"prompt_index": call.prompt_index, "setting_index": call.setting_index, "replicate": call.replicate}
    turns = last_turns(plan.turns(call))
    return card_data(dict.fromkeys((*SHOWN, *MEASURED)) | values | place, label, turns, {}, {}, embedded=embedded)


def _turn_data(turn: Turn) -> TurnData:
    text = escape_text(turn.text)
    return TurnData(role=turn.role, text=text[:CARD_CAP], left=max(0, len(text) - CARD_CAP))


def _number(value: Any) -> float | None:
    if value is None or value != value or str(value) == "<NA>":  # noqa: PLR0124 - NaN is not equal to itself
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
