"""The records of an undo: its result, and what it carries from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from connectors.protocol import Connector
from connectors.records import Value
from worker.context import Context
from worker.sync.runs.model import Run


@dataclass(frozen=True, slots=True)
class SkippedField:
    """A field that was left alone.

    `why`: it no longer holds what the run had written, or a report in force demands what it holds
    (promise 3).
    """

    object: str
    record_id: str
    field: str
    wrote: Value
    holds: Value
    why: Literal["changed", "report"] = "changed"


@dataclass
class UndoResult:
    """What an undo did. Its fields are the keys of the command's JSON."""

    run: str
    of: str
    records: int = 0
    restored: int = 0  # fields
    kept: list[SkippedField] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    not_visible: list[str] = field(default_factory=list)  # nothing could be put back there
    tasks_deleted: int = 0  # of owners
    tasks_kept: int = 0  # since somebody has changed or closed them

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class UndoWork:
    """An undo under way. `undoing`: its run; `run`: the one that it undoes."""

    ctx: Context
    undoing: Run
    run: Run
    connector: Connector
    result: UndoResult


@dataclass(frozen=True, slots=True)
class RecordWrites:
    """What the run wrote to a record: the values before its first write, and what it wrote last.
    `last_id`: of its rows in `writes`. `late`: what writes before the last one were to write that
    got no answer: the CRM may have carried them out after it."""

    object: str
    record_id: str
    before: Mapping[str, Value]
    after: Mapping[str, Value]
    last_id: int = 0
    late: Mapping[str, Sequence[Value]] = field(default_factory=dict)
