"""Tests that need what a machine may lack, and the line at the end that says what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NoReturn

import pytest


def skip_without(what: str, how: str) -> NoReturn:
    """Skip this test, which needs `what`; `how` says how to have it."""
    pytest.skip(f"needs {what}: {how}")


def summary(reasons: Iterable[str]) -> str:
    """One line for all skipped tests: how many need what, and how to have it; "" without any.

    >>> summary(["Skipped: needs Chromium: apt-get install chromium"] * 2)
    'skipped: 2 need Chromium (apt-get install chromium)'
    """
    counts: Counter[str] = Counter()
    hows: dict[str, str] = {}
    for reason in reasons:
        what, _, how = reason.removeprefix("Skipped: ").removeprefix("needs ").partition(": ")
        counts[what] += 1
        hows.setdefault(what, how)
    parts = [
        f"{count} need {what}" + (f" ({hows[what]})" if hows[what] else "")
        for what, count in counts.most_common()
    ]
    return f"skipped: {'; '.join(parts)}" if parts else ""
