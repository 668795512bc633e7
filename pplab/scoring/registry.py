"""All metrics by name: the four of this room, and those a user registers with a decorator."""

from __future__ import annotations

import hashlib
import inspect
import math
import re
import textwrap
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.plan.vocabulary import CORRECT, FAULTS, JUDGES, ORIGINALITY, SCORES, STATUSES, WINS, MetricInfo, judge_of
from pplab.scoring.metric_value import called

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from pplab.scoring.metric_value import UserScore

    Scorer = Callable[..., Any]

MOST_ARGUMENTS = 3
UNREADABLE = "1"
"""The version of a metric whose source cannot be read and that was given none."""

_ONE_LINE = {
    "creativity": "Varied, unusual, wide-ranging wording, as long as it is plausible English and not repeated.",
    "coherence": "Plausible, well-formed sentences that do not go round in circles.",
    "structure": "The form the prompt asks for is met, and the markup is well-formed.",
    "completeness": "What the prompt asks about is covered and the answer is finished.",
}
_RATED = "How people rated it on the scale, on average: 0 is 1, the worst, and 1 is 5, the best."
_users: dict[str, UserMetric] = {}  # the one mutable state of this room: filled by `metric`, per process


@dataclass(frozen=True, slots=True)
class UserMetric:
    """A user's metric: what is known of it, its function, and how many of text, prompt and row the function takes.

    ``is_async``: it is awaited (see `pplab.scoring.awaited`).
    """

    info: MetricInfo
    function: Scorer
    arguments: int
    is_async: bool


def metric(
    name: str,
    *,
    low: float | None = 0,
    high: float | None = 1,
    higher_is_better: bool = True,
    version: str | None = None,
) -> Callable[[Scorer], Scorer]:
    """Register a function of an answer as a metric that appears wherever the four do.

    The function takes ``(text)``, ``(text, prompt)`` or ``(text, prompt, row)`` and returns a number, ``None``, or a
    `MetricValue`, which says why and what it cost; ``row`` maps the columns of the table of prompts to the cells of the prompt's
    row, and is empty where there is no table. It may be ``async``: then it is awaited while further answers arrive.

    Parameters
    ----------
    name
        A lower-case identifier of at most 40 characters that is neither one of the four nor a column of the results
        (``cost``, ``model``). Registering a name again with a
        function of the same qualified name replaces it (a notebook cell run twice); with another function it is refused.
    low, high
        The range of the values, ``None`` where it has no end; a value outside it becomes ``None`` with the reason in
        ``detail``. It is stored with each experiment, as is the direction.
    higher_is_better
        The direction in which verdicts, charts and cards read it.
    version
        Scores of different versions are not compared. Default: derived from the function's source, so that a changed function is
        another version; give one where the function rests on others.

    Raises
    ------
    BadInput
        For a bad or taken name, an empty range, or a function without docstring or that takes other arguments.

    Examples
    --------
    >>> @metric("brevity", low=0, high=1)
    ... def brevity(text, prompt):
    ...     "One over the number of words."
    ...     return 1 / max(1, len(text.split()))
    >>> [m.name for m in registered() if not m.built_in]
    ['brevity']
    >>> unregister("brevity")
    """

    def register(function: Scorer) -> Scorer:
        doc, arguments = _checked(name, low, high, function)
        lowest, highest = (None if end is None else float(end) for end in (low, high))
        info = MetricInfo(name, lowest, highest, bool(higher_is_better), doc, version=_version(version, function))
        earlier = _users.get(name)
        if earlier and _identity(earlier.function) != _identity(function):
            raise BadInput(f"the metric '{name}' is already registered", hint="choose another name, or unregister it")
        _users[name] = UserMetric(info, function, arguments, is_async(function))
        return function

    return register


def unregister(name: str) -> None:
    """Forget a user's metric; the four cannot be removed."""
    if name not in _users:
        raise BadInput(f"no metric of yours is called '{name}'", hint="pplab.metrics.registered() lists all metrics")
    del _users[name]


def registered() -> tuple[MetricInfo, ...]:
    """Return all metrics: the four in their fixed order, then users' by registration.

    Examples
    --------
    >>> [m.name for m in registered()][:4]
    ['creativity', 'coherence', 'structure', 'completeness']
    """
    return tuple(filter(None, map(built_in, SCORES))) + tuple(user.info for user in _users.values())


def built_in(name: str) -> MetricInfo | None:
    """Return one of the four."""
    return MetricInfo(name, 0.0, 1.0, True, _ONE_LINE[name], built_in=True) if name in SCORES else None


def described(names: Iterable[str], stored: Iterable[MetricInfo] = ()) -> tuple[MetricInfo, ...]:
    """Return what is known of some metrics: as it was stored, else as it is registered now, else no more than the name.

    Examples
    --------
    >>> [info.high for info in described(["creativity", "words", "odd"], [MetricInfo("words", 0, 500)])]
    [1.0, 500, None]
    >>> described(["reader_coherence"])[0].doc
    'The reader: plausible, well-formed sentences that do not go round in circles.'
    """
    infos = {info.name: info for info in (*registered(), *stored)}
    return tuple(built_in(name) or _of_judge(name) or infos.get(name) or MetricInfo(name, None, None) for name in names)


