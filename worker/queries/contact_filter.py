"""Which contacts of our index to list: the filter behind a figure, an address and an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from config.segments import SEGMENTS
from worker.decisions.diff import FLAGS
from worker.segments.counters import REPORTS
from worker.store.states import WriteState

BAD = "bad"  # a status that stands for each of BAD_STATUSES
# The worst first; a contact's own is the worst of its phone fields.
STATUSES = ("do_not_contact", "wrong_number", "invalid", "unreachable", "unverified", "valid")

RUN_PARTS: Mapping[str, tuple[WriteState, ...]] = {
    "changed": (WriteState.DONE, WriteState.FAILED, WriteState.FORECAST),
    "written": (WriteState.DONE,),
    "failed": (WriteState.FAILED,),
}


class FilterError(ValueError):
    """A filter names something that does not exist."""


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts to list; what is empty is not asked.

    status: of any phone field, or `BAD`. by, value: a segment (value "": contacts without one).
    failure: the kind of a failure that stands, or "any"; with `run`, of that run's failures.
    run, part: contacts that a run changed, has written, or failed to write. flag: one that is set,
    as we last saw or wrote it. number: in E.164. report: a kind of report about a number that the
    contact holds, or about the contact itself. waiting: a number of it has no answer yet.
    """

    connector: str = ""
    object: str = ""
    status: str = ""
    by: str = ""
    value: str = ""
    failure: str = ""
    run: str = ""
    part: str = ""
    flag: str = ""
    number: str = ""
    report: str = ""
    waiting: bool = False

    def __post_init__(self) -> None:
        for name, known in (
            ("status", (BAD, *STATUSES)), ("by", SEGMENTS), ("part", RUN_PARTS), ("flag", FLAGS),
            ("report", REPORTS),
        ):  # fmt: skip
            if (chosen := getattr(self, name)) and chosen not in known:
                raise FilterError(f"{name}: choose one of {', '.join(known)}")

    def active(self) -> tuple[str, ...]:
        """Return the names of the conditions that are set. A segment is one (`by`), and a run with
        its part (`run`)."""
        names = (field.name for field in fields(self) if field.name not in ("value", "part"))
        return tuple(name for name in names if getattr(self, name))

    def without(self, name: str) -> ContactFilter:
        """Return the filter without one of its active conditions."""
        off: dict[str, Any] = {name: False if name == "waiting" else ""}
        off.update({"value": ""} if name == "by" else {"part": ""} if name == "run" else {})
        return replace(self, **off)

    def only(self, name: str) -> ContactFilter:
        """Return the filter with one of its active conditions alone."""
        alone = self
        for other in self.active():
            alone = alone if other == name else alone.without(other)
        return alone
