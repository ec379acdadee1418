"""Specification of `worker.events`: what happened to numbers, and who is told of it.

Read in this order:

    test_feed.py        each change of a suppression, in order, without a gap
    test_delivery.py    events reach endpoints, signed, in order for a number, at least once
    test_order.py       the same under any sequence of what can happen (state machine)
    test_endpoints.py   endpoints: added, rotated, paused, removed, given by the settings
    test_egress.py      no way into inside networks
    test_hostile_peers.py  answers without end, nonsense, errors in a good status
    test_backfill.py    a system that is added later is given what stands already
    test_systems.py     every system keeps its vendor's list as it must (conformance suite)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from event_receivers import Receiver, receiving

from worker.context import Context
from worker.events import endpoints as directory

LOOPBACK = '[events]\nallow_addresses = ["127.0.0.0/8"]\n'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as received:
        yield received


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    """On both databases, with endpoints on this machine allowed."""
    return make_context(LOOPBACK, DATABASE_URL=either_database_url)


def subscribe(ctx: Context, receiver: Receiver, *types: str, name: str = "dialer") -> None:
    _endpoint, shown = directory.add(ctx, name, receiver.url, types, False, "test")
    receiver.secrets.append(shown.secret)
    receiver.follow(ctx)
