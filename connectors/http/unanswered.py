"""Calls that got no answer: nobody knows whether the service has carried them out.

Most calls are made again, since doing the same twice changes nothing (`watch` notices them). The
service may still carry out the earlier try after it has answered the later one: a gateway gave up
waiting, or a connection broke while the service was at work. Whoever writes needs to know
(`worker.sync.pages.late_writes`); the connectors in between do not.

A call that makes a record is not made again (`not_repeated`): it would make two. Whoever makes it
looks for the record later.
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


_repeats: ContextVar[bool] = ContextVar("repeats", default=True)


@contextmanager
def not_repeated() -> Iterator[None]:
    """Make the calls of this thread once each: `UnansweredError` where one may have been carried
    out. One that surely was not is still tried again."""
    token = _repeats.set(False)
    try:
        yield
    finally:
        _repeats.reset(token)


def may_repeat() -> bool:
    return _repeats.get()


def note() -> None:
    """Note that a request may have reached the service, and that no answer of it came back."""
    if (watched := _watch.get()) is not None:
        watched.seen = True
