"""Decide the contacts of one page, from their fields, the answers of providers and the reports.

The decision itself is pure (`worker.decisions`). Here its facts are gathered, and what was decided
is compared with what the CRM holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple

from msgspec.structs import replace

from connectors.protocol import Connector
from connectors.records import Value
from worker.calling_hours import week_text
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
    reasons,
    resolve,
)
from worker.decisions.diff import written_keys
from worker.decisions.model import Language
from worker.feedback import ownership
from worker.feedback.consent_state import ConsentState, rules_from_settings
from worker.feedback.report_log import ReportSet
from worker.phones import Number, ParsedField
from worker.scrub.hours import rules_of
from worker.store import crm_accounts
from worker.suppression import confirm_links
from worker.sync.contact_index import IndexedContact
from worker.sync.pages import existing_contacts
from worker.sync.pages.fields import Prepared, Remembered, reader
from worker.sync.pages.reports import last_confirmed_date
from worker.sync.pages.steps import VerifiedPage
from worker.sync.runs.model import Run
from worker.verification.chain import UNPAID
from worker.verification.models import Verification
from worker.verification.results import Lookups, Verified

NO_STOPS = ConsentState()


class Evaluation(NamedTuple):
    """What was decided of a contact, and the values that differ from what the CRM holds."""

    decision: Decision
    changes: dict[str, Value]


def evaluate_all(page: VerifiedPage) -> list[Evaluation]:
    """Evaluate each contact of a page."""
    prepared, run, ctx = page.prepared, page.work.run, page.work.ctx
    known = prepared.taken_over.known
    evaluator = Evaluator(
        ctx,
        run,
        page.work.connector,
        page.verified,
        prepared.reports,
        prepared.as_of,
        prepared.remembered,
    )
    # A dry run says what the other setting would write, too.
    if page.work.connector.incremental and prepared.contacts and (evaluator.quiet or run.dry_run):
        evaluator.existing = existing_contacts.find(
            ctx,
            run.connector,
            page.work.page.object,
            prepared.contacts,
            known.keys(),
            {record_id for record_id, _ in prepared.changed_readings.new_readings},
        )
    return [
        evaluator.evaluate(prepared, known.get(prepared.contact.id))
        for prepared in prepared.contacts
    ]


def decide_by_reports(
    ctx: Context,
    run: Run,
    connector: Connector,
    prepared: Sequence[Prepared],
    reports: ReportSet,
    remembered: Remembered,
) -> list[Decision]:
    """Decide contacts as if no provider had been asked: by the reports alone."""
    no_answers = Verified({}, {}, Lookups())
    evaluator = Evaluator(ctx, run, connector, no_answers, reports, ctx.now(), remembered)
    return [evaluator.decide(prepared)[0] for prepared in prepared]


class Evaluator:
    """Decides the contacts of one page.

    `quiet`: a first sync leaves contacts alone that were there before us. `existing`: the ids of
    those.
    """

    def __init__(
        self,
        ctx: Context,
        run: Run,
        connector: Connector,
        verified: Verified,
        reports: ReportSet,
        as_of: datetime,
        remembered: Remembered,
    ) -> None:
        policy = ctx.settings.policy
        self.quiet = policy.quiet_first_sync
        self.existing: frozenset[str] = frozenset()
        self._ctx = ctx
        self._connector = connector
        self._verified = verified
        self._reports = reports
        self._rules = rules_from_settings(ctx.settings)
        self._policy = WritePolicy(
            normalize=policy.normalize,
            checked_at_refresh=policy.checked_at_refresh,
            now=as_of,
            run=run.id,
        )
        self._language: Language = ctx.settings.section(run.connector).reason_language
        self._replaces_numbers = ctx.settings.feedback.corrections == "replace"
        self._hours = rules_of(ctx.settings.calling_hours)
        self._read_contact = reader(ctx, run.connector, remembered=remembered)
        labels = {provider.name: provider.label for provider in ctx.providers.providers}
        self._answers = {
            number: tuple(
                ProviderAnswer(v.provider, v.verdict, v.line_type, v.detail, v.check_level,
                     labels.get(v.provider, ""))
                for v in answers
            )
            for number, answers in verified.answers.items()
        }  # fmt: skip

    def evaluate(self, prepared: Prepared, before: IndexedContact | None) -> Evaluation:
        """Decide a contact, and compare that with what the CRM holds."""
        corrections = self._corrections(prepared) if self._reports.reports else {}
        writable = self._connector.writable(prepared.contact.object)
        replaced = self._replacements(prepared, corrections, writable) if corrections else {}
        if replaced:
            prepared = self._with_phones(prepared, replaced)
            corrections = {}
        decision, fields = self.decide(
            prepared, self._proposal(prepared, corrections, before), before
        )
        if decision.waiting and self._waits_for_nobody(prepared):
            decision = replace(decision, waiting=False)
        contact = prepared.contact
        extras = {**replaced, **self._confirm_link(prepared, decision, writable)}
        if "isolated" in writable and bool(contact.current.get("isolated")) != prepared.isolated:
            extras["isolated"] = prepared.isolated
        differing = changes(
            decision, fields, contact.phones, contact.current, writable, self._policy, extras
        )
        if (
            differing
            and contact.id in self.existing
            and is_left_untouched(decision, contact.current, extras)
        ):
            decision = replace(decision, skipped=True)
            differing = {} if self.quiet else differing
        if differing and "calling_hours" in writable:
            differing |= self._calling_hours(prepared, decision)
        if decision.same_reason and "reason" not in differing:  # it stays as it is worded there
            decision = replace(decision, reason=_text(contact.current.get("reason")))
        return Evaluation(decision, differing)

    def decide(
        self, prepared: Prepared, proposed: str | None = None, before: IndexedContact | None = None
    ) -> tuple[Decision, tuple[FieldFacts, ...]]:
        """Return what is decided of a contact, and the facts of its fields that it rests on."""
        stops = NO_STOPS
        if prepared.identity.key in self._reports.numbers_by_contact:
            stops = self._reports.evaluate_contact(prepared.identity, self._rules)
        fields = tuple(
            [
                self._field_facts(prepared, name, reading, stops)
                for name, reading in prepared.readings.items()
            ]
        )
        reason = _text(prepared.contact.current.get("reason"))
        facts = ContactFacts(
            fields,
            reason,
            reasons.untie(reason, before.why) if before is not None else None,
            self._language,
            proposed,
            stops.suppressed,
            stops.suppressed_reason,
            stops.held,
        )
        return decide(facts), fields

    def _waits_for_nobody(self, prepared: Prepared) -> bool:
        """Whether all that is missing is what nobody is to pay for."""
        reasons = {self._verified.unanswered.get(number, UNPAID) for number in prepared.numbers}
        return reasons == {UNPAID}

    # -- corrections -----------------------------------------------------------------------

    def _corrections(self, prepared: Prepared) -> dict[str, str]:
        """Map numbers of a contact that their owner replaced to the new ones that are valid."""
        corrections = {}
        for number in prepared.numbers:
            if not self._reports.about(number):
                continue
            new = self._consent(prepared, number).corrected_to
            if new and new not in prepared.numbers:
                best = resolve.winning(self._answers.get(new, ()))
                if best is not None and best.verdict == "valid":
                    corrections[number] = new
        return corrections

    def _replacements(
        self, prepared: Prepared, corrections: Mapping[str, str], writable: Collection[str]
    ) -> dict[str, Value]:
        """Return new values of phone fields that hold nothing but a number that was corrected.

        Only where the operator lets us replace numbers.
        """
        if not self._replaces_numbers:
            return {}
        replaced: dict[str, Value] = {}
        for name, reading in prepared.readings.items():
            only = reading.numbers[0] if len(reading.numbers) == 1 else None
            new = corrections.get(only.e164) if only and not only.extension else None
            if new and f"phone/{name}" in writable and name in prepared.contact.phones:
                replaced[f"phone/{name}"] = new
        return replaced

    def _with_phones(self, prepared: Prepared, replaced: Mapping[str, Value]) -> Prepared:
        phones = {
            name: str(replaced.get(f"phone/{name}", text))
            for name, text in prepared.contact.phones.items()
        }
        contact = replace(prepared.contact, phones=phones)
        return replace(self._read_contact(contact), isolated=prepared.isolated)

    def _proposal(
        self, prepared: Prepared, corrections: Mapping[str, str], before: IndexedContact | None
    ) -> str | None:
        """Return the number to propose beside the fields.

        None where we proposed it before and it is not there any more: somebody has cleared our
        proposal, or taken another number.
        """
        proposed = next(iter(corrections.values()), None)
        if not proposed or not before or before.proposed != proposed:
            return proposed
        return proposed if prepared.contact.current.get("proposed_phone") == proposed else None

    def _confirm_link(
        self, prepared: Prepared, decision: Decision, writable: Collection[str]
    ) -> dict[str, Value]:
        """Return the link to the recipient's page, where the CRM has a field for it and must change
        it."""
        public_url = self._ctx.settings.public_url
        if "confirm_link" not in writable or not public_url:
            return {}
        current = _text(prepared.contact.current.get("confirm_link")) or ""
        number = decision.best_phone or next(iter(prepared.numbers), None)
        of_person = not ownership.is_organisation(prepared.identity.key, self._ctx.organisations)
        if number is None or not of_person:
            return {"confirm_link": None} if current else {}
        keys, now = self._ctx.keys, self._policy.now
        lifetime = self._ctx.settings.feedback.link_lifetime
        contact = f"{self._lasting_name}/{prepared.identity.key.partition('/')[2]}"
        if confirm_links.is_usable(keys, current, contact, number, now, lifetime):
            return {}
        token = confirm_links.create_token(keys, contact, number, now, lifetime)
        return {"confirm_link": confirm_links.url(public_url, token)}

    @cached_property
    def _lasting_name(self) -> str:
        with self._ctx.store.read() as connection:
            return crm_accounts.lasting_name(connection, self._connector.name)

    def _calling_hours(self, prepared: Prepared, decision: Decision) -> dict[str, Value]:
        """Return when the contact may be called, where the CRM holds something else. It only goes
        along with another change. Empty for whoever is not to be called by any number."""
        usable = [
            number.e164
            for field, reading in zip(decision.fields, prepared.readings.values(), strict=True)
            if field.status in ("valid", "unverified")
            for number in reading.numbers
        ]
        text = None
        if not decision.do_not_call and not decision.do_not_contact:
            text = week_text(usable, prepared.contact.state, prepared.region or "", self._hours)
        current = _text(prepared.contact.current.get("calling_hours"))
        return {"calling_hours": text} if (current or None) != text else {}

    # -- facts -----------------------------------------------------------------------------

    def _consent(self, prepared: Prepared, number: str) -> ConsentState:
        return self._reports.evaluate(number, prepared.identity, self._rules)

    def _field_facts(
        self, prepared: Prepared, name: str, reading: ParsedField, stops: ConsentState
    ) -> FieldFacts:
        current = prepared.contact.current.get
        status, e164, line_type = written_keys(name)
        return FieldFacts(
            name,
            reading,
            tuple([self._knowledge(prepared, number, stops) for number in reading.numbers]),
            _text(current(status)),
            _text(current(e164)),
            _text(current(line_type)),
            name in prepared.unread,
        )

    def _knowledge(
        self, prepared: Prepared, number: Number, stops: ConsentState
    ) -> NumberKnowledge:
        e164 = number.e164
        answers = self._answers.get(e164, ())
        missing = self._verified.unanswered.get(e164, "")
        if (
            not prepared.contact.consent_date
            and not stops.suppressed
            and not self._reports.about(e164)
        ):
            return NumberKnowledge(number, answers, missing)  # nearly all: no report is about them
        consent = self._consent(prepared, e164)
        since = last_confirmed_date(self._ctx, prepared, self._reports, e164)
        verifications = self._verified.answers.get(e164, ())
        return NumberKnowledge(
            number,
            (*answers, *delivery_failures(consent, verifications)),
            missing,
            consent.wrong or reassignment_reason(verifications, since),
            consent.suppressed | stops.suppressed,
            consent.suppressed_reason or stops.suppressed_reason,
            consent.confirmed,
            "" if "text" in stops.suppressed else consent.held,
            consent.listed,
        )


def delivery_failures(
    consent: ConsentState, verifications: Sequence[Verification]
) -> tuple[ProviderAnswer, ...]:
    """Return messages that did not arrive, unless a live check of the number came later."""
    at = consent.unreachable_at
    if at is None or any(
        verification.check_level == "live" and verification.at > at
        for verification in verifications
    ):
        return ()
    answer = ProviderAnswer(
        "messages",
        "unreachable",
        detail=consent.unreachable,
        check_level="live",
        label="delivery reports",
    )
    return (answer,)


def reassignment_reason(verifications: Sequence[Verification], since: date | None) -> str:
    """Return the evidence that somebody else has the number now, or "".

    Only an answer about a day is evidence: without one it is not known from whom the number was
    taken. A later confirmation beats it: `since` is that day then, and an older answer does not
    cover it.
    """
    for verification in verifications:
        if (
            verification.check_level == "reassigned"
            and verification.reassigned
            and since
            and verification.covers(since)
        ):
            checked = f"(checked {verification.at:%d %b %Y})"
            return f"was given to somebody else after {since:%d %b %Y} {checked}"
    return ""


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None
