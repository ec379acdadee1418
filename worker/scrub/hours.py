"""The calling hours that a scrub heeds: those of the law, and an operator's own on top."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from config.calling_hours import CallingHours as OwnHours
from worker.calling_hours import Hours, Rule, Rules, Window, load_rules, parse_hours, window
from worker.context import Context
from worker.scrub.model import CallingHours


def calling_hours(ctx: Context) -> CallingHours:
    """Return the rules that give the calling hours of a number."""
    rules = rules_of(ctx.settings.calling_hours)

    def of_number(number: str, state: str, country: str, at: datetime) -> Window:
        return window(number, state, country, at, rules)

    return of_number


@lru_cache(maxsize=8)
def rules_of(own: OwnHours) -> Rules:
    """Return the rules with an operator's own hours on top."""
    if own == OwnHours():
        return load_rules()
    hours = Hours(
        parse_hours(own.mon_fri), parse_hours(own.sat), parse_hours(own.sun), own.holidays
    )
    return replace(load_rules(), own=Rule("your own hours", hours))
