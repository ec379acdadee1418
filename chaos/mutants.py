"""Builds with one mechanism switched off, at least one for each promise; all must be caught.

They replace private names of the product by design: a mutant is a fault in the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chaos.plan import Flavour


@dataclass(frozen=True)
class Mutant:
    """`apply` is called in each process of the product before that starts. `fault`: the one that
    the mechanism is for, where the drawn ones rarely meet it."""

    promise: int
    description: str
    apply: Callable[[], None]
    flavour: Flavour = "plain"
    fault: str = ""


# How Python says that a function of a mutant is called as it cannot be.
_WRONG_CALL = re.compile(r"\b(_\w+\.<locals>\.[\w<>.]+\(\) (?:takes|got|missing) [^\n\\]{0,60})")


def outdated(log: str) -> str:
    """Return how a mutant no longer fits the code that it replaces; "" where it does. Its build
    then fails for that, and that it is caught proves nothing."""
    found = _WRONG_CALL.search(log)
    return found[1] if found else ""


def _watermark_ahead() -> None:
    """The watermark moves to when a run ended, not to where its reader began."""
    from datetime import UTC, datetime

    from worker.store.tables import watermarks
    from worker.sync.runs import lifecycle

    upsert = lifecycle.upsert

    def ahead(connection: Any, table: Any, rows: Any, **kwargs: Any) -> None:
        if table is watermarks:
            rows = [{**row, "position": datetime.now(UTC)} for row in rows]
        upsert(connection, table, rows, **kwargs)

    lifecycle.upsert = ahead


def _writes_all() -> None:
    """Nothing is compared: neither what was read with what was there, nor what is to be written
    with what the CRM holds."""
    from worker.sync.pages import evaluator
    from worker.sync.read import change_detection
    from worker.sync.runs.unchanged import Unchanged

    changes = evaluator.changes
    evaluator.changes = lambda decision, facts, raw, _current, *rest, **kwargs: changes(
        decision, facts, raw, {}, *rest, **kwargs
    )
    change_detection.partition = lambda read, _known, _config_hash: (list(read), Unchanged())


def _undo_regardless() -> None:
    """An undo does not look whether somebody, or a later run, changed the field since."""
    from worker.sync.undo import restores

    restores._restorable = lambda row, _current, writable, _result: {
        key: row.before.get(key) for key in row.after if key in writable
    }
    restores._written_later = lambda _work, _object_name, _rows: {}


def _undo_makes_contactable() -> None:
    """An undo does not look at what reports demand."""
    from worker.feedback.report_log import ReportSet
    from worker.sync.undo import redelivery, standing_demands

    def allow(_ctx: Any, _run: Any, _connector: Any, restores: Any) -> Any:
        demands = [standing_demands.Demand(restore.values, False, ()) for restore in restores]
        return demands, ReportSet()

    standing_demands.check = allow
    redelivery.deliver_again = lambda *_given: None


def _erased_keys_are_new() -> None:
    """A retry of what was said before an erasure counts."""
    from worker.feedback import report_log as log

    log._without_erased = lambda _connection, reports, _keys: list(reports)


def _lists_know_no_hashes() -> None:
    """The list does not follow what is said of a number that was erased."""
    from worker.suppression import from_reports

    follow, names = from_reports.recompute, from_reports.number_aliases

    def blindly(*args: Any) -> None:
        from_reports.number_aliases = lambda _keys, numbers, _erased: {
            number: number for number in numbers
        }
        try:
            follow(*args)
        finally:
            from_reports.number_aliases = names

    from_reports.recompute = blindly


def _forgets_former_readings() -> None:
    """What was said of the number that a field was read as before is not said of the new one."""
    from worker.sync.pages import changed_readings

    changed_readings.find = lambda _ctx, _connector, _object, _prepared, known: (
        changed_readings.ChangedReadings(known)
    )


def _one_flag_opens_all() -> None:
    """Who clears *do not contact* has agreed to everything."""
    from worker.feedback import crm_flags

    crm_flags._channels = lambda flag, _ticked, _current: crm_flags._CHANNELS.get(flag, "")


def _late_stops_are_old() -> None:
    """A stop that reaches us late is lifted by flags that were cleared before."""
    from worker.feedback import clearings

    clearings.date_late_stops = lambda _connection, reports, _rules, _keys: list(reports)


def _changes_are_not_announced() -> None:
    """What follows from reports is no event."""
    from worker.events import suppression_changes

    suppression_changes.announce = lambda _connection, _keys, _now: 0


def _events_overtake() -> None:
    """Events of a number do not wait for each other."""
    import sqlalchemy as sa

    from worker.events import outgoing
    from worker.store.tables import event_deliveries

    d = event_deliveries.c
    outgoing.is_due = lambda endpoint_id, now: sa.and_(
        d.endpoint_id == endpoint_id, d.state == "pending", d.retry_at <= now
    )
    # The newest first, as a queue without order may hand them out.
    due = outgoing.due
    outgoing.due = lambda *given: due(*given)[::-1]


def _own_consents_are_reports() -> None:
    """Consent records that we wrote are taken for what somebody said."""
    from connectors.salesforce import consent_records as of_crm
    from worker.feedback.sources import consent_records

    of_crm._is_untouched_own = lambda _row, _own_source: False
    consent_records._written_by_us = lambda _connection, _ids: set()


def _consents_wait() -> None:
    """Nobody writes the consent records that wait."""
    from worker.sync import consent_writes

    consent_writes.record = lambda *_given: None


def _tasks_again() -> None:
    """Nobody looks whether a record has an open task already."""
    from connectors.salesforce.owner_tasks import SalesforceOwnerTasks

    SalesforceOwnerTasks._open_tasks = lambda _self, *_given: {}


def _no_memory() -> None:
    """Answers are paid for and not kept."""
    from worker.verification import ledger

    ledger.put_answers = lambda _connection, _made: None


def _no_cap() -> None:
    """Caps are not looked at."""
    from worker.verification import budget, ledger

    budget.affordable = lambda _among, _price, wanted: (wanted, "")
    ledger.budget.affordable = budget.affordable


def _faults_are_verdicts() -> None:
    """A provider that does not answer makes a number invalid."""
    from worker.verification.errors import ProviderError
    from worker.verification.models import Answer
    from worker.verification.providers import twilio

    ask = twilio.TwilioProvider.ask

    def asked(self: Any, questions: Any, check_level: Any) -> Any:
        try:
            return ask(self, questions, check_level)
        except ProviderError:
            return [Answer(question.number, "invalid", "unknown") for question in questions]

    twilio.TwilioProvider.ask = asked


def _forgets_suppressions() -> None:
    """What was reported is applied when it comes, and forgotten for contacts that come later."""
    from datetime import UTC, datetime, timedelta

    from worker.feedback import report_log as log

    load = log.load

    def forgetful(*given: Any, **options: Any) -> Any:
        loaded = load(*given, **options)
        fresh = datetime.now(UTC) - timedelta(seconds=2)
        for number, reports in loaded.reports.items():
            loaded.reports[number] = [r for r in reports if (r.received_at or r.at) > fresh]
        return loaded

    log.load = forgetful


def _flag_stays() -> None:
    """A wrong-number flag stays with the contact when its number was replaced."""
    from worker.sync.pages import evaluator

    changes = evaluator.changes

    def keep_flag(
        decision: Any, facts: Any, raw: Any, current: Any, *rest: Any, **kwargs: Any
    ) -> Any:
        differences = changes(decision, facts, raw, current, *rest, **kwargs)
        if current.get("wrong_number") and differences.get("wrong_number") is False:
            del differences["wrong_number"]
        return differences

    evaluator.changes = keep_flag


def _deaf_to_people() -> None:
    """What CRM users tick and clear is not heard."""
    from worker.feedback import crm_flags

    crm_flags.reports_from_flags = lambda *_args: []


def _deaf_to_notes() -> None:
    """What people write beside a number in its field is not heard."""
    from worker.sync.pages import note_reports

    note_reports.store = lambda *_args: []


def _takes_own_writes_for_reports() -> None:
    """After a crash nobody looks which of the announced writes had reached the CRM."""
    from worker.sync.pages import pending_writes

    pending_writes.resolve = lambda *_args: []


def _no_pace() -> None:
    """The CRM's own headers are not heeded."""
    from connectors.http import rate_limits

    rate_limits.Quota.wait = lambda _self, **_options: None


