"""From a row as a CRM gives it to a contact: worked out once for an object, then quick a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.base import Contact, Value
from connectors.fields import ObjectFields, spec_of
from connectors.values import amount, day, month

Row = Mapping[str, Any]
MakeContact = Callable[[str, Row, datetime | None], Contact]


def contact_maker(fields: ObjectFields, moment: Callable[[Any], Value]) -> MakeContact:
    """How the rows of an object become contacts.

    A row: field name -> value; a missing field, None and "" are the same. A checkbox is true where
    the row says `True` or "true". `moment` turns what the CRM gives for a time (not empty) into the
    one form that the worker keeps.
    """
    of_kind: dict[str, list[tuple[str, str]]] = {"text": [], "bool": [], "datetime": []}
    for canonical, crm in fields.names.items():
        kind = spec_of(canonical).kind
        of_kind.get(kind, of_kind["text"]).append((canonical, crm))
    texts, checks, moments = of_kind["text"], of_kind["bool"], of_kind["datetime"]
    phones, countries = fields.phones, fields.country
    state, email, website = fields.state, fields.email, fields.website
    source, campaign = fields.source, fields.campaign
    worth, consented, created = fields.value, fields.consented, fields.created
    name = fields.object

    def make(record_id: str, row: Row, modified: datetime | None) -> Contact:
        get = row.get
        held: dict[str, Value] = {canonical: get(crm) or None for canonical, crm in texts}
        for canonical, crm in checks:
            held[canonical] = get(crm) in TRUE
        for canonical, crm in moments:
            value = get(crm)
            held[canonical] = moment(value) if value else None
        country = ""
        for crm in countries:
            if country := get(crm) or "":
                break
        return Contact(
            name,
            record_id,
            {phone: get(phone) or "" for phone in phones},
            country,
            (get(state) or "") if state else "",
            (get(email) or "") if email else "",
            (get(website) or "") if website else "",
            (get(source) or "") if source else "",
            (get(campaign) or "") if campaign else "",
            amount(get(worth)) if worth else None,
            day(get(consented)) if consented else "",
            modified,
            held,
            month(get(created)) if created else "",
        )

    return make


TRUE = (True, "true", "True", "TRUE")
