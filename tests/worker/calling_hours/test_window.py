"""When somebody may be called: nobody at night, in any place where they may be."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from constants import BRITISH, NEW_YORK
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from worker.calling_hours import Hours, Rule, Rules, Window, load_rules, parse_hours, places, window
from worker.calling_hours.places import locate

SAN_FRANCISCO, MIAMI, TOLL_FREE = "+14155552671", "+13055552671", "+18005551234"
SALT_LAKE, SYDNEY_MOBILE, PARIS = "+18015552671", "+61412345678", "+33142345678"
BERLIN_MOBILE, TORONTO = "+4915112345678", "+14165552671"


def at(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def is_open(number: str, state: str, country: str, moment: datetime) -> bool:
    return window(number, state, country, moment).open_now


class TestFederalHours:
    @pytest.mark.parametrize(
        ("clock", "allowed"),
        [("07:59", False), ("08:00", True), ("12:00", True), ("20:59", True), ("21:00", False),
         ("00:00", False)],
    )  # fmt: skip
    def test_are_eight_to_nine_where_the_number_is(self, clock: str, allowed: bool) -> None:
        moment = at("America/Los_Angeles", f"2026-11-30T{clock}")
        assert is_open(SAN_FRANCISCO, "", "US", moment) is allowed

    def test_tell_when_they_open_and_close(self) -> None:
        found = window(NEW_YORK, "", "US", at("America/New_York", "2026-11-30T23:00"))
        assert found == Window(
            "America/New_York", False, at("America/New_York", "2026-12-01T08:00"),
            at("America/New_York", "2026-12-01T21:00"), "US federal law",
        )  # fmt: skip
        now = window(NEW_YORK, "", "US", at("America/New_York", "2026-12-01T09:00"))
        assert (now.open_now, now.opens_at) == (True, None)
        assert now.closes_at == at("America/New_York", "2026-12-01T21:00")

    def test_hold_on_sundays_and_holidays_too(self) -> None:
        assert is_open(SAN_FRANCISCO, "CA", "US", at("America/Los_Angeles", "2026-12-25T10:00"))


class TestAStateWithStricterHours:
    @pytest.mark.parametrize("state", ["FL", "Florida", " florida "])
    def test_is_heeded_by_the_state_of_the_contact(self, state: str) -> None:
        moment = at("America/New_York", "2026-11-30T20:30")
        assert is_open(NEW_YORK, "", "US", moment)
        assert not is_open(NEW_YORK, state, "US", moment)

    def test_is_heeded_by_the_area_code(self) -> None:
        moment = at("America/New_York", "2026-11-30T20:30")
        assert not is_open(MIAMI, "", "US", moment)
        assert not is_open(MIAMI, "NY", "US", moment)

    @pytest.mark.parametrize(
        ("day", "allowed"),
        [("2026-11-28", True), ("2026-11-29", False), ("2026-11-26", False), ("2026-07-24", False),
         ("2026-11-30", True)],
        ids=["saturday", "sunday", "thanksgiving", "pioneer day", "monday"],
    )  # fmt: skip
    def test_may_forbid_sundays_and_its_own_holidays(self, day: str, allowed: bool) -> None:
        assert is_open(SALT_LAKE, "UT", "US", at("America/Denver", f"{day}T12:00")) is allowed

    def test_may_begin_at_noon(self) -> None:
        assert not is_open("+12145552671", "TX", "US", at("America/Chicago", "2026-11-29T11:59"))
        # Texas has two zones: noon in the later one.
        assert is_open("+12145552671", "TX", "US", at("America/Denver", "2026-11-29T12:00"))


class TestWhereEvidenceDisagrees:
    def test_both_places_count(self) -> None:
        """A mobile number of San Francisco, a contact in New York."""
        assert not is_open(SAN_FRANCISCO, "NY", "US", at("America/New_York", "2026-11-30T08:30"))
        assert not is_open(SAN_FRANCISCO, "NY", "US", at("America/New_York", "2026-11-30T21:30"))
        found = window(SAN_FRANCISCO, "NY", "US", at("America/New_York", "2026-11-30T12:00"))
        assert (found.open_now, found.zone) == (True, None)
        assert found.closes_at == at("America/New_York", "2026-11-30T21:00")

    def test_a_state_with_two_zones_counts_in_both(self) -> None:
        assert not is_open(MIAMI, "FL", "US", at("America/New_York", "2026-11-30T08:30"))

    def test_countries_count_both(self) -> None:
        """An American number of somebody in Germany."""
        places = locate(SAN_FRANCISCO, "", "DE", load_rules())
        assert "Europe/Berlin" in places.zones
        assert "America/Los_Angeles" in places.zones
        found = window(SAN_FRANCISCO, "", "DE", at("Europe/Berlin", "2026-11-30T12:00"))
        assert not found.open_now
        assert "US federal law" in found.rule
        assert "cautious" in found.rule

    def test_a_number_without_a_place_leaves_it_to_the_state(self) -> None:
        assert locate(TOLL_FREE, "UT", "US", load_rules()).zones == ("America/Denver",)
        victoria = locate(SYDNEY_MOBILE, "VIC", "AU", load_rules())
        assert victoria.zones == ("Australia/Melbourne",)

    def test_without_either_every_zone_of_the_country_counts(self) -> None:
        assert not is_open(TOLL_FREE, "", "US", at("America/New_York", "2026-11-30T10:00"))
        assert not is_open("", "", "US", at("America/New_York", "2026-11-30T10:00"))

    def test_nothing_known_is_never_allowed(self) -> None:
        for number in ("", "nonsense", "+999123456"):
            found = window(number, "", "", datetime(2026, 11, 30, 12, tzinfo=UTC))
            assert (found.open_now, found.opens_at, found.zone) == (False, None, None)


class TestOtherCountries:
    @pytest.mark.parametrize(
        ("number", "country", "zone", "moment", "allowed"),
        [
            (PARIS, "FR", "Europe/Paris", "2026-11-30T11:00", True),
            (PARIS, "FR", "Europe/Paris", "2026-11-30T13:30", False),  # lunch
            (PARIS, "FR", "Europe/Paris", "2026-11-28T11:00", False),  # a Saturday
            (PARIS, "FR", "Europe/Paris", "2026-07-14T11:00", False),  # Bastille Day
            (TORONTO, "CA", "America/Toronto", "2026-11-30T21:15", True),
            (TORONTO, "CA", "America/Toronto", "2026-11-28T18:30", False),
            ("+61291234567", "AU", "Australia/Sydney", "2026-11-30T10:00", True),
            ("+61291234567", "AU", "Australia/Sydney", "2026-01-26T12:00", False),  # Australia Day
            (BRITISH, "GB", "Europe/London", "2026-11-30T10:00", True),
            (BRITISH, "GB", "Europe/London", "2026-11-30T20:30", False),
        ],
    )  # fmt: skip
    def test_have_their_hours(
        self, number: str, country: str, zone: str, moment: str, allowed: bool
    ) -> None:
        assert is_open(number, "", country, at(zone, moment)) is allowed

    def test_without_known_hours_get_cautious_ones_and_say_so(self) -> None:
        found = window(BERLIN_MOBILE, "", "DE", at("Europe/Berlin", "2026-11-29T12:00"))
        assert not found.open_now
        assert "we have no rules for this country" in found.rule


def with_own(mon_fri: str) -> Rules:
    spans = parse_hours([mon_fri])
    return replace(load_rules(), own=Rule("your own hours", Hours(spans, spans, spans)))


class TestAnOperatorsOwnHours:
    def test_are_kept_as_well(self) -> None:
        moment = at("America/New_York", "2026-11-30T18:30")
        assert window(NEW_YORK, "", "US", moment).open_now
        found = window(NEW_YORK, "", "US", moment, with_own("09:00-18:00"))
        assert not found.open_now
        assert "your own hours" in found.rule

    def test_never_widen_the_laws(self) -> None:
        moment = at("America/New_York", "2026-11-30T22:00")
        assert not window(NEW_YORK, "", "US", moment, with_own("00:00-24:00")).open_now


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
NUMBERS = st.sampled_from(
    ["", SAN_FRANCISCO, NEW_YORK, MIAMI, TOLL_FREE, SALT_LAKE, BRITISH, PARIS, BERLIN_MOBILE,
     SYDNEY_MOBILE, TORONTO, "+79161234567", "+5511912345678", "+919876543210"]
)  # fmt: skip
STATES = st.sampled_from(["", "FL", "NY", "Texas", "Hawaii", "AZ", "NSW", "Ontario", "nowhere"])
COUNTRIES = st.sampled_from(["", "US", "CA", "AU", "FR", "DE", "GB", "BR", "ZZ"])
SPRING, AUTUMN = datetime(2026, 3, 8, 10, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC)


@settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(NUMBERS, STATES, COUNTRIES, MOMENTS)
@example(NEW_YORK, "", "US", SPRING)
@example(NEW_YORK, "", "US", AUTUMN)
def test_nobody_is_called_at_night_anywhere(
    number: str, state: str, country: str, moment: datetime
) -> None:
    """In each zone where they may be, by its own clock, whatever the clocks do that day."""
    found = window(number, state, country, moment)
    zones = locate(number, state, country, load_rules()).zones
    probes = [moment] if found.open_now else []
    if found.opens_at is not None:
        probes.append(found.opens_at)
        assert found.opens_at > moment
    if found.closes_at is not None:
        probes.append(found.closes_at - timedelta(seconds=1))
    for probe in probes:
        for zone in zones:
            local = probe.astimezone(ZoneInfo(zone))
            assert time(8) <= local.time() < time(21, 30), (zone, local)


@settings(
    max_examples=50, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(NUMBERS, STATES, COUNTRIES, MOMENTS)
def test_what_it_says_of_later_is_what_it_says_then(
    number: str, state: str, country: str, moment: datetime
) -> None:
    found = window(number, state, country, moment)
    if found.opens_at is not None:
        assert window(number, state, country, found.opens_at).open_now
        assert not window(number, state, country, found.opens_at - timedelta(seconds=1)).open_now
    if found.closes_at is not None:
        assert not window(number, state, country, found.closes_at).open_now


class TestAChangeOfClocks:
    """Own hours that begin or end in the hour that is skipped or comes twice (New York, 2026)."""

    @pytest.mark.parametrize("hours", ["02:30-24:00", "01:30-24:00", "00:00-02:30", "00:00-01:30"])
    @pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
    def test_never_opens_outside_of_local_hours(self, day: date, hours: str) -> None:
        everything = Hours(*[((0, 1440),)] * 3)
        spans = parse_hours([hours])
        rules = replace(
            load_rules(), rules=(Rule("any", everything, "US"),),
            own=Rule("own", Hours(spans, spans, spans)),
        )  # fmt: skip
        start, end = spans[0]
        moment = datetime.combine(day, time(0), ZoneInfo("America/New_York")).astimezone(UTC)
        for _ in range(26 * 4):
            if window(NEW_YORK, "", "US", moment, rules).open_now:
                local = moment.astimezone(ZoneInfo("America/New_York"))
                assert start <= local.hour * 60 + local.minute < end
            moment += timedelta(minutes=15)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        window(NEW_YORK, "", "US", datetime(2026, 11, 30))


def test_what_is_known_of_an_area_code_holds_for_all_its_numbers() -> None:
    """Places of US numbers are worked out once for each area code."""
    rules, rng = load_rules(), random.Random(3)
    for area_code in sorted(rules.area_codes):
        for _ in range(3):
            number = f"+1{area_code}{rng.randrange(2_000_000, 9_999_999)}"
            if phonenumbers.is_valid_number(phonenumbers.parse(number)):
                slowly = places._locate.__wrapped__(number, "", "US", rules)
                assert places.locate(number, "", "US", rules) == slowly
