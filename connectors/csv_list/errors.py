"""What is wrong with a list on disk."""

from __future__ import annotations

from config.errors import HygieneError


class ListError(HygieneError):
    """The file cannot be used as a list; the text says why, for an operator."""

    exit_code = 2
