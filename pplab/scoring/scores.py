"""Scores of one response and of many: who calls which metric, and what is said when one cannot judge."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.inputs.visible import visible
from pplab.plan.vocabulary import WORDING_SCORES
from pplab.scoring.awaited import awaited_scores
from pplab.scoring.faults import fault
from pplab.scoring.registry import user_metrics, user_scores
from pplab.scoring.surface import explain
from pplab.scoring.surface.coherence import coherence
from pplab.scoring.surface.completeness import completeness
from pplab.scoring.surface.creativity import creativity
from pplab.scoring.surface.diversity import phrases
from pplab.scoring.surface.languages import is_in
from pplab.scoring.surface.plausibility import plausibility
from pplab.scoring.surface.repetition import repetition
from pplab.scoring.surface.requirement_checks import verify
from pplab.scoring.surface.requirements import requirements
from pplab.scoring.surface.structure import structure
from pplab.scoring.surface.text import read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pplab.scoring.metric_value import UserScore
    from pplab.scoring.surface.diversity import Phrases
    from pplab.scoring.surface.requirement import Verdict

METRICS_VERSION = "3"
"""Stored with every response. It is raised whenever any text could get another score than before: a formula, a weight,
the word table, a requirement newly detected. Scores of different versions are not compared."""

FEWEST_WORDS = 4
"""Below this many words nothing can be said about wording."""

REMEMBERED = 20_000
"""Prompts and sources up to this many characters are read once and remembered, the 256 latest of them."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What the metrics say about one response.

    Attributes
    ----------
    creativity, coherence, structure, completeness : float or None
        In [0, 1], higher is better; ``None`` where the metric cannot judge (the reason is in ``detail``).
    detail : dict
        Metric name -> its sub-scores, under ``"raw"`` the measures behind them, under ``"reason"`` why it is ``None``; of the
        user's own metrics ``"explanation"`` and ``"cost"`` (US dollars), where they give them.
    metrics : dict
        Values of the metrics registered with `pplab.metrics.metric`, by name.
    versions : dict
        The version of each of these metrics.
    fault : str or None
        ``loop`` (it ends in the same words over and over), ``cut`` (in the middle of a sentence), ``refusal`` (it only declines),
        ``echo`` (it only repeats the prompt), or ``None``.
    """

    creativity: float | None
    coherence: float | None
    structure: float | None
    completeness: float | None
    detail: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    fault: str | None = None

    def explain(self) -> str:
        """Say in plain words what lowered the scores, most important first; one paragraph.

        Examples
        --------
        >>> from pplab.metrics import score
        >>> scores = score("Tea is nice. Tea is nice. Tea is nice.", "List exactly 5 bullet points about tea.")
        >>> print(scores.explain())  # doctest: +ELLIPSIS
        Asked for exactly 5 bullet points, has 0. Says one sentence 3 times: "tea is nice". ...
        """
        return explain.explain(self.detail)


def score(
    text: str,
    prompt: str = "",
    *,
    source: str | None = None,
    finish_reason: str | None = None,
    peers: Sequence[str] = (),
    row: Mapping[str, Any] | None = None,
) -> Scores:
    """Score one response. Async metrics of the user's are awaited, also in a notebook, each for 120 seconds at most.

    Parameters
    ----------
    text
        The response. Any string is scored: there is no input that raises. Characters that nobody sees (zero-width marks,
        soft hyphens, another kind of space or line end) change no score; metrics of the user's own get the text as it is.
    prompt
        What was asked. Without it completeness and structure judge only what the text itself shows.
    source
        A text the response is to convey (an article to summarise), where there is one.
    finish_reason
        As the model's API gave it; ``"length"`` caps completeness, and the answer is at least ``cut``.
    peers
        The other replicates of the same prompt and setting; with them creativity includes originality.
    row
        The prompt's row of its table, for metrics of the user's own that take it.

    Examples
    --------
    >>> scores = score("The lamp room smelled of oil and salt. Nobody had climbed up for years.", "Describe a lighthouse.")
    >>> 0 < scores.creativity < 1, scores.coherence > 0.8
    (True, True)
    >>> score("从前有一座山", "").detail["coherence"]["reason"]
    'in Chinese, and only English is judged'
    """
    found = _score(text, prompt, source, finish_reason, tuple(peers), phrases, row)
    return _with_users(found, *awaited_scores([(text, prompt, row)]))


def score_at_once(
    text: str, prompt: str, *, finish_reason: str | None, row: Mapping[str, Any] | None, leave: Collection[str]
) -> Scores:
    """Return the scores of one response, as `score` does, but for the metrics that ``leave`` names or that would be awaited."""
    return _score(text, prompt, None, finish_reason, (), phrases, row, leave)


def score_many(
    texts: Sequence[str],
    prompts: str | Sequence[str] = "",
    *,
    sources: Sequence[str | None] | None = None,
    finish_reasons: Sequence[str | None] | None = None,
    peers: Sequence[Sequence[str]] | None = None,
    rows: Sequence[Mapping[str, Any]] | None = None,
) -> list[Scores]:
    """Score many responses: the same results as `score` one by one, with equal responses and peers worked out once.

    Parameters
    ----------
    texts
        The responses.
    prompts
        One prompt for all, or one each.
    sources, finish_reasons, peers, rows
        One each, or ``None`` for none.

    Raises
    ------
    BadInput
        When the lists differ in length.

    Examples
    --------
    >>> [s.structure is None for s in score_many(["A short answer to it.", ""], "Why?")]
    [False, True]
    """
    count = len(texts)
    columns: dict[str, list[Any]] = {
        "prompts": [prompts] * count if isinstance(prompts, str) else list(prompts),
        "sources": list(sources) if sources is not None else [None] * count,
        "finish_reasons": list(finish_reasons) if finish_reasons is not None else [None] * count,
        "peers": [tuple(p) for p in peers] if peers is not None else [()] * count,
        "rows": list(rows) if rows is not None else [{}] * count,
    }
    for name, column in columns.items():
        if len(column) != count:
            raise BadInput(f"{len(column)} {name} for {count} texts", hint="give one for each text")
    once = functools.cache(phrases)

    scored: dict[tuple[Any, ...], Scores] = {}
    asked: dict[tuple[Any, ...], tuple[str, str, Mapping[str, Any] | None]] = {}
    keys = []
    for text, (prompt, source, finish_reason, others, row) in zip(texts, zip(*columns.values(), strict=True), strict=True):
        keys.append(key := (text, prompt, source, finish_reason, others, repr(row)))
        if key not in scored:
            scored[key] = _score(text, prompt, source, finish_reason, others, once, row)
            asked[key] = text, prompt, row
    awaited = dict(zip(asked, awaited_scores(list(asked.values())), strict=True))
    return [_with_users(scored[key], awaited[key]) for key in keys]


def _score(
    text: str,
    prompt: str,
    source: str | None,
    finish_reason: str | None,
    peers: tuple[str, ...],
    phrases_of: Callable[[str], Phrases],
    row: Mapping[str, Any] | None,
    leave: Collection[str] = (),
) -> Scores:
    users = user_scores(text, prompt, row, leave=leave)  # theirs to decide what counts: they get what was written
    found = surface_scores(text, prompt, source=source, finish_reason=finish_reason, peers=peers, phrases_of=phrases_of)
    return _with_users(found, users)


def _with_users(scores: Scores, users: Mapping[str, UserScore]) -> Scores:
    """Return scores with further ones by metrics of the user's, all of them in the order of their registration."""
    if not users:
        return scores
    values = scores.metrics | {name: user.value for name, user in users.items()}
    versions = scores.versions | {name: user.version for name, user in users.items()}
    names = [user.info.name for user in user_metrics() if user.info.name in values]
    return replace(
        scores,
        detail=scores.detail | {name: part for name, user in users.items() if (part := user.detail)},
        metrics={name: values[name] for name in names},
        versions={name: versions[name] for name in names},
    )


