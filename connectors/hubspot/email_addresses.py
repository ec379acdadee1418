"""Who has opted out of email, asked of HubSpot by address.

Our index knows the contacts of the last sync. One that was created since then, or was given an
address since then, may hold an opt-out of it as well. A contact has one address of its own, and may
have further ones (`hs_additional_emails`), as after a merge: its opt-out counts for each of them.

Two calls for 100 addresses, since neither is enough by itself:

1. A batch read by address. It reads the contacts themselves, so that it finds what was saved a
   moment ago. It finds a contact by a further address too, as a public client has measured; no
   document says so.
2. A search for both properties. A search lags behind the contacts: usually seconds, up to an hour
   (`connectors.hubspot.search_lag`).

Sources: HubSpot's OpenAPI document Contacts of 2026-09 (`BatchReadInputSimplePublicObjectId`:
`idProperty`) and its guide "Search the CRM" (IN; values in small letters); hubspot-api-nodejs issue
24, where HubSpot says to search `hs_additional_emails` for one of the addresses; see
docs/hubspot-facts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import SchemaChangedError
from connectors.http.client import ContradictionError
from connectors.hubspot.batches import BATCH
from connectors.hubspot.client import OBJECT, Client
from connectors.hubspot.email_opt_outs import BAD, OPT_OUT, refusal_of
from connectors.hubspot.search import by_id
from connectors.hubspot.subscriptions import Subscriptions
from connectors.records import EmailRefusal, worst_refusal

_OWN, _FURTHER = "email", "hs_additional_emails"
_COLUMNS = (_OWN, _FURTHER, OPT_OUT, *BAD)
_SEARCH_PAGE = 200

Entry = Mapping[str, Any]


def refusals(
    client: Client, addresses: Sequence[str], subscriptions: Subscriptions
) -> dict[str, EmailRefusal]:
    """Return which of these addresses some contact, or their own subscriptions, refuse emails for.

    A contact with further addresses is one person: an opt-out of any of them counts for all.
    """
    by_lower: dict[str, list[str]] = {}
    for address in addresses:
        by_lower.setdefault(address.lower(), []).append(address)
    wanted = list(by_lower)
    refused: dict[str, EmailRefusal] = {}
    for start in range(0, len(wanted), BATCH):
        for lower, refusal in _of_batch(client, wanted[start : start + BATCH], subscriptions):
            for address in by_lower[lower]:
                refused[address] = worst_refusal(refusal, refused.get(address, refusal))
    return refused


def _of_batch(
    client: Client, batch: Sequence[str], subscriptions: Subscriptions
) -> Iterator[tuple[str, EmailRefusal]]:
    opted_out: set[str] = set()
    own: set[str] = set()
    of_person: dict[str, set[str]] = {}  # address of a contact -> those that are asked
    for entry, of in _contacts(client, batch):
        refusal = refusal_of(entry["properties"])
        if refusal is not None:
            yield from ((address, refusal) for address in of)
            opted_out |= of if refusal == "opted_out" else set()
        else:
            own.add(str(entry["properties"].get(_OWN) or "").strip().lower())
        for address in _addresses(entry):
            of_person.setdefault(address, set()).update(of)
    asked = {*batch} - opted_out
    further = {address for address, of in of_person.items() if of & asked}
    for address, refusal in subscriptions.refusals(sorted(asked | further), own).items():
        if address in batch:
            yield address, refusal
        if refusal == "opted_out":
            yield from ((one, refusal) for one in of_person.get(address, ()))


def _contacts(client: Client, batch: Sequence[str]) -> Iterator[tuple[Entry, set[str]]]:
    """Yield the contacts that have these addresses, each with those of them that it has."""
    answer = _read(client, batch)
    silent = set(_silent(answer, batch))
    for entry in answer["results"]:
        # One that names none of them was found all the same: by one that no other accounts for.
        yield entry, _addresses(entry) & {*batch} or silent
    for entry in _searched(client, batch):
        yield entry, _addresses(entry) & {*batch}


def _read(client: Client, batch: Sequence[str]) -> Any:
    body = {
        "idProperty": _OWN,
        "properties": list(_COLUMNS),
        "propertiesWithHistory": [],
        "inputs": [{"id": address} for address in batch],
    }

    def check(answer: Any) -> None:
        errors = answer.get("errors") or []
        unnamed = max(int(answer.get("numErrors") or 0), len(errors)) - len(_failed(answer))
        strange = [entry for entry in answer["results"] if not _addresses(entry) & {*batch}]
        if len(_silent(answer, batch)) > max(0, unnamed) + len(strange):
            raise ContradictionError("a batch read by address left out some of them")

    path = client.paths.objects(OBJECT, "batch/read")
    return client.post("read", path, body, {"archived": False}, check)


def _silent(answer: Any, batch: Sequence[str]) -> list[str]:
    """Return addresses of which an answer says nothing."""
    known = _failed(answer).union(*map(_addresses, answer["results"]))
    return [address for address in batch if address not in known]


def _failed(answer: Any) -> set[str]:
    """Return the addresses that no contact has, as the errors of a batch read name them."""
    return {
        str(address).lower()
        for error in answer.get("errors") or ()
        for address in (error.get("context") or {}).get("ids") or ()
    }


def _addresses(entry: Entry) -> set[str]:
    """Return all addresses of a contact, in small letters."""
    values = entry["properties"]
    further = str(values.get(_FURTHER) or "").split(";")
    return {
        text.strip().lower() for text in (str(values.get(_OWN) or ""), *further) if text.strip()
    }


def _searched(client: Client, batch: Sequence[str]) -> Iterator[Entry]:
    above: str | None = None
    while True:
        later = [{"propertyName": "hs_object_id", "operator": "GT", "value": above}]
        groups = [
            {"filters": [{"propertyName": name, "operator": "IN", "values": list(batch)},
                         *(later if above else [])]}
            for name in (_OWN, _FURTHER)
        ]  # fmt: skip
        body = {"filterGroups": groups, "sorts": ["hs_object_id"], "properties": list(_COLUMNS),
                "limit": _SEARCH_PAGE, "after": "0"}  # fmt: skip
        try:
            answer, ids = by_id(client, OBJECT, body, above=above)
        except SchemaChangedError:
            return  # an account that shows no further addresses has none that we could search for
        yield from answer["results"]
        if len(ids) < _SEARCH_PAGE:
            return
        above = ids[-1]
