"""An undo of a suppression by selection takes back what that action said, and nobody else's no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from constants import NUMBER, OTHER
from reports import store_report

from worker.context import Context
from worker.feedback import intake, report_log, review_holds
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import ContactIdentity, SuppressionReason
from worker.store.bulk import insert
from worker.store.tables import contacts, former_readings, reviews
from worker.suppression import imported_lists, suppressions, undo_action
from worker.suppression.apply_reports import apply_pending
from worker.web.pages.page_reports import report_of_page

KIM = ContactIdentity("hubspot/contacts/1", "kim")
KIM_ELSEWHERE = ContactIdentity("salesforce/Contact/003", "kim")
LEE = ContactIdentity("hubspot/contacts/2", "lee")


@pytest.fixture(autouse=True)
def people(ctx: Context) -> None:
    rows = []
    for who in (KIM, KIM_ELSEWHERE, LEE):
        connector, object_name, record_id = who.key.split("/")
        rows.append(
            {"connector": connector, "object": object_name, "record_id": record_id,
             "fingerprint": "", "statuses": {}, "last_seen_flags": {}, "reason": None,
             "source": "", "campaign": "", "country": "", "month": "", "person": who.person,
             "value": None, "content_hash": "", "fresh_until": None, "answers": None,
             "waiting": False, "readings": "", "checked_at": ctx.now()}
        )  # fmt: skip
    with ctx.store.write() as connection:
        insert(connection, contacts, rows)


@pytest.fixture
def passes(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets hours pass."""
    real, shift = ctx.now, [timedelta(0)]
    monkeypatch.setattr(ctx, "now", lambda: real() + shift[0])

    def wait(hours: float) -> None:
        shift[0] += timedelta(hours=hours)

    return wait


def suppress(ctx: Context, *selection: tuple[ContactIdentity, str]) -> str:
    """What the page does for a selection; returns the mark of the action."""
    mark = undo_action.new_mark()
    undo_action.begin(ctx, mark)
    now = ctx.now()
    reports = [report_of_page(now, "ann", "opt_out", number, who, "a mistake")
               for who, number in selection]  # fmt: skip
    intake.store_reports(ctx, [undo_action.key(mark, report) for report in reports])
    apply_pending(ctx)
    return mark


def undo(ctx: Context, mark: str) -> tuple[int, int]:
    done = undo_action.undo(ctx, mark, "ben", "wrong list")
    apply_pending(ctx)
    return done.lifted, done.kept


def may_contact(ctx: Context, who: ContactIdentity, number: str = NUMBER) -> bool:
    rules = rules_from_settings(ctx.settings)
    with ctx.store.read() as connection:
        loaded = report_log.load(connection, [number], ctx.keys, with_holds=True)
        whole = report_log.load_about_contacts(connection, [who]).get(who.key, [])
    reports = report_log.ReportSet(
        {**loaded.reports, "": whole}, numbers_by_contact={who.key: [""]}
    )
    state = reports.evaluate(number, who, rules)
    return not (state.suppressed or reports.evaluate_contact(who, rules).suppressed)


class TestAnUndo:
    def test_lifts_what_the_action_added(
        self, ctx: Context, passes: Callable[[float], None]
    ) -> None:
        mark = suppress(ctx, (KIM, NUMBER), (LEE, OTHER))
        assert not may_contact(ctx, KIM)
        assert not may_contact(ctx, LEE, OTHER)
        passes(2)
        assert undo(ctx, mark) == (2, 0)
        assert may_contact(ctx, KIM)
        assert may_contact(ctx, LEE, OTHER)
        for row in suppressions.list_suppressions(ctx, active=False):
            assert (row.lifted_by, row.lifted_why) == ("ben", "wrong list")
            assert row.lifted_at is not None
            assert row.lifted_at - row.since >= timedelta(hours=2)

    def test_works_before_the_queue_has_applied_the_action(self, ctx: Context) -> None:
        mark = undo_action.new_mark()
        undo_action.begin(ctx, mark)
        report = report_of_page(ctx.now(), "ann", "opt_out", NUMBER, KIM, "a mistake")
        intake.store_reports(ctx, [undo_action.key(mark, report)])
        assert undo(ctx, mark) == (1, 0)
        assert may_contact(ctx, KIM)
        assert not suppressions.list_suppressions(ctx, active=True)

    def test_of_a_record_without_a_number_lifts_it_too(self, ctx: Context) -> None:
        mark = suppress(ctx, (KIM, ""))
        assert not may_contact(ctx, KIM)
        assert undo(ctx, mark) == (1, 0)
        assert may_contact(ctx, KIM)

    def test_is_done_once(self, ctx: Context) -> None:
        mark = suppress(ctx, (KIM, NUMBER))
        assert undo_action.can_undo(ctx, mark)
        undo(ctx, mark)
        assert not undo_action.can_undo(ctx, mark)
        suppress(ctx, (KIM, NUMBER))
        with pytest.raises(undo_action.NothingToUndoError):
            undo_action.undo(ctx, mark, "ben", "again")
        assert not may_contact(ctx, KIM)

    def test_of_one_action_leaves_another_one(
        self, ctx: Context, passes: Callable[[float], None]
    ) -> None:
        first = suppress(ctx, (KIM, NUMBER))
        passes(1)
        second = suppress(ctx, (KIM, NUMBER))
        assert undo(ctx, first) == (0, 1)
        assert not may_contact(ctx, KIM)
        assert undo(ctx, second) == (1, 0)

    def test_of_an_action_long_ago_is_refused(
        self, ctx: Context, passes: Callable[[float], None]
    ) -> None:
        mark = suppress(ctx, (KIM, NUMBER))
        passes(31 * 24)
        undo_action.begin(ctx, undo_action.new_mark())
        assert not undo_action.can_undo(ctx, mark)


