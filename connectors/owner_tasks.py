"""Tasks for the owners of records: what a CRM that has such things offers to the worker.

A task says that a number of a record went bad. Nothing else depends on it: what a CRM refuses of it
is told, and costs nobody an opt-out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be made for whoever owns a record. `subject` tells tasks of one reason from others:
    a record has one open task of a subject at most. It holds no number, and neither does `body`."""

    object: str
    record_id: str
    subject: str
    body: str
    due: date


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What became of a task. `open`: the CRM has an open one like it. `no_owner`: nobody who could
    be given a task owns the record. `unknown`: the answer does not tell."""

    state: Literal["created", "open", "no_owner", "refused", "unknown"]
    task_id: str = ""
    message: str = ""


class OwnerTasks(Protocol):
    """`batch_size`: tasks that one call takes. Every method raises `ConnectorError`."""

    batch_size: int

    def create(self, tasks: Sequence[NewTask]) -> list[TaskResult]:
        """Make tasks (of one object, at most `batch_size`); a result for each, in order.

        It looks first for open ones like them, so that what was sent before is not made twice."""

    def delete_untouched(self, tasks: Sequence[tuple[str, NewTask]]) -> set[str]:
        """Delete those of these tasks (id, as it was made) that nobody has changed or closed since;
        return the ids of those that are gone now. At most `batch_size`."""
