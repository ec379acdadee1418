"""Who has opted out of a subscription type, or of all email, by the address itself.

HubSpot keeps a status for each address and subscription type, also for an address that no contact
has. It is read in the first of these ways that our token has the scope for:

1. In batches: two calls for 100 addresses (`communication_preferences.statuses.batch.read`, which
   only accounts with Marketing Hub Enterprise can grant).
2. One address after the other: one call for the statuses, and one more for the opt-out of all
   unless that was read of the contact (`communication_preferences.read`, of every account).
3. By the properties of contacts, one for each type (`hs_email_optout_ID`). They tell of a contact's
   own address and of no other. So another address is in doubt, but in an account that has no
   subscription types.

By default an opt-out of any type counts, since nobody but the operator knows which type a question
of ours belongs to; `connectors.hubspot.email_subscription_type` names one.

Sources: HubSpot's OpenAPI document `subscriptions` of 2026-09 (paths, scopes, NOT_SPECIFIED,
SUBSCRIBED, UNSUBSCRIBED); its guide "Communication preferences"; property lists of several accounts
(`hs_email_optout_ID`, "Opted out of email: NAME"). See docs/hubspot-facts.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connectors.errors import ConnectorError
from connectors.hubspot.batches import BATCH
from connectors.hubspot.client import OBJECT, Client
from connectors.hubspot.email_opt_outs import ASKED_TOO
from connectors.hubspot.errors import MissingScopeError
from connectors.records import CrmField, EmailRefusal, SchemaProblem

READ = "communication_preferences.read"
PROPERTY = re.compile(r"hs_email_optout_(\d+)")
_LABEL = "label"  # in the details of a property of a type
_EMAIL = {"channel": "EMAIL"}
_ASK_AGAIN_AFTER = 3600.0  # seconds after which a scope that we lacked may have been granted
_UNSUBSCRIBED, _NO_OPT_OUT = "UNSUBSCRIBED", ("SUBSCRIBED", "NOT_SPECIFIED")


class Subscriptions:
    """The statuses of one account. `chosen`: the type that counts, by name or id; "" = each."""

    def __init__(self, client: Client, chosen: str) -> None:
        self._client = client
        self._chosen = " ".join(chosen.split()).casefold()
        self._names: dict[str, str] | None = None  # of the types by id; None: not known
        self._lacked: dict[str, float] = {}  # when a way was refused for want of a scope
        self._types: tuple[float, str] | None = None

    def apply_schema(self, entries: Mapping[str, CrmField]) -> None:
        """Take the types from the properties of contacts, as far as the schema tells of them."""
        self._names = None
        if ASKED_TOO in entries:
            self._names = {
                match[1]: str(entry.details.get(_LABEL) or "").partition(":")[2].strip()
                for name, entry in entries.items()
                if (match := PROPERTY.fullmatch(name))
            }

    def refusals(self, addresses: Sequence[str], own: Collection[str]) -> dict[str, EmailRefusal]:
        """Return which of these addresses, in small letters, have opted out. `own`: those that are
        a contact's own, and whose contact has not opted out of all email."""
        if not addresses:
            return {}
        try:
            counted = self._counted()
        except _UnknownTypeError:
            return dict.fromkeys(addresses, "unreadable")
        for way, read in (("batch", self._in_batches), ("one", self._one_by_one)):
            if time.monotonic() - self._lacked.get(way, -_ASK_AGAIN_AFTER) < _ASK_AGAIN_AFTER:
                continue
            try:
                return read(addresses, own, counted)
            except MissingScopeError:
                self._lacked[way] = time.monotonic()
        return self._by_properties(addresses, own, counted)

    def _counted(self) -> str:
        """Return the id of the type that counts, "" for each."""
        if not self._chosen or self._chosen.isdigit():
            return self._chosen
        if self._types is None or time.monotonic() - self._types[0] > _ASK_AGAIN_AFTER:
            self._types = (time.monotonic(), self._id_of_chosen())
        return self._types[1]

    def _id_of_chosen(self) -> str:
        try:
            names = self._definitions()
        except MissingScopeError:
            names = self._names or {}
        for type_id, name in names.items():
            if " ".join(name.split()).casefold() == self._chosen:
                return type_id
        raise _UnknownTypeError

    def _definitions(self) -> dict[str, str]:
        path = self._client.paths.communication_preferences("definitions")
        answer = self._client.get("other", path)
        return {str(entry["id"]): str(entry["name"]) for entry in _results(answer)}

    # -- three ways ----------------------------------------------------------------------

    def _in_batches(
        self, addresses: Sequence[str], own: Collection[str], counted: str
    ) -> dict[str, EmailRefusal]:
        refused: dict[str, EmailRefusal] = {}
        for start in range(0, len(addresses), BATCH):
            batch = addresses[start : start + BATCH]
            types = self._batch(batch, "statuses")
            everything = self._batch(batch, "wideStatuses")
            for address in batch:
                said = _meaning([*types.get(address, [{}]), *everything.get(address, [])], counted)
                if said is not None:
                    refused[address] = said
        return refused

    def _batch(self, batch: Sequence[str], key: str) -> dict[str, list[Mapping[str, Any]]]:
        rest = ("batch", "read") if key == "statuses" else ("batch", "unsubscribe-all", "read")
        path = self._client.paths.communication_preferences("statuses", *rest)
        answer = self._client.post("read", path, {"inputs": list(batch)}, _EMAIL)
        found = {str(entry["subscriberIdString"]).lower(): entry[key] for entry in _results(answer)}
        if answer.get("errors") or answer.get("numErrors"):
            # Of an address that is not among the results, nothing is known.
            return {address: found.get(address, [{}]) for address in batch}
        return found

    def _one_by_one(
        self, addresses: Sequence[str], own: Collection[str], counted: str
    ) -> dict[str, EmailRefusal]:
        refused: dict[str, EmailRefusal] = {}
        for address in addresses:
            base = self._client.paths.communication_preferences("statuses", quote(address, safe=""))
            said = _meaning(_results(self._client.get("read", base, _EMAIL)), counted)
            if said is None and address not in own:
                answer = self._client.get("read", f"{base}/unsubscribe-all", _EMAIL)
                said = _meaning(_results(answer), counted)
            if said is not None:
                refused[address] = said
        return refused

    def _by_properties(
        self, addresses: Sequence[str], own: Collection[str], counted: str
    ) -> dict[str, EmailRefusal]:
        if self._names is not None and not self._names:
            return {}  # the account has no subscription types
        refused: dict[str, EmailRefusal] = dict.fromkeys(addresses, "unreadable")
        names = [f"hs_email_optout_{key}" for key in self._names or () if counted in ("", key)]
        known = [address for address in addresses if address in own] if names else []
        for start in range(0, len(known), BATCH):
            body = {
                "idProperty": "email", "properties": ["email", *names],
                "propertiesWithHistory": [],
                "inputs": [{"id": address} for address in known[start : start + BATCH]],
            }  # fmt: skip
            path = self._client.paths.objects(OBJECT, "batch/read")
            answer = self._client.post("read", path, body, {"archived": False})
            for entry in answer["results"]:
                values = entry["properties"]
                address = str(values.get("email") or "").lower()
                said = {str(values.get(name, "?") or "").casefold() for name in names}
                if address in refused and "true" in said:
                    refused[address] = "opted_out"
                elif said <= {"", "false"}:
                    refused.pop(address, None)
        return refused

    # -- for people ----------------------------------------------------------------------

    def problems(self) -> list[SchemaProblem]:
        """Return what keeps us from reading opt-outs of subscription types. Asks the account."""
        try:
            names = self._definitions()
        except MissingScopeError:
            if self._names is not None and not self._names:
                return []
            text = (
                "our token lacks this scope, so the opt-outs of subscription types are read from "
                "contacts alone, and an address that is not a contact's own is not asked by email: "
                f"grant {READ} (docs/hubspot.md, Scopes)"
            )
            return [SchemaProblem(OBJECT, READ, text, blocks=False)]
        wanted = {key.casefold() for key in names} | {
            " ".join(name.split()).casefold() for name in names.values()
        }
        if not self._chosen or self._chosen in wanted:
            return []
        text = (
            "the account has no subscription type of this name or id, so nobody is asked by email; "
            f"it has: {', '.join(sorted(names.values())) or 'none'}"
        )
        return [SchemaProblem(OBJECT, "email_subscription_type", text, blocks=False)]


class _UnknownTypeError(Exception):
    """The account has no such subscription type, as far as we can see."""


def _results(answer: Any) -> list[Mapping[str, Any]]:
    if answer.get("status") != "COMPLETE" or not isinstance(answer.get("results"), list):
        raise ConnectorError("hubspot: an answer about subscriptions is not complete")
    return list(answer["results"])


def _meaning(statuses: Sequence[Mapping[str, Any]], counted: str) -> EmailRefusal | None:
    """Return what statuses come to. One of everything ("wideStatusType") always counts."""
    words = {
        str(entry.get("status"))
        for entry in statuses
        if not counted or "subscriptionId" not in entry or str(entry["subscriptionId"]) == counted
    }
    if _UNSUBSCRIBED in words:
        return "opted_out"
    return None if words <= {*_NO_OPT_OUT} else "unreadable"
