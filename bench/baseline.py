"""The baseline that the sync is measured against: bare loops, the shortest honest scripts.

Each reads the same pages with the same client library, parses and validates with `phonenumbers`,
and writes the same batches; no store, no queue, no audit, no resume; or it stops after reading.
HubSpot's client is used as its documentation shows it, with its model objects; "raw" asks it for
undecoded answers instead, which is faster, and what our connector does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import phonenumbers
import requests
from hubspot import HubSpot
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    SimplePublicObjectBatchInput,
)
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

from config.settings import Settings
from connectors.fields import configured
from connectors.salesforce.auth import http_session

_TYPES = {PhoneNumberType.MOBILE: "mobile", PhoneNumberType.FIXED_LINE: "landline"}


def _checked_values(values: Mapping[str, Any], phones: Sequence[str], names: Mapping[str, str],
             stamp: str) -> dict[str, Any]:  # fmt: skip
    """Return what a loop writes to a record: the same fields as the sync."""
    changes: dict[str, Any] = {}
    best = None
    for phone in phones:
        text = values.get(phone)
        if not text:
            continue
        try:
            parsed = phonenumbers.parse(text, "US")
            valid = phonenumbers.is_valid_number(parsed)
        except phonenumbers.NumberParseException:
            valid = False
        changes[names[f"status/{phone}"]] = "valid" if valid else "invalid"
        if valid:
            e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
            kind = _TYPES.get(phonenumbers.number_type(parsed), "unknown")
            changes[names[f"e164/{phone}"]] = best = e164
            changes[names[f"line_type/{phone}"]] = kind
    if changes:
        changes[names["reason"]] = "checked"
        changes[names["run"]] = "baseline"
        changes[names["checked_at"]] = stamp
        if best:
            changes[names["best_phone"]] = best
    return changes


def hubspot(settings: Settings, write: bool, raw: bool = False) -> int:
    """Read (and write) all contacts, 100 a page; return how many."""
    assert settings.hubspot is not None
    mapping = settings.connectors.hubspot
    fields = configured("contacts", mapping.objects["contacts"], mapping.fields)
    client = HubSpot(access_token=settings.hubspot.access_token, host=settings.hubspot.api_url)
    basic, batch = client.crm.contacts.basic_api, client.crm.contacts.batch_api
    after, count = None, 0
    while True:
        paged: dict[str, Any] = {"after": after} if after else {}
        if raw:
            answer = orjson.loads(
                basic.get_page(
                    limit=100, properties=list(fields.read), _preload_content=False, **paged
                ).data
            )
            rows = [(r["id"], r["properties"]) for r in answer["results"]]
            after = ((answer.get("paging") or {}).get("next") or {}).get("after")
        else:
            page = basic.get_page(limit=100, properties=list(fields.read), **paged)
            rows = [(r.id, r.properties) for r in page.results]
            after = page.paging.next.after if page.paging else None
        count += len(rows)
        if write:
            updates = [
                (record_id, changes)
                for record_id, values in rows
                if (
                    changes := _checked_values(
                        values, fields.phones, fields.names, "2026-01-01T00:00:00Z"
                    )
                )
            ]
            if raw:
                body = {"inputs": [{"id": rid, "properties": changes} for rid, changes in updates]}
                batch.update(
                    batch_input_simple_public_object_batch_input=body, _preload_content=False
                )
            else:
                inputs = [SimplePublicObjectBatchInput(id=i, properties=p) for i, p in updates]
                batch.update(BatchInputSimplePublicObjectBatchInput(inputs=inputs))
        if not after:
            return count


def salesforce(settings: Settings, write: bool) -> int:
    """Read all contacts and leads, 2,000 a page, and write them 200 a call; return how many."""
    assert settings.salesforce is not None
    login = requests.post(
        f"{settings.salesforce.login_url}/services/oauth2/token",
        data={
            "grant_type": "client_credentials",
            "client_id": settings.salesforce.client_id,
            "client_secret": settings.salesforce.client_secret,
        },
        timeout=10,
    ).json()
    session = http_session(settings.salesforce, (10.0, 60.0))
    session.mount("http://", HTTPAdapter())
    client = Salesforce(
        instance_url=login["instance_url"], session_id=login["access_token"], session=session
    )
    mapping, count = settings.connectors.salesforce, 0
    for name, wanted in mapping.objects.items():
        fields = configured(name, wanted, mapping.fields)
        columns = ", ".join(dict.fromkeys(("Id", "SystemModstamp", *fields.read)))
        answer = client.query(f"SELECT {columns} FROM {name} ORDER BY Id")
        while True:
            rows = answer["records"]
            count += len(rows)
            if write:
                records = []
                for row in rows:
                    stamp = "2026-01-01T00:00:00Z"
                    if changes := _checked_values(row, fields.phones, fields.names, stamp):
                        records.append({"attributes": {"type": name}, "id": row["Id"], **changes})
                for start in range(0, len(records), 200):
                    client.restful(
                        "composite/sobjects",
                        method="PATCH",
                        json={"allOrNone": False, "records": records[start : start + 200]},
                    )
            if answer["done"]:
                break
            answer = client.query_more(answer["nextRecordsUrl"], identifier_is_url=True)
    return count
