"""What is known of the numbers on a page of replies, in a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.tables import contact_numbers, feedback, suppressions, verifications


class NumberSummary(NamedTuple):
    """`since`: when we first heard of the number. `verified`: the latest answer of a provider, with
    `at`, `verdict`, `line_type` and `provider`. `standing`: suppressions in force, with `reason`,
    `since` and `source`."""

    since: Any
    contacts: int
    verified: Any
    standing: list[Any]


def summarize(connection: Connection, numbers: Sequence[str]) -> dict[str, NumberSummary]:
    """Summarize numbers in four queries, whatever forms a change of plan gave them."""
    forms = {number: equal_forms(number) for number in dict.fromkeys(numbers)}
    every = sorted({form for of in forms.values() for form in of})
    n, v, s, f = contact_numbers.c, verifications.c, suppressions.c, feedback.c
    holders = _by_number(
        connection,
        sa.select(n.number, n.connector, n.object, n.record_id).where(any_of(n.number, every)),
    )
    answers = _by_number(
        connection,
        sa.select(v.number, v.provider, v.verdict, v.line_type, v.at).where(
            any_of(v.number, every)
        ),
    )
    standing = _by_number(
        connection,
        sa.select(s.number, s.reason, s.since, s.source)
        .where(any_of(s.number, every), s.lifted_at.is_(None))
        .order_by(s.since),
    )
    reported = _by_number(connection, sa.select(f.number, f.at).where(any_of(f.number, every)))
    return {
        number: NumberSummary(
            min(
                [
                    row.at
                    for form in of
                    for row in (*reported.get(form, ()), *answers.get(form, ()))
                ],
                default=None,
            ),
            len({tuple(row)[1:] for form in of for row in holders.get(form, ())}),
            max(
                (row for form in of for row in answers.get(form, ())),
                key=lambda row: row.at,
                default=None,
            ),
            [row for form in of for row in standing.get(form, ())],
        )
        for number, of in forms.items()
    }


def _by_number(connection: Connection, query: sa.Select[Any]) -> dict[str, list[Any]]:
    by_number: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        by_number.setdefault(row.number, []).append(row)
    return by_number
