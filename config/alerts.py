"""Settings of `[alerts]`: who is alerted, about what, by which channels, and the weekly digest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, timedelta, tzinfo
from typing import Final, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field

from config.section import Duration, Section

AlertKind = Literal[
    "run_failed", "breaker_open", "budget", "segment_isolated", "watermark", "removals_held",
    "call_outcomes", "suppression_refused", "field_hidden", "setback",
    "review_waiting", "endpoint", "registry_stale", "ask_paused", "paused", "stream_down",
]  # fmt: skip
KINDS: Final[tuple[str, ...]] = get_args(AlertKind)
DEFAULT_ROUTE: Final = "default"  # of the kinds without a route of their own
BUILT_IN: Final = {
    "email": "set SMTP_URL and alerts.email_to",
    "webhook": "set ALERT_WEBHOOK_URL",
}  # channels without a table, and how each is set up
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ADDRESS = re.compile(r"[^\s,;<>@]+@[^\s,;<>@]+")
# Addresses of the connectors that Microsoft has retired (worker.alerts.formats.teams).
_RETIRED_HOSTS: Final = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[str, ...]] = get_args(Weekday)


class ChannelSettings(Section):
    """A channel, `[alerts.channels.NAME]`. The address of a webhook holds its secret, so it comes
    from the environment: `url_variable(NAME)`."""

    kind: Literal["email", "slack", "teams", "webhook"]
    to: tuple[str, ...] = ()  # addresses of an email channel


class DigestSettings(Section):
    """When the weekly digest is sent, and by which channels. It tells of the last whole ISO week,
    Monday to Sunday in `zone`."""

    enabled: bool = True  # without a channel nothing is sent all the same
    day: Weekday = "monday"
    hour: int = Field(8, ge=0, le=23)
    zone: str = "UTC"
    channels: tuple[str, ...] = ()  # (): those of alerts.routes.default, else email

    @property
    def tz(self) -> tzinfo:
        return time_zone(self.zone)


class AlertSettings(Section):
    """Who is alerted, and about what. SMTP_URL and ALERT_WEBHOOK_URL come from the environment."""

    every: Duration = timedelta(minutes=1)  # how often it is looked
    email_to: tuple[str, ...] = ()
    email_from: str = ""
    run_failed: bool = True
    breaker_open: bool = True
    segment_isolated: bool = True
    removals_held: bool = True
    field_hidden: bool = True  # a field or object that was used is hidden from our user, or gone
    suppression_refused: bool = True  # a CRM takes no flag of somebody who is not to be contacted
    call_outcomes: bool = True  # calls wait for the name of their outcome
    setbacks: bool = True  # what runs in the background was refused several times in a row
    budget_at: float = Field(0.8, gt=0, le=1)  # share of a cap; 1 = only when it is used up
    review_older_than: Duration = timedelta(days=2)  # a reply that waits for a person; 0s = never
    endpoint_failing_for: Duration = timedelta(minutes=30)  # events do not arrive; 0s = never
    registry_stale: bool = True  # a suppression list with an authority is too old
    ask_paused: bool = True  # a campaign that asks customers has paused itself
    # Change events do not arrive; 0s = never. A stream with nothing to say counts as heard.
    stream_down_for: Duration = timedelta(minutes=15)
    watermark_older_than: Duration = timedelta(hours=6)  # 0s = never
    channels: dict[str, ChannelSettings] = Field({})  # by name
    # Kind of alert, or "default" -> names of channels.
    routes: dict[str, tuple[str, ...]] = Field({})
    digest: DigestSettings = DigestSettings()


def time_zone(name: str) -> tzinfo:
    """Return a time zone by its name, such as "Europe/Vienna".

    Raises `KeyError`, `ValueError` or `OSError`, as `ZoneInfo` does for different bad names. UTC
    works also on a machine without time zones.
    """
    return UTC if name.upper() == "UTC" else ZoneInfo(name)


def url_variable(channel: str) -> str:
    """Return the environment variable of a channel's address.

    >>> url_variable("slack-ops")
    'ALERT_CHANNEL_SLACK_OPS_URL'
    """
    return f"ALERT_CHANNEL_{channel.upper().replace('-', '_')}_URL"


def check(
    alerts: AlertSettings, urls: Mapping[str, str], smtp_url: str, webhook_url: str
) -> Iterator[str]:
    """Yield a line for each mistake in channels, routes and digest. `urls`: the addresses of
    channels in the environment, by variable."""
    for name, channel in alerts.channels.items():
        yield from _check_channel(name, channel, urls, smtp_url)
    by_variable = {url_variable(name): name for name in alerts.channels}
    for variable in urls:
        named = alerts.channels.get(by_variable.get(variable, ""))
        if named is None:
            known = f"known: {', '.join(by_variable) or 'none'}"
            yield (
                f"{variable}: [alerts.channels] has no channel of this name"
                f"{_did_you_mean(variable, by_variable)} ({known})"
            )
        elif named.kind == "email":
            yield f"{variable}: alerts.channels.{by_variable[variable]} is of kind email; remove it"
    ready = set(alerts.channels)
    ready |= {"email"} if smtp_url and alerts.email_to else set()
    ready |= {"webhook"} if webhook_url else set()
    for kind, names in alerts.routes.items():
        where = f"alerts.routes.{kind}"
        if kind not in (*KINDS, DEFAULT_ROUTE):
            known = ", ".join((*KINDS, DEFAULT_ROUTE))
            guess = _did_you_mean(kind, (*KINDS, DEFAULT_ROUTE))
            yield f"{where}: no such kind of alert{guess} (known: {known})"
        yield from _check_names(where, names, ready)
    yield from _check_names("alerts.digest.channels", alerts.digest.channels, ready)
    try:
        _ = alerts.digest.tz
    except (KeyError, ValueError, OSError):
        yield (
            f"alerts.digest.zone: this machine knows no time zone {alerts.digest.zone!r}; write "
            "one like Europe/Vienna, or UTC"
        )


def _check_channel(
    name: str, channel: ChannelSettings, urls: Mapping[str, str], smtp_url: str
) -> Iterator[str]:
    where = f"alerts.channels.{name}"
    if not _NAME.fullmatch(name):
        yield f"{where}: name a channel with a-z, 0-9 and -, at most 32 of them, a letter first"
        return
    if name in (*BUILT_IN, DEFAULT_ROUTE):
        yield f"{where}: this name is taken; choose another one, such as {name}-ops"
        return
    if channel.kind == "email":
        if not channel.to:
            yield f"{where}.to: missing; name the addresses that it goes to"
        for address in channel.to:
            if not _ADDRESS.fullmatch(address):
                yield f"{where}.to: not an email address (it says {address!r})"
        if not smtp_url:
            yield f"SMTP_URL: missing; {where} needs it"
        return
    if channel.to:
        yield f"{where}.to: only a channel of kind email has addresses"
    variable = url_variable(name)
    url = urls.get(variable, "")
    if not url:
        yield f"{variable}: missing; {where} needs it"
    elif channel.kind == "teams" and _is_retired(url):
        yield (
            f"{variable}: this is an Office 365 connector, which Microsoft has retired; create a "
            "webhook with Workflows in Teams instead (docs/admin.md, Microsoft Teams)"
        )


def _is_retired(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False  # what is wrong with it was said where it was read
    return any(host == retired or host.endswith(f".{retired}") for retired in _RETIRED_HOSTS)


def _check_names(where: str, names: Iterable[str], ready: set[str]) -> Iterator[str]:
    for name in names:
        if name in ready:
            continue
        if name in BUILT_IN:
            yield f"{where}: the channel {name!r} is not set up; {BUILT_IN[name]}"
            continue
        known = ", ".join(sorted(ready)) or "none; add [alerts.channels.NAME]"
        yield f"{where}: no channel {name!r}{_did_you_mean(name, ready)} (known: {known})"


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
