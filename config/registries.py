"""Settings of `[registries.NAME]`: lists with an authority, and of `[scrub]`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field

from config.section import Duration, Section

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def _known_region(code: str) -> str:
    if code.upper() not in SUPPORTED_REGIONS:
        raise ValueError("write an ISO code of two letters, such as US or GB")
    return code.upper()


def _registry_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("name a registry with a-z, 0-9, '.', '-' and '_', at most 40 of them")
    return name


RegistryName = Annotated[str, AfterValidator(_registry_name)]
RegistryFormat = Literal["csv", "ftc", "tps"]


class RegistrySettings(Section):
    """One list, and what follows from it.

    `channels`: that are closed for a number on it. `countries`: whose numbers the list is about;
    none: all. `stale_after`: how old its file may become: 31 days by the US rules for the National
    Do Not Call Registry (16 CFR 310.4(b)(3)(iv), 47 CFR 64.1200(c)(2)(i)(D)); 0s = never.
    `when_stale`: what a scrub answers for a number that is not on it then, which may have been
    listed since. `consent_overrides`: whoever opted in to a channel may be contacted by it although
    the list holds the number, as some registries allow; an opt-out that came later still stands.
    """

    authority: str = Field("", max_length=60)
    channels: tuple[Literal["call", "text"], ...] = Field(("call",), min_length=1)
    countries: tuple[Annotated[str, AfterValidator(_known_region)], ...] = ()
    stale_after: Duration = timedelta(days=31)
    when_stale: Literal["deny", "warn"] = "deny"
    consent_overrides: bool = False
    # A whole file that would take off a larger share of the list stops and asks.
    max_removals: float = Field(0.05, ge=0, le=1)
    # How its files are written (worker.registries.formats). The rest is for csv alone: names or
    # positions of columns, and the words that say that a change takes a number off.
    format: RegistryFormat = "csv"
    column: str = ""
    action_column: str = ""
    removal_words: tuple[str, ...] = ("d", "del", "delete", "deleted", "remove", "removed")


class ScrubSettings(Section):
    """`valid_for`: how long an answer may be used at the most. Somebody may opt out in the next
    minute, so it is short; the age of a registry and the calling hours end it sooner."""

    valid_for: Duration = timedelta(hours=24)
