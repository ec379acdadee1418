"""What a run is to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

_LIMITED = "#"  # behind the id of the run, where an undo is limited to some records

ScopeKind = Literal["changed", "everything", "ids", "numbers", "older_than", "segment", "due"]


@dataclass(frozen=True, slots=True)
class Scope:
    """changed: since the watermark. everything: a full pass. ids, numbers: `values`. older_than:
    last checked before `age_seconds` ago. segment: `key`=`values[0]` (source, campaign,
    list, country).
    due: contacts with a number whose verification no longer counts, at most `limit`.
    """

    kind: ScopeKind
    values: tuple[str, ...] = ()
    key: str = ""
    age_seconds: int = 0
    limit: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scope:
        return cls(**{**data, "values": tuple(data.get("values") or ())})

    @property
    def streams(self) -> bool:
        """Whether the CRM is read through, instead of picking records known by id."""
        return self.kind in ("changed", "everything")

    def __str__(self) -> str:
        if self.kind == "older_than":
            return f"checked over {timedelta(seconds=self.age_seconds).days} days ago"
        if self.kind == "segment":
            return f"{self.key} = {self.values[0]}"
        if self.kind in ("ids", "numbers"):
            return f"{len(self.values)} {'records' if self.kind == 'ids' else 'numbers'}"
        return {
            "changed": "changed since the last run",
            "everything": "everything",
            "due": "due for re-verification",
        }[self.kind]


def undo_scope(run_id: str, only: Sequence[str] = ()) -> Scope:
    """Return the scope of an undo: the run that it undoes, and the ids of the records to which it
    is limited. A release that knows no such limit finds no run of the name with the mark."""
    return Scope("ids", (f"{run_id}{_LIMITED}", *only) if only else (run_id,))


def undo_target(scope: Scope) -> tuple[str, tuple[str, ...]]:
    """Return which run an undo is of, and the records to which it is limited; none: all of it.

    >>> undo_target(undo_scope("20261128-064029-81e5c2", ["0035g0000000001AAA"]))
    ('20261128-064029-81e5c2', ('0035g0000000001AAA',))
    """
    return scope.values[0].removesuffix(_LIMITED), scope.values[1:]