def surface_scores(
    text: str,
    prompt: str = "",
    *,
    source: str | None = None,
    finish_reason: str | None = None,
    peers: Sequence[str] = (),
    phrases_of: Callable[[str], Phrases] = phrases,
) -> Scores:
    """Return the four scores of one response, as `score` does, and none of the user's own metrics."""
    text, prompt, source = visible(text), visible(prompt), source and visible(source)
    reading = read(text)
    wrong = fault(text, prompt, truncated=finish_reason == "length")
    verdicts = verify(requirements(prompt), text) if prompt else ()
    values: dict[str, float | None] = {}
    detail: dict[str, dict[str, Any]] = {}
    few = f"fewer than {FEWEST_WORDS} words" if len(reading.words) < FEWEST_WORDS else ""
    sound = 1.0
    unread = reading.not_judged or few or _in_another_language(verdicts, text)
    if unread:
        for name in WORDING_SCORES:
            values[name], detail[name] = None, {"reason": unread}
    else:
        plausible = plausibility(reading, _vocabulary(prompt) | _vocabulary(source or ""))
        repeated = repetition(reading)
        own, others = (phrases_of(text), [phrases_of(peer) for peer in peers]) if peers else (frozenset(), [])
        values["creativity"], detail["creativity"] = creativity(reading, plausible, repeated, own, others, _vocabulary(prompt))
        values["coherence"], detail["coherence"] = coherence(reading, plausible, repeated)
        sound = plausible.gate * detail["coherence"]["not_looping"]
    values["structure"], detail["structure"] = structure(reading, verdicts)
    values["completeness"], detail["completeness"] = completeness(
        reading, prompt, source, finish_reason, verdicts, sound=sound, declined=wrong == "refusal"
    )
    return Scores(**values, detail=detail, metrics={}, versions={}, fault=wrong)


def _in_another_language(verdicts: Sequence[Verdict], text: str) -> str:
    """Say so where an answer was asked for in another language than English and is not plainly in English."""
    asked = [v.requirement.wording for v in verdicts if v.requirement.kind == "language:response_language"]
    return f"asked for {asked[0]}, and only English is judged" if asked and not is_in(text, "English") else ""


def _vocabulary(text: str) -> frozenset[str]:
    return _remembered(text) if len(text) <= REMEMBERED else frozenset(read(text).types)


@functools.lru_cache(maxsize=256)
def _remembered(text: str) -> frozenset[str]:
    return frozenset(read(text).types) if text else frozenset()
