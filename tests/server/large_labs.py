"""Labs with as many experiments as wanted, written straight into the tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb

from pplab.store.store import TABLES, open_store

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = 6


def lab_of(
    folder: Path, count: int, *, created: str = "2026-01-01", user: str = "ada", cost: float = 0.0006, first: int = 0
) -> None:
    """Put so many experiments of six answers, which cost so much together, into a lab, numbered from ``first``."""
    store = open_store(folder)
    store.drain()
    store.close()
    plan = json.dumps({"prompts": ["Write a tagline for notebook NUMBER."], "settings": [{}], "n": ANSWERS})
    text = plan.replace("NUMBER", "' || i || '")
    numbers = f"range({first}, {first + count}) t(i)"
    with duckdb.connect(str(folder / TABLES)) as tables:
        tables.execute(
            f"""INSERT INTO experiments BY NAME SELECT 'experiment-' || i AS experiment_id, 1 AS revision,
                    TIMESTAMP '{created}' + INTERVAL (i) SECOND AS created_at, created_at AS updated_at, '{user}' AS user,
                    'm' || (i % 3) AS model, 'p' AS provider, '{text}' AS plan, {ANSWERS} AS planned, 'completed' AS status,
                    '{{}}' AS software, 'c' AS correlation_id FROM {numbers}"""
        )
        tables.execute(
            f"""INSERT INTO responses BY NAME SELECT 'r' || i || '-' || k AS response_id, 0 AS revision,
                    'experiment-' || i AS experiment_id, TIMESTAMP '{created}' AS created_at, 0 AS prompt_index, 'p' AS prompt,
                    0 AS setting_index, k AS replicate, 'ok' AS status, 'text' AS text, {cost / ANSWERS} AS cost,
                    '{{}}' AS metrics, '{{}}' AS detail, '1' AS metrics_version, '{{}}' AS requested, '{{}}' AS sent,
                    '{{}}' AS rejected, 1 AS attempts, 'k' AS request_key, 'c' AS correlation_id, 's' AS span_id
                FROM {numbers}, range({ANSWERS}) u(k)"""
        )
        tables.execute("CHECKPOINT")
