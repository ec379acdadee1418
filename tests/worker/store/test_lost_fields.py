"""A field or object that our user could see is hidden from it, renamed or archived in mid-life:
every run says so, nothing that we know is forgotten, and a STOP finds its people all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from constants import BRITISH
from crms import Crm
from fixture_types import Sync

from worker.alerts import rules
from worker.cli.run_execution import has_failures
from worker.context import Context
from worker.store.tables import contact_numbers, contacts, feedback
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

LOCAL, NUMBER = "020 7219 3000", "+442072193000"
OTHER, OTHER_NUMBER = "020 7219 4272", BRITISH


def second(crm: Crm) -> str:
    return "MobilePhone" if crm.name == "salesforce" else "mobilephone"


def country(crm: Crm) -> str:
    return "MailingCountry" if crm.name == "salesforce" else "country"


@pytest.fixture
def target(crm: Crm) -> str:
    """A contact with two good local numbers."""
    record_id = crm.ids()[3]
    email = "Email" if crm.name == "salesforce" else "email"
    crm.act(record_id, {"set": {
        crm.phone: OTHER, second(crm): LOCAL, country(crm): "United Kingdom",
        email: "kim@example.com",
    }})  # fmt: skip
    return record_id


def values(crm: Crm, record_id: str) -> dict[str, Any]:
    """What we wrote of the contact, but for the run and its time."""
    canonical = ["best_phone", "reason", *(
        f"{name}/{phone}" for name in ("status", "e164", "line_type")
        for phone in (crm.phone, second(crm))
    )]  # fmt: skip
    return {key: crm.get(record_id, key) for key in canonical}


def numbers(ctx: Context, record_id: str) -> dict[str, str]:
    c = contact_numbers.c
    with ctx.store.read() as connection:
        query = sa.select(c.field, c.number).where(c.record_id == record_id)
        return {row.field: row.number for row in connection.execute(query)}


def store_reply(ctx: Context, kind: str, number: str) -> None:
    """A reply; the runs that carry it to the CRM are those of its number."""
    with ctx.store.write() as connection:
        connection.execute(sa.insert(feedback).values(
            key=f"sms:{kind}:{number}", kind=kind, number=number, channels="call text", contact="",
            source="sms", evidence="reply STOP", at=datetime.now(UTC),
        ))  # fmt: skip


def alerts(ctx: Context) -> list[str]:
    return [alert.text for alert in rules.current(ctx) if alert.kind == "field_hidden"]


def edit_foreign_field(crm: Crm, record_id: str) -> None:
    """Somebody edits something that is none of ours."""
    name = "Title" if crm.name == "salesforce" else "company"
    crm.act(record_id, {"set": {name: f"edited {datetime.now(UTC)}"}})


class TestAPhoneFieldThatIsHidden:
    def test_is_told_in_that_very_run_and_by_an_alert_until_it_is_back(
        self, ctx: Context, crm: Crm, sync: Sync, target: str
    ) -> None:
        assert not has_failures(sync(ctx, crm.name))
        crm.hide_field(second(crm))
        edit_foreign_field(crm, target)
        result = sync(ctx, crm.name)
        assert second(crm) in {hidden["field"] for hidden in result["hidden_fields"]}
        assert any(second(crm) in note for note in result["notes"])
        assert has_failures(result)
        assert any(second(crm) in text for text in alerts(ctx))
        assert has_failures(sync(ctx, crm.name))
        crm.show_field(second(crm))
        over = sync(ctx, crm.name)
        assert not over["hidden_fields"]
        assert not has_failures(over)
        assert not alerts(ctx)

    def test_is_told_by_a_run_that_has_nothing_to_read(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        for _ in range(3):
            read = sync(ctx, crm.name)["contacts"]["read"]
        assert read == 0
        crm.hide_field(second(crm))
        assert second(crm) in {hidden["field"] for hidden in sync(ctx, crm.name)["hidden_fields"]}

    @pytest.mark.parametrize("kind", ["changed", "everything"])
    def test_changes_nothing_that_was_said_of_it_and_forgets_no_number(
        self, ctx: Context, crm: Crm, sync: Sync, target: str, kind: str
    ) -> None:
        sync(ctx, crm.name)
        before, known = crm.snapshot(), numbers(ctx, target)
        assert known == {crm.phone: OTHER_NUMBER, second(crm): NUMBER}
        crm.hide_field(second(crm))
        for record_id in crm.ids():
            edit_foreign_field(crm, record_id)
        sync(ctx, crm.name, kind)
        after = crm.snapshot()
        fields = [crm.field(f"{n}/{second(crm)}") for n in ("status", "e164", "line_type")]
        for record_id, record in before.items():
            for name in [*fields, crm.field("best_phone"), crm.field("reason")]:
                assert after[record_id].get(name) == record.get(name), (record_id, name)
        assert numbers(ctx, target) == known

    def test_a_stop_for_its_number_still_finds_the_contact(
        self, ctx: Context, crm: Crm, sync: Sync, target: str
    ) -> None:
        sync(ctx, crm.name)
        crm.hide_field(second(crm))
        edit_foreign_field(crm, target)
        sync(ctx, crm.name)
        store_reply(ctx, "opt_out", NUMBER)
        sync(ctx, crm.name, scope=Scope("numbers", (NUMBER,)))
        for flag in ("do_not_contact", "do_not_call", "do_not_text"):
            assert crm.get(target, flag) is True
        assert crm.get(target, f"status/{second(crm)}") == "do_not_contact"
        assert numbers(ctx, target)[second(crm)] == NUMBER

    def test_a_flag_that_stands_for_its_number_is_not_taken_back(
        self, ctx: Context, crm: Crm, sync: Sync, target: str
    ) -> None:
        store_reply(ctx, "opt_out", NUMBER)
        sync(ctx, crm.name)
        crm.hide_field(second(crm))
        edit_foreign_field(crm, target)
        sync(ctx, crm.name)
        assert crm.get(target, "do_not_contact") is True
        assert crm.get(target, f"status/{second(crm)}") == "do_not_contact"

    @pytest.mark.parametrize("kind", ["everything", "changed"])
    def test_after_the_run_was_opened_is_told_by_that_run(
        self, ctx: Context, crm: Crm, sync: Sync, target: str, kind: str
    ) -> None:
        sync(ctx, crm.name)
        before = values(crm, target)
        hide = (
            {"field": second(crm), "change": {"readable": False}}
            if crm.name == "salesforce" else {"archive_property": second(crm)}
        )  # fmt: skip
        edit_foreign_field(crm, target)
        crm.meanwhile(crm.read_call, target, hide)
        result = sync(ctx, crm.name, kind)
        assert result["state"] == "done"
        assert second(crm) in {hidden["field"] for hidden in result["hidden_fields"]}
        assert has_failures(result)
        assert values(crm, target) == before
        assert numbers(ctx, target)[second(crm)] == NUMBER

    def test_when_it_is_back_what_changed_meanwhile_is_seen(
        self, ctx: Context, crm: Crm, sync: Sync, target: str
    ) -> None:
        sync(ctx, crm.name)
        crm.hide_field(second(crm))
        crm.show_field(second(crm))
        crm.act(target, {"set": {second(crm): "+442072192222"}})
        crm.hide_field(second(crm))
        sync(ctx, crm.name)  # reads the contact without it, and moves the watermark past it
        assert numbers(ctx, target)[second(crm)] == NUMBER
        sync(ctx, crm.name)
        crm.show_field(second(crm))
        result = sync(ctx, crm.name)
        assert result["contacts"]["read"] >= len(crm.ids())
        assert numbers(ctx, target)[second(crm)] == "+442072192222"
        assert crm.get(target, f"e164/{second(crm)}") == "+442072192222"
        again = sync(ctx, crm.name)
        assert again["contacts"]["read"] < len(crm.ids())

    def test_all_of_them_hidden_stop_no_flags(
        self, ctx: Context, crm: Crm, sync: Sync, target: str
    ) -> None:
        sync(ctx, crm.name)
        names = ["Phone", "MobilePhone", "HomePhone", "OtherPhone"]
        for name in names if crm.name == "salesforce" else ["phone", "mobilephone"]:
            crm.hide_field(name)
        edit_foreign_field(crm, target)
        assert sync(ctx, crm.name)["state"] == "done"
        store_reply(ctx, "opt_out", NUMBER)
        sync(ctx, crm.name, scope=Scope("numbers", (NUMBER,)))
        assert crm.get(target, "do_not_contact") is True

    def test_taken_out_of_the_settings_is_no_loss(
        self, ctx: Context, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        crm.hide_field(second(crm))
        phones = f'phones = ["{crm.phone}"]\ncountry = ["{country(crm)}"]\n'
        lead = '[connectors.salesforce.objects.Lead]\nphones = ["Phone"]\ncountry = ["Country"]\n'
        toml = f"[connectors.{crm.name}.objects.{crm.object}]\n{phones}"
        other = make_context(toml + (lead if crm.name == "salesforce" else ""))
        assert not sync(other, crm.name)["hidden_fields"]
        assert not alerts(other)

    def test_that_never_was_there_is_noted_and_no_loss(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        crm.hide_field(second(crm))
        ctx = make_context()
        result = sync(ctx, crm.name)
        assert not result["hidden_fields"]
        assert any(second(crm) in note for note in result["notes"])


class TestAFieldOfOursThatIsHidden:
    @pytest.mark.parametrize("name", ["do_not_contact", "status"])
    def test_is_told_and_nobody_opts_in_by_it(
        self, ctx: Context, crm: Crm, sync: Sync, target: str, name: str
    ) -> None:
        store_reply(ctx, "opt_out", NUMBER)
        sync(ctx, crm.name)
        field = crm.field(name if name != "status" else f"status/{second(crm)}")
        crm.hide_field(field)
        edit_foreign_field(crm, target)
        result = sync(ctx, crm.name)
        assert field in {hidden["field"] for hidden in result["hidden_fields"]}
        assert has_failures(result)
        assert any(field in text for text in alerts(ctx))
        crm.show_field(field)
        edit_foreign_field(crm, target)
        sync(ctx, crm.name)
        with ctx.store.read() as connection:
            kinds = {*connection.scalars(sa.select(feedback.c.kind))}
        assert kinds == {"opt_out"}
        assert crm.get(target, "do_not_contact") is True


class TestWhatTellsTheCountry:
    def test_hidden_costs_no_local_number(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, target: str
    ) -> None:
        """Nor is it read as a number of the default country, which is somebody else's."""
        ctx = make_context(f'[connectors.{crm.name}]\ndefault_country = "US"\n')
        sync(ctx, crm.name)
        before = values(crm, target)
        assert before[f"e164/{second(crm)}"] == NUMBER
        crm.hide_field(country(crm))
        edit_foreign_field(crm, target)
        result = sync(ctx, crm.name)
        assert country(crm) in {hidden["field"] for hidden in result["hidden_fields"]}
        assert values(crm, target) == before
        assert numbers(ctx, target) == {crm.phone: OTHER_NUMBER, second(crm): NUMBER}
        crm.act(target, {"set": {second(crm): "(415) 555-2671"}})  # of what country, nobody knows
        # By a full read: an edit within a second of our own write waits for the overlap to end.
        sync(ctx, crm.name, "everything")
        assert crm.get(target, f"status/{second(crm)}") == "unverified"

    def test_the_address_hidden_forgets_nobody(
        self, ctx: Context, crm: Crm, sync: Sync, target: str
    ) -> None:
        sync(ctx, crm.name)
        with ctx.store.read() as connection:
            query = sa.select(contacts.c.person).where(contacts.c.record_id == target)
            person = connection.scalar(query)
        assert person
        crm.hide_field("Email" if crm.name == "salesforce" else "email")
        edit_foreign_field(crm, target)
        sync(ctx, crm.name)
        with ctx.store.read() as connection:
            assert connection.scalar(query) == person