def _no_signatures() -> None:
    """Webhooks are taken from anybody."""
    from worker.feedback.sources import twilio

    twilio.is_twilio = lambda *_args: True


def _no_redaction() -> None:
    """Logs are not masked, and libraries may say what they like."""
    from config import logging_setup as log

    log.redact = lambda text: text
    import logging

    from worker.sync.pages import load

    original = load.load

    def logged(work: Any) -> Any:
        logging.getLogger("worker.sync.pages.process").info("page: %s", work.page.contacts)
        return original(work)

    load.load = logged


def _dry_runs_pay() -> None:
    """A dry run asks like a real one."""
    from worker import context

    chain = context.Context.chain
    context.Context.chain = lambda self, _dry_run_of=None: chain(self)


def _no_deadline() -> None:
    """Each byte of an answer is waited for anew."""
    from connectors.http import deadline

    deadline.Deadline.left = property(lambda _self: 3600.0)


def _deaf_to_signals() -> None:
    """Nobody looks whether there is to be a stop."""
    from config import stopping

    stopping.request = lambda: None


def _reads_anything() -> None:
    """Whatever lies in a queue is taken for a message."""
    from worker.queue import broker

    broker.fault_of = lambda _raw: ""


def _blames_contacts() -> None:
    """A disk that is full is taken for the fault of what was to be written."""
    from worker.queue import task
    from worker.sync.pages import process

    process.trouble = task.trouble = lambda _error: None


