"""Settings of `[calling_hours]`: an operator's own hours, on top of what the law says."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from config.section import Section

_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


def _checked(text: str) -> str:
    """Check hours like "09:00-18:00"."""
    start, _, end = text.partition("-")
    if not _HOURS.fullmatch(text) or not start < end:
        raise ValueError("write hours like 09:00-18:00, the end after the beginning")
    return text


HoursOfDay = tuple[Annotated[str, AfterValidator(_checked)], ...]
_ALL_DAY: HoursOfDay = ("00:00-24:00",)


class CallingHours(Section):
    """When your people call, by the local time of whoever is called. It can only be stricter than
    the rules that come with the product."""

    mon_fri: HoursOfDay = _ALL_DAY
    sat: HoursOfDay = _ALL_DAY
    sun: HoursOfDay = _ALL_DAY
    holidays: bool = True  # false: not on public holidays
