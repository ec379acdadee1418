"""Find the record that an id from outside means."""

from __future__ import annotations

from connectors.protocol import Connector
from worker.context import Context
from worker.feedback import intake, merged_records


def locate_record(ctx: Context, connector: str, record_id: str) -> tuple[str, str]:
    """Return object and id of the record that somebody names by this id, as our index has it.

    The CRM is asked only about ids that the index does not have: another system may know a person
    by an id that is not the one we read (`Connector.locate`). Raises `InvalidRequestError` for an
    id of another kind, `ConnectorError` if the CRM is away.
    """
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


def without_object(opened: Connector, record_id: str) -> str:
    """Return the id of a record that may be named with its object: companies/123. The ids of a list
    on disk may be any text, and stay as they are."""
    named, _, rest = record_id.partition("/")
    return rest if rest and named in opened.objects and not opened.is_file else record_id
