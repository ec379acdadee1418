"""Refuse cursors that come again: a CRM that repeats one would be read for ever."""

from __future__ import annotations

from connectors.errors import UnavailableError


class CursorGuard:
    """Refuses a cursor that was seen before, whether it stands still or runs in a circle.

    Brent's method: one cursor is kept, and replaced after 1, 2, 4, ... steps, so that memory stays
    flat however long a read is. A circle is noticed once it has been walked through.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._kept: str | None = None
        self._steps = 0
        self._most = 1

    def check(self, cursor: str) -> str:
        """Return the cursor. Raises `UnavailableError` for one that comes again."""
        if cursor == self._kept:
            raise UnavailableError(
                f"{self._name}: the read is stuck: the same cursor came again; nothing that "
                "was read is lost, and the run goes on from there: hygiene runs resume RUN"
            )
        self._steps += 1
        if self._steps >= self._most:
            self._kept, self._steps, self._most = cursor, 0, self._most * 2
        return cursor
