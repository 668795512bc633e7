"""The distinct settings of all experiments of a store, numbered: what was asked of which model, however experiments name it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pplab.plan.parameters import as_text, in_order
from pplab.plan.settings import FACTOR_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIRST_PARAMETERS = ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty")
"""All that rows without ``parameters`` could ask for."""
_BEGINNING = 40  # characters of a text that stands in for its name


@dataclass(frozen=True, slots=True)
class NamedText:
    """A system message or a wording: two experiments may give one name to different texts, or give a text no name."""

    name: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class PlanTexts:
    """What an experiment's plan says of its settings beyond the columns of its responses.

    ``systems`` is a JSON object of the texts by name; ``wordings`` maps the name of each wording to its template.
    """

    model: str
    provider: str
    system: str | None = None
    systems: str | None = None
    wordings: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[object, ...]:
        """What two experiments share when the same columns of responses mean the same setting."""
        return self.model, self.provider, self.system, self.systems, *self.wordings.items()

    def system_message(self, name: str | None) -> NamedText | None:
        """Return the system message with a name, or the only one that the plan has."""
        text = json.loads(self.systems or "{}").get(name, self.system) if name else self.system
        return NamedText(name, text) if name or text else None

    def wording(self, name: str | None) -> NamedText | None:
        """Return the wording with a name."""
        return NamedText(name, self.wordings.get(name)) if name else None


class DistinctSettings:
    """Numbers each distinct setting from 0, in the order in which they come.

    Examples
    --------
    >>> plan = PlanTexts(model="m", provider="p")
    >>> distinct = DistinctSettings()
    >>> distinct.number(plan, {"parameters": '{"temperature":0.7}'}), distinct.number(plan, {"temperature": 0.7})
    (0, 0)
    >>> distinct.values(0)
    {'model_asked': 'm', 'endpoint': 'p', 'system': None, 'wording': None, 'temperature': 0.7}
    """

    def __init__(self) -> None:
        self._values: list[dict[str, Any]] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def number(self, plan: PlanTexts, row: Mapping[str, Any]) -> int:
        """Return the number of the setting of a response's ``row`` (of those columns that say what was asked)."""
        stored = row.get("parameters")
        asked = json.loads(stored) if stored else {n: row[n] for n in FIRST_PARAMETERS if row.get(n) is not None}
        values = {
            "model_asked": row.get("model_asked") or plan.model,
            "endpoint": row.get("endpoint") or plan.provider,
            "system": plan.system_message(row.get("system")),
            "wording": plan.wording(row.get("wording")),
            **{name: asked[name] for name in in_order(asked)},
        }
        key = tuple((name, _key(value)) for name, value in values.items())
        if key not in self._numbers:
            self._numbers[key] = len(self._values)
            self._values.append(values)
        return self._numbers[key]

    def values(self, number: int) -> dict[str, Any]:
        """Return what a setting asks: model, endpoint, system message, wording and parameters."""
        return self._values[number]

    def varying(self, numbers: Sequence[int]) -> list[str]:
        """Return the columns of what differs between some settings, in the order in which they are shown."""
        seen: dict[str, set[Any]] = {}
        count: dict[str, int] = {}
        for number in numbers:
            for name, value in self._values[number].items():
                seen.setdefault(name, set()).add(_key(value))
                count[name] = count.get(name, 0) + 1
        differing = {name for name, values in seen.items() if len(values) > 1 or count[name] < len(numbers)}
        named = [name for name in FACTOR_COLUMNS if name in differing]
        return [*named, *in_order(differing - set(FACTOR_COLUMNS))]

    def column(self, name: str, numbers: Iterable[int]) -> list[Any]:
        """Return the values of a factor under some settings; personas and wordings by words that tell them apart."""
        values = [self._values[number].get(name) for number in numbers]
        if not any(isinstance(value, NamedText) for value in values):
            return values
        words = _words([value for value in dict.fromkeys(values) if value is not None])
        return [None if value is None else words[value] for value in values]


def _key(value: Any) -> Any:
    return value if isinstance(value, NamedText) else (type(value) is str, as_text(value))


def _words(texts: Sequence[NamedText]) -> dict[NamedText, str]:
    """Return the name of each text; where two share one, or there is none, its beginning, and where that is shared, a number."""
    named = [text.name for text in texts]
    words: dict[NamedText, str] = {}
    for text in texts:
        line = " ".join((text.text or "").split())
        beginning = f"“{line[:_BEGINNING]}{'…' if len(line) > _BEGINNING else ''}”"
        word = text.name if text.name and named.count(text.name) == 1 else " ".join(filter(None, (text.name, beginning)))
        same = sum(other == word or other.startswith(f"{word} (") for other in words.values())
        words[text] = f"{word} ({same + 1})" if same else word
    return words
