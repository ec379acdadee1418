"""From contacts to decisions: their phone fields are read, the numbers verified, and it is decided.

What a page does with the outcome (announce, write, record) is in `page`.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime

from msgspec.structs import replace

from config.throttle import at_most_every
from connectors.protocol import Connector
from connectors.records import Value
from worker.context import Context
from worker.decisions import (
    ContactFacts,
    Decision,
    FieldFacts,
    NumberKnowledge,
    ProviderAnswer,
    WritePolicy,
    changes,
    decide,
    is_left_untouched,
    resolve,
)
from worker.feedback import rechecks
from worker.feedback import report_log as feedback_log
from worker.feedback.consent_state import ConsentState, rules_from_settings
from worker.feedback.models import Feedback
from worker.feedback.report_log import ReportSet
from worker.phones import Number, ParsedField
from worker.suppression import confirm_links
from worker.sync.contact_index import Known
from worker.sync.pages import existing_contacts
from worker.sync.pages.prepare import NOTHING_HIDDEN, Prepared, Remembered, reader
from worker.sync.runs.lifecycle import Run
from worker.verification.conditions import Subject
from worker.verification.models import Verification
from worker.verification.reservation import LookupRequest
from worker.verification.results import Lookups, Verified

HEARTBEAT = 10.0  # seconds between two renewals of a page's lease while it waits


Decided = tuple[Decision, dict[str, Value]]
NO_STOPS = ConsentState()


def reported(
    ctx: Context,
    run: Run,
    prepared: Sequence[Prepared],
    said: Mapping[str, Sequence[Feedback]],
    fresh: Sequence[Feedback],
) -> ReportSet:
    """All that was reported about the page's numbers. `said`: on the contacts themselves. `fresh`:
    what this page found, which is not kept in a dry run."""
    numbers = dict.fromkeys(number for one in prepared for number in one.numbers)
    on_contacts = {key: [report.number for report in of] for key, of in said.items()}
    for report in fresh:
        if report.contact and report.scope != "number":
            on_contacts.setdefault(report.contact, []).append(report.number)
    numbers.update(dict.fromkeys(number for of in on_contacts.values() for number in of))
    # Said of records without a number, of which there may be very many.
    nameless = [report for of in said.values() for report in of if not report.number]
    nameless += [report for report in fresh if not report.number]
    numbers.pop("", None)
    if not (numbers or nameless):
        return ReportSet()
    with ctx.store.read() as connection:
        found = feedback_log.load(connection, list(numbers), ctx.keys)
    if nameless:
        found.reports[""] = nameless
    if run.dry_run:
        for report in fresh:
            if report.number:
                found.reports.setdefault(report.number, []).append(report)
    return dataclasses.replace(found, numbers_by_contact=on_contacts) if on_contacts else found


# -- verify --------------------------------------------------------------------------------


def verify(
    ctx: Context,
    run: Run,
    prepared: Sequence[Prepared],
    told: ReportSet,
    keep_lease: Callable[[], object],
) -> Verified:
    """Verify the page's distinct numbers; anew those of a ticked recheck, those that somebody
    asked for (`worker.feedback.rechecks`), and those of a forced run.

    Anew means: what was answered before the run was opened does not count. So a page that is
    taken up again, or a number that a forced run meets twice, is not paid for twice.
    """
    chain = ctx.chain(run.id if run.dry_run else None)
    due = run.scope.kind == "due"
    owner = f"{ctx.owner}:{threading.get_ident()}"
    fresh = LookupRequest(run.id, owner, run.opened_at, due)
    plain = fresh if run.force else LookupRequest(run.id, owner, None, due)
    asked = _asked_for(ctx, run)
    ticked = {n for one in prepared for n in _to_verify_anew(one, asked)}
    subjects = _subjects(ctx, prepared, told)
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
            said.update(verified.answers)
            missing.update(verified.unanswered)
            lookups.add(verified.lookups)
    return Verified(said, missing, lookups)


def _asked_for(ctx: Context, run: Run) -> dict[rechecks.Record, set[str]]:
    """Records whose re-check this run carries out, with the phone fields that are meant."""
    if run.scope.kind != "ids":
        return {}
    with ctx.store.read() as connection:
        return rechecks.load_for_run(connection, run.id)


def _to_verify_anew(one: Prepared, asked: Mapping[rechecks.Record, set[str]]) -> Iterator[str]:
    if one.contact.held.get("recheck"):
        yield from one.numbers
        return
    fields = asked.get((one.contact.object, one.contact.id), ())
    for name, reading in one.readings.items():
        if name in fields or "" in fields:
            yield from (number.e164 for number in reading.numbers)


def _subjects(ctx: Context, prepared: Sequence[Prepared], told: ReportSet) -> list[Subject]:
    """Each number once, with what the contacts that hold it say of how deep to look."""
    audited = {tuple(entry.split("=", 1)) for entry in ctx.settings.verification.audit}
    plain = not audited and not ctx.asks_dates and not any(one.apart for one in prepared)
    found: dict[str, Subject] = {}
    for one in prepared:
        contact = one.contact
        segments = {
            ("source", contact.source),
            ("campaign", contact.campaign),
            ("country", one.region or ""),
        }
        under_audit = one.apart or bool(audited & segments)
        for number in one.seen:
            before = found.get(number)
            if plain and contact.value is None:
                if before is None:
                    found[number] = Subject(number)
                continue
            day = _known_since(ctx, one, told, number)
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
    for reports in told.reports.values():
        for report in reports:
            if report.new_number:  # what is proposed to a CRM is verified first
                found.setdefault(report.new_number, Subject(report.new_number))
    return list(found.values())


def _known_since(ctx: Context, one: Prepared, told: ReportSet, number: str) -> date | None:
    """When a number was last surely this contact's: by the CRM, or by a confirmation."""
    consented = one.contact.consented
    days = [date.fromisoformat(consented)] if consented else []
    if told.about(number):
        confirmed = told.evaluate(number, one.who, rules_from_settings(ctx.settings)).confirmed_at
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
    told: ReportSet,
    known: Mapping[str, Known],
    now: datetime,
    remembered: Remembered = NOTHING_HIDDEN,
) -> list[Decided]:
    """A decision for each contact, and the values that differ from what the CRM holds."""
    judge = _Judge(ctx, run, connector, verified, told, now, remembered)
    # A dry run says what the other setting would write, too.
    if connector.incremental and prepared and (judge.quiet or run.dry_run):
        object_name = prepared[0].contact.object
        judge.stock = existing_contacts.of_page(
            ctx, run.connector, object_name, prepared, known.keys()
        )
    return [judge.decide(one, known.get(one.contact.id)) for one in prepared]


