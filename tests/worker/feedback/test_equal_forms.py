"""A number of an old numbering plan and today's form of it are one line: what is said of either
holds for both, and what was paid for is not paid for again.

An Argentine number with the 9 of mobiles and without it is one line as well. Both forms are of
today and stand in fields, so here each contact keeps its own, and each is looked up by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import Sync
from merging import set_only_number, status
from readings import release
from reports import deliver_reports, store_report, stored_reports

from sandbox.run import Sandbox
from worker.context import Context
from worker.phones.plan_changes import equal_forms
from worker.queries.number import number_details
from worker.store.pseudonyms import number_aliases
from worker.suppression import imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number
from worker.verification.answer_cache import load_answers, put_answers
from worker.verification.models import Verification

# Côte d'Ivoire, 31 January 2021: mobiles of Orange got the digits 07 in front.
OLD, TODAY = "+22507123456", "+2250707123456"
# libphonenumber's example of an Argentine mobile number, and the same ten digits without the 9.
WITH_NINE, WITHOUT_NINE = "+5491123456789", "+541123456789"


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


@pytest.fixture
def contact_id(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A contact whose number a former release read as one of the old plan."""
    release(ctx, {TODAY: (OLD,)})
    record_id = crm.ids()[0]
    set_only_number(crm, record_id, TODAY)
    sync(ctx, crm.name)
    return record_id


@pytest.mark.parametrize("said_of", [OLD, TODAY])
@pytest.mark.parametrize("first", ["report", "upgrade"])
def test_whoever_said_no_with_either_is_not_called(
    ctx: Context, crm: Crm, sync: Sync, contact_id: str, said_of: str, first: str
) -> None:
    if first == "report":
        store_report(ctx, "opt_out", said_of)
        deliver_reports(ctx, crm.name)
        assert status(crm, contact_id) == "do_not_contact"
    release(ctx, {})
    sync(ctx, crm.name, "everything")
    if first == "upgrade":
        store_report(ctx, "opt_out", said_of)
        deliver_reports(ctx, crm.name)
    assert status(crm, contact_id) == "do_not_contact"
    assert len(stored_reports(ctx)) == 1
    for number in (OLD, TODAY):
        [suppression] = suppressions.list_suppressions(ctx, number)
        details = number_details(ctx, number)
        assert [report["kind"] for report in details["feedback"]] == ["opt_out"]
        assert [contact["id"] for contact in details["contacts"]] == [contact_id]
    suppressions.lift(ctx, suppression.id, "an admin", "they said so")
    deliver_reports(ctx, crm.name)
    assert status(crm, contact_id) != "do_not_contact"


def test_whoever_was_erased_with_the_old_one_is_not_called(
    ctx: Context, crm: Crm, sync: Sync, contact_id: str
) -> None:
    erase_number(ctx, OLD, "an admin")
    release(ctx, {})
    sync(ctx, crm.name, "everything")
    assert status(crm, contact_id) == "do_not_contact"
    assert suppressions.list_suppressions(ctx, TODAY)


def test_what_a_list_holds_of_the_old_one_counts(
    ctx: Context, crm: Crm, sync: Sync, contact_id: str
) -> None:
    release(ctx, {})
    sync(ctx, crm.name, "everything")
    imported_lists.import_list(ctx, [OLD], "do not call")
    deliver_reports(ctx, crm.name)
    assert status(crm, contact_id) == "do_not_contact"
    apply_pending(ctx)
    assert imported_lists.import_list(ctx, [TODAY], "do not call").added == 0


@pytest.fixture
def argentines(ctx: Context, sandbox: Sandbox, sync: Sync) -> dict[str, tuple[Crm, str]]:
    """A contact of each CRM, by the form of the number that its field holds."""
    crms = Crm.all(sandbox)
    holders = {WITH_NINE: crms["hubspot"], WITHOUT_NINE: crms["salesforce"]}
    return {number: (crm, _holding(ctx, crm, sync, number)) for number, crm in holders.items()}


def _holding(ctx: Context, crm: Crm, sync: Sync, number: str) -> str:
    record_id = crm.ids()[0]
    set_only_number(crm, record_id, number)
    sync(ctx, crm.name)
    return record_id


def _statuses(argentines: dict[str, tuple[Crm, str]]) -> set[str]:
    return {status(crm, record_id) for crm, record_id in argentines.values()}


BOTH_FORMS = pytest.mark.parametrize("said_of", [WITH_NINE, WITHOUT_NINE])


@BOTH_FORMS
@pytest.mark.parametrize(
    ("kind", "expected"), [("opt_out", "do_not_contact"), ("wrong_number", "wrong_number")]
)
def test_what_is_said_of_either_argentine_form_reaches_both(
    ctx: Context, argentines: dict[str, tuple[Crm, str]], said_of: str, kind: str, expected: str
) -> None:
    store_report(ctx, kind, said_of)
    deliver_reports(ctx)
    assert _statuses(argentines) == {expected}
    for number, (crm, record_id) in argentines.items():
        assert crm.get(record_id, f"e164/{crm.phone}") == number  # as it was read
        [suppression] = suppressions.list_suppressions(ctx, number)
        assert suppression.reason == kind
        assert len(number_details(ctx, number)["contacts"]) == 2
    store_report(ctx, "opt_in" if kind == "opt_out" else "confirmed", said_of, "later")
    deliver_reports(ctx)
    assert expected not in _statuses(argentines)