def _deaf_to_clearings() -> None:
    """What CRM users tick is heard, and what they clear is not."""
    from worker.feedback import crm_flags

    original = crm_flags.reports_from_flags
    crm_flags.reports_from_flags = lambda *given: [
        report for report in original(*given) if report.kind in ("wrong_number", "opt_out")
    ]


def _clearings_lift_the_unseen() -> None:
    """Who clears a flag has known of every report that we had by then."""
    from worker.feedback import clearings

    clearings.backdate_clearings = lambda _connection, reports, _keys: list(reports)


def _forms_have_no_budget() -> None:
    """What a capture key may cost is not looked at."""
    from worker.capture import lookups
    from worker.verification.reservation import LookupRequest

    lookups.Lookups._can_pay = lambda _self, _asker: True
    lookups.Lookups._request = lambda _self, asker, owner: LookupRequest(
        lookups.run_id(asker.id), owner, retried=False
    )


def _lost_events_are_lost() -> None:
    """Where a stream begins at its tip again, nobody reads what lies between."""
    from worker.sync.stream import plan

    advance = plan.advance
    plan.lose = lambda _why: plan.Step((), "", None, {})
    plan.advance = lambda replay_id, *given: advance(replay_id or b"from the tip", *given)


def _gaps_are_events() -> None:
    """Events that do not tell which records changed are taken for any other."""
    from dataclasses import replace

    from worker.sync.stream import plan

    advance = plan.advance

    def advanced(replay_id: Any, *given: Any) -> Any:
        step = advance(replay_id, *given)
        return step if replay_id is None else replace(step, pull="")

    plan.advance = advanced


def _lost_texts_are_sent_again() -> None:
    """A text whose sender died between claim and record is sent once more."""
    import sqlalchemy as sa

    from worker.asking import claims
    from worker.asking.model import MessageState
    from worker.leases import is_alive
    from worker.store.tables import ask_messages

    def give_back(ctx: Any) -> int:
        m = ask_messages.c
        with ctx.store.write() as connection:
            query = sa.select(m.id, m.owner).where(m.state == MessageState.SENDING)
            lost = [row.id for row in connection.execute(query) if not is_alive(row.owner)]
            again = sa.update(ask_messages).where(m.id.in_(lost))
            connection.execute(again.values(state=MessageState.WAITING, owner=None))
        return len(lost)

    claims.settle_orphaned = give_back


def _asks_whoever_was_chosen() -> None:
    """Nobody looks again, before a text is sent, whether its recipient may still be asked."""
    from types import SimpleNamespace

    from worker.asking import claims, eligibility

    claims.eligibility = SimpleNamespace(
        load=eligibility.load, judge=lambda *_given: eligibility.Verdict()
    )


def _asks_without_consent() -> None:
    """Where no basis is named, nobody looks whether consent is recorded."""
    from worker.asking import eligibility

    eligibility._has_consented = lambda *_given: True