def _of_judge(column: str) -> MetricInfo | None:
    """Return what is known of a column of the reader's, a judge's or a person's scores."""
    source = judge_of(column)
    if not source:
        return None
    name = column.removeprefix(f"{source}_")
    if source == "person":
        return MetricInfo(column, 0.0, 1.0, True, _RATED, built_in=True)
    if name not in SCORES:
        rubric = name.removesuffix(WINS)
        doc = f"its grade by the rubric '{rubric}': 0 is 1, the worst, and 1 is 5, the best."
        if rubric != name:
            doc = f"the share of its comparisons that an answer won by the rubric '{rubric}', an equal one being half won."
        return MetricInfo(column, 0.0, 1.0, True, f"The {source}: {doc}", built_in=True)
    return MetricInfo(column, 0.0, 1.0, True, f"The {source}: {_ONE_LINE[name][0].lower()}{_ONE_LINE[name][1:]}", built_in=True)


def user_scores(
    text: str, prompt: str, row: Mapping[str, Any] | None = None, *, leave: Collection[str] = ()
) -> dict[str, UserScore]:
    """Return what each of the user's metrics, but those of ``leave`` and the async ones, says of an answer. Never raises."""
    given = (text, prompt, MappingProxyType(dict(row or {})))
    return {
        user.info.name: called(user.info, user.function, *given[: user.arguments])
        for user in user_metrics()
        if not user.is_async and user.info.name not in leave
    }


def user_metrics() -> tuple[UserMetric, ...]:
    """Return the user's metrics in the order of their registration."""
    return tuple(_users.values())


def adopt_metrics(users: Iterable[UserMetric]) -> None:
    """Register metrics of the user's that were registered in another process, with the version that they had there."""
    _users.update({user.info.name: user for user in users})


def async_metrics() -> tuple[UserMetric, ...]:
    """Return those of the user's metrics that are awaited."""
    return tuple(user for user in _users.values() if user.is_async)


def user_metric(name: str) -> Scorer | None:
    """Return the function registered under ``name``, if any."""
    return _users[name].function if name in _users else None


def is_async(function: Scorer) -> bool:
    """Return whether a function, or an object that is called like one, is to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _checked(name: str, low: float | None, high: float | None, function: Scorer) -> tuple[str, int]:
    """Return the first line of a metric's docstring and how many arguments it is given, or refuse it."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise BadInput(f"{name!r} is no name for a metric", hint="use a lower-case identifier of at most 40 characters")
    if name in (*SCORES, CORRECT, "diversity"):
        raise BadInput(f"'{name}' is one of pplab's own metrics", hint="choose another name")
    if name.partition("_")[0] in JUDGES and "_" in name:
        raise BadInput(f"'{name}' begins like a score of the {name.partition('_')[0]}", hint="choose another name for the metric")
    if name in _columns():
        raise BadInput(f"'{name}' is already a column of the results", hint="choose another name for the metric")
    ends = [end for end in (low, high) if end is not None]
    if not all(map(math.isfinite, ends)) or (len(ends) == 2 and not ends[0] < ends[1]):
        raise BadInput(f"the range of '{name}' is empty: [{low}, {high}]", hint="give low < high, or None for no limit")
    if not callable(function):
        raise BadInput(f"the metric '{name}' is not a function", hint="decorate a function (text, prompt) -> float")
    arguments = count_arguments(function)
    if not 1 <= arguments <= MOST_ARGUMENTS:
        raise BadInput(
            f"the metric '{name}' must take (text), (text, prompt) or (text, prompt, row)", hint="give it no other parameters"
        )
    doc = inspect.getdoc(function)
    if not doc:
        raise BadInput(f"the metric '{name}' has no docstring", hint="say in one line what it measures")
    return doc.split("\n", 1)[0], arguments


def count_arguments(function: Scorer) -> int:
    """Return how many of text, prompt and row a function is given; 0 when it can be called with none of these alone.

    A third parameter with a default is the user's own, unless it is called ``row``.
    """
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        return 0
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return max(2, required)
    takes_row = len(positional) >= MOST_ARGUMENTS and positional[2].name == "row"
    return max(required, MOST_ARGUMENTS if takes_row else min(2, len(positional)))


def _version(given: str | None, function: Scorer) -> str:
    """Return the version of a metric: as given, else from its source."""
    if given is not None:
        if not isinstance(given, str) or not re.fullmatch(r"\S{1,40}", given):
            raise BadInput(f"version={given!r} is no version", hint="give a text without spaces, such as '2'")
        return given
    return source_version(function)


def source_version(function: Scorer) -> str:
    """Return the version of a function as derived from its source."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):  # typed at a prompt, or not written in Python
        return UNREADABLE
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def _identity(function: Scorer) -> tuple[str, str]:
    return getattr(function, "__module__", ""), getattr(function, "__qualname__", repr(function))


def _columns() -> set[str]:
    """Return the columns of the tables of responses and of their summary: a metric of the same name would hide one."""
    from dataclasses import fields

    from pplab.store.rows import ResponseRow

    summary = ["setting", "setting_label", "cluster", "unjudged", "responses", "prompts", "scope", "not_judged", "latency_ms_p95"]
    bounds = [f"{score}_{end}" for score in (*SCORES, ORIGINALITY) for end in ("low", "high")]
    return {*(field.name for field in fields(ResponseRow)), *summary, ORIGINALITY, *STATUSES, *FAULTS, *bounds}
