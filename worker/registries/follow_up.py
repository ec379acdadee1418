"""Have the contacts processed whose numbers came to a registry or went off it.

Only numbers that our index holds are looked at: it is walked once, in the order of numbers, and
each slice is asked for in the registry. So ten million numbers cost as much as ten, and the place
in the index is kept, so that a killed worker's work is taken up where it stopped. A contact that
comes into the index meanwhile is decided by what was in force when it was read; if that has changed
until it is recorded, its page notices (`worker.feedback.report_log.find_unseen`).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.phones.plan_changes import equal_forms
from worker.registries import numbers
from worker.registries.model import KEY_PREFIX, ImportState
from worker.registries.numbers import as_integer
from worker.store import outbox
from worker.store.invalidation import invalidate
from worker.store.outbox import OutboxItem
from worker.store.tables import contact_numbers, registries, registry_imports

_SLICE = 5000  # numbers of the index that are looked at in one transaction
_i = registry_imports.c


def resume(ctx: Context, crms: Sequence[str]) -> int:
    """Go on with imports that are in force and of which contacts are still to be told.

    Returns how many numbers some contact holds.
    """
    waiting = sa.select(_i.registry, _i.generation).where(_i.state == ImportState.IN_FORCE)
    with ctx.store.read() as connection:
        rows = connection.execute(waiting.order_by(_i.registry, _i.generation)).all()
    return sum(tell(ctx, row.registry, row.generation, crms) for row in rows)


def tell(ctx: Context, registry: int, generation: int, crms: Sequence[str]) -> int:
    """Enqueue the numbers of our index that an import changed; return how many there are.

    Two processes that do this at once enqueue each number once.
    """
    held = 0
    with ctx.store.read() as connection:
        name = connection.scalar(sa.select(registries.c.name).where(registries.c.id == registry))
    while True:
        with ctx.store.write() as connection:
            mine = sa.and_(_i.registry == registry, _i.generation == generation)
            told = connection.scalar(
                sa.select(_i.told).where(mine, _i.state == ImportState.IN_FORCE)
            )
            if told is None:
                return held  # another process has ended it
            part = _slice(connection, told)
            changed = _changed(connection, registry, generation, part)
            if changed:
                now = ctx.now()
                invalidate(connection, changed)
                cause = f"{KEY_PREFIX}{name}:{generation}"
                items = [OutboxItem(f"{cause}:{n}", n, tuple(crms), now) for n in changed]
                outbox.enqueue(connection, items, now)
                held += len(changed)
            done = len(part) < _SLICE
            state = ImportState.DONE if done else ImportState.IN_FORCE
            last = part[-1] if part else told
            connection.execute(
                sa.update(registry_imports).where(mine).values(told=last, state=state)
            )
        if done:
            numbers.collect(ctx.store, registry, generation)
            return held


def _slice(connection: Connection, after: str) -> list[str]:
    n = contact_numbers.c
    query = sa.select(n.number).where(n.number > after).distinct().order_by(n.number).limit(_SLICE)
    return list(connection.scalars(query))


def _changed(
    connection: Connection, registry: int, generation: int, part: Sequence[str]
) -> list[str]:
    forms = {
        number: [value for form in equal_forms(number) if (value := as_integer(form)) is not None]
        for number in part
    }
    asked = [value for values in forms.values() for value in values]
    changed = numbers.changed_by(connection, registry, generation, asked)
    return [n for n, values in forms.items() if not changed.isdisjoint(values)]
