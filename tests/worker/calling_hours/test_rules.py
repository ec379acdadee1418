"""The data file of calling hours: each rule with its law, its source and a day."""

from __future__ import annotations

import re
from datetime import date
from zoneinfo import ZoneInfo

import holidays
import phonenumbers
import pytest

from config.calling_hours import CallingHours
from config.section import SettingsError
from worker.calling_hours import load_rules, parse_hours
from worker.queries.calling_hours import rules_of

RULES = load_rules()


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
class TestARule:
    def test_names_its_law_and_its_source(self, rule) -> None:  # type: ignore[no-untyped-def]
        assert rule.law
        assert rule.source.startswith("http")
        assert rule.read == "" or rule.read.startswith("http")
        assert re.fullmatch(r"|\d{4}(-\d\d-\d\d)?", rule.since)

    def test_is_not_wider_than_that_of_its_country(self, rule) -> None:  # type: ignore[no-untyped-def]
        for spans in (rule.hours.mon_fri, rule.hours.sat, rule.hours.sun):
            for start, end in spans:
                assert 8 * 60 <= start < end <= 21 * 60 + 30

    def test_means_holidays_that_are_known(self, rule) -> None:  # type: ignore[no-untyped-def]
        if not rule.hours.holidays:
            days = holidays.country_holidays(rule.country, subdiv=rule.state or None, years=2026)
            assert len(days) > 5

    def test_is_of_a_state_that_is_known(self, rule) -> None:  # type: ignore[no-untyped-def]
        assert not rule.state or rule.state in RULES.zones[rule.country]


def test_each_is_there_once() -> None:
    places = [(rule.country, rule.state) for rule in RULES.rules]
    assert len(places) == len(set(places))
    assert RULES.looked_up > date(2026, 1, 1)


def test_every_zone_exists() -> None:
    for states in RULES.zones.values():
        for zones in states.values():
            for zone in zones:
                assert ZoneInfo(zone).key == zone


def test_every_state_of_the_us_is_there() -> None:
    assert len(RULES.zones["US"]) == 51
    assert set(RULES.names["US"].values()) == set(RULES.zones["US"])
    assert set(RULES.area_codes.values()) == set(RULES.zones["US"])


def test_area_codes_are_those_of_libphonenumber() -> None:
    from phonenumbers import geocoder  # half a second

    for area, state in RULES.area_codes.items():
        number = phonenumbers.parse(f"+1{area}5550100")
        place = geocoder.description_for_number(number, "en").rpartition(",")[2]
        assert RULES.state_code("US", place) in (state, ""), area


@pytest.mark.parametrize("text", ["", "9-18", "18:00-09:00", "09:00-24:30", "25:00-26:00"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|end"):
        parse_hours([text])
    with pytest.raises((ValueError, SettingsError)):
        CallingHours(mon_fri=(text,))


def test_own_hours_count_only_if_they_are_set() -> None:
    assert rules_of(CallingHours()) is load_rules()
    own = rules_of(CallingHours(sat=(), mon_fri=("09:00-12:00", "13:00-18:00"))).own
    assert own is not None
    assert own.hours.sat == ()
    assert own.hours.mon_fri == ((540, 720), (780, 1080))
