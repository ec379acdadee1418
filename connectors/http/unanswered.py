"""Notice calls that were tried again because nothing came back from an earlier try.

What such a try asked for may still be carried out, after the later try was answered: a gateway gave
up waiting, or a connection broke while the service was at work. Whoever writes wants to know
(`worker.sync.pages.late_writes`); the connectors between the two need not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Watch:
    """`seen`: whether a call within `watch` got no answer from one of its tries."""

    seen: bool = False


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watch() -> Iterator[Watch]:
    """Watch the calls that this thread makes within this."""
    watched = Watch()
    token = _watch.set(watched)
    try:
        yield watched
    finally:
        _watch.reset(token)


def note() -> None:
    """Note that a request may have reached the service, and that no answer of it came back."""
    if (watched := _watch.get()) is not None:
        watched.seen = True
