"""What a person may do about records of the same person: which one to keep, and with what consent.

Pure. Nothing is merged by us: a CRM's own merge is made by a person, who decides. A proposal only
ever adds to what stands against contacting somebody: the merged record gets the strictest consent
of all, whatever any other record says in favour. So no confirmation, opt-in or clean record beside
a STOP makes anybody contactable again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from worker.decisions.model import CALL_AND_TEXT

_NINES: dict[int, int] = str.maketrans("0123456789", "9876543210")


@dataclass(frozen=True, slots=True)
class Consent:
    """What stands against a record. `closed`: channels of any of its numbers, or of the person.
    `wrong`: its numbers that reach somebody else. `wrong_flag`: the CRM says that one does."""

    closed: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    wrong_flag: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Return the flags of the contract that must be set on a record with this consent."""
        flags = [] if not (self.wrong or self.wrong_flag) else ["wrong_number"]
        if self.closed >= CALL_AND_TEXT:
            flags.append("do_not_contact")
        flags += [f"do_not_{channel}" for channel in ("call", "text") if channel in self.closed]
        return tuple(flags)

    def __or__(self, other: Consent) -> Consent:
        return Consent(
            self.closed | other.closed,
            self.wrong | other.wrong,
            self.wrong_flag or other.wrong_flag,
        )


def strictest(consents: Iterable[Consent]) -> Consent:
    """Return what stands against any of them: an opt-out of one is one of all, by channel."""
    total = Consent()
    for consent in consents:
        total |= consent
    return total


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a merge looks at it. `flags`: those of ours that are set in the CRM, as we last
    saw or wrote them. `absorbed`: records that the CRM has merged into it already. `month`: of its
    creation, "" if that is not known. `value`: what the contact is worth."""

    connector: str
    object: str
    id: str
    consent: Consent = Consent()
    flags: frozenset[str] = frozenset()
    has_email: bool = False
    absorbed: int = 0
    value: float = 0.0
    month: str = ""

    @property
    def key(self) -> str:
        return f"{self.connector}/{self.object}/{self.id}"


@dataclass(frozen=True, slots=True)
class KeepRule:
    """`text`: why the record is kept. `rank`: the greatest is kept."""

    name: str
    text: str
    rank: Callable[[Record, Consent], Any]


def _strictness(record: Record, total: Consent) -> int:
    """Return how much of what stands against any record stands against this one already."""
    own = record.consent
    return len(own.closed & total.closed) + len(own.wrong & total.wrong) + own.wrong_flag


KEEP_RULES: tuple[KeepRule, ...] = (
    # First: a merge that keeps this record's fields loosens the least, even if nobody looks.
    KeepRule("strictest", "it has the strictest suppressions already, so a merge lifts none",
             _strictness),
    KeepRule("email", "it has an email", lambda record, _: record.has_email),
    KeepRule("absorbed", "the CRM has merged others into it before",
             lambda record, _: record.absorbed),
    KeepRule("value", "it is worth the most", lambda record, _: record.value),
    # The older month is the greater one: each digit is taken from 9.
    KeepRule("oldest", "it was created first",
             lambda record, _: record.month.translate(_NINES) if record.month else ""),
)  # fmt: skip
BY_ID = "nothing else tells them apart, and its id comes first"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Records of one object of one CRM that may be merged: `keep` and `merge` into it, because of
    `reason`, and the flags that the record must then have. `missing`: those of them that are
    not set on `keep` in the CRM: set them before merging. `wrong`: numbers that stay wrong."""

    keep: Record
    merge: tuple[Record, ...]
    rule: str
    reason: str
    flags: tuple[str, ...]
    missing: tuple[str, ...]
    wrong: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "keep": self.keep.key,
            "merge": [record.key for record in self.merge],
            "rule": self.rule,
            "reason": self.reason,
            "flags": list(self.flags),
            "set_before_merging": list(self.missing),
            "wrong_numbers": list(self.wrong),
        }


def propose(records: Sequence[Record]) -> list[Proposal]:
    """Propose a merge for each object of each CRM that has two or more of a person's records.

    A CRM merges no records of another object or CRM. What stands against those counts all the same:
    the consent is the strictest of all records, wherever they are.
    """
    total = strictest(record.consent for record in records)
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.connector, record.object), []).append(record)
    return [_propose(group, total) for group in groups.values() if len(group) > 1]


def set_elsewhere(
    records: Sequence[Record], proposals: Sequence[Proposal]
) -> dict[str, tuple[str, ...]]:
    """Return what must be set on the person's records that no merge reaches, by their keys: the
    person is the same there."""
    merged = {record.key for one in proposals for record in (one.keep, *one.merge)}
    flags = strictest(record.consent for record in records).flags
    missing = {
        record.key: tuple(flag for flag in flags if flag not in record.flags)
        for record in records
        if record.key not in merged
    }
    return {key: flags for key, flags in missing.items() if flags}


def _propose(group: Sequence[Record], total: Consent) -> Proposal:
    keep, rule, reason = choose(group, total)
    return Proposal(
        keep,
        tuple(record for record in group if record != keep),
        rule,
        reason,
        total.flags,
        tuple(flag for flag in total.flags if flag not in keep.flags),
        tuple(sorted(total.wrong)),
    )


def choose(group: Sequence[Record], total: Consent) -> tuple[Record, str, str]:
    """Return the record to keep, and the name and text of the rule that left it alone."""
    candidates = list(group)
    for rule in KEEP_RULES:
        best = max(rule.rank(record, total) for record in candidates)
        remaining = [record for record in candidates if rule.rank(record, total) == best]
        if len(remaining) == 1:
            return remaining[0], rule.name, rule.text
        candidates = remaining
    return min(candidates, key=lambda record: (len(record.id), record.id)), "id", BY_ID
