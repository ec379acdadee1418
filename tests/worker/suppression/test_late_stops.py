"""A stop that reaches us late stands over what a user or an admin cleared without knowing of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from constants import NUMBER, OTHER
from reports import store_report

from worker.context import Context
from worker.feedback import clearings, intake, report_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, SuppressionReason
from worker.suppression import erasure, from_reports, suppressions
from worker.suppression.apply_reports import apply_pending

KIM = ContactIdentity("hubspot/contacts/1", "kim")
KIM_TWICE = ContactIdentity("hubspot/contacts/2", "kim")


def may_contact(ctx: Context, number: str = NUMBER, who: ContactIdentity = KIM) -> bool:
    with ctx.store.read() as connection:
        reports = report_log.load(connection, [number], ctx.keys)
    return not reports.evaluate(number, who, rules_from_settings(ctx.settings)).suppressed


def said(kind: str, at: datetime, number: str = NUMBER, **fields: Any) -> Feedback:
    key = f"{kind}:{number}:{at}:{fields}"
    return Feedback(**{"key": key, "source": "file", **fields, "kind": FeedbackKind(kind),
                       "number": number, "at": at})  # fmt: skip


@pytest.fixture
def start(ctx: Context) -> datetime:
    return ctx.now() - timedelta(hours=10)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def test_the_word_of_somebody_else_in_the_same_file_does_not_take_it_back(
    ctx: Context, start: datetime
) -> None:
    """Neither report names a contact: that does not make them the same person's."""
    store_report(ctx, "opt_in", OTHER, source="a web form", at=start + hours(2))
    store_report(ctx, "opt_in", NUMBER, "lift:feedback:1:x", source="ann", at=start + hours(3))
    late = [said("opt_out", start + hours(1)), said("opt_out", start + hours(1), OTHER)]
    intake.store_reports(ctx, late)
    assert not may_contact(ctx)


def test_the_word_on_another_number_of_the_person_does_not_take_it_back(
    ctx: Context, start: datetime
) -> None:
    of_kim = {"contact": KIM.key, "person": KIM.person, "scope": "person"}
    store_report(ctx, "opt_in", OTHER, source="a web form", at=start + hours(2), **of_kim)
    store_report(ctx, "opt_in", NUMBER, source="hubspot user", at=start + hours(3), **of_kim)
    late = said("opt_out", start + hours(1), source="hubspot call", channels="call", **of_kim)
    intake.store_reports(ctx, [late])
    assert not may_contact(ctx)


def test_a_tick_in_the_crm_stands_over_what_an_admin_lifted_on_that_record(
    ctx: Context, start: datetime
) -> None:
    of_kim = {"contact": KIM.key, "person": KIM.person, "scope": "person"}
    store_report(ctx, "opt_in", key="lift:feedback:1:x", source="ann", at=start + hours(2),
                 **of_kim)  # fmt: skip
    late = said("opt_out", start + hours(1), key=f"crm:{KIM.key}:do_not_contact:ticked:x",
                source="hubspot user", **of_kim)  # fmt: skip
    intake.store_reports(ctx, [late])
    assert not may_contact(ctx)


def test_a_tick_stands_over_a_clearing_on_another_record_that_came_with_it(
    ctx: Context, start: datetime
) -> None:
    """A page holds both records of a person."""
    tick = said("opt_out", start + hours(1), key=f"crm:{KIM.key}:do_not_contact:ticked:x",
                source="hubspot user", contact=KIM.key, person="kim", scope="person")  # fmt: skip
    clearing = said("opt_in", start + hours(2), key=f"crm:{KIM_TWICE.key}:do_not_contact:cleared:x",
                    source="hubspot user", contact=KIM_TWICE.key, person="kim",
                    scope="person")  # fmt: skip
    rules, keys = rules_from_settings(ctx.settings), ctx.keys
    for order in ([tick, clearing], [clearing, tick]):
        with ctx.store.read() as connection:
            dated = clearings.date_late_stops(connection, order, rules, keys)
            assert next(one.at for one in dated if one.kind == "opt_out") >= clearing.at


