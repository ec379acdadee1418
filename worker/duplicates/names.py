"""Read names from the CRMs for some groups, and compare them: what emails do not tell.

Asked for the groups that somebody looks at or exports, and counted like other names
(`worker.queries.names`). What came of the comparison is kept; names, emails and companies are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.records import TypedContact
from worker.context import Context
from worker.duplicates import grouping, rules
from worker.duplicates.grouping import Group
from worker.duplicates.listing import SHOWN, ListedGroup, find_groups
from worker.duplicates.rules import PersonRead
from worker.queries import names

LARGEST = 20  # contacts of a group whose names are compared; of a larger one the shown are read


@dataclass(frozen=True, slots=True)
class Comparison:
    """`groups`: as they are now. `found`: names by CONNECTOR/OBJECT/ID; `problems`: why those of a
    connector could not be read; `calls`: API calls that were made, by connector."""

    groups: list[ListedGroup]
    found: dict[str, TypedContact] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)


def compare(ctx: Context, listed: Sequence[ListedGroup], shown: int = SHOWN) -> Comparison:
    """Read and compare the names of these groups. A group is compared only where all its contacts
    could be read: what some of them say must not decide about the others."""
    numbers = [group.number for group in listed]
    few = [group.number for group in listed if group.total <= LARGEST]
    with ctx.store.read() as connection:
        small = grouping.load_groups(connection, few)
    keys = [key for group in listed if group.number not in small for key in group.keys]
    keys += [holder.key for group in small.values() for holder in group.holders]
    read = names.read(ctx, keys)
    around = grouping.look_around(ctx, list(small.values()))
    for group in small.values():
        people = _people(group, read)
        if people is None:
            continue
        facts = grouping.facts_about(ctx, group, around)
        verdict = rules.classify(facts, rules.compare(people))
        grouping.store_comparison(ctx, group, facts, verdict, ctx.now())
    return Comparison(find_groups(ctx, numbers, shown), read.found, read.problems, read.calls)


def _people(group: Group, read: names.Names) -> list[PersonRead] | None:
    """Return what the CRMs say of all contacts of a group; None where one is missing."""
    found = [read.found.get("/".join(holder.key)) for holder in group.holders]
    people = [
        PersonRead(typed.name, typed.last_name, typed.email, typed.website)
        for typed in found
        if typed is not None
    ]
    return people if len(people) == len(found) else None