def decide_by_reports(
    ctx: Context,
    run: Run,
    connector: Connector,
    prepared: Sequence[Prepared],
    told: ReportSet,
    remembered: Remembered,
) -> list[Decision]:
    """What would be decided of each contact if no provider had been asked: what is bad in it, the
    reports alone say."""
    nothing = Verified({}, {}, Lookups())
    judge = _Judge(ctx, run, connector, nothing, told, ctx.now(), remembered)
    return [judge.decision(one)[0] for one in prepared]


class _Judge:
    """Decides the contacts of one page."""

    def __init__(
        self,
        ctx: Context,
        run: Run,
        connector: Connector,
        verified: Verified,
        told: ReportSet,
        now: datetime,
        remembered: Remembered,
    ) -> None:
        policy = ctx.settings.policy
        self._ctx, self._run, self._connector = ctx, run, connector
        self._verified, self._told, self._rules = verified, told, rules_from_settings(ctx.settings)
        self._policy = WritePolicy(
            normalize=policy.normalize,
            checked_at_refresh=policy.checked_at_refresh,
            now=now,
            run=run.id,
        )
        self.quiet = policy.quiet_first_sync
        self.stock: frozenset[str] = frozenset()  # contacts that were there before us
        self._replaces = ctx.settings.feedback.corrections == "replace"
        self._again = reader(ctx, run.connector, remembered=remembered)
        labels = {provider.name: provider.label for provider in ctx.line.providers}
        self._said = {
            number: tuple(
                ProviderAnswer(
                    v.provider, v.verdict, v.line_type, v.detail, v.depth,
                    labels.get(v.provider, ""),
                )
                for v in found
            )
            for number, found in verified.answers.items()
        }  # fmt: skip

    def decide(self, one: Prepared, before: Known | None) -> Decided:
        contact = one.contact
        corrections = self._corrections(one) if self._told.reports else {}
        writable = self._connector.writable(contact.object)
        replaced: dict[str, str] = {}
        if corrections and self._replaces:
            for name, reading in one.readings.items():
                alone = reading.numbers[0] if len(reading.numbers) == 1 else None
                new = corrections.get(alone.e164) if alone and not alone.extension else None
                if new and f"phone/{name}" in writable and name in contact.phones:
                    replaced[f"phone/{name}"] = new
        if replaced:
            phones = {name: replaced.get(f"phone/{name}", t) for name, t in contact.phones.items()}
            contact = replace(contact, phones=phones)
            one = replace(self._again(contact), apart=one.apart)
            corrections = {}
        proposed = next(iter(corrections.values()), None)
        if proposed and before and before.proposed == proposed and not self._holds(one, proposed):
            proposed = None  # somebody has cleared our proposal, or taken another number
        decision, fields = self.decision(one, proposed)
        more = {**replaced, **self._link(one, decision, writable)}
        if "isolated" in writable and bool(contact.held.get("isolated")) != one.apart:
            more["isolated"] = one.apart
        differing = changes(
            decision, fields, contact.phones, contact.held, writable, self._policy, more
        )
        if (
            differing
            and contact.id in self.stock
            and is_left_untouched(decision, contact.held, more)
        ):
            decision = replace(decision, skipped=True)
            differing = {} if self.quiet else differing
        return decision, differing

    def decision(
        self, one: Prepared, proposed: str | None = None
    ) -> tuple[Decision, tuple[FieldFacts, ...]]:
        """What is decided of a contact, and from which facts of its fields."""
        stops = NO_STOPS
        if one.who.key in self._told.numbers_by_contact:
            stops = self._told.evaluate_contact(one.who, self._rules)
        fields = tuple(
            self._facts(one, name, reading, stops) for name, reading in one.readings.items()
        )
        held_reason = _text(one.contact.held.get("reason"))
        facts = ContactFacts(
            fields, held_reason, proposed, stops.suppressed, stops.suppressed_reason
        )
        return decide(facts), fields

    def _link(
        self, one: Prepared, decision: Decision, writable: Collection[str]
    ) -> dict[str, Value]:
        """The link to the recipient's page, where the CRM keeps one and it has to be another."""
        public_url = self._ctx.settings.public_url
        if "confirm_link" not in writable or not public_url:
            return {}
        held = _text(one.contact.held.get("confirm_link")) or ""
        number = decision.best_phone or next(iter(one.numbers), None)
        if number is None:
            return {"confirm_link": None} if held else {}
        keys, now = self._ctx.keys, self._policy.now
        lifetime = self._ctx.settings.feedback.link_lifetime
        contact = one.who.key
        if confirm_links.is_usable(keys, held, contact, number, now, lifetime):
            return {}
        token = confirm_links.create_token(keys, contact, number, now, lifetime)
        return {"confirm_link": confirm_links.url(public_url, token)}

    def _holds(self, one: Prepared, proposed: str) -> bool:
        return one.contact.held.get("proposed_phone") == proposed

    def _corrections(self, one: Prepared) -> dict[str, str]:
        """Numbers of a contact that their owner replaced -> what by, where that is a good one."""
        found = {}
        for number in one.numbers:
            if not self._told.about(number):
                continue
            new = self._standing(one, number).corrected_to
            if new and new not in one.numbers:
                best = resolve.winning(self._said.get(new, ()))
                if best is not None and best.verdict == "valid":
                    found[number] = new
        return found

    def _standing(self, one: Prepared, number: str) -> ConsentState:
        return self._told.evaluate(number, one.who, self._rules)

    def _facts(
        self, one: Prepared, name: str, reading: ParsedField, stops: ConsentState
    ) -> FieldFacts:
        held = one.contact.held
        return FieldFacts(
            name,
            reading,
            tuple(self._knowledge(one, number, stops) for number in reading.numbers),
            _text(held.get(f"status/{name}")),
            _text(held.get(f"e164/{name}")),
            _text(held.get(f"line_type/{name}")),
            name in one.unread,
        )

    def _knowledge(self, one: Prepared, number: Number, stops: ConsentState) -> NumberKnowledge:
        e164 = number.e164
        said = self._said.get(e164, ())
        missing = self._verified.unanswered.get(e164, "")
        if not one.contact.consented and not stops.suppressed and not self._told.about(e164):
            return NumberKnowledge(number, said, missing)  # nearly all: only providers know of it
        standing = self._standing(one, e164)
        since = _known_since(self._ctx, one, self._told, e164)
        answers = self._verified.answers.get(e164, ())
        return NumberKnowledge(
            number,
            (*said, *_unreached(standing, answers)),
            missing,
            standing.wrong or given_away(answers, since),
            standing.suppressed | stops.suppressed,
            standing.suppressed_reason or stops.suppressed_reason,
            standing.confirmed,
        )


def _unreached(
    standing: ConsentState, answers: Sequence[Verification]
) -> tuple[ProviderAnswer, ...]:
    """Messages that did not arrive, unless somebody has looked at the line since."""
    at = standing.unreachable_at
    if at is None or any(one.depth == "live" and one.at > at for one in answers):
        return ()
    answer = ProviderAnswer(
        "messages", "unreachable", detail=standing.unreachable, depth="live",
        label="delivery reports",
    )  # fmt: skip
    return (answer,)


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
