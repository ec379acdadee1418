"""From contacts to decisions: their phone fields are read, the numbers verified, and it is decided.

What a page does with the outcome (announce, write, record) is in `page`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from connectors.base import Connector, Contact, Value
from worker.decisions import (
    ContactFacts,
    Decision,
    FieldFacts,
    NumberKnowledge,
    Said,
    WritePolicy,
    changes,
    decide,
)
from worker.feedback import facts as feedback_facts
from worker.feedback import users
from worker.feedback.model import Feedback
from worker.phones import Number, Reading, Whereabouts, read_contact, read_field, region_of
from worker.sync.context import Context
from worker.sync.runs import Run
from worker.throttle import at_most_every
from worker.verification.base import Verification
from worker.verification.chain import Lookups, Verified
from worker.verification.conditions import Subject
from worker.verification.ledger import Occasion

HEARTBEAT = 10.0  # seconds between two renewals of a page's lease while it waits


@dataclass(frozen=True)
class Prepared:
    """A contact on its way through the page."""

    contact: Contact
    region: str | None
    readings: Mapping[str, Reading]
    numbers: tuple[str, ...]


Reported = Mapping[str, Sequence[Feedback]]
Decided = tuple[Decision, dict[str, Value]]


def reader(ctx: Context, run: Run) -> Callable[[Contact], Prepared]:
    """How this run reads a contact; a text that a page holds twice is read once."""
    settings = getattr(ctx.settings.connectors, run.connector)
    fallback = region_of(settings.default_country) if settings.default_country else None
    seen: dict[tuple[str, str | None], Reading] = {}

    def reading(text: str, region: str | None) -> Reading:
        found = seen.get((text, region))
        if found is None:
            found = seen[text, region] = read_field(text, region)
        return found

    def read(contact: Contact) -> Prepared:
        where = Whereabouts(
            contact.country, contact.state, contact.email, contact.website, fallback
        )
        readings = read_contact(contact.phones, where, reading)
        numbers = dict.fromkeys(n.e164 for found in readings.values() for n in found.numbers)
        return Prepared(contact, where.region or fallback, readings, tuple(numbers))

    return read


def reported(
    ctx: Context, run: Run, prepared: Sequence[Prepared], fresh: Sequence[Feedback]
) -> dict[str, list[Feedback]]:
    """All that was reported about the page's numbers; `fresh`: what is not kept in a dry run."""
    numbers = list(dict.fromkeys(number for one in prepared for number in one.numbers))
    with ctx.store.read() as connection:
        found = feedback_facts.load(connection, numbers) if numbers else {}
    if run.dry_run:
        for report in fresh:
            found.setdefault(report.number, []).append(report)
    return found


# -- verify --------------------------------------------------------------------------------


def verify(
    ctx: Context,
    run: Run,
    prepared: Sequence[Prepared],
    reports: Reported,
    keep_lease: Callable[[], None],
) -> Verified:
    """Verify the page's distinct numbers; those of a ticked recheck, or of a forced run, anew.

    Anew means: what was answered before the run was opened does not count. So a page that is
    taken up again, or a number that a forced run meets twice, is not paid for twice.
    """
    chain = ctx.chain(run.id if run.dry_run else None)
    due = run.scope.kind == "due"
    owner = f"{ctx.owner}:{threading.get_ident()}"
    fresh = Occasion(run.id, owner, run.opened_at, due)
    plain = fresh if run.force else Occasion(run.id, owner, None, due)
    ticked = {n for one in prepared if one.contact.held.get("recheck") for n in one.numbers}
    subjects = _subjects(ctx, run, prepared, reports)
    heartbeat = at_most_every(HEARTBEAT, keep_lease)
    said: dict[str, tuple[Verification, ...]] = {}
    missing: dict[str, str] = {}
    lookups = Lookups()
    for occasion, some in (
        (plain, [one for one in subjects if one.number not in ticked]),
        (fresh, [one for one in subjects if one.number in ticked]),
    ):
        if some:
            verified = chain.verify(some, occasion, heartbeat)
            said.update(verified.said)
            missing.update(verified.missing)
            lookups.add(verified.lookups)
    return Verified(said, missing, lookups)


