"""What every connector does, as tests that also an installed package can run over its own.

In the tests of a package, with a stand-in of its CRM running:

    import pytest
    pytest.register_assert_rewrite("connectors.conformance")  # in conftest.py: readable failures
    from connectors import conformance

    class TestReading(conformance.Reading): ...
    class TestNames(conformance.Names): ...
    class TestWriting(conformance.Writing): ...
    class TestIncrements(conformance.Increments): ...
    class TestWhatIsGone(conformance.WhatIsGone): ...
    class TestEmailRefusals(conformance.EmailRefusals): ...
    class TestFields(conformance.Fields): ...

and three fixtures:

- `connector`: an open connector to the stand-in, which has all our fields and some 60 records;
  `apply_schema(describe())` is done.
- `another`: a function that opens another one to the same stand-in, as another process would, with
  pages so small that there are several.
- `driver`: what people do in the CRM meanwhile, a `Driver`. It works on the stand-in itself and
  never through a connector.

This project runs the same classes over its own connectors (tests/connectors/test_conformance.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from connectors.base import BaseConnector
from connectors.protocol import Connector
from connectors.records import Contact, Merge, OwnWriteFilter, Update, Value


class Driver(Protocol):
    """The hands of people who work in the CRM, for one of its objects.

    `refuses_values`: whether a picklist refuses a value that it does not list. `tells_merges`:
    whether the CRM tells in which record a merged one lives on. `nobody`: a well-formed id of no
    record.
    """

    object: str
    refuses_values: bool
    tells_merges: bool
    nobody: str

    def typed(self) -> Mapping[str, Mapping[str, str]]:
        """Id -> phone field -> what stands there as a person sees it, of all live records."""

    def edit(self, record_id: str, phone: str, text: str) -> None:
        """Type something else into a phone field."""

    def delete(self, record_id: str) -> None: ...

    def merge(self, record_id: str, into: str) -> str:
        """Merge a record into another one; returns the id under which both live on."""

    def hide(self, record_ids: Sequence[str]) -> None:
        """Take records out of our user's sight, without a word about them."""


class EmailDriver(Driver, Protocol):
    """The hands of people, where the CRM has opt-outs from email."""

    def opt_out_of_email(self, record_id: str) -> None: ...

    def hide_email_opt_outs(self) -> None: ...


def everything(connector: Connector) -> list[Contact]:
    return [
        contact
        for name in connector.objects
        for page in connector.read(name)
        for contact in page.contacts
    ]


class Reading:
    def test_all_contacts_come_once(self, connector: Connector, driver: Driver) -> None:
        contacts = everything(connector)
        assert len({(contact.object, contact.id) for contact in contacts}) == len(contacts)
        read = {contact.id for contact in contacts if contact.object == driver.object}
        assert read == set(driver.typed())

    def test_they_come_in_order_of_id_with_shorter_ids_first(self, connector: Connector) -> None:
        for name in connector.objects:
            ids = [contact.id for page in connector.read(name) for contact in page.contacts]
            assert ids == sorted(ids, key=lambda record_id: (len(record_id), record_id))

    def test_phones_are_the_text_as_typed(self, connector: Connector, driver: Driver) -> None:
        read = {c.id: c.phones for c in everything(connector) if c.object == driver.object}
        assert {
            record_id: {field: read[record_id][field] for field in phones}
            for record_id, phones in driver.typed().items()
        } == driver.typed()

    def test_a_cursor_goes_on_where_it_was_given_in_another_process(
        self, connector: Connector, another: Callable[[], Connector]
    ) -> None:
        object_name = connector.objects[0]
        expected = [c.id for page in connector.read(object_name) for c in page.contacts]
        ids: list[str] = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            page = next(iter(another().read(object_name, cursor=cursor)))
            ids += [contact.id for contact in page.contacts]
            cursor, pages = page.cursor, pages + 1
        assert ids == expected
        assert pages > 1, "`another` opens connectors that read small pages"

    def test_fetch_brings_what_is_there_and_leaves_out_what_is_not(
        self, connector: Connector, driver: Driver
    ) -> None:
        contacts = everything(connector)[:3]
        object_name = contacts[0].object
        asked = [contacts[0].id, contacts[2].id, driver.nobody]
        fetched = connector.fetch(object_name, asked)
        assert {c.id for c in fetched} == {contacts[0].id, contacts[2].id}
        assert connector.fetch(object_name, []) == []

    def test_calls_are_counted_by_purpose(self, connector: Connector) -> None:
        everything(connector)
        assert connector.calls["read"] >= 1
        assert connector.calls["write"] == 0

    def test_an_id_tells_its_object(self, connector: Connector) -> None:
        target = everything(connector)[0]
        assert connector.object_of(target.id) == target.object
        assert connector.locate([target.id]) == [(target.object, target.id)]


