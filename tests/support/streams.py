"""A subscriber of change events in a thread, and what it told the workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from worker.context import Context
from worker.sync.stream import subscriber
from worker.sync.stream.state import followed

STREAMING = "[connectors.salesforce.streaming]\nenabled = true\n"
CONTACTS = "/data/ContactChangeEvent"


@dataclass
class RecordedWorkers:
    """What the workers were told."""

    records: list[str] = field(default_factory=list)
    pulls: list[str] = field(default_factory=list)

    def changed(self, connector: str) -> None:
        self.records.append(connector)

    def pull(self, connector: str) -> None:
        self.pulls.append(connector)


@contextmanager
def following(ctx: Context, workers: Any = None) -> Iterator[RecordedWorkers]:
    """A subscriber in a thread of this process, as `hygiene stream` has one."""
    told = workers or RecordedWorkers()
    stop = threading.Event()
    ((name, section),) = followed(ctx.settings)
    follower = subscriber.Follower(ctx.borrow(), name, section, told, stop)
    thread = threading.Thread(target=follower.run, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
