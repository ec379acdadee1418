"""Errors of the database."""

from __future__ import annotations


class StoreError(Exception):
    """The database cannot be used; the text says what to do."""
