"""What a run is, how one is asked for, and why one cannot be opened or resumed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.errors import HygieneError
from connectors.errors import ConnectorError
from connectors.records import OwnWriteFilter
from worker.store.states import RunState
from worker.sync.runs import own_writes, removal_holds
from worker.sync.runs.scope import Scope

# The states of an ended run that can be resumed from where it stopped.
RESUMABLE = (RunState.FAILED, RunState.STOPPED)


class RunActiveError(HygieneError):
    """The connector has a run under way."""

    http_status = 409

    def __init__(self, connector: str, run: Run | None) -> None:
        self.run_id = run.id if run is not None else "?"
        if run is not None and run.state == RunState.PAUSED:
            text = f"run {run.id} is paused; to resume it: hygiene runs resume {run.id}"
        else:
            text = f"run {self.run_id} is under way; to follow it: hygiene runs show {self.run_id}"
        super().__init__(f"{connector}: {text}")


class RunOverError(ConnectorError):
    """The run to be resumed has ended."""

    http_status = 409

    def __init__(self, run: Run) -> None:
        super().__init__(f"run {run.id} is {run.state}: there is nothing to resume")


class NoSuchRunError(HygieneError):
    """No run has this id."""

    exit_code = 2
    http_status = 404

    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is no run {run_id}; list them: hygiene runs list")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is to be carried out, and who asked for it.

    `kind`: "" for a sync or a rescan, by the scope; "reports" for a run that carries reports to a
    CRM. One run of each kind that is given may be under way beside the connector's sync or rescan.
    `opened_by`, `purpose`: who asked for it and why, "" for the schedule. `accept_removals`: carry
    out the removals that a full read finds (`worker.sync.read.removals`).
    """

    dry_run: bool = False
    force: bool = False
    kind: str = ""
    opened_by: str = ""
    purpose: str = ""
    accept_removals: bool = False


@dataclass(frozen=True)
class Run:
    """A row of the runs table."""

    id: str
    connector: str
    kind: str
    scope: Scope
    state: RunState
    dry_run: bool
    force: bool
    opened_at: datetime
    finished_at: datetime | None
    began_at: datetime | None
    last_write_at: datetime | None
    reading: list[dict[str, Any]]
    read_all: bool
    reader_calls: dict[str, int]
    own_writes: OwnWriteFilter
    notes: list[str]
    error: str | None
    opened_by: str
    purpose: str

    @classmethod
    def from_row(cls, row: Any) -> Run:
        """Make a run of a row of the table."""
        return cls(
            row.id,
            row.connector,
            row.kind,
            Scope.from_json(row.scope),
            RunState(row.state),
            row.dry_run,
            row.force,
            row.opened_at,
            row.finished_at,
            row.began_at,
            row.last_write_at,
            row.reading,
            row.read_all,
            row.reader_calls,
            own_writes.from_json(row.own_writes),
            row.notes,
            row.error,
            row.opened_by,
            row.purpose,
        )

    @property
    def remaining(self) -> int:
        """About how many contacts the reader has still to read."""
        return sum(entry.get("left") or 0 for entry in self.reading if not entry["done"])

    @property
    def active(self) -> bool:
        return self.state == RunState.RUNNING

    @property
    def accepts_removals(self) -> bool:
        """Whether an operator has told it to carry out removals, even if they are many."""
        return any(removal_holds.is_accepted(entry) for entry in self.reading)
