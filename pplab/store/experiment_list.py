"""Queries of a list of experiments: a page of it, what a search finds, and what a lab spent on a day. One opening a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.store.record_types import time_text
from pplab.store.run_lock import running_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from pplab.store.store import Store

MOST_CHARACTERS = 200
"""How much of a prompt a list shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedExperiment:
    """An experiment as a list shows it.

    Attributes
    ----------
    id, name : str
        Its id, and its name or an empty text.
    created_at : str
        ISO 8601, UTC, without an offset.
    status, reason : str
        One whose process ended without a word is interrupted; of another lab's it is what that lab said. The reason may be empty.
    prompt : str
        The first 200 characters of its first prompt.
    prompts : int
        How many prompts it has.
    models : tuple of str
        The models it asked, as users write them.
    provider : str
        The host of the model's server, or ``embedded``.
    planned, answers : int
        Its replicates, and how many of them have a row.
    cost : float or None
        US dollars; ``None`` where it is not known of any answer.
    state : str
        Differs whenever its answers, scores or ratings do: what was derived from them stands while it is the same.
    """

    id: str
    name: str
    created_at: str
    status: str
    reason: str
    prompt: str
    prompts: int
    models: tuple[str, ...]
    provider: str
    planned: int
    answers: int
    cost: float | None
    state: str


@dataclass(frozen=True, slots=True)
class ExperimentPage:
    """A page of the list, the newest experiment first, and how many there are in all."""

    total: int
    experiments: tuple[ListedExperiment, ...]


_NO_JUDGING = """NOT (contains(plan, '"judging"') AND json_exists(plan, '$.judging'))"""
"""Replies of a judge are no experiments that anybody looks for. The text is looked at first: reading JSON is dear."""
_STATUS = """CASE WHEN status = 'running' AND NOT list_contains($running, experiment_id)
                  AND experiment_id NOT IN (SELECT id FROM pulled_records) THEN 'interrupted' ELSE status END"""
_MODELS = "coalesce(models ->> '$[*]', [model])"
_LABELLED = f"""
SELECT experiment_id, created_at, e.revision, plan, provider, planned, coalesce(reason, '') AS reason, {_STATUS} AS status,
       {_MODELS} AS models, coalesce(name, '') AS name, l.tags
FROM experiments e LEFT JOIN experiment_labels l USING (experiment_id) WHERE {_NO_JUDGING}"""
_TEXT = """lower(concat_ws(chr(10), experiment_id, name, tags, status, array_to_string(models, chr(10)), verdict,
                           array_to_string(plan ->> '$.prompts[*]', chr(10))))"""
_FOUND = """
SELECT count(*), coalesce(list(experiment_id ORDER BY created_at DESC, experiment_id DESC)[$offset + 1 : $offset + $limit], [])
FROM ({chosen})"""
_CHOSEN = "experiment_id IN (SELECT unnest($ids))"
_LISTED = f"""
WITH answered AS (SELECT experiment_id, count(*) AS answers, sum(cost) AS cost, sum(revision)::BIGINT AS revisions
                  FROM responses WHERE {_CHOSEN} GROUP BY experiment_id),
     scored AS (SELECT experiment_id, count(*) AS scores, max(created_at) AS last
                FROM scores WHERE {_CHOSEN} GROUP BY experiment_id),
     rated AS (SELECT experiment_id, count(*) AS ratings, sum(revision)::BIGINT AS changes
               FROM ratings WHERE {_CHOSEN} GROUP BY experiment_id)
SELECT experiment_id AS id, name, created_at, status, reason, coalesce(plan ->> '$.prompts[0]', '')[:{MOST_CHARACTERS}] AS prompt,
       coalesce(json_array_length(plan, '$.prompts'), 0)::INTEGER AS prompts, models, provider, planned,
       coalesce(answers, 0) AS answers, cost,
       concat_ws('/', revision, status, answers, revisions, scores, last, ratings, changes) AS state
FROM ({_LABELLED}) LEFT JOIN answered USING (experiment_id) LEFT JOIN scored USING (experiment_id)
                   LEFT JOIN rated USING (experiment_id)
WHERE {_CHOSEN} ORDER BY created_at DESC, experiment_id DESC"""


