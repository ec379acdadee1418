"""List groups of contacts that share a number: filtered, the largest first, page by page.

What is listed is what the last count stored (`worker.duplicates.grouping`), so a page costs the
same however many contacts there are. The contacts of a group, and what stands against them, are
read from the index as they are now. Names are read from the CRMs, where they are asked for, for the
groups on the page alone (`worker.duplicates.names`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.duplicates import consent, grouping
from worker.duplicates.grouping import Group, Key
from worker.duplicates.merge_proposal import (
    Consent,
    Proposal,
    Record,
    propose,
    set_elsewhere,
    strictest,
)
from worker.duplicates.rules import Kind
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.encryption import decrypt, encrypt
from worker.store.tables import contact_numbers, duplicate_groups, duplicate_places

PAGE = 25  # groups of a page
SHOWN = 10  # contacts of a group that are shown; more are behind a link
_WHOLE = 100  # contacts up to which a group is loaded whole; of a larger one the shown are
_FORMS_AT_ONCE = 5_000  # groups whose numbers are looked at for other forms
EXPORT_LIMIT = 100_000  # groups of an export
EXPORT_RECORDS = 1_000  # contacts of one group in an export
_PURPOSE = "duplicates page"

# What a person may do with a group of each kind. None of it makes anybody contactable again.
ADVICE: Mapping[Kind, str] = {
    Kind.SAME_PERSON: "Merge the records in the CRM by hand, with the flags below set first.",
    Kind.FAMILY: "Keep the records apart. A STOP from the number holds for all of them.",
    Kind.SWITCHBOARD: "Keep the records apart, and add each person's own extension or number. "
    "Suppressions of the number stay.",
    Kind.PLACEHOLDER: "Ask where the number comes from, and ask these people for theirs. Leave "
    "their suppressions in place, even after the number is replaced.",
    Kind.UNCLEAR: "Look at the records in the CRM before you change anything.",
}
_NOT_MERGED = "No CRM has two of these records in one object, so there is nothing to merge."
_CHANGED = "Its contacts have changed since they were counted. Look again after the next count."


class CursorError(ValueError):
    """A page was asked for by a text that is none of ours."""


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A group as it is listed. `total`: contacts that hold the number now; `records`: the first of
    them; `consent`: the strictest of these. `proposals`, and what to set on records that they do
    not reach (`elsewhere`): of the same person's records alone. `stale`: its contacts are others
    than those that were counted, so nothing is proposed."""

    number: str
    kind: Kind
    rule: str
    evidence: tuple[tuple[str, str, str], ...]  # (rule, kind, sentence)
    connectors: tuple[str, ...]
    line: str
    total: int
    people: int
    records: tuple[Record, ...]
    consent: Consent
    proposals: tuple[Proposal, ...]
    elsewhere: Mapping[str, tuple[str, ...]]
    stale: bool
    counted_at: datetime
    compared_at: datetime | None

    @property
    def advice(self) -> str:
        if self.kind != Kind.SAME_PERSON or self.proposals:
            return ADVICE[self.kind]
        return _CHANGED if self.stale else _NOT_MERGED

    @property
    def keys(self) -> list[Key]:
        return [(record.connector, record.object, record.id) for record in self.records]

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "kind": self.kind.value,
            "rule": self.rule,
            "evidence": [
                {"rule": rule, "for": kind, "text": text} for rule, kind, text in self.evidence
            ],
            "advice": self.advice,
            "connectors": list(self.connectors),
            "line_type": self.line,
            "contacts": self.total,
            "people": self.people,
            "records": [record.key for record in self.records],
            "flags": list(self.consent.flags),
            "proposals": [proposal.as_json() for proposal in self.proposals],
            "set_elsewhere": {key: list(flags) for key, flags in self.elsewhere.items()},
            "counted_at": self.counted_at.isoformat(),
            "compared_at": self.compared_at.isoformat() if self.compared_at else None,
        }


@dataclass(frozen=True, slots=True)
class GroupPage:
    """`after`: where the next page begins; None at the end."""

    groups: list[ListedGroup]
    after: str | None


def counts(ctx: Context, connector: str = "") -> dict[Kind, int]:
    """Return how many groups of each kind there are, by the last count."""
    p = duplicate_places.c
    query = sa.select(p.kind, sa.func.count()).where(p.connector == connector).group_by(p.kind)
    with ctx.store.read() as connection:
        found = {row[0]: int(row[1]) for row in connection.execute(query)}
    return {kind: found.get(kind.value, 0) for kind in Kind}


def counted_at(ctx: Context) -> datetime | None:
    """Return when a group was counted last; None where there is none."""
    with ctx.store.read() as connection:
        newest: datetime | None = connection.scalar(
            sa.select(sa.func.max(duplicate_groups.c.counted_at))
        )
    return newest


def list_groups(
    ctx: Context, connector: str = "", kind: Kind | None = None, after: str = "", size: int = PAGE,
    shown: int = SHOWN,
) -> GroupPage:  # fmt: skip
    """Return a page of groups, the largest first. `connector`: groups with a contact of that CRM.

    `after`: of the page before; raises `CursorError` for any other text. `shown`: contacts of a
    group that are loaded. All contacts of the same person are, whatever it says.
    """
    p = duplicate_places.c
    query = sa.select(p.contacts, p.number).where(p.connector == connector)
    if kind is not None:
        query = query.where(p.kind == kind.value)
    if after:
        contacts, number = _decode(ctx, after)
        query = query.where(sa.tuple_(p.contacts, p.number) < sa.tuple_(contacts, number))
    query = query.order_by(p.contacts.desc(), p.number.desc()).limit(size + 1)
    with ctx.store.read() as connection:
        places = connection.execute(query).all()
        numbers = [row.number for row in places[:size]]
    last = _encode(ctx, places[size - 1]) if len(places) > size else None
    return GroupPage(find_groups(ctx, numbers, shown), last)


