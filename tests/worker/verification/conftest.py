"""The lookup services alone: CRMs without contacts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.run import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=0)
    yield started
    started.stop()
