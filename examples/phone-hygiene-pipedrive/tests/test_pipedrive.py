"""What only Pipedrive does: phones in one list, options with ids, a budget of tokens, refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from phone_hygiene_pipedrive import PipedriveConnector
from stand_in import Fault, Pipedrive

from connectors.errors import (
    AuthError,
    ConnectorError,
    InvalidRequestError,
    QuotaError,
    SchemaChangedError,
    SchemaError,
    UnavailableError,
)
from connectors.fields import fit
from connectors.records import CrmField, OwnWriteFilter, Update

DNC = "Hygiene: do not contact"
Open = Callable[..., PipedriveConnector]


def read_all(connector: PipedriveConnector) -> list[str]:
    return [contact.id for page in connector.read("persons") for contact in page.contacts]


class TestPhones:
    def test_each_label_is_a_phone_field_with_the_primary_number_first(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.edit(1, phones=[
            {"value": "020 7946 0001", "primary": False, "label": "work"},
            {"value": "020 7946 0002", "primary": True, "label": "work"},
            {"value": "07700 900001", "primary": False, "label": "Mobile"},
            {"value": "", "primary": False, "label": "home"},
        ])  # fmt: skip
        (contact,) = connector.fetch("persons", ["1"])
        assert contact.phones == {
            "work": "020 7946 0002; 020 7946 0001", "mobile": "07700 900001",
            "home": "", "other": "",
        }  # fmt: skip

    def test_a_label_of_the_companys_own_or_none_stands_with_other(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.edit(1, phones=[
            {"value": "020 7946 0001", "primary": True, "label": "Reception"},
            {"value": "020 7946 0002", "primary": False},
        ])  # fmt: skip
        (contact,) = connector.fetch("persons", ["1"])
        assert contact.phones["other"] == "020 7946 0001; 020 7946 0002"

    def test_are_never_rewritten_since_a_write_replaces_the_whole_list(
        self, connector: PipedriveConnector
    ) -> None:
        assert not any(key.startswith("phone/") for key in connector.writable("persons"))

    def test_a_phone_field_of_the_companys_own_can_be_named(
        self, crm: Pipedrive, open_connector: Open
    ) -> None:
        key = crm.add_field("Assistant", "phone")
        crm.edit(1, **{key: "020 7946 0003"})
        connector = open_connector(objects={"persons": {"phones": ["work", "Assistant"]}})
        connector.apply_schema(connector.describe())
        (contact,) = connector.fetch("persons", ["1"])
        assert contact.phones["Assistant"] == "020 7946 0003"
        assert "phone/Assistant" in connector.writable("persons")
        (result,) = connector.write([Update("persons", "1", {"phone/Assistant": "+442079460003"})])
        assert result.ok
        assert crm.value(1, "Assistant") == "+442079460003"

    def test_what_is_not_read_is_told(self, connector: PipedriveConnector, crm: Pipedrive) -> None:
        crm.add_field("Assistant", "phone")
        assert [problem.field for problem in connector.unwatched()] == ["Assistant"]


class TestFields:
    def test_people_see_yes_or_nothing_and_readable_options(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        values = {"do_not_contact": True, "status/work": "wrong_number"}
        connector.write([Update("persons", "1", values)])
        assert crm.value(1, DNC) == "Yes"
        assert crm.value(1, "Hygiene: work phone status") == "Wrong number"
        connector.write([Update("persons", "1", {"do_not_contact": False})])
        assert crm.value(1, DNC) is None

    def test_the_schema_of_another_process_is_enough_to_read_and_write(
        self, connector: PipedriveConnector, open_connector: Open, crm: Pipedrive
    ) -> None:
        from dataclasses import asdict

        import msgspec

        stored = msgspec.json.encode(
            {name: asdict(entry) for name, entry in connector.describe()["persons"].items()}
        )
        schema = {name: CrmField(**entry) for name, entry in msgspec.json.decode(stored).items()}
        other = open_connector()
        other.apply_schema({"persons": schema})
        other.write([Update("persons", "1", {"do_not_contact": True})])
        assert crm.value(1, DNC) == "Yes"
        assert other.fetch("persons", ["1"])[0].current["do_not_contact"] is True

    def test_a_field_that_is_removed_does_not_pass_for_flags_that_people_cleared(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        read_all(connector)
        del crm.fields[crm.key(DNC)]
        with pytest.raises(SchemaChangedError, match=DNC):
            read_all(connector)

    def test_nor_does_one_that_a_write_names(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        del crm.fields[crm.key(DNC)]
        with pytest.raises(SchemaChangedError, match=DNC):
            connector.write([Update("persons", "1", {"do_not_contact": True})])

    def test_a_field_that_persons_do_not_have_may_be_absent(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.omits_unset = True
        crm.calls.clear()
        assert len(read_all(connector)) == len(read_all(connector)) == 60
        assert crm.calls == {"GET persons": 2, "GET personFields": 1}

    def test_two_of_one_name_are_told_apart_by_their_key(
        self, crm: Pipedrive, open_connector: Open
    ) -> None:
        key = crm.add_field(DNC, "enum", "Yes")
        with pytest.raises(SchemaError, match="two fields named Hygiene: do not contact"):
            open_connector().describe()
        fields = {"do_not_contact": key, "status": "Hygiene: {phone} phone status"}
        named = open_connector(fields=fields)
        assert not named.apply_schema(named.describe())

    def test_a_part_of_an_address_tells_the_country(
        self, crm: Pipedrive, open_connector: Open
    ) -> None:
        crm.persons[1]["postal_address"] = {"value": "Wien", "country": "Austria"}
        objects = {"persons": {"phones": ["work"], "country": ["postal_address.country"]}}
        connector = open_connector(objects=objects)
        assert not connector.apply_schema(connector.describe())
        assert connector.fetch("persons", ["1", "2"])[0].country == "Austria"

    def test_ticked_flags_are_found(self, connector: PipedriveConnector, crm: Pipedrive) -> None:
        key = crm.add_field("No calls please", "enum", "Yes", "No")
        yes, no = (option["id"] for option in crm.fields[key]["options"])
        crm.edit(3, **{key: yes})
        crm.edit(5, **{key: no})
        assert list(connector.ticked("persons", "No calls please")) == ["3"]
        with pytest.raises(InvalidRequestError):
            connector.ticked("persons", "name")


class TestSetup:
    def test_makes_what_is_missing_once(self, bare_crm: Pipedrive, open_connector: Open) -> None:
        connector = open_connector()
        assert any(finding.blocks for finding in connector.apply_schema(connector.describe()))
        assert {step.done for step in connector.provision()} == {"created"}
        assert connector.apply_schema(connector.describe()) == []
        assert {step.done for step in connector.provision()} == {"already there"}

    def test_leaves_a_field_of_another_type_alone(
        self, bare_crm: Pipedrive, open_connector: Open
    ) -> None:
        bare_crm.add_field(DNC, "date")
        (step,) = [s for s in open_connector().provision() if s.what == DNC]
        assert (step.done, "left alone" in step.note) == ("failed", True)

    def test_adds_options_that_are_missing(self, crm: Pipedrive, open_connector: Open) -> None:
        name = "Hygiene: work phone status"
        crm.fields[crm.key(name)]["options"].pop()
        assert [s.what for s in open_connector().provision() if s.done == "changed"] == [name]

    def test_where_the_plans_room_ends_the_flags_are_there(
        self, bare_crm: Pipedrive, open_connector: Open
    ) -> None:
        bare_crm.most_own_fields = 8
        steps = list(open_connector().provision())
        assert [step.done for step in steps] == ["created"] * 8 + ["failed"]
        made = {step.what for step in steps[:8]}
        assert {DNC, "Hygiene: wrong number", "Hygiene: work phone status"} <= made

    def test_takes_out_what_it_made_and_nothing_else(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        others = {code for code, entry in crm.fields.items() if not _is_ours(entry)}
        assert {step.done for step in connector.remove(dry_run=True)} == {"would be removed"}
        assert crm.fields.keys() > others
        steps = list(connector.remove(dry_run=False))
        assert {step.done for step in steps} == {"removed"}
        assert {step.own.field for step in steps if step.own} == {step.what for step in steps}
        assert crm.fields.keys() == others
        assert list(connector.remove(dry_run=False)) == []

    def test_leaves_a_field_that_somebody_else_may_have_made(
        self, crm: Pipedrive, open_connector: Open
    ) -> None:
        key = crm.add_field("No calls please", "enum", "Yes")
        connector = open_connector(fields={"do_not_contact": "No calls please"})
        left = [step for step in connector.remove(dry_run=False) if step.done != "removed"]
        assert [(step.what, step.done, step.own) for step in left] == [
            ("No calls please", "left", None)
        ]
        assert key in crm.fields

    def test_goes_on_where_one_cannot_be_taken_out(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.kept_fields.add(crm.key(DNC))
        failed = [step for step in connector.remove(dry_run=False) if step.done == "failed"]
        assert [(step.what, step.own) for step in failed] == [(DNC, None)]
        assert [entry["field_name"] for entry in crm.fields.values() if _is_ours(entry)] == [DNC]

    def test_a_probe_says_what_the_account_confirms(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        assert {result.verdict for result in connector.probe()} == {"confirmed"}
        crm.tells_day = False
        refuted = [result.fact for result in connector.probe() if result.verdict == "refuted"]
        assert refuted == ["header_x-daily-ratelimit-token-limit"]


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return str(entry["field_name"]).startswith("Hygiene:")


class TestReading:
    def test_hundreds_of_ids_are_read_in_parts(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        for n in range(150):
            crm.add_person(f"More {n}")
        ids = list(map(str, crm.persons))
        crm.calls.clear()
        assert [contact.id for contact in connector.fetch("persons", ids)] == ids
        assert crm.calls["GET persons"] == 3

    def test_an_edit_in_the_second_of_our_write_is_not_left_out(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        connector.write([Update("persons", "1", {"run": "r1"})])
        (contact,) = connector.fetch("persons", ["1"])
        assert contact.modified_at is not None
        until = contact.modified_at + timedelta(seconds=0.9)
        for moment, there in ((until, True), (until + timedelta(seconds=0.1), False)):
            own_writes = OwnWriteFilter(("r1",), moment)
            pages = list(connector.read("persons", contact.modified_at, own_writes=own_writes))
            assert ("1" in [c.id for page in pages for c in page.contacts]) == there

    def test_a_page_that_contradicts_itself_is_not_believed(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        for body in (
            b'{"success": true, "data": null}',
            b'{"success": true, "data": [], "additional_data": {"next_cursor": "x"}}',
            b'{"success": false, "data": []}',
            b'{"success": true, "data": [{"id": 2}, {"id": 1}]}',
        ):
            crm.faults.append(Fault("GET .*/persons", 200, body, times=2))
            with pytest.raises(UnavailableError, match="contradicts itself"):
                read_all(connector)

    def test_an_answer_of_another_form_is_one_clear_error(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.faults.append(Fault("GET .*/persons", 200, b'{"success": true, "data": [{"id": 1}]}'))
        with pytest.raises(UnavailableError, match="unexpected form"):
            read_all(connector)

    def test_what_was_deleted_long_ago_is_not_reported(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.delete(1)
        crm.purged.add(1)
        assert connector.deleted("persons", ["1"]) == {}


class TestOptOutsFromEmail:
    """By the marketing status of a person."""

    @pytest.mark.parametrize(("status", "expected"), [
        ("unsubscribed", {"2": "opted_out"}), ("no_consent", {}), ("subscribed", {}),
        ("archived", {}), ("paused", {"2": "unreadable"}),
    ])  # fmt: skip
    def test_are_who_has_unsubscribed(
        self, connector: PipedriveConnector, crm: Pipedrive, status: str,
        expected: dict[str, str],
    ) -> None:  # fmt: skip
        crm.edit(2, marketing_status=status)
        assert connector.email_refusals("persons", ["1", "2", "999999999"]) == expected

    @pytest.mark.parametrize("refuses", [True, False])
    def test_are_none_in_a_company_without_campaigns(
        self, connector: PipedriveConnector, crm: Pipedrive, refuses: bool
    ) -> None:
        crm.edit(2, marketing_status="unsubscribed")
        crm.uses_campaigns, crm.refuses_marketing = False, refuses
        assert connector.email_refusals("persons", ["1", "2"]) == {}

    def test_are_waited_for_if_the_call_is_refused_for_something_else(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        body = b'{"success": false, "error": "Scope and URL mismatch"}'
        crm.faults.append(Fault("GET .*include_fields", 403, body))
        with pytest.raises(ConnectorError):
            connector.email_refusals("persons", ["1", "2"])

    def test_of_many_take_a_call_for_a_hundred(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        before = crm.calls["GET persons"]
        assert connector.email_refusals("persons", [str(n) for n in range(1, 151)]) == {}
        assert crm.calls["GET persons"] - before == 2


class TestWriting:
    def test_a_deleted_person_is_gone_and_a_hidden_one_not_visible(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.delete(1)
        crm.hidden.add(2)
        updates = [Update("persons", str(n), {"reason": "x"}) for n in (1, 2, 3)]
        kinds = [result.kind for result in connector.write(updates)]
        assert kinds == ["gone", "not_visible", None]

    def test_a_text_that_is_too_long_names_its_field_and_the_rest_can_be_written(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        values = {"reason": "x" * 300, "do_not_contact": True}
        (result,) = connector.write([Update("persons", "1", values)])
        assert (result.kind, result.fields, result.rest) == ("validation", ("reason",), False)
        assert crm.value(1, DNC) is None

    def test_what_our_user_may_not_edit_is_told(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        body = b'{"success": false, "error": "Forbidden"}'
        crm.faults.append(Fault("PATCH", 403, body))
        (result,) = connector.write([Update("persons", "1", {"reason": "x"})])
        assert (result.kind, result.message) == ("access", "Forbidden")

    def test_an_answer_about_something_else_confirms_nothing(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        key = crm.key("Hygiene: reason")
        body = f'{{"success": true, "data": {{"id": 1, "custom_fields": {{"{key}": "y"}}}}}}'
        crm.faults.append(Fault("PATCH", 200, body.encode()))
        (result,) = connector.write([Update("persons", "1", {"reason": "x"})])
        assert (result.ok, result.fields) == (False, ("reason",))


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "error"), [(401, AuthError), (402, AuthError), (405, ConnectorError)]
    )
    def test_are_told_in_our_vocabulary(
        self, connector: PipedriveConnector, crm: Pipedrive, status: int, error: type[Exception]
    ) -> None:
        crm.faults.append(Fault("GET", status, b'{"success": false, "error": "Told"}'))
        with pytest.raises(error, match="Told"):
            read_all(connector)

    def test_what_may_pass_is_tried_again(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        page = b"<html><title>Attention Required! | Cloudflare</title></html>"
        crm.faults.append(Fault("GET .*/persons", 503))
        crm.faults.append(Fault("GET .*/persons", 403, page, {"Content-Type": "text/html"}))
        assert len(read_all(connector)) == 60

    def test_a_web_page_says_nothing_of_our_rights(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        page = b"<html><title>Access denied by proxy</title></html>"
        crm.faults.append(Fault("GET", 403, page, times=9))
        with pytest.raises(UnavailableError, match="Access denied by proxy"):
            read_all(connector)

    def test_a_redirect_does_not_carry_the_token_away(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.faults.append(Fault("GET", 302, b"", {"Location": f"{crm.url}/elsewhere"}))
        crm.calls.clear()
        with pytest.raises(ConnectorError, match="HTTP 302"):
            read_all(connector)
        assert not crm.calls


class TestQuota:
    def test_the_share_of_others_is_left_to_them(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.day_left = crm.day_limit // 5
        read_all(connector)  # its answer tells
        with pytest.raises(QuotaError, match="reserved for others"):
            read_all(connector)

    def test_a_budget_that_is_used_up_is_not_asked_again(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.day_left = 0
        crm.calls.clear()
        with pytest.raises(QuotaError, match="token budget is used up"):
            connector.describe()
        assert crm.calls == {"GET personFields": 1}

    def test_where_the_answers_tell_no_budget_the_window_counts(
        self, connector: PipedriveConnector, crm: Pipedrive
    ) -> None:
        crm.tells_day = False
        body = b'{"success": false, "error": "request over limit"}'
        crm.faults.append(Fault("GET .*/persons", 429, body, {"x-ratelimit-reset": "0"}))
        assert len(read_all(connector)) == 60
        assert connector.calls["read"] == 2


def test_what_is_described_is_what_the_product_can_use(connector: PipedriveConnector) -> None:
    schema = connector.describe()["persons"]
    fitted, problems = fit(connector.wanted("persons"), schema)
    assert problems == []
    assert fitted.phones == ("work", "mobile", "home", "other")
