"""Notice calls that were retried because an earlier try got no answer.

The service may still carry out that earlier try after it has answered the later one: a gateway gave
up waiting, or a connection broke while the service was at work. Whoever writes needs to know
(`worker.sync.pages.late_writes`); the connectors in between do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Watch:
    """`seen`: whether a call within `watch` got no answer to one of its tries."""

    seen: bool = False


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watch() -> Iterator[Watch]:
    """Watch the calls that this thread makes within the context."""
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
