"""The store: journal first, then DuckDB. The only room that knows SQL; `pplab.store.store.open_store` opens it."""
