"""A write of ours to a record that is under way while a test looks at what others do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from crms import Crm

from connectors.records import Value
from worker.context import Context
from worker.store.states import WriteState
from worker.store.tables import writes


def write_in_flight(
    ctx: Context, crm: Crm, record_id: str, after: Mapping[str, Value]
) -> Callable[[], None]:
    """Have another run write to a record. Returns what ends that without a trace."""
    row = {
        "run_id": "another", "connector": crm.name, "object": crm.object, "record_id": record_id,
        "before": {}, "after": dict(after), "state": WriteState.PENDING, "at": ctx.now(),
    }  # fmt: skip
    with ctx.store.write() as connection:
        connection.execute(sa.insert(writes).values(row))

    def end() -> None:
        with ctx.store.write() as connection:
            connection.execute(sa.delete(writes).where(writes.c.run_id == "another"))

    return end
