"""The states of runs, pages and writes, as their tables hold them: in at most ten characters, or
PostgreSQL refuses them."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """How far a run has come. Paused, failed and stopped ones can be resumed."""

    RUNNING = "running"
    PAUSED = "paused"  # by a person; it keeps its connector
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # its process was stopped by a person
    CANCELLED = "cancelled"


class PageState(StrEnum):
    """How far a page of a run has come."""

    STORED = "stored"  # nobody has done it yet
    DONE = "done"
    PARKED = "parked"  # it failed again and again, and is left to a person


class WriteState(StrEnum):
    """How far a write of one record has come."""

    PENDING = "pending"  # kept before it is sent
    DONE = "done"
    FAILED = "failed"
    FORECAST = "forecast"  # of a dry run: it was not sent
    NOT_APPLIED = "unapplied"  # the record did not hold it when it was read again