class Names:
    """For connectors that have `read_names`."""

    def test_come_in_batches_with_phones_as_typed(
        self, connector: Connector, driver: Driver
    ) -> None:
        typed = dict(list(driver.typed().items())[:9])
        before = dict(connector.calls)
        named = {n.id: n for n in connector.read_names(driver.object, [*typed, driver.nobody])}
        assert named.keys() == typed.keys()
        for record_id, phones in typed.items():
            assert named[record_id].phones == {name: text for name, text in phones.items() if text}
            assert named[record_id].name
        calls = {kind: n - before.get(kind, 0) for kind, n in connector.calls.items()}
        assert 1 <= calls.pop("other") <= 3
        assert not any(calls.values())
        assert connector.names_size >= 50
        assert connector.read_names(driver.object, []) == []


class Writing:
    def test_what_is_written_is_read_back_the_same(self, connector: Connector) -> None:
        target = everything(connector)[0]
        phone = next(iter(target.phones))
        values: dict[str, Value] = {
            f"status/{phone}": "invalid", f"e164/{phone}": "+442079460000",
            f"line_type/{phone}": "landline", "wrong_number": True, "reason": 'Said "no", so: no.',
            "checked_at": "2026-11-24T08:00:00Z", "run": "20261124-080000-abcdef",
            "best_phone": "+442079460000",
        }  # fmt: skip
        (result,) = connector.write([Update(target.object, target.id, values)])
        assert result.ok, result
        (after,) = connector.fetch(target.object, [target.id])
        assert {key: after.current[key] for key in values} == values
        assert after.phones == target.phones

    def test_values_can_be_taken_away(self, connector: Connector) -> None:
        target = everything(connector)[0]
        phone = next(iter(target.phones))
        full: dict[str, Value] = {f"status/{phone}": "valid", "reason": "x", "wrong_number": True}
        connector.write([Update(target.object, target.id, full)])
        empty: dict[str, Value] = {f"status/{phone}": None, "reason": None, "wrong_number": False}
        (result,) = connector.write([Update(target.object, target.id, empty)])
        assert result.ok
        (after,) = connector.fetch(target.object, [target.id])
        assert after.current[f"status/{phone}"] is None
        assert not after.current["wrong_number"]

    def test_there_is_one_result_for_each_update_in_order(self, connector: Connector) -> None:
        contacts = [c for c in everything(connector) if c.object == connector.objects[0]][:5]
        results = connector.write([Update(c.object, c.id, {"reason": c.id}) for c in contacts])
        assert [result.id for result in results] == [c.id for c in contacts]

    def test_a_bad_record_does_not_fail_its_neighbours(
        self, connector: Connector, driver: Driver
    ) -> None:
        if not driver.refuses_values:
            return
        good, bad = [c for c in everything(connector) if c.object == connector.objects[0]][:2]
        phone = next(iter(good.phones))
        results = connector.write(
            [
                Update(good.object, good.id, {f"status/{phone}": "valid"}),
                Update(bad.object, bad.id, {f"status/{phone}": "no such status"}),
            ]
        )
        assert [result.ok for result in results] == [True, False]
        assert results[1].kind == "picklist_value"
        assert f"status/{phone}" in results[1].fields