def _opening_confirms() -> None:
    """Who opens a link has confirmed the number; and so does a program that looks at links."""
    from worker.asking import links
    from worker.feedback import intake
    from worker.feedback.models import RECIPIENT_PAGE, Feedback, FeedbackKind
    from worker.store.tables import ask_messages

    opened = links.record_opened

    def confirm(ctx: Any, message: int) -> None:
        opened(ctx, message)
        with ctx.store.read() as connection:
            number = connection.scalar(
                ask_messages.select()
                .with_only_columns(ask_messages.c.number)
                .where(ask_messages.c.id == message)
            )
        report = Feedback(
            key=f"page:opened:{message}", kind=FeedbackKind.CONFIRMED, number=number,
            source=RECIPIENT_PAGE, at=ctx.now(), received_at=ctx.now(),
        )  # fmt: skip
        intake.store_reports(ctx, [report])

    links.record_opened = confirm


def _lost_emails_are_sent_again() -> None:
    """An email whose answer was lost after the data counts as not sent."""
    from dataclasses import replace

    from worker.asking.senders import smtp_email
    from worker.asking.senders.base import Taken

    result_of = smtp_email._result

    def not_sent(error: Exception, client: Any) -> Any:
        result = result_of(error, client)
        return replace(result, taken=Taken.NOT_SENT) if result.taken is Taken.UNCERTAIN else result

    smtp_email._result = not_sent


def _deaf_to_email_opt_outs() -> None:
    """Nobody looks in the CRMs whether somebody has opted out of email."""
    from worker.asking import email_opt_outs

    email_opt_outs.reasons = lambda _ctx, _addressees: {}


def _passing_refusals_are_final() -> None:
    """A mail server that asks for another try later is taken for one that refuses."""
    from worker.asking.senders import smtp_email

    smtp_email._is_passing = lambda _code: False


def _deaf_to_one_click() -> None:
    """What a mail reader posts to unsubscribe is not understood."""
    from worker.web.confirm import routes

    routes.is_one_click = lambda _content_type, _body: False


def _scanners_unsubscribe() -> None:
    """Who opens the address of one-click unsubscribing has unsubscribed; and scanners open it."""
    from fastapi import BackgroundTasks, Request, Response
    from fastapi.routing import APIRoute

    from worker.web.confirm import routes

    build, path = routes.router, "/confirm/{token}/unsubscribe"

    def router(*given: Any) -> Any:
        made = build(*given)
        of_path = {
            method: route for route in made.routes
            if isinstance(route, APIRoute) and route.path == path
            for method in route.methods or ()
        }  # fmt: skip
        made.routes.remove(of_path["GET"])

        def unsubscribe(request: Any, token: Any, background: Any) -> Any:
            body = b"List-Unsubscribe=One-Click"
            return of_path["POST"].endpoint(request, token, body, background)

        # FastAPI reads these, and not as text.
        kinds = {"request": Request, "token": str, "background": BackgroundTasks}
        unsubscribe.__annotations__ = kinds
        made.get(path, response_class=Response)(unsubscribe)
        return made

    routes.router = router


def _asks_in_one_language() -> None:
    """Everybody is asked in English."""
    from worker.asking import sending

    sending.language_for = lambda *_given: "en"


