"""Find the record that an id from outside means."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.protocol import Connector
from worker.context import Context
from worker.feedback import intake, merged_records
from worker.store.tables import contacts


def locate_record(ctx: Context, connector: str, record_id: str) -> tuple[str, str]:
    """Return object and id of the record that somebody names by this id, as our index has it.

    The CRM is asked only about ids that the index does not have: another system may know a person
    by an id that is not the one we read (`Connector.locate`). Raises `InvalidRequestError` for an
    id of another kind, `ConnectorError` if the CRM is away, or our records are of another account.
    """
    ctx.check_account(connector)
    opened = ctx.open(connector)
    object_name = opened.object_of(record_id)
    named, record_id = (
        record_id,
        record_id.rpartition("/")[2],
    )  # it may be named with its object: companies/123
    with ctx.store.read() as connection:
        object_name, record_id = merged_records.surviving_record(
            connection, connector, object_name, record_id
        )
    if not intake.is_in_index(ctx, connector, object_name, record_id):
        ((object_name, record_id),) = opened.locate([named])
    return object_name, record_id


def in_index_alone(ctx: Context, connector: str, record_id: str) -> tuple[str, str] | None:
    """Return object and id of a record that our index has, without its connector; None if the index
    has none of this id, or several. The id may be named with its object."""
    c = contacts.c
    object_name, _, id_alone = record_id.rpartition("/")
    query = sa.select(c.object, c.record_id).where(
        c.connector == connector,
        c.record_id == id_alone,
        *([c.object == object_name] if object_name else []),
    )
    with ctx.store.read() as connection:
        rows = connection.execute(query.limit(2)).all()
    return (rows[0].object, rows[0].record_id) if len(rows) == 1 else None


def without_object(opened: Connector, record_id: str) -> str:
    """Return the id of a record that may be named with its object: companies/123. The ids of a list
    on disk may be any text, and stay as they are."""
    named, _, rest = record_id.partition("/")
    return rest if rest and named in opened.objects and not opened.is_file else record_id
