"""The probe settles with a real org what its documents leave open; here with the stand-in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from connectors import build
from connectors.errors import InvalidRequestError
from connectors.protocol import Connector
from connectors.salesforce.probe import FACTS
from sandbox.run import Sandbox
from sandbox.service import Fault

TABLE = Path(__file__).parents[3] / "docs" / "salesforce-facts.md"


@pytest.fixture
def connector(make_settings: Callable[..., Settings]) -> Iterator[Connector]:
    opened = build("salesforce", make_settings())
    yield opened
    opened.close()


def verdicts(connector: Connector, record: str = "") -> dict[str, str]:
    return {result.fact: result.verdict for result in connector.probe(record)}


def lead(sandbox: Sandbox) -> str:
    return next(iter(sandbox.salesforce.org.tables["Lead"].after_id(None)))["Id"]


class TestAProbe:
    def test_confirms_what_the_stand_in_does_and_writes_nothing(
        self, connector: Connector, sandbox: Sandbox
    ) -> None:
        sandbox.salesforce.bulk.result_part = 10
        before = dict(sandbox.salesforce.org.tables["Contact"].by_id)
        by_fact = verdicts(connector)
        of_writing = {fact.name for fact in FACTS if fact.writes}
        open_ones = {name for name, verdict in by_fact.items() if verdict != "confirmed"}
        assert open_ones == of_writing | {"person-accounts"}
        assert sandbox.salesforce.org.tables["Contact"].by_id == before
        assert not [r for r in sandbox.salesforce.counters if r.startswith(("PATCH", "PUT"))]

    def test_writes_a_named_record_alone_and_changes_no_value_of_it(
        self, connector: Connector, sandbox: Sandbox
    ) -> None:
        target = lead(sandbox)
        tables = sandbox.salesforce.org.tables
        skipped = {"SystemModstamp", "LastModifiedDate", "LastModifiedById", "_stamp"}

        def current_records() -> dict[str, dict[str, object]]:
            rows = [r for n in ("Contact", "Lead") for r in tables[n].after_id(None)]
            return {r["Id"]: {k: v for k, v in r.items() if k not in skipped} for r in rows}

        before = current_records()
        by_fact = verdicts(connector, target)
        assert {by_fact[fact.name] for fact in FACTS if fact.writes} == {"confirmed"}
        assert current_records() == before

    def test_refutes_what_is_otherwise(self, connector: Connector, sandbox: Sandbox) -> None:
        sandbox.salesforce.bulk.short_by = 1
        sandbox.salesforce.bulk.result_form = "unknown"
        sandbox.salesforce.login.scopes = ["api", "openid"]
        by_fact = verdicts(connector)
        wrong = ("job-count", "parts-form", "userinfo-scope")
        assert {by_fact[name] for name in wrong} == {"refuted"}

    def test_says_what_it_could_not_ask(self, connector: Connector, sandbox: Sandbox) -> None:
        body = [{"errorCode": "FEATURENOTENABLED", "message": "Jane Doe may not"}]
        sandbox.salesforce.faults.append(
            Fault("POST .*/jobs/query", "status", status=400, body=body, times=99)
        )
        results = {result.fact: result for result in connector.probe()}
        assert results["job-count"].verdict == "not reachable"
        assert "FEATURENOTENABLED" in results["job-count"].seen

    def test_prints_nothing_of_the_records(self, connector: Connector, sandbox: Sandbox) -> None:
        target = lead(sandbox)
        text = repr(list(connector.probe(target)))
        record = sandbox.salesforce.org.tables["Lead"].get(target) or {}
        assert target not in text
        assert not re.search(r"\b(003|00Q|005|00D)\w{12,15}\b", text)
        assert all(str(record[name]) not in text for name in ("LastName", "Company", "Email"))

    def test_is_not_made_with_an_account(self, make_settings: Callable[..., Settings]) -> None:
        account = '[connectors.salesforce.objects.Account]\nphones = ["Phone"]\n'
        opened = build("salesforce", make_settings(account))
        with pytest.raises(InvalidRequestError, match="Contact or a Lead"):
            opened.probe("001000000000001AAA")
        opened.close()


class TestTheTable:
    """docs/salesforce-facts.md says of each interaction what the org does, by which source."""

    def rows(self) -> list[list[str]]:
        lines = TABLE.read_text(encoding="utf-8").splitlines()
        cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in lines if "|" in line]
        return [row for row in cells if len(row) == 5 and row[0] not in ("interaction", "---")]

    def test_has_every_fact_that_the_probe_settles(self) -> None:
        text = TABLE.read_text(encoding="utf-8")
        assert [fact.name for fact in FACTS if f"`{fact.name}`" not in text] == []

    def test_names_a_source_and_a_test_that_is_there(self) -> None:
        root = TABLE.parents[1]
        rows = self.rows()
        assert len(rows) >= 40
        for _interaction, _what, source, sure, test in rows:
            assert len(source) > 5
            assert sure.split(",")[0] in ("documented", "reported", "not confirmed", "recorded")
            for name in re.findall(r"`(test_\w+)`", test):
                sources = (*root.glob("tests/**/*.py"), root / "connectors/conformance.py")
                paths = [p for p in sources if f"def {name}(" in p.read_text()]
                assert paths, f"there is no test {name}"

    def test_begins_with_what_is_not_confirmed(self) -> None:
        order = [row[3].startswith("not confirmed") for row in self.rows()]
        assert order == sorted(order, reverse=True)
