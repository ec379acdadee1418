"""Find the contacts that share a number, classify them, and store what pages list.

All is worked out anew from our own index, in one pass over the numbers that stand in it twice or
more, and one over those that are an earlier form of another number (`equal_forms`): all forms of a
line are one group. It has the name of today's form if a contact has that one. No CRM is asked. Only
what has changed since the last time is written. A group whose names were compared keeps what came
of it until its contacts change, for `_COMPARED_FOR` at most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.duplicates import rules
from worker.duplicates.rules import Facts, Verdict
from worker.phones import facts as facts_of
from worker.phones.metadata import split
from worker.phones.model import LineType
from worker.phones.plan_changes import (
    codes_with_forms,
    equal_forms,
    is_earlier_form,
    renumbered_forms,
)
from worker.segments import isolation
from worker.store import locks
from worker.store.array_param import any_of
from worker.store.bulk import chunks, insert, upsert
from worker.store.locks import Lock
from worker.store.tables import (
    app_state,
    contact_numbers,
    contacts,
    duplicate_groups,
    duplicate_places,
    isolations,
    list_members,
    merged_records,
    runs,
    verifications,
)
from worker.store.text_marks import flag_mark, has_mark

_COUNTED = "duplicates counted"
_AT_ONCE = 1000  # groups that are classified, and written, together
_READ_AT_ONCE = 5000  # numbers that are looked through for earlier forms
_COMPARED_FOR = timedelta(days=30)
_LINES: frozenset[str] = frozenset(
    ("mobile", "landline", "voip", "toll_free", "premium", "pager", "other")
)
Key = tuple[str, str, str]  # (connector, object, record id)


@dataclass(frozen=True, slots=True)
class Holder:
    """A contact that holds the number of a group. `segments`: (by, value) of its columns."""

    key: Key
    person: str
    extensions: frozenset[str]
    segments: tuple[tuple[str, str], ...]
    wrong: bool


@dataclass(frozen=True, slots=True)
class Group:
    """`forms`: of the number that contacts have, its own first; more than one where its numbering
    plan has changed, or writes it in two ways."""

    number: str
    holders: tuple[Holder, ...]
    forms: tuple[str, ...] = ()

    @property
    def connectors(self) -> tuple[str, ...]:
        return tuple(sorted({holder.key[0] for holder in self.holders}))


@dataclass(slots=True)
class Surroundings:
    """What else decides about groups. `members`: contacts of isolated lists; `merged`: record ->
    the record that it lives on in."""

    isolated: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    members: set[Key] = field(default_factory=set)
    lines: dict[str, LineType] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)


def count_if_needed(ctx: Context) -> bool:
    """Count, unless nothing was done since the last time; whether it was counted."""
    r, i = runs.c, isolations.c
    with ctx.store.read() as connection:
        at, number = connection.execute(
            sa.select(sa.func.max(r.finished_at), sa.func.count(r.id))
        ).one()
        isolated = connection.execute(
            sa.select(sa.func.count(i.id), sa.func.count(i.active_key))
        ).one()
        stand = f"{at}/{number}/{isolated[0]}/{isolated[1]}/{ctx.now():%Y-%m-%d}"
        stored = connection.scalar(sa.select(app_state.c.value).where(app_state.c.name == _COUNTED))
    if stored == stand:
        return False
    count(ctx)
    with ctx.store.write() as connection:
        upsert(connection, app_state, [{"name": _COUNTED, "value": stand}])
    return True


def count_again(connection: Connection) -> None:
    """Have it counted when it is next looked at, whatever was done since the last time."""
    connection.execute(sa.delete(app_state).where(app_state.c.name == _COUNTED))


def count(ctx: Context) -> int:
    """Find and classify all groups; return how many rows were written or removed."""
    now, written = ctx.now(), 0
    g = duplicate_groups.c
    with ctx.store.read() as connection:
        old = {
            row.number: (row.digest, row.compared_at)
            for row in connection.execute(sa.select(g.number, g.digest, g.compared_at))
        }
    surroundings = _isolated(ctx)
    for batch in _batches(ctx):
        _look_around(ctx, batch, surroundings)
        rows: list[tuple[Group, dict[str, Any]]] = []
        for group in batch:
            facts = facts_about(ctx, group, surroundings)
            verdict = rules.classify(facts)
            digest = _digest(group, facts, verdict)
            before, compared_at = old.pop(group.number, ("", None))
            lapsed = compared_at is not None and compared_at < now - _COMPARED_FOR
            if digest != before or lapsed:
                rows.append((group, _row(group, facts, verdict, digest, now)))
        written += _store(ctx, rows)
    for numbers in chunks(list(old), _AT_ONCE):
        with ctx.store.write() as connection:
            forget(connection, numbers)
        written += len(numbers)
    return written


def forget(connection: Connection, numbers: Sequence[str]) -> None:
    """Remove the groups of these numbers."""
    for table in (duplicate_places, duplicate_groups):
        connection.execute(sa.delete(table).where(any_of(table.c.number, numbers)))


def load_groups(connection: Connection, numbers: Sequence[str]) -> dict[str, Group]:
    """Return the groups of these numbers, in whatever form, as the index has them now, without
    those that are none any more."""
    groups = _load_lines(connection, numbers)
    by_number = {number: groups.get(_line(number)) for number in numbers}
    return {number: group for number, group in by_number.items() if group is not None}


def load_some(connection: Connection, number: str, limit: int) -> Group:
    """Return the group of a number with some of its contacts, for one that has thousands."""
    # In whatever order they come: to sort them, all of them would be read.
    query = _holders().where(any_of(contact_numbers.c.number, equal_forms(number))).limit(limit)
    return next(_grouped(connection.execute(query)), Group(number, ()))


def look_around(ctx: Context, groups: Sequence[Group]) -> Surroundings:
    """Return what else decides about these groups."""
    surroundings = _isolated(ctx)
    _look_around(ctx, groups, surroundings)
    return surroundings


def facts_about(ctx: Context, group: Group, around: Surroundings) -> Facts:
    """Return what our index says of a group, for the rules."""
    plan = facts_of(group.number)
    parts = split(group.number)
    holders = group.holders
    people = {holder.person for holder in holders if holder.person}
    lives_on = {_lives_on_in(holder, around) for holder in holders}
    # The plan's own word stays where no provider has told the line type.
    line = around.lines.get(group.number, plan.kind)
    return Facts(
        national=parts[1] if parts else group.number.lstrip("+"),
        line=line,
        reserved="is kept for films" in plan.problem,
        valid=plan.valid,
        contacts=len(holders),
        emails=len(people),
        without_email=sum(not holder.person for holder in holders),
        extensions=len(frozenset().union(*(holder.extensions for holder in holders))),
        isolated=sum(_is_isolated(holder, around) for holder in holders),
        wrong=sum(holder.wrong for holder in holders),
        merged=len(lives_on) == 1,
        many=ctx.settings.segments.placeholder_from,
        forms=len(group.forms),
        renumbered=set(group.forms) <= {*renumbered_forms(group.number)},
    )


def store_comparison(
    ctx: Context, group: Group, facts: Facts, verdict: Verdict, now: datetime
) -> None:
    """Keep what came of comparing the names of a group, unless its contacts have changed since."""
    digest = _digest(group, facts, rules.classify(facts))
    g, p = duplicate_groups.c, duplicate_places.c
    with ctx.store.write() as connection:
        changed = connection.execute(
            sa.update(duplicate_groups)
            .where(g.number == group.number, g.digest == digest)
            .values(**_said(verdict), compared_at=now)
        )
        if changed.rowcount:
            connection.execute(
                sa.update(duplicate_places)
                .where(p.number == group.number, p.kind != verdict.kind)
                .values(kind=verdict.kind)
            )


# -- reading ---------------------------------------------------------------------------------------


def _holders() -> sa.Select[Any]:
    n, c = contact_numbers.c, contacts.c
    same = sa.and_(c.connector == n.connector, c.object == n.object, c.record_id == n.record_id)
    wrong = has_mark(c.last_seen_flags, flag_mark("wrong_number"))
    return sa.select(
        n.number, n.connector, n.object, n.record_id, n.extension,
        c.person, c.source, c.campaign, c.country, c.month, wrong.label("wrong"),
    ).select_from(contact_numbers.join(contacts, same))  # fmt: skip


def _batches(ctx: Context) -> Iterator[list[Group]]:
    """Yield all groups, some at a time: first those of a number that stands in the index twice, in
    the order of their numbers, then those that have each form of theirs once."""
    n = contact_numbers.c
    # By the index of numbers alone: a contact that holds one twice is sorted out afterwards.
    twice = sa.select(n.number).group_by(n.number).having(sa.func.count() > 1)
    with ctx.store.read() as connection:
        lines = {_line(number) for number in connection.scalars(twice)}
    for part in chunks(sorted(lines), _AT_ONCE):
        with ctx.store.read() as connection:
            groups = _load_lines(connection, part)
        if groups:
            yield list(groups.values())
    for numbers in _earlier_forms(ctx):
        with ctx.store.read() as connection:
            others = {form for number in numbers for form in equal_forms(number) if form != number}
            there = any_of(n.number, sorted(others))
            held = {*connection.scalars(sa.select(n.number).where(there).distinct())}
            new = {_line(number) for number in numbers if held & {*equal_forms(number)}} - lines
        lines |= new
        for part in chunks(sorted(new), _AT_ONCE):
            with ctx.store.read() as connection:
                groups = _load_lines(connection, part)
            if groups:
                yield list(groups.values())


def _earlier_forms(ctx: Context) -> Iterator[list[str]]:
    """Yield the numbers of the index of which another form comes first, some at a time."""
    n = contact_numbers.c
    for code in codes_with_forms():
        last, end = f"+{code}", f"+{code + 1}"
        while last:
            query = sa.select(n.number).where(n.number > last, n.number < end).distinct()
            with ctx.store.read() as connection:
                numbers = connection.scalars(query.order_by(n.number).limit(_READ_AT_ONCE)).all()
            if found := [number for number in numbers if is_earlier_form(number)]:
                yield found
            last = numbers[-1] if len(numbers) == _READ_AT_ONCE else ""


def _line(number: str) -> str:
    """Return the form that stands for all forms of a line."""
    return equal_forms(number)[0]


def _load_lines(connection: Connection, numbers: Sequence[str]) -> dict[str, Group]:
    """Return the groups of these numbers, by what stands for all their forms."""
    forms = sorted({form for number in numbers for form in equal_forms(number)})
    query = _holders().where(any_of(contact_numbers.c.number, forms))
    return {_line(group.number): group for group in _grouped(connection.execute(query))}


def _grouped(rows: Iterable[Any]) -> Iterator[Group]:
    """Gather rows into groups of two contacts or more, in the order of their numbers."""
    lines: dict[str, tuple[set[str], dict[Key, Holder]]] = {}
    for row in rows:
        forms, holders = lines.setdefault(_line(row.number), (set(), {}))
        forms.add(row.number)
        key = (row.connector, row.object, row.record_id)
        extensions = frozenset((row.extension,)) if row.extension else frozenset[str]()
        if (known := holders.get(key)) is not None:
            extensions |= known.extensions
        segments = (
            ("source", row.source), ("campaign", row.campaign), ("country", row.country),
            ("month", row.month),
        )  # fmt: skip
        holders[key] = Holder(key, row.person, extensions, segments, bool(row.wrong))
    for line, (forms, holders) in sorted(lines.items()):
        if len(holders) > 1:
            there = tuple(form for form in equal_forms(line) if form in forms)
            yield Group(there[0], tuple(holders[key] for key in sorted(holders)), there)


def _isolated(ctx: Context) -> Surroundings:
    surroundings = Surroundings()
    lists: list[tuple[str, str]] = []
    for isolated in isolation.active(ctx, 10_000):
        segments = surroundings.isolated.setdefault(isolated.connector, set())
        segments.add((isolated.by, isolated.value))
        if isolated.by == "list":
            lists.append((isolated.connector, isolated.value))
    m = list_members.c
    with ctx.store.read() as connection:
        for connector, name in lists:
            query = sa.select(m.connector, m.object, m.record_id)
            query = query.where(m.connector == connector, m.list == name)
            surroundings.members.update(tuple(row) for row in connection.execute(query))
    return surroundings


def _look_around(ctx: Context, groups: Sequence[Group], around: Surroundings) -> None:
    """Load what providers have told of the lines, and which records a CRM has merged."""
    v, m = verifications.c, merged_records.c
    forms = {group.number: renumbered_forms(group.number) for group in groups}
    numbers = sorted({form for of in forms.values() for form in of})
    small = [group for group in groups if len(group.holders) <= rules.PERSON_RECORDS]
    keys = ["/".join(holder.key) for group in small for holder in group.holders]
    lines = (
        sa.select(v.number, v.line_type)
        .where(any_of(v.number, numbers), v.provider != "offline")
        .order_by(v.at)
    )
    merged = sa.select(m.key, m.into_key).where(any_of(m.key, keys))
    with ctx.store.read() as connection:
        told = {row.number: row.line_type for row in connection.execute(lines)}
        told = {number: line for number, line in told.items() if line in _LINES}
        around.lines = {
            number: next(told[form] for form in of if form in told)
            for number, of in forms.items()
            if not told.keys().isdisjoint(of)
        }
        around.merged = {row.key: row.into_key for row in connection.execute(merged)}


def _is_isolated(holder: Holder, around: Surroundings) -> bool:
    segments = around.isolated.get(holder.key[0], set())
    return holder.key in around.members or any(segment in segments for segment in holder.segments)


def _lives_on_in(holder: Holder, around: Surroundings) -> str:
    key = "/".join(holder.key)
    return around.merged.get(key, key)


# -- storing ---------------------------------------------------------------------------------------


def _digest(group: Group, facts: Facts, verdict: Verdict) -> str:
    """Hash all that a row is made from, and who holds the number."""
    who = [(holder.key, holder.person, sorted(holder.extensions)) for holder in group.holders]
    said = [(finding.rule, finding.text) for finding in verdict.findings]
    content = orjson.dumps((who, said, facts.line, facts.many))
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _said(verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": verdict.kind,
        "rule": verdict.rule,
        "evidence": [[found.rule, found.kind, found.text] for found in verdict.findings],
    }


def _row(
    group: Group, facts: Facts, verdict: Verdict, digest: str, now: datetime
) -> dict[str, Any]:
    return {
        "number": group.number,
        **_said(verdict),
        "contacts": facts.contacts,
        "people": facts.emails,
        "connectors": " ".join(group.connectors)[:255],
        "line": facts.line,
        "digest": digest,
        "counted_at": now,
        "compared_at": None,
    }


def _store(ctx: Context, rows: Sequence[tuple[Group, dict[str, Any]]]) -> int:
    if not rows:
        return 0
    n = contact_numbers.c
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.COUNTING_SEGMENTS)
        forms = sorted({form for group, _ in rows for form in equal_forms(group.number)})
        # One that was erased since it was read is not brought back.
        held = set(connection.scalars(sa.select(n.number).where(any_of(n.number, forms))))
        kept = [(group, row) for group, row in rows if held & {*group.forms}]
        # Under another form it was the same group.
        forget(connection, forms)
        upsert(connection, duplicate_groups, [row for _, row in kept])
        insert(
            connection,
            duplicate_places,
            [
                {"connector": connector, "number": group.number, "kind": row["kind"],
                 "contacts": row["contacts"]}
                for group, row in kept
                for connector in ("", *group.connectors)
            ],
        )  # fmt: skip
    return len(rows)
