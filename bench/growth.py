"""Estimate what a size costs: `python -m bench.growth [--contacts N ...] [--changed SHARE]`.

Arithmetic from what was measured here (docs/performance.md) and from the vendors' published limits:
API calls and how long a CRM's limits make them take, processor time, the database, and what is
saturated first. No simulation of load: where it matters, `bench.sync` and `bench.load` measure.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
DAY = 86_400.0
RESERVE = 0.2  # of a day's calls, left to others (`connectors.NAME.api_reserve`)

# Measured on PostgreSQL, bytes: a contact with its 1.37 numbers and their answers; a write, kept
# for `retention.writes`.
CONTACT_BYTES = 570 + 1.37 * (256 + 256)
WRITE_BYTES = 1_090
WRITTEN = 0.94  # of the contacts, by a first sync
WRITES_KEPT = 730  # days


@dataclass(frozen=True)
class Crm:
    """`first`, `again`: seconds of one core for a contact. `read`, `write`: contacts of a call (of
    Salesforce: of a Bulk job). `calls`: a second; `daily`: calls, or jobs, of a day."""

    name: str
    first: float
    again: float
    read: int
    write: int
    calls: float
    daily: int
    limit: str


CRMS = (
    # 190 calls in ten seconds and 1,000,000 a day: a private app of an Enterprise account
    # (https://developers.hubspot.com/changelog/increasing-our-api-limits).
    Crm("HubSpot", 357e-6, 38e-6, 100, 100, 19.0, 1_000_000, "API calls of a day"),
    # Bulk API 2.0: jobs of 100,000 records read, of 1,200 written; each of the latter is a batch at
    # least, of 15,000 in a day (its "Limits and Allocations"). That a second brings one is a guess:
    # it depends on the org's own triggers and flows.
    Crm("Salesforce", 257e-6, 28e-6, 100_000, 1_200, 1.0, 15_000, "Bulk batches of a day"),
)


@dataclass(frozen=True)
class Cost:
    calls: int
    seconds: float  # by the limits of the CRM alone
    days: float  # by what may be used of a day
    cores: float  # seconds
    saturated: str

    @property
    def wall(self) -> float:
        return max(self.seconds, self.days * DAY if self.days > 1 else 0.0)


def cost(crm: Crm, read: int, written: float, per_contact: float) -> Cost:
    calls = math.ceil(read / crm.read) + math.ceil(written / crm.write)
    seconds = calls / crm.calls
    days = calls / (crm.daily * (1 - RESERVE))
    cores = read * per_contact
    at_once = "calls a second" if seconds > cores else "one core"
    saturated = crm.limit if days > 1 else at_once
    return Cost(calls, seconds, days, cores, saturated)


def first_sync_cost(crm: Crm, contacts: int) -> Cost:
    return cost(crm, contacts, contacts * WRITTEN, crm.first)


def daily_cost(crm: Crm, contacts: int, changed: float) -> Cost:
    """The increments of a day, and the day's part of the weekly full read."""
    part = contacts / 7
    work = cost(crm, int(part + contacts * changed), contacts * changed, crm.again)
    extra = contacts * changed * (crm.first - crm.again)
    return Cost(work.calls, work.seconds, work.days, work.cores + extra, work.saturated)


def database(contacts: int, changed: float) -> tuple[float, float]:
    """Bytes after the first sync, and once as many writes are kept as are kept at the most."""
    state = contacts * CONTACT_BYTES
    return (
        state + contacts * WRITTEN * WRITE_BYTES,
        state + contacts * (WRITTEN + changed * WRITES_KEPT) * WRITE_BYTES,
    )


def format_seconds(seconds: float) -> str:
    for size, unit in ((DAY, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def table(sizes: tuple[int, ...], changed: float) -> Iterator[str]:
    yield "| contacts | CRM | first sync: calls | wall | core | a day: calls | wall | core | by |"
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for contacts in sizes:
        for crm in CRMS:
            first, daily = first_sync_cost(crm, contacts), daily_cost(crm, contacts, changed)
            yield (
                f"| {contacts:,} | {crm.name} | {first.calls:,} | {format_seconds(first.wall)} "
                f"| {format_seconds(first.cores)} | {daily.calls:,} | {format_seconds(daily.wall)} "
                f"| {format_seconds(daily.cores)} | {first.saturated} |"
            )
    yield ""
    yield "| contacts | database after the first sync | with all writes that are kept |"
    yield "| ---: | ---: | ---: |"
    for contacts in sizes:
        begun, full = database(contacts, changed)
        yield f"| {contacts:,} | {begun / 1e9:.2f} GB | {full / 1e9:.2f} GB |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--contacts", type=int, nargs="*", default=SIZES)
    parser.add_argument("--changed", type=float, default=0.01, help="share of contacts, each day")
    args = parser.parse_args()
    print("\n".join(table(tuple(args.contacts), args.changed)))


if __name__ == "__main__":
    main()
