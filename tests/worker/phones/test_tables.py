"""The tables that are kept by hand: sources, shape, and agreement with the numbering plans."""

from __future__ import annotations

import re

import phonenumbers
import pytest

from worker.phones.data import read_table
from worker.phones.dial_prefixes import dial_prefixes
from worker.phones.reserved import is_reserved

TABLES = ("plan_changes", "reserved_ranges", "dial_prefixes")
SOURCES = {row["key"]: row for row in read_table("sources")}


class TestSources:
    def test_each_has_a_title_and_an_address(self) -> None:
        assert len(SOURCES) == len(read_table("sources"))
        for source in SOURCES.values():
            assert source["kind"] in ("primary", "secondary"), source
            assert source["title"], source
            assert re.fullmatch(r"https?://[^\s/]+/\S*", source["address"]), source

    @pytest.mark.parametrize("table", TABLES)
    def test_each_row_names_its_sources(self, table: str) -> None:
        for row in read_table(table):
            assert row["source"].split(), row
            assert set(row["source"].split()) <= SOURCES.keys(), row

    def test_each_is_used(self) -> None:
        used = {
            key for table in TABLES for row in read_table(table) for key in row["source"].split()
        }
        assert used == SOURCES.keys()


class TestReservedRanges:
    @pytest.mark.parametrize(
        ("code", "national"),
        [
            (1, 2125550100), (44, 7700900123), (44, 2079460999), (61, 491570006), (49, 3023125001),
            (33, 199001234), (46, 846500421), (353, 209112345),
        ],
    )  # fmt: skip
    def test_a_number_of_each_country(self, code: int, national: int) -> None:
        assert is_reserved(code, national)

    @pytest.mark.parametrize(("code", "national"), [(1, 2125550200), (44, 7700901123), (39, 1)])
    def test_other_numbers(self, code: int, national: int) -> None:
        assert not is_reserved(code, national)

    def test_no_range_is_listed_twice(self) -> None:
        rows = [(row["code"], row["range"]) for row in read_table("reserved_ranges")]
        assert len(rows) == len(set(rows))


class TestDialPrefixes:
    def test_each_is_a_prefix_of_its_regions_by_libphonenumber(self) -> None:
        for row in read_table("dial_prefixes"):
            assert row["prefix"].isdecimal()
            for region in row["regions"].split():
                metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
                assert metadata is not None
                pattern = metadata.international_prefix
                assert pattern is not None
                assert re.fullmatch(pattern, row["prefix"]), (row["prefix"], region)

    def test_each_region_has_one(self) -> None:
        for region in phonenumbers.SUPPORTED_REGIONS:
            assert dial_prefixes(region), region

    @pytest.mark.parametrize(
        ("region", "prefix"),
        [("FR", "00"), ("US", "011"), ("AU", "0011"), ("RU", "810"), ("JP", "010"), ("SG", "001")],
    )
    def test_those_that_people_know(self, region: str, prefix: str) -> None:
        assert prefix in dial_prefixes(region)

    def test_the_longest_comes_first(self) -> None:
        for region in ("AU", "KR", "BR", None):
            lengths = [len(prefix) for prefix in dial_prefixes(region)]
            assert lengths == sorted(lengths, reverse=True)

    def test_an_unknown_region_has_none(self) -> None:
        assert dial_prefixes("XX") == ()