def test_the_persons_own_later_word_in_the_same_file_takes_it_back(
    ctx: Context, start: datetime
) -> None:
    store_report(ctx, "opt_in", NUMBER, "lift:feedback:1:x", source="ann", at=start + hours(3))
    intake.store_reports(ctx, [said("opt_out", start + hours(1)), said("opt_in", start + hours(2))])
    assert may_contact(ctx)


def test_stands_over_an_admins_word_whose_record_was_erased_since(
    ctx: Context, start: datetime
) -> None:
    """Its key does not tell any more who said it."""
    of_kim = {"contact": KIM.key, "person": KIM.person, "scope": "person"}
    store_report(ctx, "opt_in", key="lift:feedback:1:x", source="ann", at=start + hours(2),
                 **of_kim)  # fmt: skip
    erasure.erase_contact(ctx, *KIM.key.split("/"), by="ann")
    late = said("opt_out", start + hours(1), contact=KIM_TWICE.key, person="kim", scope="person")
    intake.store_reports(ctx, [late])
    assert not may_contact(ctx, who=KIM_TWICE)


def test_a_wrong_number_stands_over_a_confirmation_that_came_with_a_merge(
    ctx: Context, start: datetime
) -> None:
    """It counts from when we learned of the merge, so that is when it has to be seen."""
    of_kim = {"contact": KIM.key, "person": KIM.person, "scope": "person"}
    store_report(ctx, "confirmed", key=f"merged:{KIM.key}/{NUMBER}:{'0' * 32}", source="ann",
                 at=start, received_at=start + hours(3), **of_kim)  # fmt: skip
    intake.store_reports(ctx, [said("wrong_number", start + hours(1), **of_kim)])
    with ctx.store.read() as connection:
        reports = report_log.load(connection, [NUMBER], ctx.keys)
    assert reports.evaluate(NUMBER, KIM, rules_from_settings(ctx.settings)).wrong


def test_of_a_contact_as_a_whole_stands_over_a_lift_for_the_number(
    ctx: Context, start: datetime
) -> None:
    """An admin who lifts what stands against the number cannot have known of it."""
    of_kim = {"contact": KIM.key, "person": KIM.person, "scope": "person"}
    suppressions.add(ctx, NUMBER, SuppressionReason.OPT_OUT, "", "she wrote", "ann", KIM)
    apply_pending(ctx)
    store_report(ctx, "opt_in", key="lift:feedback:9:x", source="ann", at=ctx.now())
    intake.store_reports(ctx, [said("opt_out", start, "", **of_kim)])
    rules = rules_from_settings(ctx.settings)
    with ctx.store.read() as connection:
        whole = report_log.load_about_contacts(connection, [KIM])[KIM.key]
        loaded = report_log.load(connection, [NUMBER], ctx.keys)
    reports = report_log.ReportSet(
        {**loaded.reports, "": [one for one in whole if not one.number]},
        numbers_by_contact={KIM.key: [one.number for one in whole]},
    )
    assert reports.evaluate_contact(KIM, rules).suppressed


def test_one_that_comes_while_an_admin_lifts_another_waits_and_stands(
    make_context: Callable[..., Context],
    postgres_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each would be dated without a look at the other, which is not committed yet."""
    ctx = make_context("", DATABASE_URL=postgres_database_url)
    before = ctx.now() - hours(1)
    store_report(ctx, "opt_out", key="first", at=before)
    apply_pending(ctx)
    (listed,) = suppressions.list_suppressions(ctx, NUMBER)
    recompute, is_lifting, may_end = from_reports.recompute, Event(), Event()

    def recompute_slowly(*arguments: Any) -> None:
        is_lifting.set()
        assert may_end.wait(30)
        recompute(*arguments)

    monkeypatch.setattr(from_reports, "recompute", recompute_slowly)
    lift = Thread(target=suppressions.lift, args=(ctx, listed.id, "Kim", "asked us to"))
    lift.start()
    assert is_lifting.wait(30)
    late = Thread(target=intake.store_reports, args=(ctx, [said("opt_out", before + hours(0.5))]))
    late.start()
    late.join(0.5)
    may_end.set()
    lift.join()
    late.join()
    monkeypatch.undo()
    apply_pending(ctx)
    assert not may_contact(ctx)
