"""Find how many records a CRM takes in one call, if its own automation cannot take many.

A trigger or a flow that is written for few records refuses all of a large batch. The batch is
halved until it passes, and the next batches begin with the size that passed. After a long row of
batches that passed, a larger one is tried, more and more rarely.
"""

from __future__ import annotations

import threading

_PATIENCE = 50  # batches that pass before a larger one is tried


class BatchSize:
    """The batch size for one object of one CRM, shared by all threads of a process.

    >>> size = BatchSize(200)
    >>> size.refused(200)
    >>> size.current
    100
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._current = most
        self._passed = 0
        self._patience = _PATIENCE
        self._lock = threading.Lock()

    @property
    def current(self) -> int:
        return self._current

    def refused(self, size: int) -> None:
        """Record that a batch of `size` was too large."""
        with self._lock:
            half = max(1, size // 2)
            if half < self._current:
                self._current = half
                self._passed = 0
                self._patience *= 2

    def passed(self, size: int) -> None:
        """Record that a batch of `size` passed."""
        with self._lock:
            if size < self._current or self._current >= self.most:
                return
            self._passed += 1
            if self._passed >= self._patience:
                self._passed = 0
                self._current = min(self.most, self._current * 2)
