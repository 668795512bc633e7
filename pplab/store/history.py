"""Earlier calls: what an experiment already has, and the statistics of a model's latest answers; no texts are read."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pplab.plan.vocabulary import CORRECT, SCORED, SCORES
from pplab.store.queries import in_list
from pplab.store.scores import ALL_SCORES, GivenScore, LatestScores

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pplab.store.queries import Queries
    from pplab.store.rows import ExperimentRow

RECENT = 2_000
"""How many of a model's latest answers its statistics are taken from."""
PERSONA = "'/systems/' || replace(replace(r.system, '~', '~0'), '/', '~1')"
"""The JSON pointer to the text of an answer's persona in its plan (RFC 6901)."""


@dataclass(frozen=True, slots=True)
class ModelStats:
    """Latency, length and rate limits of a model's latest answers.

    Attributes
    ----------
    answers : int
        How many there are to go by, at most `RECENT`; 0 leaves the rest ``None``.
    latency_ms, output_tokens : tuple of float, or None
        10%, 50% and 90% quantiles of one attempt's time and of an answer's length.
    tokens_per_char : float or None
        Input tokens for each character sent.
    headers : dict
        The rate limits that the server last stated (``x-ratelimit-limit-*``).
    """

    answers: int = 0
    latency_ms: tuple[float, float, float] | None = None
    output_tokens: tuple[float, float, float] | None = None
    tokens_per_char: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def outcomes(tables: Queries, experiment_id: str) -> pd.DataFrame:
    """Return ``response_id``, ``status`` and ``revision`` of each stored response of an experiment."""
    with tables.reading() as cursor:
        query = "SELECT response_id, status, revision FROM responses WHERE experiment_id = ?"
        frame: pd.DataFrame = cursor.execute(query, [experiment_id]).df()
    return frame


def unjudged(tables: Queries, experiment_id: str) -> dict[str, dict[str, str]]:
    """Return, by response id, what has no value for an answer, each with the reason that was stored: of the four, and checks."""
    unchecked = f"json_extract_string(detail, '$.{CORRECT}.reason') IS NOT NULL"
    missing = " OR ".join([*(f"{name} IS NULL" for name in SCORES), unchecked])
    query = f"""
        SELECT response_id, detail FROM responses WHERE experiment_id = ? AND status IN {in_list(SCORED)} AND ({missing})"""
    with tables.reading() as cursor:
        rows = cursor.execute(query, [experiment_id]).fetchall()
    return {rid: reasons for rid, detail in rows if (reasons := _reasons(json.loads(detail)))}


def _reasons(detail: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: detail[name]["reason"] for name in (CORRECT, *SCORES) if "reason" in detail.get(name, {})}


def latest_scores(tables: Queries, experiment_id: str) -> LatestScores:
    """Return the scores of a stored experiment that count."""
    query = f"""SELECT response_id, metric, source, version, coalesce(rater, ''), value, explanation, created_at
                FROM ({ALL_SCORES}) WHERE experiment_id = ? ORDER BY created_at, response_id, metric"""
    with tables.reading() as cursor:
        return LatestScores.of(map(GivenScore._make, cursor.execute(query, [experiment_id]).fetchall()))


def judgings(tables: Queries, experiment_id: str) -> list[ExperimentRow]:
    """Return the experiments whose calls ask a judge about the answers of this one, oldest first."""
    query = """SELECT experiment_id FROM experiments WHERE json_extract_string(plan, '$.judging.experiment') = ?
               ORDER BY created_at, experiment_id"""
    with tables.reading() as cursor:
        ids = [str(id_) for (id_,) in cursor.execute(query, [experiment_id]).fetchall()]
        return [tables.experiment(id_) for id_ in ids]


