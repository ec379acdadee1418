"""Named PostgreSQL advisory locks: who waits for whom. SQLite needs none: it has one writer.

| lock | protects |
| --- | --- |
| `MIGRATING` | the migrations, from a second `hygiene db upgrade` |
| `BOOKING_LOOKUPS` | reading the caps and reserving money for lookups (promises 4 and 5) |
| `APPLYING_REPORTS` | weighing the reports about a number, from a second worker that sees half |
| `COUNTING_SEGMENTS` | replacing counts by number, from a second count and from an erasure |
| `PLANNING_REWRITES` | giving contacts whose reading has changed their days |
| `DATING_REPORTS` | dating a stop or what lifts it, from another that it does not see (promise 7) |
| `APPENDING_EVENTS` | the order of events: ids are committed in the order that they are given |
| `CLAIMING_QUESTIONS` | asking a person, from a second campaign or worker that asks them too |
| `CLAIMING_CONSENTS` | writing a person's consent record, from a second worker that makes another |

Before these names, one number, 7226454, protected booking, applying and counting. During a rolling
deployment an old worker that takes it exclusively runs beside new ones, and each of the three must
still exclude it: two workers that book at the same time could spend a cap twice; two that apply
reports could each see half of them, and the later one could lift a suppression that is in force;
two that count would insert the same rows.

So each of the three takes two locks in one statement: 7226454 *shared*, then its own number. New
workers share 7226454, so booking, applying and counting don't wait for each other. An old worker
waits until no new one holds any of the three, and new ones wait for it. All take 7226454 first, so
there is no deadlock, and PostgreSQL queues waiters in their order, so an old worker gets its turn
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS).
"""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_BEFORE_NAMED_LOCKS = 7226454  # taken exclusively by the versions before this one


class Lock(IntEnum):
    """A lock's number in PostgreSQL. Never reuse one: other versions may run beside this one."""

    MIGRATING = 7226453
    BOOKING_LOOKUPS = 7226455
    APPLYING_REPORTS = 7226456
    COUNTING_SEGMENTS = 7226457
    PLANNING_REWRITES = 7226458
    DATING_REPORTS = 7226459
    APPENDING_EVENTS = 7226460
    CLAIMING_QUESTIONS = 7226461
    CLAIMING_CONSENTS = 7226462


_SHARED_WITH_THE_VERSIONS_BEFORE = (
    Lock.BOOKING_LOOKUPS, Lock.APPLYING_REPORTS, Lock.COUNTING_SEGMENTS,
)  # fmt: skip


def acquire(connection: Connection, lock: Lock) -> None:
    """Wait for a lock and hold it until the transaction ends."""
    if connection.dialect.name != "postgresql":
        return
    own = sa.func.pg_advisory_xact_lock(int(lock))
    if lock not in _SHARED_WITH_THE_VERSIONS_BEFORE:
        connection.execute(sa.select(own))
        return
    shared = sa.func.pg_advisory_xact_lock_shared(_BEFORE_NAMED_LOCKS)
    connection.execute(sa.select(shared, own))