MUTANTS = {
    "watermark-ahead": Mutant(1, "the watermark moves to when a run ended", _watermark_ahead),
    "writes-all": Mutant(2, "nothing is compared before it is written", _writes_all),
    "undo-regardless": Mutant(3, "undo ignores later changes", _undo_regardless),
    "undo-uncalls": Mutant(3, "undo ignores what reports demand", _undo_makes_contactable),
    "erased-keys-are-new": Mutant(7, "retries count after an erasure", _erased_keys_are_new),
    "lists-know-no-hashes": Mutant(7, "the list ignores erased numbers", _lists_know_no_hashes),
    "forgets-former-readings": Mutant(
        7, "a changed reading leaves reports behind", _forgets_former_readings
    ),
    "one-flag-opens-all": Mutant(9, "one cleared flag opens all", _one_flag_opens_all),
    "late-stops-are-old": Mutant(
        7, "a cleared flag lifts stops that come later", _late_stops_are_old
    ),
    "changes-are-no-events": Mutant(
        20, "changes of suppressions are not announced", _changes_are_not_announced
    ),
    "events-overtake": Mutant(
        20, "events of a number overtake each other", _events_overtake, fault="endpoint_away"
    ),
    "own-consents-are-reports": Mutant(
        19, "our consent records are somebody's word", _own_consents_are_reports
    ),
    "consents-are-not-written": Mutant(7, "no consent record is written", _consents_wait),
    "tasks-again": Mutant(2, "owners get the same task again", _tasks_again),
    "no-memory": Mutant(4, "answers are paid for and not kept", _no_memory),
    "no-cap": Mutant(5, "caps are not looked at", _no_cap, "budget"),
    "faults-are-verdicts": Mutant(
        6, "no answer means invalid", _faults_are_verdicts, fault="lookup_status"
    ),
    "forgets-suppressions": Mutant(7, "reports are forgotten", _forgets_suppressions),
    "flag-stays": Mutant(8, "the flag stays when the number goes", _flag_stays),
    "deaf-to-clearings": Mutant(9, "cleared flags are set again", _deaf_to_clearings),
    "clearings-lift-the-unseen": Mutant(
        7, "a cleared flag lifts stops that nobody saw there", _clearings_lift_the_unseen
    ),
    "forms-have-no-budget": Mutant(5, "a public key spends without a cap", _forms_have_no_budget),
    "lost-events-are-lost": Mutant(
        1, "what a stream missed is not read", _lost_events_are_lost, "stream", "stream_lost"
    ),
    "gaps-are-events": Mutant(
        1,
        "events without ids are taken for any other",
        _gaps_are_events,
        "stream",
        "stream_overflow",
    ),
    "deaf-to-notes": Mutant(7, "words beside a number are not heard", _deaf_to_notes),
    "deaf-to-people": Mutant(9, "ticks of CRM users are not heard", _deaf_to_people),
    "own-writes-as-reports": Mutant(
        10,
        "announced writes are not settled after a crash",
        _takes_own_writes_for_reports,
        fault="kill_after_write",
    ),
    "no-pace": Mutant(11, "the CRM's headers are not heeded", _no_pace, "quota"),
    "no-signatures": Mutant(12, "anybody may send webhooks", _no_signatures),
    "no-redaction": Mutant(13, "logs are not masked", _no_redaction),
    "deaf-to-signals": Mutant(
        1, "a signal does not stop a run", _deaf_to_signals, fault="stop_command"
    ),
    "reads-anything": Mutant(10, "messages are not looked at", _reads_anything, fault="malformed"),
    "blames-contacts": Mutant(
        1, "a full disk is a page's fault", _blames_contacts, fault="pg_full"
    ),
    "dry-runs-pay": Mutant(14, "dry runs ask and pay", _dry_runs_pay),
    "lost-texts-again": Mutant(
        10,
        "a text whose sender died is sent again",
        _lost_texts_are_sent_again,
        "asking",
        "kill_at_text",
    ),
    "asks-whoever-was-chosen": Mutant(
        7, "who refuses while texts go out is asked", _asks_whoever_was_chosen, "asking"
    ),
    "asks-without-consent": Mutant(
        7, "texts go out without consent", _asks_without_consent, "asking"
    ),
    "opening-confirms": Mutant(
        19, "an opened link counts as an answer", _opening_confirms, "asking"
    ),
    "lost-emails-again": Mutant(
        10,
        "an email whose answer is lost is sent again",
        _lost_emails_are_sent_again,
        "asking",
        "mail_lost",
    ),
    "passing-refusals-are-final": Mutant(
        1, "who is put off by a mail server is given up", _passing_refusals_are_final, "asking"
    ),
    "deaf-to-email-opt-outs": Mutant(
        7, "who opted out of email in a CRM is emailed", _deaf_to_email_opt_outs, "asking"
    ),
    "deaf-to-one-click": Mutant(
        7, "who unsubscribes from an email is not heard", _deaf_to_one_click, "asking"
    ),
    "scanners-unsubscribe": Mutant(
        19, "a program that looks at links unsubscribes", _scanners_unsubscribe, "asking"
    ),
    "asks-in-one-language": Mutant(
        18, "everybody is asked in English", _asks_in_one_language, "asking"
    ),
    "no-deadline": Mutant(1, "an answer may take for ever", _no_deadline, fault="crm_drips"),
}
