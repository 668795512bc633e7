"""Request parameters: what each means, which values are legal, and how a value is read from text."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pplab.errors import BadInput, did_you_mean
from pplab.plan.servers import names_by_server

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["number", "whole", "ordered", "choice", "texts", "flag", "json"]

FREE = "x."
"""What the name of a free parameter begins with: the rest is the field of the request, sent as it is."""
RESERVED = ("model", "messages", "stream", "stream_options", "n")
"""Fields of a request that the lab sets itself."""
LARGEST_JSON = 100_000  # characters of one value
LONGEST_IN_LABEL = 40  # characters of a value
_FIELD = re.compile(r"[^\s=,.@\"'{}\[\]]{1,64}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A request parameter: its kind, meaning and legal values.

    Attributes
    ----------
    name : str
        As users write it.
    kind : {"number", "whole", "ordered", "choice", "texts", "flag", "json"}
        A number in a range, a whole number, one of ``choices`` that have an order, one of ``choices`` that have none, a list of
        texts, true or false, or any JSON value.
    meaning : str
        What it does to an answer.
    low, high : float
        The range of a number, both ends included, except that ``low`` is excluded when ``low_open`` is true.
    choices : tuple of str
        The values of an ordered or unordered choice, ordered ones from least to most.
    """

    name: str
    kind: Kind
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    choices: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in ("number", "whole")

    @property
    def integer(self) -> bool:
        """Whether its values are whole numbers."""
        return self.kind == "whole"

    @property
    def free(self) -> bool:
        """Whether it is sent as it is, without the lab knowing what it means."""
        return self.name.startswith(FREE)

    @property
    def servers(self) -> dict[str, str]:
        """The kinds of servers that take it, each with the field of the request it stands in; see `pplab.plan.servers`.

        Examples
        --------
        >>> PARAMETERS["repetition_penalty"].servers["llama.cpp"]
        'repeat_penalty'
        """
        return names_by_server(self.name)

    @property
    def interval(self) -> str:
        """The legal numbers in mathematical notation, such as ``(0, 1]``."""
        return f"{'(' if self.low_open else '['}{self.low:g}, {self.high:g}]"

    def check(self, value: object) -> Any:
        """Return ``value`` in its plain JSON form, or raise `BadInput` naming the legal values."""
        if self.numeric:
            return self._number(value)
        if self.kind in ("ordered", "choice"):
            if value not in self.choices:
                raise BadInput(f"{self.name}={value!r} is not allowed", hint=f"use one of {', '.join(self.choices)}")
            return value
        if self.kind == "flag":
            if not isinstance(value, bool):
                raise BadInput(f"{self.name}={value!r} is neither true nor false", hint="give one of them")
            return value
        if self.kind == "texts":
            texts = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else None
            if not texts or not all(isinstance(text, str) and text for text in texts):
                raise BadInput(f"{self.name}={value!r} is not a list of texts", hint=f'give some, like {self.name}=["END"]')
            return self._json(texts)
        return self._json(value)

    def parse(self, text: str) -> Any:
        """Return the value that a user wrote, or raise `BadInput`.

        Examples
        --------
        >>> PARAMETERS["stop"].parse("END"), parameter("x.mirostat").parse("2"), PARAMETERS["logprobs"].parse("true")
        (['END'], 2, True)
        """
        if self.numeric or self.kind in ("ordered", "choice"):
            return self.check(text)
        if self.kind == "texts" and not text.startswith("["):
            return self.check(text)
        try:
            value = json.loads(text)
        except ValueError:
            if self.free and not text.startswith(("{", "[", '"')):
                return self.check(text)
            hint = "write true or false" if self.kind == "flag" else "write it as JSON, or as @FILE"
            raise BadInput(f"{self.name}={text} cannot be read", hint=hint) from None
        return self.check(value)

    def _number(self, value: object) -> float | int:
        try:
            if isinstance(value, bool):
                raise TypeError  # noqa: TRY301 - True is an int in Python, never a temperature
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            raise BadInput(f"{self.name}={value!r} is not a number", hint=f"give a value in {self.interval}") from None
        below = number <= self.low if self.low_open else number < self.low
        if math.isnan(number) or below or number > self.high:
            raise BadInput(f"{self.name}={value} is out of range", hint=f"give a value in {self.interval}")
        if self.integer:
            if number != int(number):
                raise BadInput(f"{self.name}={value} is not a whole number", hint=f"give a value in {self.interval}")
            return int(number)
        return number

    def _json(self, value: object) -> Any:
        """Return a copy of a JSON value that nobody else holds."""
        try:
            text = json.dumps(value, allow_nan=False, ensure_ascii=False)
            text.encode()
        except (TypeError, ValueError, RecursionError):
            raise BadInput(
                f"{self.name} cannot be written as JSON", hint="use text, finite numbers, true, false, lists and objects"
            ) from None
        if len(text) > LARGEST_JSON:
            raise BadInput(f"{self.name} has {len(text):,} characters, more than {LARGEST_JSON:,}", hint="shorten it")
        if value is None:
            raise BadInput(f"{self.name} has no value", hint="leave it out to send nothing")
        return json.loads(text)


