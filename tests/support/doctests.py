"""Which files are searched for doctests."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

Collected = list[pytest.Collector]


class OnlyWithExamples:
    """A plugin: of a file without ">>>", which are nine in ten, pytest need not look through each
    function for a doctest."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path: Path) -> Generator[None, Collected, Collected]:
        collected = yield
        if any(isinstance(part, DoctestModule) for part in collected) and not _has_one(file_path):
            return [part for part in collected if not isinstance(part, DoctestModule)]
        return collected


def _has_one(path: Path) -> bool:
    return b">>> " in path.read_bytes()
