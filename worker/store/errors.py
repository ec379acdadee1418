"""Errors of the database."""

from __future__ import annotations

from config.errors import HygieneError


class StoreError(HygieneError):
    """The database cannot be used; the text says what to do."""

    exit_code = 2