PARAMETERS: dict[str, Parameter] = {
    p.name: p
    for p in (
        Parameter("temperature", "number", "divides the logits before sampling: 0 is greedy, higher is more varied", 0, 2),
        Parameter("top_p", "number", "samples only from the smallest set of tokens with this total probability", 0, 1, True),
        Parameter("max_tokens", "whole", "the longest answer, in tokens", 1, 1_000_000),
        Parameter("frequency_penalty", "number", "lowers a token's logit by this much for each time it was used", -2, 2),
        Parameter("presence_penalty", "number", "lowers a token's logit by this much once it was used at all", -2, 2),
        Parameter("top_k", "whole", "samples only from this many of the most probable tokens; 0 or -1: from all", -1, 1_000_000),
        Parameter("min_p", "number", "samples only from tokens at least this probable relative to the most probable one", 0, 1),
        Parameter("typical_p", "number", "samples only from the tokens about as surprising as expected", 0, 1, True),
        Parameter("repetition_penalty", "number", "divides the logits of tokens that were used: 1 is none", 0, 10, True),
        Parameter("seed", "whole", "makes sampling repeatable where the server honours it", -(2**53), 2**53),
        Parameter("stop", "texts", "ends the answer before any of these texts"),
        Parameter(
            "reasoning_effort",
            "ordered",
            "how much a reasoning model thinks before it answers",
            choices=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        ),
        Parameter("verbosity", "ordered", "how long the answer should be", choices=("low", "medium", "high")),
        Parameter("thinking_budget", "whole", "the most tokens of thinking; 0: none, -1: as the model likes", -1, 1_000_000),
        Parameter("response_format", "json", "the form of the answer, such as a JSON schema"),
        Parameter("logit_bias", "json", "adds to the logits of some tokens, {token id: bias}"),
        Parameter("logprobs", "flag", "returns the log probability of each token"),
        Parameter("top_logprobs", "whole", "returns so many alternatives of each token, with their log probabilities", 0, 20),
    )
}  # fmt: skip
"""The parameters that the lab knows, in the order in which they are shown."""

UNLIMITED = {"top_k": (0, -1), "thinking_budget": (-1,)}
"""Numbers of a parameter that mean no limit, and so have no place on its scale."""

CALIBRATED = ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty")
"""The parameters that a calibration gives a range."""


OTHER_NAMES = {
    "max_completion_tokens": "max_tokens",
    **{path: name for name in PARAMETERS for path in names_by_server(name).values() if path != name and "." not in path},
}
"""What servers call parameters that have another name here."""


def parameter(name: str) -> Parameter:
    """Return the parameter called ``name``, or raise `BadInput` with the nearest name.

    ``x.NAME`` is the field ``NAME`` of the request, with any JSON value.

    Examples
    --------
    >>> parameter("min_p").interval, parameter("x.mirostat").kind
    ('[0, 1]', 'json')
    """
    if name in PARAMETERS:
        return PARAMETERS[name]
    field = name.removeprefix(FREE)
    if field in RESERVED:
        what = {"model": "models=", "messages": "the prompt", "n": "n="}.get(field, "stream=")
        raise BadInput(f"{name} is set by the lab itself", hint=f"use {what} instead")
    if not name.startswith(FREE):
        near = f"use {OTHER_NAMES[name]}" if name in OTHER_NAMES else did_you_mean(name, PARAMETERS)
        as_it_is = f"to send it as it is, write {FREE}{name}" if _FIELD.fullmatch(name) else ""
        raise BadInput(f"unknown parameter '{name}'", hint="; ".join(filter(None, (near, as_it_is))) or _known())
    if not _FIELD.fullmatch(field):
        raise BadInput(f"'{field}' cannot be the name of a request's field", hint=f"write it like {FREE}cache_prompt")
    return Parameter(name, "json", f"the request's field {field}, sent as it is")


def _known() -> str:
    return f"known parameters: {', '.join(PARAMETERS)}"


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of parameters in the order of the table, free ones last, by name."""
    given = set(names)
    return [*(name for name in PARAMETERS if name in given), *sorted(given - set(PARAMETERS))]


def as_text(value: Any) -> str:
    """Return a parameter's value as users write it; equal values have one text.

    Examples
    --------
    >>> as_text(0.7), as_text("low"), as_text(["END"]), as_text(True)
    ('0.7', 'low', '["END"]', 'true')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def shortened(text: str) -> str:
    """Return a value's text on one line, as far as a label has room; what is cut has a mark, by which it differs from others."""
    text = " ".join(text.split())
    if len(text) <= LONGEST_IN_LABEL:
        return text
    return f"{text[: LONGEST_IN_LABEL - 9]}... #{hashlib.sha256(text.encode()).hexdigest()[:4]}"
