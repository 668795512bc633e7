"""The numbered migrations of the tables, as SQL files; each is applied once, in one transaction, by `pplab.store.migrate`."""