def model_stats(tables: Queries, provider: str, model: str) -> ModelStats:
    """Return the statistics of the latest good answers of ``model`` at ``provider``, also those given beside other models."""
    asked = """
        WITH listed AS (
            SELECT experiment_id, plan, unnest(from_json(plan->'$.models',
                '[{"name": "VARCHAR", "endpoint": "VARCHAR", "provider": "VARCHAR"}]')) AS m
            FROM experiments WHERE json_array_length(plan, '$.models') > 1
        ), asked AS (
            SELECT experiment_id, plan, false AS several, NULL AS endpoint
            FROM experiments WHERE provider = $provider AND model = $model
            UNION ALL
            SELECT experiment_id, plan, true, m.endpoint FROM listed WHERE m.provider = $provider AND m.name = $model
        )"""
    of_model = "NOT several OR (r.model_asked = $model AND r.endpoint IS NOT DISTINCT FROM asked.endpoint)"
    recent = f"""
        SELECT r.latency_ms, r.output_tokens, r.input_tokens,
               length(r.prompt) + coalesce(length(CASE WHEN r.system IS NULL THEN json_extract_string(asked.plan, '$.system')
                   ELSE json_extract_string(asked.plan, {PERSONA}) END), 0) AS chars
        FROM responses r JOIN asked USING (experiment_id)
        WHERE r.status IN {in_list(SCORED)} AND ({of_model})
        ORDER BY r.created_at DESC LIMIT {RECENT}"""
    figures = f"""{asked}
        SELECT count(*), quantile_cont(latency_ms, [0.1, 0.5, 0.9]), quantile_cont(output_tokens, [0.1, 0.5, 0.9]),
               sum(input_tokens) FILTER (input_tokens IS NOT NULL) / nullif(sum(chars) FILTER (input_tokens IS NOT NULL), 0)
        FROM ({recent})"""
    limits_query = f"""{asked}
        SELECT a.headers FROM call_attempts a JOIN asked USING (experiment_id) JOIN responses r USING (response_id)
        WHERE a.headers LIKE '%x-ratelimit-limit-%' AND ({of_model}) ORDER BY a.started_at DESC LIMIT 1"""
    values = {"provider": provider, "model": model}
    with tables.reading() as cursor:
        answers, latency, tokens, ratio = cursor.execute(figures, values).fetchall()[0]
        headers = cursor.execute(limits_query, values).fetchall()
    limits = {k: v for k, v in json.loads(headers[0][0]).items() if k.startswith("x-ratelimit-limit-")} if headers else {}
    return ModelStats(answers, latency and tuple(latency), tokens and tuple(tokens), ratio, limits)


@dataclass(frozen=True, slots=True)
class ServerBehaviour:
    """Parameters that the server rejected or applied at one setting of an experiment, from its stored responses.

    ``rejected`` and ``applied`` hold each parameter's refusal in words, or the value the server says it used, with the number of
    responses; ``fingerprints`` are the server's versions in the order in which they first answered; ``endings`` are the reasons
    that it gave for the end of usable answers (``finish_reason``), with their number.
    """

    setting_index: int
    rejected: Mapping[tuple[str, str], int]
    applied: Mapping[tuple[str, str], int]
    fingerprints: tuple[str, ...]
    endings: Mapping[str, int] = field(default_factory=dict)


def server_behaviour(tables: Queries, experiment_id: str) -> tuple[ServerBehaviour, ...]:
    """Return, by setting, what the server rejected, what it says it applied, and the versions that answered."""
    query = """
        SELECT setting_index, rejected, applied, requested, system_fingerprint, CASE WHEN status = 'ok' THEN finish_reason END,
               count(*), min(created_at) AS first
        FROM responses WHERE experiment_id = ? AND status <> 'cancelled' GROUP BY ALL ORDER BY setting_index, first"""
    with tables.reading() as cursor:
        groups = cursor.execute(query, [experiment_id]).fetchall()
    by_setting: dict[int, tuple[Counter[tuple[str, str]], Counter[tuple[str, str]], dict[str, None], Counter[str]]] = {}
    for setting, rejected, applied, requested, fingerprint, ending, count, _ in groups:
        refusals, others, versions, endings = by_setting.setdefault(setting, (Counter(), Counter(), {}, Counter()))
        for name, reason in json.loads(rejected).items():
            refusals[name, str(reason)] += count
        wanted = json.loads(requested)
        for name, value in (json.loads(applied) if applied else {}).items():
            if name in wanted and value != wanted[name]:
                others[name, str(value)] += count
        if fingerprint:
            versions[fingerprint] = None
        if ending:
            endings[ending] += count
    return tuple(ServerBehaviour(setting, r, a, tuple(v), e) for setting, (r, a, v, e) in sorted(by_setting.items()))
