"""Who has opted out of email in a CRM: read shortly before each email is sent.

An opt-out is of the address. So it is looked for in three ways, in whichever CRM: in the
recipient's record; in all records that our index has with that address, though they may have
another one by now; and by asking each CRM for the address itself, which finds records that were
made, or were given it, since the last sync. In doubt, nobody is emailed: where a CRM does not let
our user read it, or is no longer connected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from config import connections
from connectors.records import EmailRefusal, SchemaProblem, worst_refusal
from worker.asking.model import LeftOut
from worker.context import Context
from worker.store.array_param import any_of
from worker.store.tables import contacts

Record = tuple[str, str, str]  # connector, object, id

_REASONS: Mapping[EmailRefusal, LeftOut] = {
    "opted_out": LeftOut.EMAIL_OPT_OUT,
    "bad_address": LeftOut.BAD_EMAIL,
    "unreadable": LeftOut.EMAIL_OPT_OUT_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whose address it is: the record, the hashes that may stand for the address, and the ways in
    which a CRM may have it written."""

    record: Record
    persons: tuple[str, ...]
    addresses: tuple[str, ...]


def reasons(ctx: Context, addressees: Mapping[int, Addressee]) -> dict[int, LeftOut]:
    """Return who is not to be emailed, and why, by message. Raises `ConnectorError`.

    Makes one call for each object whose records are concerned, and each 100 or 200 of them; and for
    each CRM, what asking it for addresses takes (docs/asking.md).
    """
    others = _by_person(ctx, {person for one in addressees.values() for person in one.persons})
    records = {
        message: {one.record, *(r for person in one.persons for r in others.get(person, ()))}
        for message, one in addressees.items()
    }
    refused = _refusals(ctx, {record for several in records.values() for record in several})
    by_address = _by_address(ctx, {a for one in addressees.values() for a in one.addresses})
    found: dict[int, LeftOut] = {}
    for message, several in records.items():
        said = [refused[record] for record in several if record in refused]
        of_address = addressees[message].addresses
        said += [by_address[address] for address in of_address if address in by_address]
        if said:
            found[message] = _REASONS[worst_refusal(*said)]
    return found


def _by_address(ctx: Context, addresses: Collection[str]) -> dict[str, EmailRefusal]:
    """Return what the connected CRMs say of these addresses."""
    refused: dict[str, EmailRefusal] = {}
    for connector in ctx.settings.active_connectors:
        said = ctx.connector(connector).email_address_refusals(sorted(addresses))
        for address, refusal in said.items():
            refused[address] = worst_refusal(refusal, refused.get(address, refusal))
    return refused


def _by_person(ctx: Context, persons: Collection[str]) -> dict[str, set[Record]]:
    """Return the records of our index with these addresses."""
    c = contacts.c
    query = sa.select(c.connector, c.object, c.record_id, c.person).where(
        any_of(c.person, sorted(persons)), c.person != sa.literal_column("''")
    )
    found: dict[str, set[Record]] = {}
    with ctx.store.read() as connection:
        for connector, object_name, record_id, person in connection.execute(query):
            found.setdefault(person, set()).add((connector, object_name, record_id))
    return found


def _refusals(ctx: Context, records: Iterable[Record]) -> dict[Record, EmailRefusal]:
    by_object: dict[tuple[str, str], list[str]] = {}
    for connector, object_name, record_id in sorted(records):
        by_object.setdefault((connector, object_name), []).append(record_id)
    refused: dict[Record, EmailRefusal] = {}
    for (connector, object_name), ids in by_object.items():
        said: Mapping[str, EmailRefusal] = {}
        if connector in ctx.settings.active_connectors:
            said = ctx.connector(connector).email_refusals(object_name, ids)
        elif not connections.is_file(connector):
            said = dict.fromkeys(ids, "unreadable")
        for record_id, refusal in said.items():
            refused[connector, object_name, record_id] = refusal
    return refused


def problems(ctx: Context, connector: str) -> list[SchemaProblem]:
    """Return the fields of opt-outs that our user cannot read, by the schema that is cached. Makes
    no calls."""
    return ctx.open(connector).unread_email_opt_outs(ctx.cached_schema(connector))
