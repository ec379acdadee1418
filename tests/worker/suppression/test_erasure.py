"""What an erasure leaves: nothing personal, every stop, and the memory of what was said before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync
from reports import deliver_reports
from vendor_webhooks import receive_twilio_sms

from worker.context import Context
from worker.feedback import intake, review_queue
from worker.feedback.models import Feedback
from worker.feedback.sources.submitted_reports import ContactRef, Report, to_feedback
from worker.queries.number import number_details
from worker.segments import counters
from worker.segments import queries as segments
from worker.store.tables import deliveries, feedback, reviews, suppressions
from worker.suppression import erasure, imported_lists
from worker.suppression import suppressions as suppress
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_contact, erase_number
from worker.suppression.evidence import number_evidence
from worker.sync.pages import evaluate
from worker.sync.runs.scope import Scope


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


@pytest.fixture
def contact_id(ctx: Context, crm: Crm, sync: Sync) -> str:
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    return record_id


def report(ctx: Context, kind: str, number: str = NUMBER, **fields: Any) -> int:
    """A report by the API, delivered; how many were new."""
    reports = to_feedback(ctx, Report(kind=kind, number=number, **fields))  # type: ignore[arg-type]
    new = intake.store_reports(ctx, reports)
    deliver_reports(ctx)
    return new


def is_suppressed(ctx: Context) -> bool:
    return bool(suppress.list_suppressions(ctx, NUMBER))


def entries(ctx: Context, reason: str) -> list[suppress.Suppression]:
    return suppress.list_suppressions(ctx, NUMBER, active=None, reason=reason)


def shared(ctx: Context) -> list[str]:
    return [row["number"] for row in segments.list_shared_numbers(ctx)]


def receive_sms(ctx: Context, text: str, sid: str) -> int:
    return receive_twilio_sms(ctx, {"From": NUMBER, "Body": text, "MessageSid": sid.ljust(34, "0")})


class TestACountThatIsUnderWay:
    """It may have read the number before, and must not bring it back."""

    @pytest.fixture
    def ctx(self, make_context: Callable[..., Context], postgres_database_url: str) -> Context:
        toml = "[segments]\nplaceholder_from = 2\n"
        return make_context(toml, DATABASE_URL=postgres_database_url)  # SQLite has one writer

    @pytest.fixture(autouse=True)
    def two_contacts(self, ctx: Context, crm: Crm, contact_id: str, sync: Sync) -> None:
        crm.edit(crm.ids()[1], {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)

    def test_that_has_read_but_not_written(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def erase_first(*given: Any) -> Any:
            erase_number(ctx, NUMBER, "an admin")
            return origins(*given)

        origins = counters._origins
        monkeypatch.setattr(counters, "_origins", erase_first)
        counters.count(ctx)
        assert NUMBER not in shared(ctx)

    def test_that_begins_while_the_erasure_is_not_committed(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counters.count(ctx)
        assert NUMBER in shared(ctx)
        erased = erasure.erased_events.erase_number
        with ThreadPoolExecutor(1) as pool:
            counts: list[Future[None]] = []

            def count_meanwhile(*given: Any) -> None:
                counts.append(pool.submit(counters.count, ctx))
                wait(counts, timeout=0.5)  # it waits for the erasure, if it can
                erased(*given)

            monkeypatch.setattr(erasure.erased_events, "erase_number", count_meanwhile)
            erase_number(ctx, NUMBER, "an admin")
            counts[0].result(30)
        assert NUMBER not in shared(ctx)


class TestARetryOfWhatWasSaidBefore:
    @pytest.mark.parametrize("key", ["K", "", "retry of +14155552671", f"{'x' * 118}!"])
    def test_counts_for_nothing(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync, key: str
    ) -> None:
        assert report(ctx, "opt_in", key=key) == 1
        erase_number(ctx, NUMBER, "an admin")
        assert report(ctx, "opt_in", key=key) == 0
        sync(ctx, crm.name, "everything")
        assert is_suppressed(ctx)
        assert crm.get(contact_id, "do_not_contact") is True

    def test_counts_for_nothing_with_another_secret_key(
        self, make_context: Callable[..., Context], database_url: str
    ) -> None:
        keys = {"DATABASE_URL": database_url, "SECRET_KEY": "former"}
        ctx = make_context(**keys)
        report(ctx, "opt_in", key="K")
        erase_number(ctx, NUMBER, "an admin")
        changed = {**keys, "SECRET_KEY": "new", "SECRET_KEY_PREVIOUS": "former"}
        later = make_context(**changed)
        assert report(later, "opt_in", key="K") == 0
        assert is_suppressed(later)

    @pytest.mark.parametrize("text", ["START", "Unstop", "please call me again?"])
    def test_by_sms_counts_for_nothing(self, ctx: Context, text: str) -> None:
        receive_sms(ctx, text, "SM1")
        apply_pending(ctx)
        erase_number(ctx, NUMBER, "an admin")
        assert receive_sms(ctx, text, "SM1") == 0
        assert not review_queue.open_reviews(ctx)
        with ctx.store.read() as connection:
            kept = connection.execute(sa.select(reviews)).mappings().all()
        assert not any(NUMBER in str(value) for row in kept for value in row.values())
        assert not any(text in str(value) for row in kept for value in row.values())

    def test_on_an_erased_contact_counts_for_nothing(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        """Somebody else holds the number too: it is not erased with the contact."""
        crm.edit(crm.ids()[1], {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        contact = ContactRef(connector=crm.name, object=crm.object, id=contact_id)  # type: ignore[arg-type]
        report(ctx, "opt_in", contact=contact, key="K")
        report(ctx, "opt_out", contact=contact, key="L")
        erase_contact(ctx, crm.name, crm.object, contact_id, "an admin")
        assert report(ctx, "opt_in", contact=contact, key="K") == 0

    def test_of_a_stop_still_adds_nothing(self, ctx: Context) -> None:
        report(ctx, "opt_out", key="K")
        erase_number(ctx, NUMBER, "an admin")
        assert report(ctx, "opt_out", key="K") == 0

    @pytest.mark.parametrize("name", [f"{NUMBER} campaign", f"{NUMBER} " * 6, "(415) 555-2671"])
    def test_is_on_no_list_whose_name_holds_the_number(self, ctx: Context, name: str) -> None:
        imported_lists.import_list(ctx, [NUMBER], name)
        erase_number(ctx, NUMBER, "an admin")
        done = imported_lists.import_list(ctx, [NUMBER], name)
        assert (done.added, done.known) == (0, 1)
        kept = str(
            [suppression.as_json() for suppression in suppress.list_suppressions(ctx, NUMBER)]
        )
        assert "5552671" not in kept
        assert "555-2671" not in kept

    def test_of_a_list_adds_nothing_and_does_not_bring_the_number_back(self, ctx: Context) -> None:
        imported_lists.import_list(ctx, [NUMBER, OTHER], "registry")
        erase_number(ctx, NUMBER, "an admin")
        done = imported_lists.import_list(ctx, [NUMBER, OTHER], "registry")
        assert (done.added, done.known) == (0, 2)
        with ctx.store.read() as connection:
            for table in (suppressions, deliveries, feedback):
                for row in connection.execute(sa.select(table)).mappings():
                    assert NUMBER not in str(dict(row)), table.name


class TestAnOptInAfterAnErasure:
    """It is a new word of whoever has the number now: list, CRM and API give one answer."""

    def test_lifts_everywhere(self, ctx: Context, crm: Crm, contact_id: str, sync: Sync) -> None:
        report(ctx, "opt_out", at=ctx.now() - timedelta(days=2))
        imported_lists.import_list(ctx, [NUMBER], "registry")
        erase_number(ctx, NUMBER, "an admin")
        sync(ctx, crm.name, "everything")
        assert crm.get(contact_id, "do_not_contact") is True
        advance_clock(ctx, minutes=5)
        report(ctx, "opt_in", evidence="signed the form")
        assert not crm.get(contact_id, "do_not_contact")
        assert not is_suppressed(ctx)
        every = suppress.list_suppressions(ctx, NUMBER, active=None)
        assert {suppression.reason for suppression in every} == {"opt_out", "erasure", "list"}
        assert {suppression.lifted_why for suppression in every} == {"signed the form"}
        for listings in (
            number_evidence(ctx, NUMBER)["reports"],
            number_details(ctx, NUMBER)["feedback"],
        ):
            kinds = [entry["kind"] for entry in listings]
            assert kinds[0] == "opt_out"
            assert kinds[-1] == "opt_in"
            assert "erasure" in kinds

    def test_that_was_said_before_it_lifts_nothing(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        at = ctx.now() - timedelta(hours=1)
        erase_number(ctx, NUMBER, "an admin")
        sync(ctx, crm.name, "everything")
        report(ctx, "opt_in", at=at, key="late")
        assert crm.get(contact_id, "do_not_contact") is True
        assert is_suppressed(ctx)

    def test_for_one_channel_leaves_the_other(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        imported_lists.import_list(ctx, [NUMBER], "registry")
        erase_number(ctx, NUMBER, "an admin")
        sync(ctx, crm.name, "everything")
        report(ctx, "opt_in", channels=["call"])
        flags = ("do_not_contact", "do_not_call", "do_not_text")
        assert [bool(crm.get(contact_id, flag)) for flag in flags] == [False, False, True]
        assert {
            suppression.channels for suppression in suppress.list_suppressions(ctx, NUMBER)
        } == {"text"}

    def test_by_an_admin_who_lifts_the_erased_entry_reaches_the_crm(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        erase_number(ctx, NUMBER, "an admin")
        sync(ctx, crm.name, "everything")
        (entry,) = suppress.list_suppressions(ctx, NUMBER)
        suppress.lift(ctx, entry.id, "an admin", "came back to us")
        deliver_reports(ctx)
        assert not is_suppressed(ctx)
        assert not crm.get(contact_id, "do_not_contact")


class TestARecordThatIsReadAgain:
    """Its CRM has it still, with the flags that we, or a person, had set."""

    @pytest.mark.parametrize("change", ["", "another number", "no number"])
    def test_keeps_a_persons_own_tick(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync, change: str
    ) -> None:
        """The report went with the erasure, and the number is another person's too."""
        crm.edit(crm.ids()[1], {f"phone/{crm.phone}": NUMBER})
        crm.edit(contact_id, {"do_not_contact": True})
        sync(ctx, crm.name)
        erase_contact(ctx, crm.name, crm.object, contact_id, "an admin")
        if change:
            new = OTHER if change == "another number" else None
            crm.edit(contact_id, {f"phone/{crm.phone}": new})
        sync(ctx, crm.name, "everything")
        assert crm.get(contact_id, "do_not_contact") is True

    def test_keeps_the_tick_where_its_number_was_erased_and_replaced(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync
    ) -> None:
        crm.edit(contact_id, {"do_not_contact": True})
        sync(ctx, crm.name)
        erase_number(ctx, NUMBER, "an admin")
        crm.edit(contact_id, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name, "everything")
        assert crm.get(contact_id, "do_not_contact") is True

    def test_is_found_though_nobody_edits_it(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        """A STOP waits for a CRM that is away; its number is erased before it arrives."""
        ctx = make_context('[sync]\noverlap = "0s"\n')
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        intake.store_reports(ctx, to_feedback(ctx, Report(kind="opt_out", number=NUMBER)))
        apply_pending(ctx)
        erase_number(ctx, NUMBER, "an admin")
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_contact") is True

    def test_is_found_where_the_erasure_comes_while_its_page_is_worked_on(
        self,
        make_context: Callable[..., Context],
        crm: Crm,
        sync: Sync,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ctx = make_context('[sync]\noverlap = "0s"\n')
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        whole = evaluate.evaluate

        def meanwhile(*given: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(evaluate, "evaluate", whole)
            erase_number(ctx, NUMBER, "an admin")
            return whole(*given, **kwargs)

        monkeypatch.setattr(evaluate, "evaluate", meanwhile)
        sync(ctx, crm.name, force=True, scope=Scope("ids", (record_id,)))
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_contact") is True

    def test_may_be_the_first_that_a_process_erases(
        self, make_context: Callable[..., Context], crm: Crm, database_url: str, sync: Sync
    ) -> None:
        sync(make_context(DATABASE_URL=database_url), crm.name)
        later = make_context(DATABASE_URL=database_url, SECRET_KEY="set meanwhile")
        done = erase_contact(later, crm.name, crm.object, crm.ids()[0], "an admin")
        assert done.contacts == 1


class TestAnExceptionForOnePerson:
    """A number that several hold, of which one said yes, or "this is me"; then it was erased."""

    @pytest.mark.parametrize(
        ("stop", "exception"), [("wrong_number", "confirmed"), ("opt_out", "opt_in")]
    )
    def test_lifts_it_for_nobody_else(
        self, ctx: Context, crm: Crm, contact_id: str, sync: Sync, stop: str, exception: str
    ) -> None:
        contact = ContactRef(connector=crm.name, object=crm.object, id=contact_id)  # type: ignore[arg-type]
        report(ctx, stop, key="1", at=ctx.now() - timedelta(hours=3))
        report(ctx, exception, contact=contact, key="2", at=ctx.now() - timedelta(hours=2))
        erase_number(ctx, NUMBER, "an admin")
        report(ctx, "undeliverable", key="3")  # anything: the list is brought in line anew
        assert [entry.lifted_at is None for entry in entries(ctx, stop)] == [True]

    def test_takes_it_off_no_list(self, ctx: Context, crm: Crm, contact_id: str) -> None:
        imported_lists.import_list(ctx, [NUMBER], "registry")
        contact = ContactRef(connector=crm.name, object=crm.object, id=contact_id)  # type: ignore[arg-type]
        report(ctx, "opt_in", contact=contact, key="1", at=ctx.now() + timedelta(hours=1))
        erase_number(ctx, NUMBER, "an admin")
        report(ctx, "undeliverable", key="2")
        assert [entry.lifted_at is None for entry in entries(ctx, "list")] == [True]


class TestTwoErasedContacts:
    """Of each there stays the same nobody."""

    @pytest.mark.parametrize("number", [NUMBER, ""])
    def test_are_not_one_person(self, ctx: Context, number: str) -> None:
        statements = [("opt_out", "1", "ada"), ("opt_in", "2", "ben"), ("opt_out", "3", "")]
        reports = [
            Feedback(
                f"{kind}{record_id}", kind, number, "test", ctx.now() - timedelta(hours=9 - place),  # type: ignore[arg-type]
                contact=f"hubspot/contacts/{record_id}", scope="person", person=person,
            )
            for place, (kind, record_id, person) in enumerate(statements)
        ]  # fmt: skip
        intake.store_reports(ctx, reports)
        apply_pending(ctx)
        for record_id in "123":
            erase_contact(ctx, "hubspot", "contacts", record_id, "an admin")
        intake.store_reports(ctx, [Feedback("4", "undeliverable", number, "test", ctx.now())])
        apply_pending(ctx)  # the list is brought in line anew
        first, second = suppress.list_suppressions(ctx)
        suppress.lift(ctx, second.id, "an admin", "asked for it in a letter")
        assert suppress.list_suppressions(ctx) == [first]
        suppress.lift(ctx, first.id, "an admin", "so did the other one")
        assert suppress.list_suppressions(ctx) == []
