"""What a worker's child process does when it is told to stop in the middle of a task.

A stop of the whole group (by a service manager or a terminal) reaches each child too. It makes the
child's task give its work back before the parent ends it; a second signal ends the child at once.
"""

from __future__ import annotations

import os
import signal
from functools import cache

from config import stopping

_parents: list[int] = []  # the worker's own process, in it and in those that it forks
_running: set[str] = set()  # ids of the tasks that this process works on


def remember_parent() -> None:
    """Call this in a worker's own process, before it forks."""
    _parents.append(os.getpid())
    stopping.share_with_children()


def begin(task_id: str) -> None:
    """Call this before a task. A child that was told to stop while it was idle ends here: its
    parent knows nothing of it and starts another one."""
    if _parents and os.getpid() not in _parents:
        _handle_sigterm()
    if stopping.requested_here_alone():
        os.kill(os.getpid(), signal.SIGTERM)
    _running.add(task_id)


def end(task_id: str) -> None:
    """Call this after a task."""
    _running.discard(task_id)


@cache
def _handle_sigterm() -> None:
    """Set the handler, at the child's first task: billiard sets handlers of its own when it
    forks."""

    def handle(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        if _running:
            stopping.request()
        elif not stopping.requested():
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handle)
