"""A page comes out of the database as it was put there, or is read anew from the CRM."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Contact
from worker.sync.runs.stored_pages import Payload, decode_page

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUE = st.one_of(st.none(), st.booleans(), TEXT)
CONTACTS = st.builds(
    Contact,
    object=TEXT,
    id=TEXT,
    phones=st.dictionaries(TEXT, TEXT, max_size=3),
    country=TEXT,
    source=TEXT,
    contact_value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    modified=TEXT,
    current=st.dictionaries(TEXT, VALUE, max_size=5),
    month=TEXT,
)


@given(st.lists(CONTACTS, max_size=4))
def test_contacts_come_back_as_they_were_read(read: list[Contact]) -> None:
    ids = [contact.id for contact in read]
    assert decode_page(msgspec.json.encode(Payload(ids, read))) == (ids, read)


def test_a_page_of_ids_alone_is_fetched() -> None:
    assert decode_page(b'{"ids": ["7", "8"], "contacts": null}') == (["7", "8"], None)


def test_pages_hold_the_names_of_fields_that_earlier_releases_read() -> None:
    read = Contact("contacts", "7", {}, contact_value=2.0, consent_date="2026-01-02", current={})
    stored = msgspec.json.decode(msgspec.json.encode(read))
    assert {"value": 2.0, "consented": "2026-01-02", "held": {}}.items() <= stored.items()


def test_a_page_that_another_release_told_in_another_form_is_read_anew() -> None:
    stored = b'{"object": "contacts", "id": "7", "phones": {"phone": "1"}, "modified": null}'
    assert decode_page(b'{"ids": ["7"], "contacts": [' + stored + b"]}") == (["7"], None)


def test_what_a_later_release_adds_to_a_contact_is_passed_by() -> None:
    stored = b'{"object": "contacts", "id": "7", "phones": {"phone": "1"}, "colour": "red"}'
    ids, read = decode_page(b'{"ids": ["7"], "contacts": [' + stored + b"]}")
    assert (ids, read) == (["7"], [Contact("contacts", "7", {"phone": "1"})])
