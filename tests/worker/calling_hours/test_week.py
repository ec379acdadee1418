"""The calling hours of a week as text: never longer hours than `window` allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worker.calling_hours import Hours, Rule, load_rules, parse_hours, week_text


@pytest.mark.parametrize(
    ("numbers", "state", "country", "text"),
    [
        (["+12125550123"], "NY", "US", "Mon-Sun 08:00-21:00 America/New_York"),
        (["+12035550123"], "CT", "US", "Mon-Sun 09:00-20:00 America/New_York"),
        # Rules of both states hold, in the zones of both.
        (["+12125550123", "+13125550123"], "", "US",
         "Mon-Sun 08:00-21:00 local time, in each of America/Chicago, America/New_York"),
        ([], "NY", "US", None),
    ],
)  # fmt: skip
def test_says_the_hours_that_every_rule_allows(
    numbers: list[str], state: str, country: str, text: str | None
) -> None:
    assert week_text(numbers, state, country) == text


def test_says_where_no_day_and_no_holiday_is_allowed() -> None:
    text = week_text(["+12055550123"], "AL", "US")
    assert text == "Mon-Sat 08:00-20:00, not on public holidays, America/Chicago"


def test_names_no_more_zones_than_a_person_reads() -> None:
    text = week_text(["+18005550123"], "", "US")
    assert text is not None
    assert text.endswith("possible time zones")


def test_an_operators_own_hours_come_on_top() -> None:
    lunch = parse_hours(["09:00-12:00", "13:00-17:00"])
    own = replace(load_rules(), own=Rule("own", Hours(lunch, (), ())))
    text = week_text(["+12125550123"], "NY", "US", own)
    assert text == "Mon-Fri 09:00-12:00 and 13:00-17:00 America/New_York"
    closed = replace(load_rules(), own=Rule("own", Hours((), (), ())))
    text = week_text(["+12125550123"], "NY", "US", closed)
    assert text == "no calls on any day America/New_York"
