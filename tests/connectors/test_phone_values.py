"""Phone fields of every type that an admin may have made: numbers are read by their digits, other
types are refused by name, and one odd value costs neither its record nor its page."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from constants import NUMBER
from crms import Crm
from fixture_types import Sync

from config.settings import Settings
from connectors import build
from connectors.errors import SchemaError
from connectors.fields import ObjectFields
from connectors.phone_values import number_texts, typed_texts
from connectors.records import Update
from connectors.rows import make_decoder
from sandbox.hubspot.portal import prop
from worker.context import Context
from worker.phones import parse_field
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope
from worker.sync.write.crm_writes import write_all

GOOD = 442072193000


def mapped(crm: Crm, extra: str = "") -> str:
    """Settings by which the phones of the main object are the usual one and `Direct`."""
    country = "MailingCountry" if crm.name == "salesforce" else "country"
    lead = '[connectors.salesforce.objects.Lead]\nphones = ["Phone"]\ncountry = ["Country"]\n'
    return (
        f'{extra}\n[connectors.{crm.name}.objects.{crm.object}]\nphones = ["{crm.phone}", '
        f'"{extra_field(crm)}"]\ncountry = ["{country}"]\n'
        f"{lead if crm.name == 'salesforce' else ''}"
    )


def extra_field(crm: Crm) -> str:
    return "Direct__c" if crm.name == "salesforce" else "direct"


def add_field(crm: Crm, kind: str) -> None:
    """An admin makes a field of this type (in Salesforce's words, or HubSpot's), with our fields
    for it."""
    name = extra_field(crm)
    if crm.name == "hubspot":
        crm.service.portal.properties[name] = prop(name, "Direct", kind, "text", own=False)
        for suffix in ("status", "line_type", "e164"):
            ours = f"hygiene_{name}_{suffix}"
            crm.service.portal.properties[ours] = prop(ours, suffix, own=False)
        return
    fields = crm.service.org.schema["Contact"][1]
    crm.service.org.add_custom_field(
        "Contact", name, {"type": "Text", "length": 40, "label": "Direct"}, visible=True
    )
    fields[name].type, fields[name].length = kind, 0
    for suffix in ("Status", "E164", "Line_Type"):
        metadata = {"type": "Text", "length": 40, "label": suffix}
        crm.service.org.add_custom_field("Contact", f"Direct_{suffix}__c", metadata, visible=True)


NUMBERS = {"salesforce": ("double", "currency", "percent"), "hubspot": ("number",)}
NO_PHONES = {
    "salesforce": ("boolean", "date", "datetime", "reference", "picklist", "multipicklist",
                   "encryptedstring", "address", "location", "email", "base64"),
    "hubspot": ("bool", "date", "datetime", "enumeration", "object_coordinates", "json"),
}  # fmt: skip


class TestAFieldOfNumbers:
    @pytest.mark.parametrize("by_job", [False, True])
    def test_is_read_by_its_digits_and_flagged_like_any_other(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, by_job: bool
    ) -> None:
        add_field(crm, NUMBERS[crm.name][0])
        target, odd, plain = crm.ids()[:3]
        country = "MailingCountry" if crm.name == "salesforce" else "country"
        typed = GOOD if crm.name == "salesforce" else str(GOOD)
        # Such a field keeps no plus: its number is read by the contact's country.
        crm.act(target, {"set": {extra_field(crm): typed, country: "United Kingdom"}})
        crm.act(odd, {"set": {extra_field(crm): -5.5 if crm.name == "salesforce" else "-5.5"}})
        jobs = "[connectors.salesforce]\nbulk_from = 1\n" if by_job else ""
        ctx = make_context(mapped(crm, jobs))
        result = sync(ctx, crm.name)
        assert result["contacts"]["failed"] == 0
        assert not result["parked_pages"]
        records = crm.records()
        names = ("Direct_E164__c", "Direct_Status__c") if crm.name == "salesforce" else (
            "hygiene_direct_e164", "hygiene_direct_status"
        )  # fmt: skip
        assert records[target][names[0]] == f"+{GOOD}"
        assert records[target][names[1]] == "valid"
        assert records[odd][names[1]] == "invalid"
        assert "negative number" in crm.get(odd, "reason")
        assert not records[plain].get(names[1])
        assert any("is a" in note and extra_field(crm) in note for note in result["notes"])

    def test_is_never_rewritten(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        add_field(crm, NUMBERS[crm.name][0])
        target = crm.ids()[0]
        typed = GOOD if crm.name == "salesforce" else str(GOOD)
        crm.act(target, {"set": {extra_field(crm): typed}})
        result = sync(make_context(mapped(crm, "[policy]\nnormalize = true\n")), crm.name)
        assert result["contacts"]["failed"] == 0
        assert crm.records()[target][extra_field(crm)] == typed

    def test_keeps_no_opt_out_from_the_crm_where_it_is_written_to_all_the_same(
        self, make_settings: Callable[..., Settings], crm: Crm
    ) -> None:
        """As by settings that name a field whose type was changed a moment ago."""
        add_field(crm, "string")
        connector = build(crm.name, make_settings(mapped(crm)))
        connector.apply_schema(connector.describe())
        target, neighbour = crm.ids()[:2]
        if crm.name == "salesforce":
            crm.service.org.schema["Contact"][1][extra_field(crm)].type = "double"
        else:
            crm.service.portal.properties[extra_field(crm)]["type"] = "number"
        values = {f"phone/{extra_field(crm)}": "no number", "do_not_contact": True}
        outcomes, _ = write_all(
            connector,
            [Update(crm.object, target, values), Update(crm.object, neighbour, {"reason": "R."})],
        )
        assert not outcomes[target].ok
        assert crm.get(target, "do_not_contact")
        assert crm.get(neighbour, "reason") == "R."
        connector.close()

    @pytest.mark.parametrize(
        ("cell", "text"),
        [
            (14155550123, "14155550123"), (14155550123.0, "14155550123"),
            ("14155550123.0", "14155550123"), ("1.4155550123E10", "14155550123"),
            ("1.4155550123e+10", "14155550123"), (0, "0"), ("", ""), (None, ""),
        ],
    )  # fmt: skip
    def test_in_every_form_that_a_crm_gives_it(self, cell: Any, text: str) -> None:
        assert number_texts([cell]) == [text]

    @pytest.mark.parametrize(
        "cell",
        [
            -14155550123, "-1.4155550123E10", 14155550123.5, "0.5", 1e16, 2**53 + 1, 2.0**70,
            "1E999999999", math.nan, math.inf, "NaN", True, [14155550123], {"a": 1}, 10**400,
        ],
    )  # fmt: skip
    def test_makes_up_no_number_of_what_is_none(self, cell: Any) -> None:
        (text,) = number_texts([cell])
        for region in (None, "US", "DE"):
            reading = parse_field(text, region)
            assert not reading.numbers
            assert reading.outcome == "invalid"
            assert reading.reason.startswith("holds ")
            assert reading.reason.endswith("not a phone number")


class TestAFieldOfAnotherType:
    @pytest.mark.parametrize(
        ("name", "kind"), [(name, kind) for name, kinds in NO_PHONES.items() for kind in kinds]
    )
    def test_is_refused_by_name_before_anything_is_read(
        self, make_context: Callable[..., Context], sandbox: Any, name: str, kind: str
    ) -> None:
        crm = Crm.all(sandbox)[name]
        add_field(crm, kind)
        ctx = make_context(mapped(crm))
        with pytest.raises(SchemaError, match=rf"{extra_field(crm)}: is a \w+ field") as refused:
            lifecycle.open_run(ctx, crm.name, Scope("changed"))
        assert "\n" not in str(refused.value)
        findings = ctx.findings[crm.name]
        assert [finding.field for finding in findings if finding.cause == "unreadable"] == [
            extra_field(crm)
        ]
        assert all(finding.blocks for finding in findings if finding.cause == "unreadable")

    def test_a_formula_is_refused_since_its_changes_are_not_told(
        self, make_context: Callable[..., Context], sandbox: Any
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        add_field(crm, "string")
        crm.service.org.schema["Contact"][1][extra_field(crm)].calculated = True
        with pytest.raises(SchemaError, match="Direct__c: is a formula"):
            make_context(mapped(crm)).connector(crm.name)


class TestSettings:
    def test_that_name_a_phone_field_twice_are_refused(
        self, make_settings: Callable[..., Settings], crm: Crm
    ) -> None:
        toml = mapped(crm).replace(extra_field(crm), crm.phone.upper())
        with pytest.raises(SchemaError, match="is listed twice"):
            build(crm.name, make_settings(toml))

    def test_that_write_to_a_phone_field_are_refused(
        self, make_settings: Callable[..., Settings], crm: Crm
    ) -> None:
        fields = f'[connectors.{crm.name}.fields]\nbest_phone = "{extra_field(crm)}"\n'
        with pytest.raises(SchemaError, match=r"fields\.best_phone"):
            build(crm.name, make_settings(mapped(crm, fields)))


ODD: list[Any] = [
    None, True, 7, 1.5, math.nan, 10**400, [NUMBER], {"number": NUMBER},
    "x" * 200_000, "\ud83d", "\x00", "", [[[]]],
]  # fmt: skip


class TestAnOddValue:
    @pytest.mark.parametrize(
        "odd", ODD, ids=lambda value: str(value)[:12].encode("ascii", "replace").decode()
    )
    def test_in_any_column_costs_no_other_record(self, odd: Any) -> None:
        fields = ObjectFields(
            "Contact", ("Phone",), ("Country",), "State", "Email", "Site", "Source", "Campaign",
            "Worth", "Consented", "Created",
            {"reason": "Reason", "do_not_contact": "Stop", "checked_at": "At", "status/Phone": "S"},
            "Code",
        )  # fmt: skip

        def moment(cell: Any) -> str:
            return cell.upper()

        decoder = make_decoder(
            fields, lambda cell: moment(cell) if isinstance(cell, str) else _refuse()
        )
        columns = decoder.columns
        for place in range(len(columns)):
            rows = [["1", "then", *[""] * len(columns)], ["2", "then", *[""] * len(columns)]]
            rows[0][2 + place] = odd
            rows[1][2] = NUMBER
            first, second = decoder.read(zip(*rows, strict=True))
            assert second.phones == {"Phone": NUMBER}
            assert "\0" not in first.source + first.campaign  # PostgreSQL takes none
            for value in (*first.phones.values(), first.country, first.state, first.source):
                assert isinstance(value, str)
            parse_field(first.phones["Phone"], "US")

    def test_that_is_no_text_makes_up_no_number(self) -> None:
        for text in typed_texts([True, [NUMBER], {"n": NUMBER}, -1, 1.5]):
            assert not parse_field(text, "US").numbers
        assert typed_texts([14155550123]) == ["14155550123"]


def _refuse() -> str:
    raise ValueError("no time")
