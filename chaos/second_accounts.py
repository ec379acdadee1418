"""A second Salesforce org and HubSpot portal, connected beside the first ones.

Their ids are those of the first accounts' records, and other people hold them. Nobody edits them:
what is said of a number anywhere must reach its records here, whatever happens to either account.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from chaos import model
from chaos.crm_fields import PHONE_FIELDS
from chaos.ground_truth import GroundTruth, Key, TypedPhone
from chaos.numbers import COUNTRY, SIZES, number_of
from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox, org_id_beside
from sandbox.salesforce import Org, SalesforceService
from sandbox.table import Clock

SETTINGS = """
[connectors.salesforce-emea]
kind = "salesforce"
sync.every = "4s"
[connectors.hubspot-emea]
kind = "hubspot"
sync.every = "4s"
search_lag = "5s"
"""
_CONTACTS, _LEADS = 24, 8
_PORTAL_ID = 99
_COUNTRY_FIELDS = {"Contact": "MailingCountry", "Lead": "Country", "contacts": "country"}


class SecondAccounts:
    """Runs the stand-ins, and knows what was typed into their records."""

    def __init__(self, seed: int, clock: Callable[[], Clock]) -> None:
        self.sandbox = Sandbox(
            SalesforceService(
                Org(
                    _CONTACTS - _LEADS,
                    _LEADS,
                    seed + 1,
                    clock=clock(),
                    id=org_id_beside(_PORTAL_ID),
                )
            ),
            HubSpotService(Portal(_CONTACTS, seed + 1, clock=clock(), id=_PORTAL_ID)),
        )
        self._rng = random.Random(f"second accounts {seed}")
        self._typed: dict[Key, dict[str, TypedPhone]] = {}
        self.sandbox.begin()
        self.sandbox.salesforce.page_limit = 10
        self.sandbox.call(self._populate)

    def env(self) -> dict[str, str]:
        return self.sandbox.env(suffix="EMEA")

    def _populate(self) -> None:
        org, portal = self.sandbox.salesforce.org, self.sandbox.hubspot.portal
        keys = [Key("hubspot", "contacts", r["id"]) for r in portal.table.after_id(None)]
        keys += [
            Key("salesforce", name, r["Id"])
            for name in ("Contact", "Lead")
            for r in org.tables[name].after_id(None)
        ]
        for key in keys:
            first, second = PHONE_FIELDS[key[:2]]
            # Numbers of which something is said as numbers, not on somebody's record.
            pool = self._rng.choices(("plain", "stop", "wrong", "report"), (2, 3, 3, 2))[0]
            number = number_of(pool, self._rng.randrange(SIZES[pool]))
            values = {first: number, second: None, _COUNTRY_FIELDS[key.object]: COUNTRY}
            if key.crm == "salesforce":
                values |= {"HomePhone": None, "OtherPhone": None}
            self._values(key).update(values)
            self._typed[key] = {first: TypedPhone(number, number), second: TypedPhone("")}

    def _values(self, key: Key) -> dict[str, Any]:
        if key.crm == "hubspot":
            record = self.sandbox.hubspot.portal.table.get(key.id)
            assert record is not None
            values: dict[str, Any] = record["properties"]
            return values
        row = self.sandbox.salesforce.org.tables[key.object].get(key.id)
        assert row is not None
        return row

    def records(
        self, truth: GroundTruth, in_service: model.InService, asked: Callable[[str], bool]
    ) -> list[str]:
        """Say how records differ from what they must be."""
        ours = replace(truth, typed=self._typed)

        def look() -> list[str]:
            return [
                f"{key.crm}-emea {key.object} {key.id}: {difference}"
                for key in self._typed
                for difference in model.differences(
                    key, model.expected(ours, key, in_service, asked), self._values(key)
                )
            ]

        return self.sandbox.call(look)

    def holders(self) -> Mapping[str, int]:
        """Return how many records have each number."""
        return Counter(p.number for fields in self._typed.values() for p in fields.values()
                       if p.number)  # fmt: skip

    def typed_fields(self, truth: GroundTruth) -> Iterator[str]:
        """Promise 3: what people typed is as they typed it."""
        ours = replace(truth, typed=self._typed)

        def look() -> list[str]:
            return [
                line
                for key in self._typed
                for line in model.changed_phone_fields(ours, key, self._values(key))
            ]

        yield from self.sandbox.call(look)