def experiment_page(
    store: Store, *, limit: int = 50, offset: int = 0, search: str = "", verdicts: Mapping[str, str] | None = None
) -> ExperimentPage:
    """Return a page of the list of experiments, the newest first, those of judging left out.

    Parameters
    ----------
    store
        Whose tables are asked.
    limit, offset
        How many to return, and how many to leave out before them.
    search
        Words, each of which must stand in an experiment's prompts, models, status, name, tags, id or verdict, in any case.
    verdicts
        What is known of the experiments' verdicts, by id, for the search.

    Examples
    --------
    >>> from pplab.store.store import open_store
    >>> store = open_store(":temp:")
    >>> experiment_page(store).total
    0
    >>> store.close()
    """
    running = list(running_ids(store.folder))
    with store.reading() as cursor:
        total, ids = _found(cursor, search.lower().split(), verdicts or {}, running, {"limit": limit, "offset": offset})
        return ExperimentPage(total, _listed(cursor, ids, running))


def listed_experiments(store: Store, ids: Sequence[str]) -> dict[str, ListedExperiment]:
    """Return some experiments as a list shows them, by id; those that are not there are left out."""
    running = list(running_ids(store.folder))
    with store.reading() as cursor:
        return {one.id: one for one in _listed(cursor, ids, running)}


@dataclass(frozen=True, slots=True)
class LabFigures:
    """What a list of labs says of one: its experiments, those that say they run, and what its user spent since a moment."""

    experiments: int
    running: tuple[str, ...]
    spent: float


def lab_figures(store: Store, user: str, since: datetime) -> LabFigures:
    """Return how many experiments a lab has, which of them are stored as running, and what a user's answers cost since a moment.

    Parameters
    ----------
    store
        Whose tables are asked.
    user
        Whose experiments count for the cost, in US dollars.
    since
        UTC, without an offset, as the tables have it.
    """
    spent = """SELECT coalesce(sum(r.cost), 0) FROM responses r JOIN experiments e USING (experiment_id)
               WHERE r.created_at >= $since AND e.user = $user"""
    with store.reading() as cursor:
        ((count,),) = cursor.execute(f"SELECT count(*) FROM experiments WHERE {_NO_JUDGING}").fetchall()
        running = cursor.execute("SELECT experiment_id FROM experiments WHERE status = 'running'").fetchall()
        ((cost,),) = cursor.execute(spent, {"since": since, "user": user}).fetchall()
    return LabFigures(count, tuple(id_ for (id_,) in running), float(cost))


def _found(
    cursor: DuckDBPyConnection, words: list[str], verdicts: Mapping[str, str], running: list[str], page: dict[str, int]
) -> tuple[int, list[str]]:
    """Return how many experiments have all the words, and the ids of a page of them; the texts are made and read once."""
    if not words:
        found = _FOUND.format(chosen=f"FROM experiments WHERE {_NO_JUDGING}")
        ((total, ids),) = cursor.execute(found, page).fetchall()
        return total, ids
    _register(cursor, verdicts)
    conditions = " AND ".join(f"contains(text, $word_{k})" for k in range(len(words)))
    texts = f"SELECT experiment_id, created_at, {_TEXT} AS text FROM ({_LABELLED}) LEFT JOIN verdicts USING (experiment_id)"
    found = _FOUND.format(chosen=f"FROM ({texts}) WHERE {conditions}")
    values = {f"word_{k}": word for k, word in enumerate(words)}
    ((total, ids),) = cursor.execute(found, {**values, **page, "running": running}).fetchall()
    return total, ids


def _register(cursor: DuckDBPyConnection, verdicts: Mapping[str, str]) -> None:
    import pyarrow as pa

    columns = {"experiment_id": list(verdicts), "verdict": list(verdicts.values())}
    cursor.register("verdicts", pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))


def _listed(cursor: DuckDBPyConnection, ids: Sequence[str], running: list[str]) -> tuple[ListedExperiment, ...]:
    """Return what a list shows of some experiments, the newest first."""
    if not ids:
        return ()
    cursor.execute(_LISTED, {"ids": list(ids), "running": running})
    names = [column[0] for column in cursor.description or ()]
    rows = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
    return tuple(
        ListedExperiment(**{**row, "created_at": time_text(row["created_at"]), "models": tuple(row["models"])}) for row in rows
    )
