"""Specification of `worker.sync.stream`: what a person changes in Salesforce is read at once.

Read in this order:

    test_plan.py         what events mean, and any order of events, cuts, kills and losses
    test_state.py        where streams stand, in either database
    test_subscriber.py   a real subscriber at the stand-in's gRPC server
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streams import STREAMING

from sandbox.run import Sandbox
from sandbox.salesforce.pubsub.server import PubSubService
from worker.context import Context
from worker.sync.stream import subscriber


@pytest.fixture
def pubsub(sandbox: Sandbox) -> PubSubService:
    service = sandbox.stream()
    service.keepalive = 0.2
    return service


@pytest.fixture
def stream_ctx(
    pubsub: PubSubService,  # noqa: ARG001 - before the settings
    make_context: Callable[..., Context],
    monkeypatch: pytest.MonkeyPatch,
) -> Context:
    monkeypatch.setattr(subscriber, "TEND_EVERY", 0.1)
    monkeypatch.setattr(subscriber, "STANDBY_EVERY", 0.1)
    monkeypatch.setattr(subscriber, "BEGIN_EVERY", 0.1)
    monkeypatch.setattr(subscriber, "BACKOFF_FIRST", 0.05)
    return make_context(STREAMING)