@BOTH_FORMS
def test_a_contact_that_comes_later_meets_it(
    ctx: Context, sandbox: Sandbox, sync: Sync, said_of: str
) -> None:
    store_report(ctx, "opt_out", said_of)
    deliver_reports(ctx)
    other = WITHOUT_NINE if said_of == WITH_NINE else WITH_NINE
    crm = Crm.all(sandbox)["salesforce"]
    assert status(crm, _holding(ctx, crm, sync, other)) == "do_not_contact"


@BOTH_FORMS
def test_a_list_and_an_erasure_count_for_both(
    ctx: Context, argentines: dict[str, tuple[Crm, str]], said_of: str
) -> None:
    assert imported_lists.import_list(ctx, [said_of], "do not call").added == 1
    assert imported_lists.import_list(ctx, list(argentines), "do not call").added == 0
    deliver_reports(ctx)
    assert _statuses(argentines) == {"do_not_contact"}
    erase_number(ctx, said_of, "an admin")
    for number in argentines:
        assert suppressions.list_suppressions(ctx, number)
        assert not number_details(ctx, number)["contacts"]


def test_people_who_share_a_number_are_counted_by_both(
    ctx: Context, argentines: dict[str, tuple[Crm, str]]
) -> None:
    """What one of two says is wrong stays right for the other, who has confirmed it."""
    (crm, record_id), (other_crm, other_id) = argentines.values()
    mine = f"{crm.name}/{crm.object}/{record_id}"
    theirs = f"{other_crm.name}/{other_crm.object}/{other_id}"
    store_report(ctx, "confirmed", WITH_NINE, contact=mine)
    store_report(ctx, "wrong_number", WITHOUT_NINE, contact=theirs)
    deliver_reports(ctx)
    assert status(crm, record_id) != "wrong_number" == status(other_crm, other_id)


def test_an_answer_that_was_paid_for_serves_both(ctx: Context) -> None:
    now = ctx.now()
    answer = Verification(
        number=OLD, provider="twilio", package="line_type", check_level="line_type",
        verdict="valid", line_type="mobile", at=now, expires_at=now + timedelta(days=1),
        cost=Decimal("0.01"),
    )  # fmt: skip
    offline = Verification(
        number=OLD, provider="offline", package="", check_level="format", verdict="invalid",
        line_type="unknown", at=now, expires_at=now + timedelta(days=1), cost=Decimal(0),
    )  # fmt: skip
    with ctx.store.write() as connection:
        put_answers(connection, [answer, offline])
        [answer] = load_answers(connection, [TODAY], now)
        assert (answer.number, answer.provider) == (TODAY, "twilio")
        both = load_answers(connection, [TODAY, OLD], now)
    assert {(answer.number, answer.provider) for answer in both} == {
        (OLD, "offline"), (OLD, "twilio"), (TODAY, "twilio"),
    }  # fmt: skip


def test_an_answer_about_one_argentine_form_says_nothing_of_the_other(ctx: Context) -> None:
    """A provider that does not know a mobile number without its 9 has not judged the line."""
    now = ctx.now()
    answer = Verification(
        number=WITHOUT_NINE, provider="twilio", package="line_type", check_level="line_type",
        verdict="invalid", line_type="unknown", at=now, expires_at=now + timedelta(days=1),
        cost=Decimal("0.01"),
    )  # fmt: skip
    with ctx.store.write() as connection:
        put_answers(connection, [answer])
        assert load_answers(connection, [WITH_NINE], now) == []
        [own] = load_answers(connection, [WITH_NINE, WITHOUT_NINE], now)
    assert own.number == WITHOUT_NINE


@pytest.mark.parametrize("number", [TODAY, WITH_NINE, WITHOUT_NINE])
def test_no_look_up_takes_more_statements_for_it(ctx: Context, number: str) -> None:
    plain, renumbered = ["+14155552671"], [number]
    assert len(equal_forms(plain[0])) == 1 < len(equal_forms(renumbered[0]))
    assert _statements(ctx, plain) == _statements(ctx, renumbered)
    assert list(number_aliases(ctx.keys, plain, False)) == plain


def _statements(ctx: Context, numbers: list[str]) -> int:
    from worker.feedback import report_log

    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    with ctx.store.read() as connection:
        sa.event.listen(connection, "before_cursor_execute", counted)
        report_log.load(connection, numbers, ctx.keys)
        report_log.find_unseen(connection, numbers, ctx.keys, report_log.ReportSet())
        load_answers(connection, numbers, ctx.now())
        sa.event.remove(connection, "before_cursor_execute", counted)
    return count
