"""The truth: tables, migrations and queries, on SQLite or PostgreSQL."""

from worker.store.engine import Store, open_store

__all__ = ["Store", "open_store"]
