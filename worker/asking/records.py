"""Read the records of recipients from their CRM, as they are now: shortly before each is asked.

Our index does not hold an email address, nor how sure a number was read; and a record may have been
edited since the last sync. So a number that is not there any more, or is read with low confidence,
is not asked about. Whoever has opted out of email is not emailed (`email_opt_outs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from worker.asking import email_opt_outs
from worker.asking.addresses import mailbox
from worker.asking.email_opt_outs import Addressee
from worker.asking.model import AskChannel, LeftOut
from worker.context import Context
from worker.phones import ContactLocation
from worker.phones.plan_changes import equal_forms
from worker.sync.pages import fields
from worker.sync.pages.fields import Prepared


class Recipient(Struct, frozen=True):
    """What the CRM's record says of a recipient. `reason`: why they are not asked."""

    reason: str = ""
    email: str = ""
    country: str = ""
    state: str = ""


def read(ctx: Context, rows: Sequence[Any], channel: AskChannel) -> dict[int, Recipient]:
    """Return the recipients of messages, by message. Raises `ConnectorError`."""
    found: dict[int, Recipient] = {}
    addressees: dict[int, Addressee] = {}
    by_object: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        by_object.setdefault((row.connector, row.object), []).append(row)
    for (connector, object_name), of_object in by_object.items():
        if connector not in ctx.settings.active_connectors:
            found |= {row.id: Recipient(LeftOut.CONTACT_GONE) for row in of_object}
            continue
        ids = [row.record_id for row in of_object]
        prepared = {one.contact.id: one for one in _fetch(ctx, connector, object_name, ids)}
        for row in of_object:
            one = prepared.get(row.record_id)
            found[row.id] = _recipient(one, row.number, channel)
            if one is not None and channel == "email" and not found[row.id].reason:
                persons = ctx.keys.person_aliases(one.contact.email)
                record = (connector, object_name, row.record_id)
                forms = tuple(dict.fromkeys((found[row.id].email, one.contact.email.strip())))
                addressees[row.id] = Addressee(record, persons, forms)
    if addressees:
        for message, reason in email_opt_outs.reasons(ctx, addressees).items():
            found[message] = replace(found[message], reason=reason)
    return found


def _fetch(
    ctx: Context, connector: str, object_name: str, ids: Sequence[str]
) -> Iterator[Prepared]:
    contacts = ctx.connector(connector).fetch(object_name, ids)
    remembered = fields.remember(ctx, connector, object_name, contacts)
    yield from map(fields.reader(ctx, connector, remembered=remembered), contacts)


def _recipient(prepared: Prepared | None, number: str, channel: AskChannel) -> Recipient:
    if prepared is None:
        return Recipient(LeftOut.CONTACT_GONE)
    forms = set(equal_forms(number))
    readings = [
        reading
        for name, field in prepared.readings.items()
        if name not in prepared.unread
        for reading in field.numbers
        if reading.e164 in forms
    ]
    if not readings:
        return Recipient(LeftOut.NUMBER_CHANGED)
    if all(reading.confidence == "low" for reading in readings):
        return Recipient(LeftOut.LOW_CONFIDENCE)
    if channel == "text" and all(reading.extension for reading in readings):
        return Recipient(LeftOut.TAKES_NO_TEXTS)
    contact = prepared.contact
    address = mailbox(contact.email)
    if channel == "email" and not address:
        return Recipient(LeftOut.NO_EMAIL)
    country = ContactLocation(contact.country, contact.state).region or ""
    return Recipient("", address, country, contact.state)