def _subjects(
    ctx: Context, run: Run, prepared: Sequence[Prepared], reports: Reported
) -> list[Subject]:
    """Each number once, with what the contacts that hold it say of how deep to look."""
    audited = {tuple(entry.split("=", 1)) for entry in ctx.settings.verification.audit}
    plain = not audited and not ctx.asks_dates
    found: dict[str, Subject] = {}
    for one in prepared:
        contact = one.contact
        segments = {
            ("source", contact.source),
            ("campaign", contact.campaign),
            ("country", one.region or ""),
        }
        under_audit = bool(audited & segments)
        for number in one.numbers:
            before = found.get(number)
            if plain and contact.value is None:
                if before is None:
                    found[number] = Subject(number)
                continue
            day = _known_since(run, contact, reports.get(number, ()))
            dates = before.dates if before else ()
            if day is not None and day not in dates:
                dates = (*dates, day)
            held = before.value if before else None
            values = [v for v in (held, contact.value) if v is not None]
            found[number] = Subject(
                number,
                dates,
                max(values, default=None),
                under_audit or bool(before and before.audited),
            )
    return list(found.values())


def _known_since(run: Run, contact: Contact, reports: Sequence[Feedback]) -> date | None:
    """When a number was last surely this contact's: by the CRM, or by a confirmation."""
    days = [date.fromisoformat(contact.consented)] if contact.consented else []
    if reports:
        key = users.contact_key(run.connector, contact.object, contact.id)
        confirmed = feedback_facts.standing(reports, key).confirmed_at
        if confirmed is not None:
            days.append(confirmed.date())
    return max(days, default=None)


# -- decide --------------------------------------------------------------------------------


def decide_all(
    ctx: Context,
    run: Run,
    connector: Connector,
    prepared: Sequence[Prepared],
    verified: Verified,
    reports: Reported,
    now: datetime,
) -> list[Decided]:
    """A decision for each contact, and the values that differ from what the CRM holds."""
    policy = ctx.settings.policy
    write_policy = WritePolicy(
        normalize=policy.normalize,
        checked_at_refresh=policy.checked_at_refresh,
        now=now,
        run=run.id,
    )
    labels = {provider.name: provider.label for provider in ctx.line.providers}
    said = {
        number: tuple(
            Said(v.provider, v.verdict, v.line_type, v.detail, v.depth, labels.get(v.provider, ""))
            for v in found
        )
        for number, found in verified.said.items()
    }
    decided = []
    for one in prepared:
        contact = one.contact
        key = users.contact_key(run.connector, contact.object, contact.id)

        def known(number: Number, contact: Contact = contact, key: str = key) -> NumberKnowledge:
            about = reports.get(number.e164, ())
            if not about and not contact.consented:  # nearly all: only providers know of it
                verdicts = said.get(number.e164, ())
                return NumberKnowledge(number, verdicts, verified.missing.get(number.e164, ""))
            standing = feedback_facts.standing(about, key, policy.opt_out_text_stops_calls)
            passed_on = given_away(
                verified.said.get(number.e164, ()), _known_since(run, contact, about)
            )
            return NumberKnowledge(
                number,
                said.get(number.e164, ()),
                verified.missing.get(number.e164, ""),
                standing.wrong or passed_on,
                standing.suppressed,
                standing.suppressed_why,
                standing.confirmed,
            )

        fields = tuple(
            FieldFacts(
                name,
                reading,
                tuple(map(known, reading.numbers)),
                _text(contact.held.get(f"status/{name}")),
                _text(contact.held.get(f"e164/{name}")),
                _text(contact.held.get(f"line_type/{name}")),
            )
            for name, reading in one.readings.items()
        )
        decision = decide(ContactFacts(fields, _text(contact.held.get("reason"))))
        differing = changes(
            decision,
            fields,
            contact.phones,
            contact.held,
            connector.writable(contact.object),
            write_policy,
        )
        decided.append((decision, differing))
    return decided


def given_away(said: Sequence[Verification], since: date | None) -> str:
    """Evidence that somebody else has the number now.

    Only of an answer about a day: without one it is not known whom it was taken from. A later
    confirmation beats it: `since` is that day then, and an older answer does not cover it.
    """
    for one in said:
        if one.depth == "reassigned" and one.reassigned and since and one.covers(since):
            return f"was given to somebody else after {since:%d %b %Y} (checked {one.at:%d %b %Y})"
    return ""


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None
