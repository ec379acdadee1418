"""Rows are read column by column, and what they make is what each of them makes by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from config.connectors import ConnectorSettings, FieldNames, ObjectMap
from connectors.base import BaseConnector
from connectors.fields import configured
from connectors.records import Contact, CrmField, Value
from connectors.rows import Rows, ids_of, joined, layout_of, make_decoder, to_contact, to_content
from worker.sync.read import change_detection, reverse_reader

MAPPED = ObjectMap(
    phones=("Phone", "MobilePhone"),
    country=("MailingCountry", "OtherCountry"),
    state="MailingState",
    email="Email",
    source="LeadSource",
    contact_value="Worth__c",
    created="CreatedDate",
)
NAMES = FieldNames(
    status="{phone}_Status__c", e164="", line_type="", wrong_number="Wrong__c",
    do_not_call="Call__c", reason="Reason__c", checked_at="At__c",
)  # fmt: skip


def moment(cell: Any) -> Value:
    return f"{cell}Z"


MAKER = make_decoder(configured("Contact", MAPPED, NAMES), moment)
CELL = st.sampled_from(["", None, "true", True, "false", False, "text", "2026-03-04", "1200.5"])
ROWS = st.lists(st.tuples(*[CELL] * len(MAKER.columns)), max_size=6)


def read_rows(rows: list[tuple[Any, ...]]) -> Rows:
    return decode_rows((f"{n:03}", f"at {n}", *row) for n, row in enumerate(rows))


def decode_rows(rows: Iterable[tuple[Any, ...]]) -> Rows:
    return MAKER.read(zip(*rows, strict=True))


def row(**cells: Any) -> tuple[Any, ...]:
    return tuple(cells.get(column, "") for column in MAKER.columns)


def test_each_value_comes_to_its_place_in_the_one_form() -> None:
    (contact,) = read_rows(
        [
            row(
                Phone="+1 415 555 0123", Phone_Status__c="valid", Wrong__c="true",
                OtherCountry="CA", Email="a@example.org", LeadSource="Web", Worth__c="1200.5",
                CreatedDate="2026-03-04T05:06:07.000Z", At__c="then",
            )
        ]
    )  # fmt: skip
    assert contact.id == "000"
    assert contact.modified == "at 0"
    assert contact.phones == {"Phone": "+1 415 555 0123", "MobilePhone": ""}
    assert (contact.country, contact.state, contact.email) == ("CA", "", "a@example.org")
    assert (contact.website, contact.source, contact.campaign) == ("", "Web", "")
    assert (contact.contact_value, contact.consent_date, contact.month) == (1200.5, "", "2026-03")
    assert contact.current["status/Phone"] == "valid"
    assert contact.current["status/MobilePhone"] is None
    assert contact.current["wrong_number"] is True
    assert contact.current["do_not_call"] is False
    assert contact.current["checked_at"] == "thenZ"
    assert contact.current["reason"] is None


def test_no_rows_are_no_contacts() -> None:
    assert len(read_rows([])) == 0
    assert list(read_rows([])) == []


def test_a_row_that_lacks_a_cell_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="shorter"):
        decode_rows([("1", "at", *row()), ("2", "at", *row()[:-1])])


@given(ROWS)
def test_a_row_makes_the_same_contact_alone_and_among_others(rows: list[tuple[Any, ...]]) -> None:
    together = list(read_rows(rows))
    alone = [
        decode_rows([(f"{n:03}", f"at {n}", *cells)])[0] for n, cells in enumerate(rows)
    ]  # fmt: skip
    assert together == alone
    assert list(read_rows(rows)[1:]) == together[1:]


@given(ROWS)
def test_a_content_is_all_of_a_contact_but_who_it_is(rows: list[tuple[Any, ...]]) -> None:
    decoded = read_rows(rows)
    for contact, content in zip(decoded, decoded.contents, strict=True):
        assert to_content(contact) == content
        assert to_contact(layout_of(contact), contact.id, contact.modified, content) == contact


@given(ROWS, st.binary(min_size=1, max_size=16))
def test_a_row_has_the_hash_of_its_contact(rows: list[tuple[Any, ...]], config_hash: bytes) -> None:
    decoded = read_rows(rows)
    decisions = {c.id: (change_detection.hash_contact(c, config_hash), "{}", "{}") for c in decoded}
    fresh, settled = change_detection.partition(
        decoded, change_detection.StoredState(decisions, []), config_hash
    )
    assert fresh == []
    assert settled.read == len(rows)
    again, same = change_detection.partition(
        list(decoded), change_detection.StoredState(decisions, []), config_hash
    )
    assert again == []
    assert (same.read, same.grouped) == (settled.read, settled.grouped)


def test_the_same_values_in_other_fields_have_another_hash() -> None:
    """A field that the CRM lost, and one that came in its place, must not pass for each other."""
    first = Contact("Contact", "1", {"Phone": "x"}, current={"do_not_call": True})
    other = replace(first, current={"do_not_text": True})
    assert to_content(first) == to_content(other)
    assert change_detection.hash_contact(first, b"salt") != change_detection.hash_contact(
        other, b"salt"
    )


@given(ROWS, ROWS)
def test_two_pages_are_joined_in_order(
    first: list[tuple[Any, ...]], second: list[tuple[Any, ...]]
) -> None:
    both = joined(read_rows(first), read_rows(second))
    assert isinstance(both, Rows)
    assert list(both) == [*read_rows(first), *read_rows(second)]
    listed = list(read_rows(second))
    assert list(joined(read_rows(first), listed)) == [*read_rows(first), *listed], (
        "also where one is made"
    )


def test_pages_of_another_layout_stay_contacts_of_their_own() -> None:
    narrow = make_decoder(configured("Contact", MAPPED, FieldNames(status="")), moment)
    few = narrow.read(zip(("9", "at", *([""] * len(narrow.columns))), strict=True))
    both = joined(read_rows([row()]), few)
    assert list(both) == [*read_rows([row()]), *few]


@pytest.mark.parametrize("as_rows", [True, False])
def test_what_comes_before_an_id_and_what_after_it(as_rows: bool) -> None:
    decoded = read_rows([row()] * 5)
    given_ = decoded if as_rows else list(decoded)
    assert ids_of(reverse_reader.ids_before(given_, "003")) == ["000", "001", "002"]
    assert ids_of(reverse_reader.ids_after(given_, "003")) == ["004"]
    assert reverse_reader.ids_after(given_, "99") is given_, (
        "ids are counted up: a longer one comes later"
    )


class _Base(BaseConnector):
    """A connector of which only what it inherits is of interest."""

    name = "base"
    from_settings = describe = clock = read = fetch = deleted = write = None  # type: ignore[assignment]


def test_the_base_class_reads_each_field_that_the_settings_may_name() -> None:
    mapping = ObjectMap(
        phones=("phone",), contact_value="worth", consent_date="agreed", created="made"
    )
    connector = _Base(ConnectorSettings(objects={"people": mapping}, fields=FieldNames()))
    names = ("phone", "worth", "agreed", "made")
    connector.apply_schema({"people": {name: CrmField("text") for name in names}})
    values = {
        "phone": "1",
        "worth": "1200.50",
        "agreed": "2024-01-15",
        "made": "2023-05-06T07:08:09Z",
    }
    contact = connector.contact("people", "1", values)
    assert contact.contact_value == 1200.5
    assert (contact.consent_date, contact.month) == ("2024-01-15", "2023-05")