def own_stop(ctx: Context, at: datetime) -> None:
    store_report(ctx, "opt_out", source="twilio_sms", channels="text", at=at)


def calls_alone(ctx: Context, at: datetime) -> None:
    store_report(ctx, "opt_out", source="agent", channels="call", at=at)


def on_another_record(ctx: Context, at: datetime) -> None:
    store_report(ctx, "opt_out", source="a CRM user", contact=KIM_ELSEWHERE.key, scope="contact",
                 at=at)  # fmt: skip


def of_the_person(ctx: Context, at: datetime) -> None:
    store_report(ctx, "complaint", number="", contact=KIM_ELSEWHERE.key, person="kim",
                 scope="person", at=at)  # fmt: skip


def by_hand(ctx: Context, _at: datetime) -> None:
    suppressions.add(ctx, NUMBER, SuppressionReason.OPT_OUT, "", "she wrote to us", "cam", KIM)


def a_list(ctx: Context, _at: datetime) -> None:
    imported_lists.import_list(ctx, [NUMBER], "a registry", "call")


def a_reply_in_review(ctx: Context, at: datetime) -> None:
    row = {"key": "r", "number": NUMBER, "source": "twilio_sms", "text": "not me I think",
           "suggestion": "opt_out", "evidence": "", "at": at, "decision": "",
           "decided_by": ""}  # fmt: skip
    with ctx.store.write() as connection:
        insert(connection, reviews, [row])


NOES: list[Any] = [own_stop, calls_alone, on_another_record, of_the_person, by_hand, a_list,
                   a_reply_in_review]  # fmt: skip


@pytest.mark.parametrize("say_no", NOES)
class TestWhatOthersSaid:
    """Nobody who said no becomes contactable by an undo, on any of their records."""

    def everybody(self, ctx: Context) -> list[bool]:
        return [may_contact(ctx, who) for who in (KIM, KIM_ELSEWHERE)]

    def test_before_the_action_stands(
        self, ctx: Context, passes: Callable[[float], None], say_no: Any
    ) -> None:
        say_no(ctx, ctx.now())
        apply_pending(ctx)
        before = self.everybody(ctx)
        assert not all(before)
        passes(1)
        mark = suppress(ctx, (KIM, NUMBER))
        passes(1)
        assert undo(ctx, mark) == (0, 1)
        assert [now and not then for now, then in
                zip(self.everybody(ctx), before, strict=True)] == [False, False]  # fmt: skip

    def test_after_the_action_stands(
        self, ctx: Context, passes: Callable[[float], None], say_no: Any
    ) -> None:
        mark = suppress(ctx, (KIM, NUMBER))
        passes(1)
        say_no(ctx, ctx.now())
        apply_pending(ctx)
        passes(1)
        undo(ctx, mark)
        assert not all(self.everybody(ctx))


@pytest.mark.parametrize("say_no", [own_stop, calls_alone, of_the_person])
@pytest.mark.parametrize("said_first", [False, True], ids=["after", "before"])
def test_a_no_that_arrives_after_the_undo_stands_whenever_it_was_said(
    ctx: Context, passes: Callable[[float], None], say_no: Any, said_first: bool
) -> None:
    """Before the action, or after it."""
    before = ctx.now()
    passes(1)
    mark = suppress(ctx, (KIM, NUMBER))
    passes(1)
    said_at = before if said_first else ctx.now()
    passes(1)
    undo(ctx, mark)
    assert may_contact(ctx, KIM)
    say_no(ctx, said_at)
    apply_pending(ctx)
    assert not all(may_contact(ctx, who) for who in (KIM, KIM_ELSEWHERE))


