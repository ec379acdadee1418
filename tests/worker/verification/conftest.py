"""Specification of `worker.verification`: from a number to an answer that was paid once.

Read in this order:

    test_pure.py             when a step is asked, how long an answer counts
    test_ledger.py           never paid twice, never over a cap
    test_rate_limit.py       shared rate limits
    test_circuit_breaker.py  providers that fail
    providers/               each provider
    test_probe.py            facts that only real accounts can settle
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.run import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=0)
    yield started
    started.stop()
