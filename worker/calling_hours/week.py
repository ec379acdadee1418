"""The calling hours of somebody's week as one line of text, for a field of a CRM.

The text says the hours of every rule that may hold at once, by local time, and the time zones that
the person may be in: hours that are to be kept in each of them. It cannot say which days are public
holidays, so it says where none may be called on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from worker.calling_hours.places import Place, locate
from worker.calling_hours.rules import Rules, Span, load_rules
from worker.calling_hours.window import rules_of_place

_MAX_ZONES = 3  # that are named; of more, their number is said
_MAX_LENGTH = 255  # of the field


def week_text(
    numbers: Iterable[str], state: str, country: str, rules: Rules | None = None
) -> str | None:
    """Return the calling hours of whoever may be reached by any of these numbers (E.164); None
    without a number, or where no time zone is known.

    >>> week_text(["+12125550123"], "NY", "US")
    'Mon-Sun 08:00-21:00 America/New_York'
    """
    known = rules or load_rules()
    places = [locate(number, state, country, known) for number in numbers]
    if not places or not all(place.zones for place in places):
        return None
    place = Place(
        tuple(dict.fromkeys(name for each in places for name in each.countries)),
        frozenset().union(*(each.states for each in places)),
        tuple(sorted({zone for each in places for zone in each.zones})),
    )
    hours = [each.rule.hours for each in rules_of_place(place, known)]
    days = {
        "Mon-Fri": _common([each.mon_fri for each in hours]),
        "Sat": _common([each.sat for each in hours]),
        "Sun": _common([each.sun for each in hours]),
    }
    holidays = "" if all(each.holidays for each in hours) else ", not on public holidays,"
    return f"{_days(days)}{holidays} {_zones(place.zones)}"[:_MAX_LENGTH]


def _common(each: Sequence[Sequence[Span]]) -> list[Span]:
    """Return the hours that all of these allow."""
    common = list(each[0])
    for spans in each[1:]:
        both = ((max(a, c), min(b, d)) for a, b in common for c, d in spans)
        common = [span for span in both if span[0] < span[1]]
    return sorted(common)


def _days(days: dict[str, list[Span]]) -> str:
    """Write days with the same hours as one, and leave out those without any."""
    if days["Mon-Fri"] == days["Sat"]:
        last = days.pop("Sat")
        days.pop("Mon-Fri")
        days = {"Mon-Sun": last} if last == days["Sun"] else {"Mon-Sat": last, **days}
    parts = [f"{name} {_spans(spans)}" for name, spans in days.items() if spans]
    return ", ".join(parts) or "no calls on any day"


def _spans(spans: Iterable[Span]) -> str:
    return " and ".join(f"{_clock(start)}-{_clock(end)}" for start, end in spans)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _zones(zones: Sequence[str]) -> str:
    if len(zones) == 1:
        return zones[0]
    if len(zones) > _MAX_ZONES:
        return f"local time in all {len(zones)} possible time zones"
    return f"local time, in each of {', '.join(zones)}"
