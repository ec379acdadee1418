"""The probe settles with a real account what HubSpot's documents leave open; here with the
stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from crms import Crm

from config.settings import Settings
from connectors import build
from connectors.errors import InvalidRequestError
from connectors.hubspot.probe import FACTS
from connectors.protocol import Connector
from sandbox.hubspot.service import TOKEN
from sandbox.run import Sandbox
from sandbox.service import Fault

OF_WRITING = {fact.name for fact in FACTS if fact.writes}
NAMES = ("lastname", "email", "company", "hs_additional_emails")


@pytest.fixture
def connector(make_settings: Callable[..., Settings]) -> Iterator[Connector]:
    opened = build("hubspot", make_settings())
    yield opened
    opened.close()


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    """An account with a merged contact, an archived one, and a key with all scopes."""
    hubspot = Crm.all(sandbox)["hubspot"]
    merged, primary, archived = hubspot.ids()[:3]
    hubspot.act(merged, {"merge_into": primary})
    hubspot.act(archived, {"delete": True})
    sandbox.hubspot.scopes.add("crm.lists.write")
    return hubspot


def merged_record_id(crm: Crm) -> str:
    return next(rid for rid, record in crm.records().items() if record.get("hs_merged_object_ids"))


def verdicts(connector: Connector, record: str = "") -> dict[str, str]:
    return {result.fact: result.verdict for result in connector.probe(record)}


class TestAProbe:
    def test_confirms_what_the_stand_in_does_and_writes_nothing(
        self, connector: Connector, crm: Crm
    ) -> None:
        crm.service.daily_limit = 1000
        before, stamps = crm.snapshot(), dict(crm.service.portal.table.by_id)
        lists = dict(crm.service.portal.lists)
        by_fact = verdicts(connector)
        open_ones = {name for name, verdict in by_fact.items() if verdict != "confirmed"}
        assert open_ones - {"disposition-options"} == OF_WRITING
        assert crm.snapshot() == before
        assert crm.service.portal.table.by_id == stamps
        assert crm.service.portal.lists == lists
        assert crm.writes == 0

    def test_writes_a_named_contact_alone_and_changes_no_value_of_it(
        self, connector: Connector, crm: Crm
    ) -> None:
        target = merged_record_id(crm)
        before = crm.snapshot()
        stamps = {rid: record["lastmodifieddate"] for rid, record in crm.records().items()}
        by_fact = verdicts(connector, target)
        assert {by_fact[name] for name in OF_WRITING} == {"confirmed"}
        assert crm.snapshot() == before
        after = {rid: record["lastmodifieddate"] for rid, record in crm.records().items()}
        assert {rid for rid in after if after[rid] != stamps[rid]} <= {target}

    def test_names_the_scopes_that_a_key_lacks(self, connector: Connector, crm: Crm) -> None:
        crm.service.scopes.difference_update({"crm.lists.write", "crm.schemas.contacts.write"})
        results = {result.fact: result for result in connector.probe()}
        seen = results["token-info"].seen
        assert "crm.lists.write" in seen
        assert "crm.schemas.contacts.write" in seen
        assert "crm.objects.contacts.read" not in seen
        assert results["list-write"].verdict == "not reachable"

    def test_refutes_what_is_otherwise(self, connector: Connector, crm: Crm) -> None:
        for match in ("POST .*/contacts/search", r"GET .*/objects/2026-09/contacts\?limit=20"):
            crm.fault(match, "reorder", times=99)
        crm.fault("GET /calling/", "status", status=403, body={"category": "MISSING_SCOPES"})
        by_fact = verdicts(connector)
        wrong = ("search-order", "search-descending", "list-order", "dispositions")
        assert {by_fact[name] for name in wrong} == {"refuted"}

    def test_refutes_that_a_further_address_finds_a_contact(
        self, connector: Connector, crm: Crm
    ) -> None:
        crm.service.portal.finds_further_addresses = False
        results = {result.fact: result for result in connector.probe()}
        assert results["further-read"].verdict == "refuted"
        assert results["further-read"].seen == "gives nothing"
        assert results["further-search"].verdict == "confirmed"

    def test_cannot_ask_for_further_addresses_where_no_contact_has_one(
        self, connector: Connector, sandbox: Sandbox
    ) -> None:
        by_fact = verdicts(connector)
        assert {by_fact[name] for name in ("further-read", "further-search")} == {"not reachable"}

    def test_says_what_it_could_not_ask(self, connector: Connector, crm: Crm) -> None:
        body = {"category": "MISSING_SCOPES", "message": "Jane Doe may not"}
        crm.service.faults.append(
            Fault("GET /crm/limits", "status", status=403, body=body, times=9)
        )
        results = {result.fact: result for result in connector.probe()}
        assert results["property-limit"].verdict == "not reachable"
        assert "MISSING_SCOPES" in results["property-limit"].seen

    def test_prints_nothing_of_the_records_nor_of_the_account(
        self, connector: Connector, crm: Crm
    ) -> None:
        target = merged_record_id(crm)
        text = repr(list(connector.probe(target)))
        record = crm.records()[target]
        assert all(record_id not in text for record_id in crm.ids())
        assert all(str(record[name]) not in text for name in NAMES)
        assert TOKEN not in text
        assert "62515" not in text

    def test_is_not_made_with_an_id_of_another_kind(self, connector: Connector) -> None:
        with pytest.raises(InvalidRequestError):
            list(connector.probe("003000000000001AAA"))
