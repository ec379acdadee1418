"""The records of the CRMs: people edit, create and delete them, and each write is recorded.

Also some edits at the very moment in which a write of ours arrives.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chaos.crm_fields import PHONE_FIELDS
from chaos.crm_writes import CrmWrite
from chaos.ground_truth import EMPTY, GroundTruth, Key, TypedPhone
from chaos.numbers import COUNTRY, SIZES, draw_phone, number_of, type_number
from sandbox.run import Sandbox

CONTACTS = 84  # in each CRM


class CrmRecords:
    """Call its methods within `sandbox.call`: the stand-ins live in that thread."""

    def __init__(self, sandbox: Sandbox, rng: random.Random, truth: GroundTruth) -> None:
        self.sandbox = sandbox
        self.rng = rng
        self.truth = truth
        self.writes: list[CrmWrite] = []
        self.emails: dict[Key, str] = {}
        self.parties: dict[Key, str] = {}  # record -> its Individual, in Salesforce
        self.concurrent_edit_rate = 0.02  # how likely somebody edits a record while we write to it
        self._by_person = False

    # -- set-up --------------------------------------------------------------------------

    def seed(self) -> None:
        """Give the stand-ins' contacts our phones, and record what is written to them."""
        org, portal = self.sandbox.salesforce.org, self.sandbox.hubspot.portal
        for place in range(SIZES["plain"]):
            if place % 10 == 3:  # the plan has such numbers, the network does not
                self.sandbox.network.set(number_of("plain", place), in_plan=False,
                                         problem="INVALID_BUT_POSSIBLE")  # fmt: skip
        keys = [Key("hubspot", "contacts", r["id"]) for r in portal.table.after_id(None)]
        self._populate(keys)
        keys = [
            Key("salesforce", name, r["Id"])
            for name in ("Contact", "Lead")
            for r in org.tables[name].after_id(None)
        ]
        self._populate(keys)
        org.enable_data_protection()
        for key in keys:  # each is a person of the consent records
            party = org.create("Individual", {"LastName": "Somebody"})
            org.update(key.object, key.id, {"IndividualId": party})
            self.parties[key] = party
        self._watch(portal, org)

    def _populate(self, keys: list[Key]) -> None:
        for place, key in enumerate(keys):
            first, second = PHONE_FIELDS[key[:2]]
            if place < SIZES["tick"]:
                typed = {first: self._typed("tick", place), second: EMPTY}
            elif place < SIZES["tick"] + SIZES["clear"]:
                typed = {first: self._typed("clear", place - SIZES["tick"]), second: EMPTY}
            elif (above := place - SIZES["tick"] - SIZES["clear"]) < SIZES["reopen"]:
                typed = {first: self._typed("reopen", above), second: EMPTY}
            else:
                typed = {first: draw_phone(self.rng), second: EMPTY}
                if self.rng.random() < 0.35:
                    typed[second] = draw_phone(self.rng)
            values = self._values(key, typed)
            current = self.current_values(key)
            current.update(
                {"HomePhone": None, "OtherPhone": None} if key.crm == "salesforce" else {}
            )
            current.update({name: value or None for name, value in values.items()})
            self.emails[key] = current.get("email") or current.get("Email") or ""
            self.truth.type_in(key, typed)

    def _watch(self, portal: Any, org: Any) -> None:
        to_portal, to_org = portal.update, org.update

        def record_write(
            key: Key, values: Mapping[str, Any], before: Mapping[str, Any], ours: bool
        ) -> None:
            previous = {name: before.get(name) for name in values}
            self.writes.append(CrmWrite(key, dict(values), previous, ours))

        def portal_update(record_id: str, values: dict[str, Any], *rest: Any) -> Any:
            key = Key("hubspot", "contacts", record_id)
            ours = not self._by_person
            record = portal.find(record_id)
            before = dict(record["properties"]) if record else {}
            if ours:
                self._concurrent_edit(key)
            result = to_portal(record_id, values, *rest)
            record_write(key, values, before, ours)
            return result

        def org_update(
            name: str, record_id: str, values: dict[str, Any], by: str = "", **kwargs: Any
        ) -> None:
            key = Key("salesforce", name, record_id)
            if key[:2] not in PHONE_FIELDS:  # a task, or a consent record
                to_org(name, record_id, values, by, **kwargs)
                return
            before = dict(org.find(name, record_id) or {})
            ours = not self._by_person
            if ours:
                self._concurrent_edit(key)
            to_org(name, record_id, values, by, **kwargs)
            record_write(key, values, before, ours)

        portal.update, org.update = portal_update, org_update

    # -- reading -------------------------------------------------------------------------

    def current_values(self, key: Key) -> dict[str, Any]:
        """Return the values of a record in its CRM."""
        if key.crm == "hubspot":
            record = self.sandbox.hubspot.portal.table.get(key.id)
        else:
            record = self.sandbox.salesforce.org.tables[key.object].get(key.id)
        assert record is not None
        values: dict[str, Any] = record["properties"] if key.crm == "hubspot" else record
        return values

    def pick(self, crm: str | None = None) -> Key | None:
        """Return a record whose phones may be edited, of one CRM if it is given."""
        free = [key for key in self.truth.typed if crm in (None, key.crm) and self._is_free(key)]
        return self.rng.choice(free) if free else None

    def _is_free(self, key: Key) -> bool:
        """Return whether a record's phones may be edited. Those whose flags people tick keep their
        numbers, so that it is clear which number a tick means; and so do those who are asked."""
        pools = {phone.number[-4] for phone in self.truth.typed[key].values() if phone.number}
        return key not in self.truth.deleted and not pools & {"0", "1", "5", "7"}

    # -- what people do ------------------------------------------------------------------

    @contextmanager
    def by_a_person(self) -> Iterator[None]:
        """What is written inside counts as written by a person, not by us."""
        was, self._by_person = self._by_person, True
        try:
            yield
        finally:
            self._by_person = was

    def act(self, key: Key, action: dict[str, Any]) -> Any:
        """Do to a record what a person does; `sandbox.service.Service.act` says what there is."""
        service = self.sandbox.hubspot if key.crm == "hubspot" else self.sandbox.salesforce
        with self.by_a_person():
            return service.act(key.object, key.id, action)

    def edit(self, key: Key) -> None:
        """Type something else into a phone field of a record."""
        with self.by_a_person():
            first, second = PHONE_FIELDS[key[:2]]
            name = first if self.rng.random() < 0.7 else second
            typed = EMPTY if self.rng.random() < 0.1 else draw_phone(self.rng)
            self.act(key, {"set": {name: typed.text}})
            self.truth.type_in(key, {name: typed})
            self.truth.note_change()

    def edit_in(self, crm: str) -> str:
        """Edit a record of a CRM; return its object."""
        key = self.pick(crm)
        assert key is not None
        self.edit(key)
        return key.object

    def _concurrent_edit(self, key: Key) -> None:
        """Let somebody change a phone at the moment in which our write to its record arrives."""
        if (
            key in self.truth.typed
            and self.rng.random() < self.concurrent_edit_rate
            and self._is_free(key)
        ):
            self.edit(key)

    def edit_late(self, key: Key, typed: TypedPhone, seconds: float) -> None:
        """Type a phone into a record, with a stamp of so many seconds ago."""
        name = PHONE_FIELDS[key[:2]][0]
        skew = self.sandbox.hubspot.clock.skew.total_seconds()
        self.act(key, {"late": seconds - skew, "values": {name: typed.text or None}})
        self.truth.type_in(key, {name: typed})
        self.truth.note_change()

    def create(
        self, rng: random.Random, pool: str = "", where: tuple[str, str] | None = None
    ) -> Key:
        """Create a contact, with the first number of a pool if one is given."""
        crm, name = where or rng.choice(list(PHONE_FIELDS))
        first, second = PHONE_FIELDS[crm, name]
        typed = {first: self._typed(pool, 0) if pool else draw_phone(self.rng), second: EMPTY}
        email = f"newcomer.{uuid.UUID(int=rng.getrandbits(128)).hex[:10]}@example.com"
        values = self._values(Key(crm, name, ""), typed)
        if crm == "hubspot":
            record_id = self.sandbox.hubspot.portal.create({"email": email, **values})
        else:
            fields = {"LastName": "Newcomer", "Email": email}
            fields |= {"Company": "Halcyon Foods"} if name == "Lead" else {}
            record_id = self.sandbox.salesforce.org.create(name, {**fields, **values})
        key = Key(crm, name, record_id)
        self.truth.type_in(key, typed)
        self.emails[key] = email
        self.truth.note_change()
        return key

    def delete(self, key: Key) -> None:
        self.act(key, {"delete": True})
        self.truth.deleted.add(key)

    def _typed(self, pool: str, place: int) -> TypedPhone:
        return type_number(pool, place, self.rng)

    def _values(self, key: Key, typed: Mapping[str, TypedPhone]) -> dict[str, Any]:
        where = {"hubspot": "country", "salesforce": "MailingCountry"}[key.crm]
        country = "Country" if key.object == "Lead" else where
        return {country: COUNTRY, **{name: phone.text for name, phone in typed.items()}}
