"""Who has opted out of email, or has an address that HubSpot does not send to.

HubSpot sets these properties of contacts by itself, and every account has the opt-out. No value is
no opt-out. A property that an answer leaves out cannot be read.

Sources: HubSpot's descriptions of its default contact properties, as in docs/hubspot-facts.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.http import consistency
from connectors.hubspot.batches import BATCH, MERGED_IDS, batch_read
from connectors.hubspot.client import OBJECT, Client
from connectors.records import EmailRefusal, Schema, SchemaProblem

OPT_OUT = "hs_email_optout"
BAD = ("hs_email_bad_address", "hs_email_quarantined")
# That a schema holds this shows that it was asked for opt-outs too.
ASKED_TOO = "hs_object_id"


def refusals(client: Client, ids: Sequence[str]) -> dict[str, EmailRefusal]:
    """Return which of these contacts refuse emails; a merged one as that in which it lives on."""
    refused: dict[str, EmailRefusal] = {}
    columns = (OPT_OUT, *BAD, MERGED_IDS)
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        answer = batch_read(client, OBJECT, batch, columns)
        for entry in answer["results"]:
            merged = str(entry["properties"].get(MERGED_IDS) or "").split(";")
            if (refusal := refusal_of(entry["properties"])) is not None:
                refused |= dict.fromkeys({str(entry["id"]), *merged} & set(batch), refusal)
        for record_id in consistency.led_elsewhere(answer, batch, MERGED_IDS):
            alone = batch_read(client, OBJECT, [record_id], columns)
            for entry in alone["results"]:
                if (refusal := refusal_of(entry["properties"])) is not None:
                    refused[record_id] = refusal
    return refused


def refusal_of(properties: Mapping[str, Any]) -> EmailRefusal | None:
    """Return what a contact's own properties say."""
    if OPT_OUT not in properties:
        return "unreadable"
    opted_out = _text(properties[OPT_OUT])
    if opted_out == "true":
        return "opted_out"
    if opted_out not in ("", "false"):
        return "unreadable"
    # Of these, too, only a clear no lets an email out.
    if any(_text(properties.get(name)) not in ("", "false") for name in BAD):
        return "bad_address"
    return None


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()


def problems(schema: Schema) -> list[SchemaProblem]:
    """Return the opt-out, if a schema of contacts lacks it."""
    entries = schema.get(OBJECT, {})
    if ASKED_TOO not in entries or OPT_OUT in entries:
        return []
    text = (
        "the account shows no such property of HubSpot's own, so nobody is asked by email: who has "
        "opted out of email cannot be read; grant our token crm.schemas.contacts.read and "
        "crm.objects.contacts.read"
    )
    return [SchemaProblem(OBJECT, OPT_OUT, text, blocks=False)]
