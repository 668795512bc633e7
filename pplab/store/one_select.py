"""One SELECT of a user over the tables: checked, bound and run read-only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.store.connect import Connection, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd


def check_text(query: object) -> None:
    """Raise `BadInput` when a query is not text that a database can be given."""
    if not isinstance(query, str) or any("\ud800" <= c <= "\udfff" for c in query):
        raise BadInput("the query is not text", hint="write one SELECT")


def one_select(path: Path, query: str, params: Sequence[Any] | Mapping[str, Any] | None) -> pd.DataFrame:
    """Return the rows of a query; `BadInput` where it is another statement, several, or one that DuckDB refuses.

    The caller holds the lease, and has no connection open.
    """
    import duckdb

    connection = Connection(path, read_only=True)
    try:
        cursor = connection.cursor()
        statements = cursor.extract_statements(query)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise BadInput("only one SELECT can be run", hint="the tables are read-only here; see SHOW TABLES")
        parameters = dict(params) if isinstance(params, Mapping) else list(params or ())
        frame: pd.DataFrame = cursor.sql(query, params=parameters).df()
    except duckdb.Error as error:
        raise BadInput(one_line(error), hint="SHOW TABLES and DESCRIBE <table> list what there is") from None
    finally:
        connection.close()
    return frame