class TestAnObjectThatIsHidden:
    def test_stops_no_other_object_and_is_told(
        self, ctx: Context, sandbox: Any, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["salesforce"]
        sync(ctx, crm.name)
        schema = crm.service.org.schema
        lead = schema.pop("Lead")
        edit_foreign_field(crm, crm.ids()[0])
        result = sync(ctx, crm.name)
        assert result["state"] == "done"
        assert [(hidden["object"], hidden["field"]) for hidden in result["hidden_fields"]] == [
            ("Lead", "")
        ]
        assert has_failures(result)
        with ctx.store.read() as connection:
            query = sa.select(contact_numbers.c.number).where(contact_numbers.c.object == "Lead")
            number = connection.scalars(query).first()
        assert number
        store_reply(ctx, "opt_out", number)
        asked = sync(ctx, crm.name, scope=Scope("numbers", (number,)))
        assert asked["state"] == "done"
        assert asked["not_visible"] >= 1
        schema["Lead"] = lead
        over = sync(ctx, crm.name)
        assert not over["hidden_fields"]
        records = crm.service.org.tables["Lead"].after_id(None)
        flagged = [record for record in records if record["Phone_Do_Not_Contact__c"]]
        assert flagged

    def test_that_never_was_there_is_refused_before_anything_is_read(
        self, make_context: Callable[..., Context], sandbox: Any
    ) -> None:
        from connectors.errors import SchemaError

        sandbox.salesforce.org.schema.pop("Lead")
        with pytest.raises(SchemaError, match="Lead"):
            lifecycle.open_run(make_context(), "salesforce", Scope("changed"))


class TestAColumnOfAListThatIsGone:
    def test_is_told_and_its_numbers_are_kept(
        self, make_context: Callable[..., Context], sync: Sync, tmp_path: Path
    ) -> None:
        path = tmp_path / "leads.csv"
        path.write_text(f"id,phone,mobile phone\n1,+12025550143,{NUMBER}\n", encoding="utf-8")
        toml = f'[connectors.csv]\nenabled = true\npath = "{path}"\n'
        ctx = make_context(toml)
        assert not has_failures(sync(ctx, "csv"))
        assert numbers(ctx, "1")["mobile phone"] == NUMBER
        path.write_text("id,phone\n1,+12025550143\n", encoding="utf-8")
        ctx = make_context(toml)
        result = sync(ctx, "csv")
        assert [hidden["field"] for hidden in result["hidden_fields"]] == ["mobile phone"]
        assert has_failures(result)
        assert numbers(ctx, "1")["mobile phone"] == NUMBER
        store_reply(ctx, "opt_out", NUMBER)
        sync(ctx, "csv", scope=Scope("numbers", (NUMBER,)))
        ctx.finish_connector("csv")
        assert path.read_text("utf-8").splitlines()[1].endswith(",true")  # do not contact
        named = make_context(toml + 'phone_columns = ["phone"]\n')
        assert not sync(named, "csv")["hidden_fields"]
