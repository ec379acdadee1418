"""Which columns of a list hold phones, told by names and by what stands in them."""

from __future__ import annotations

import pytest
from constants import BRITISH

from connectors.csv_list.columns import (
    extension_columns,
    guess_columns,
    is_data,
    phone_places,
    place_named,
    places_named,
    unique_names,
)
from connectors.csv_list.errors import ListError


@pytest.mark.parametrize(
    "name",
    [
        "Phone", "phone_number", "MobilePhone", "Home Phone", "Telephone", "Telefon", "Téléphone",
        "Teléfono", "Cell", "Fax", "Tel.", "Handy", "Mobil", "Rufnummer", "WhatsApp", "Móvil",
        "Numer telefonu", "Telefonszám", "Телефон", "電話番号", "전화번호", "Phone (optional)",
        "Tlf", "Phone (with country code)", "Contact number", "Phone 2", "phone (2)", "Τηλέφωνο",
    ],
)  # fmt: skip
def test_a_phone_column_is_known_by_its_name(name: str) -> None:
    assert guess_columns(["Name", name])["phones"] == (name,)


@pytest.mark.parametrize(
    "name",
    [
        "Phone Extension", "PhoneExt", "phone_ext", "Phone Type", "Phone country", "Phone Country",
        "Phone verified date", "Phone Verified", "PhoneVerifiedAt", "Mobile opt-in",
        "Mobile Opt Out", "Phone Carrier", "Phone Status", "Last Phone Call Date", "Phone ID",
        "Phone Source", "Phone notes", "Phonetic Name", "Microphone", "Mobile App Version",
        "Phone valid until", "Telefon Datum", "Cell Provider", "Handyman", "Phone Label",
        "Do not phone", "Hotel", "Cancelled",
    ],
)  # fmt: skip
def test_what_says_something_of_a_phone_is_none(name: str) -> None:
    assert guess_columns(["Name", name])["phones"] == ()


@pytest.mark.parametrize(
    "cells",
    [
        ["2026-01-31", "31.1.2026"], ["1/31/2026", "12/1/26 10:30"], ["31 Jan 2026"],
        ["$12.50", "€ 3"], ["true", "false"], ["yes", "no"], ["ann@example.org"], ["10:30"],
    ],
)  # fmt: skip
def test_a_column_called_phone_that_holds_something_else_is_none(cells: list[str]) -> None:
    sample = [[cell, BRITISH] for cell in cells]
    assert guess_columns(["Phone check", "Phone"], sample)["phones"] == ("Phone",)


@pytest.mark.parametrize("cell", ["", "none", "1", "x", "12.34.56.78.90", "01-23-45", "4272"])
def test_junk_in_a_phone_column_leaves_it_one(cell: str) -> None:
    assert guess_columns(["Phone"], [[cell]])["phones"] == ("Phone",)


def test_columns_of_one_name_are_told_apart_by_place() -> None:
    header = ["Phone", " phone", "", "Phone", "Phone (2)"]
    names = unique_names(header)
    assert len({name.strip().casefold() for name in names}) == len(header)
    assert names[0] == "Phone"
    assert places_named(header, "Phone", "--x", "list") == [0, 3]
    assert places_named(header, "PHONE ", "--x", "list") == [0, 1, 3]
    assert places_named(header, "3", "--x", "list") == [2]
    with pytest.raises(ListError, match="at places 1 and 4"):
        place_named(header, "Phone", "--x", "list")
    with pytest.raises(ListError, match="no column 'Fax'"):
        place_named(header, "Fax", "--x", "list")


def test_columns_that_were_added_before_are_not_looked_at_again() -> None:
    header = ["Phone", "Phone status", "Phone e164", "Phone extension", "phone E164 (checked)",
              "Phone reason (checked) (checked)", "Phone e164 (checked 2)"]  # fmt: skip
    assert guess_columns(header)["phones"] == ("Phone",)


def test_an_extension_belongs_to_its_phone() -> None:
    header = ["Work Phone Number", "Work Phone Ext.", "Mobile", "Extension"]
    phones = ["Work Phone Number", "Mobile"]
    assert extension_columns(header, phones) == {"Work Phone Number": "Work Phone Ext."}
    assert extension_columns(["Phone", "Ext"], ["Phone"]) == {"Phone": "Ext"}
    assert extension_columns(["Phone", "Mobile", "Ext"], ["Phone", "Mobile"]) == {}


@pytest.mark.parametrize(
    ("first", "data"),
    [
        (["Ann", BRITISH], True), (["Ann", "020 7219 4272"], True),
        (["Ann", "4155552671"], True), (["ann@example.org", "x"], True),
        (["Name", "Phone"], False), (["Name", "2026-01-31"], False), (["A", "2024"], False),
        (["Phone", BRITISH], False), (["20260131", "x"], False),
    ],
)  # fmt: skip
def test_a_first_row_of_data_is_told_from_names(first: list[str], data: bool) -> None:
    assert bool(is_data(first)) == data


def test_without_names_phones_are_told_by_their_cells() -> None:
    rows = [["1001234567", "Ann", BRITISH, "2026-01-31", "12345", "12,50"],
            ["1001234568", "Bob", "020 7219 4272", "2026-02-01", "12346", "9,90"]]  # fmt: skip
    assert phone_places(rows) == [2]
    assert phone_places([["4155552671", "a"], ["4155552672", "b"]]) == [0]
    assert phone_places([["4155552671", "1001234567"]]) == [], "either may be an id"