class TestWhatOthersSaidBeforeSeveralActions:
    """A later stop hides for a while what an undo would open under it."""

    def test_stands_when_both_actions_are_undone(
        self, ctx: Context, passes: Callable[[float], None]
    ) -> None:
        own_stop(ctx, ctx.now())
        passes(1)
        first = suppress(ctx, (KIM, NUMBER))
        passes(1)
        second = suppress(ctx, (KIM, NUMBER))
        passes(1)
        undo(ctx, first)
        undo(ctx, second)
        assert not may_contact(ctx, KIM)
        assert not may_contact(ctx, KIM_ELSEWHERE)

    def test_stands_when_the_actions_were_on_two_records_of_the_person(
        self, ctx: Context, passes: Callable[[float], None]
    ) -> None:
        own_stop(ctx, ctx.now())
        passes(1)
        first = suppress(ctx, (KIM, NUMBER))
        passes(1)
        second = suppress(ctx, (KIM_ELSEWHERE, NUMBER))
        passes(1)
        undo(ctx, first)
        undo(ctx, second)
        assert not may_contact(ctx, KIM)
        assert not may_contact(ctx, KIM_ELSEWHERE)

    def test_stands_when_two_records_of_one_person_are_undone_one_after_the_other(
        self, ctx: Context, passes: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As those of a large action are, which takes several transactions."""
        monkeypatch.setattr(undo_action, "_AT_ONCE", 1)
        own_stop(ctx, ctx.now())
        passes(1)
        mark = undo_action.new_mark()
        undo_action.begin(ctx, mark)
        for who in (KIM, KIM_ELSEWHERE):
            one = report_of_page(ctx.now(), "ann", "opt_out", NUMBER, who, "a mistake")
            intake.store_reports(ctx, [undo_action.key(mark, one)])
        passes(1)
        undo(ctx, mark)
        assert not may_contact(ctx, KIM)
        assert not may_contact(ctx, KIM_ELSEWHERE)

    def test_of_calls_stands_over_a_start_by_text(
        self, ctx: Context, passes: Callable[[float], None]
    ) -> None:
        calls_alone(ctx, ctx.now())
        passes(1)
        mark = suppress(ctx, (KIM, NUMBER))
        passes(1)
        own_stop(ctx, ctx.now())
        passes(1)
        undo(ctx, mark)
        store_report(ctx, "opt_in", source="twilio_sms", channels="text", at=ctx.now())
        apply_pending(ctx)
        rules = rules_from_settings(ctx.settings)
        with ctx.store.read() as connection:
            reports = report_log.load(connection, [NUMBER], ctx.keys)
        assert "call" in reports.evaluate(NUMBER, KIM, rules).suppressed


class TestAHoldOnWhatAFieldWasReadAsBefore:
    """Nothing is read in the field any more; a reply from its former number waits for review."""

    def may_text(self, ctx: Context) -> bool:
        rules = rules_from_settings(ctx.settings)
        with ctx.store.read() as connection:
            holds = [hold for _, hold in review_holds.load_about_contacts(connection, [KIM])]
            said = report_log.load_about_contacts(connection, [KIM]).get(KIM.key, [])
            reports = report_log.load(connection, [NUMBER], ctx.keys, with_holds=True).reports
        reports[NUMBER] = [*reports.get(NUMBER, ()), *holds]
        state = report_log.ReportSet(
            {**reports, "": said}, numbers_by_contact={KIM.key: ["", NUMBER]}
        ).evaluate_contact(KIM, rules)
        return "text" not in state.suppressed

    def test_stands_over_an_undo(self, ctx: Context, passes: Callable[[float], None]) -> None:
        connector, object_name, record_id = KIM.key.split("/")
        with ctx.store.write() as connection:
            insert(connection, former_readings, [
                {"connector": connector, "object": object_name, "record_id": record_id,
                 "field": "phone", "number": NUMBER, "until": ctx.now()}])  # fmt: skip
        a_reply_in_review(ctx, ctx.now())
        assert not self.may_text(ctx)
        passes(1)
        mark = suppress(ctx, (KIM, ""))
        passes(1)
        undo(ctx, mark)
        assert not self.may_text(ctx)