class Increments:
    """For connectors with `incremental`."""

    def test_only_what_changed_since_then_comes(self, connector: Connector, driver: Driver) -> None:
        everything(connector)
        target = list(driver.typed())[4]
        phone = connector.phone_fields(driver.object)[0]
        driver.edit(target, phone, "new")
        (changed,) = connector.fetch(driver.object, [target])
        assert changed.modified_at is not None
        pages = list(connector.read(driver.object, since=changed.modified_at))
        assert [c.id for page in pages for c in page.contacts] == [target]

    def test_own_writes_can_be_skipped_unless_they_changed_since(
        self, connector: Connector, driver: Driver
    ) -> None:
        first, second, third = list(driver.typed())[:3]
        for record_id in (first, second, third):
            connector.write([Update(driver.object, record_id, {"run": "run-1"})])
        (before,) = connector.fetch(driver.object, [first])
        driver.edit(third, connector.phone_fields(driver.object)[0], "new")
        (after,) = connector.fetch(driver.object, [third])
        assert before.modified_at is not None
        assert after.modified_at is not None
        pages = connector.read(
            driver.object,
            since=before.modified_at,
            own_writes=OwnWriteFilter(("run-1",), after.modified_at),
        )
        assert [c.id for page in pages for c in page.contacts] == [third]


class WhatIsGone:
    """What the CRM does not return is deleted only where it says so (promise 17)."""

    def test_deleted_and_merged_records_are_reported_and_hidden_ones_are_not(
        self, connector: Connector, driver: Driver
    ) -> None:
        deleted, merged, winner, hidden, there = list(driver.typed())[:5]
        driver.delete(deleted)
        into = driver.merge(merged, winner)
        driver.hide([hidden])
        asked = [deleted, merged, hidden, there, driver.nobody, "no id at all"]
        lives_on = Merge(merged, driver.object, into) if driver.tells_merges else None
        outcomes = connector.deleted(driver.object, asked)
        assert outcomes == {deleted: None, merged: lives_on}
        assert {contact.id for contact in connector.fetch(driver.object, asked)} == {there}
        assert connector.deleted(driver.object, []) == {}


class EmailRefusals:
    """For connectors with `email_refusals`. The driver then has two methods more:
    `opt_out_of_email(record_id)`, and `hide_email_opt_outs()`, which takes the field out of our
    user's sight."""

    def test_who_has_opted_out_is_told_as_it_is_now(
        self, connector: Connector, driver: EmailDriver
    ) -> None:
        first, second, third = list(driver.typed())[:3]
        asked = [first, second, third, driver.nobody]
        assert connector.email_refusals(driver.object, asked) == {}
        driver.opt_out_of_email(second)
        assert connector.email_refusals(driver.object, asked) == {second: "opted_out"}
        assert connector.email_refusals(driver.object, []) == {}

    def test_who_has_opted_out_is_found_by_address(
        self, connector: Connector, driver: EmailDriver
    ) -> None:
        """Of connectors that can be asked by address."""
        if type(connector).email_address_refusals is BaseConnector.email_address_refusals:
            return
        first, second = list(driver.typed())[:2]
        contacts = connector.fetch(driver.object, [first, second])
        address = {contact.id: contact.email for contact in contacts}
        nobody = "nobody@nowhere.example"
        asked = [address[first].upper(), address[second].upper(), nobody]
        assert connector.email_address_refusals(asked) == {}
        driver.opt_out_of_email(second)
        assert connector.email_address_refusals(asked) == {address[second].upper(): "opted_out"}
        assert connector.email_address_refusals([]) == {}
        driver.hide_email_opt_outs()
        refusals = connector.email_address_refusals(asked)
        assert refusals == dict.fromkeys(asked[:2], "unreadable")

    def test_what_cannot_be_read_is_no_yes(self, connector: Connector, driver: EmailDriver) -> None:
        first, second = list(driver.typed())[:2]
        assert connector.unread_email_opt_outs(connector.describe()) == []
        driver.hide_email_opt_outs()
        refusals = connector.email_refusals(driver.object, [first, second])
        assert refusals == dict.fromkeys([first, second], "unreadable")
        problems = connector.unread_email_opt_outs(connector.describe())
        assert driver.object in {problem.object for problem in problems}
        assert not any(problem.blocks for problem in problems)
        assert connector.unread_email_opt_outs({}) == []  # it is not known yet


class Fields:
    def test_nothing_is_missing_where_all_is_set_up(self, connector: Connector) -> None:
        assert connector.apply_schema(connector.describe()) == []