def contacts_by_object(
    ctx: Context, connector: str = "", kind: Kind | None = None
) -> dict[tuple[str, str], int]:
    """Count the contacts of these groups by connector and object: what reading names takes."""
    p, n = duplicate_places.c, contact_numbers.c
    query = (
        sa.select(n.connector, n.object, sa.func.count())
        .select_from(duplicate_places.join(contact_numbers, n.number == p.number))
        .where(p.connector == connector)
        .group_by(n.connector, n.object)
    )
    if kind is not None:
        query = query.where(p.kind == kind.value)
    with ctx.store.snapshot() as connection:
        number = Counter({(row[0], row[1]): int(row[2]) for row in connection.execute(query)})
        for forms in _other_forms(connection, connector, kind):
            of_forms = sa.select(n.connector, n.object, sa.func.count())
            of_forms = of_forms.where(any_of(n.number, forms)).group_by(n.connector, n.object)
            number.update({(row[0], row[1]): int(row[2]) for row in connection.execute(of_forms)})
    return dict(number)


def _other_forms(connection: Connection, connector: str, kind: Kind | None) -> Iterator[list[str]]:
    """Yield the forms of the groups' numbers that are not their names, some at a time."""
    p = duplicate_places.c
    query = sa.select(p.number).where(p.connector == connector)
    if kind is not None:
        query = query.where(p.kind == kind.value)
    streamed = connection.execute(query, execution_options={"yield_per": _FORMS_AT_ONCE})
    for rows in streamed.scalars().partitions():
        forms = [form for number in rows for form in equal_forms(number) if form != number]
        if forms:
            yield forms


def every_group(
    ctx: Context, connector: str = "", kind: Kind | None = None, size: int = 500
) -> Iterator[list[ListedGroup]]:
    """Yield all groups, some at a time, up to `EXPORT_LIMIT`, each with all its contacts."""
    after, number = "", 0
    while number < EXPORT_LIMIT:
        page = list_groups(ctx, connector, kind, after, size, shown=EXPORT_RECORDS)
        yield page.groups
        number += size
        if page.after is None:
            return
        after = page.after


def find_groups(ctx: Context, numbers: Sequence[str], shown: int = SHOWN) -> list[ListedGroup]:
    """Return the groups of these numbers as they are stored now, in the same order."""
    query = sa.select(duplicate_groups).where(any_of(duplicate_groups.c.number, list(numbers)))
    with ctx.store.read() as connection:
        stored = {row.number: row for row in connection.execute(query)}
        small = [number for number, row in stored.items() if row.contacts <= _WHOLE]
        groups = grouping.load_groups(connection, small)
        for number in stored.keys() - set(small):
            groups[number] = grouping.load_some(connection, number, shown)
    rows = [stored[number] for number in numbers if number in stored and number in groups]
    return _listed(ctx, rows, groups, shown)


def _listed(
    ctx: Context, rows: Sequence[Any], groups: Mapping[str, Group], shown: int
) -> list[ListedGroup]:
    kept = {row.number: [h.key for h in groups[row.number].holders[:shown]] for row in rows}
    records = consent.load_records(ctx, {key for keys in kept.values() for key in keys})
    return [
        _listed_group(
            row, groups[row.number], [records[key] for key in kept[row.number] if key in records]
        )
        for row in rows
    ]


def _listed_group(row: Any, group: Group, records: Sequence[Record]) -> ListedGroup:
    kind = Kind(row.kind)
    whole = len(records) == len(group.holders) == row.contacts
    # Of somebody whose records are not all looked at, or have changed since, nothing is proposed.
    sure = kind == Kind.SAME_PERSON and whole
    proposals = propose(records) if sure else []
    return ListedGroup(
        number=row.number,
        kind=kind,
        rule=row.rule,
        evidence=tuple((found[0], found[1], found[2]) for found in row.evidence),
        connectors=tuple(row.connectors.split()),
        line=row.line,
        total=len(group.holders) if row.contacts <= _WHOLE else row.contacts,
        people=row.people,
        records=tuple(records),
        consent=strictest(record.consent for record in records),
        proposals=tuple(proposals),
        elsewhere=set_elsewhere(records, proposals) if sure else {},
        stale=not whole,
        counted_at=row.counted_at,
        compared_at=row.compared_at,
    )


def _encode(ctx: Context, row: Any) -> str:
    """Return the place of a row as a text for an address, which must not hold a number."""
    return encrypt(ctx.keys, _PURPOSE, f"{row.contacts}/{row.number}")


def _decode(ctx: Context, text: str) -> tuple[int, str]:
    contacts, slash, number = (decrypt(ctx.keys, _PURPOSE, text) or "").partition("/")
    if not slash or not contacts.isdecimal():
        raise CursorError("This page is no longer valid. Begin with the first one.")
    return int(contacts), number
