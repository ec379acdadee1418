"""A field that is read as another number than before: who said no stays covered (promise 7), and a
number that a person replaced keeps its own story (promise 8)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import STOP_FLAGS, THIRD
from crms import Crm
from fixture_types import Sync
from merging import set_only_number, status
from readings import forget_states, release
from reports import deliver_reports, store_report, stored_reports

from sandbox.run import Sandbox
from worker.context import Context
from worker.store.tables import contact_numbers, former_readings
from worker.suppression import imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number
from worker.sync.propagate import propagate

# What people typed, as a former release read it, and as it is read now.
TWO_NUMBERS = "4301-7285  4301-0948"
INVENTED = "+4343017285"
MEANT = ("+541143017285", "+541143010948")
STEMS = "(415) 555-2671/2"
STEM, MATE = "+14155552671", "+14155552672"

THEN = {TWO_NUMBERS: (INVENTED,), STEMS: (STEM, MATE)}
NOW = {TWO_NUMBERS: MEANT, STEMS: (STEM,)}


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


@pytest.fixture
def contact_id(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A contact whose field is read as a number that nobody meant."""
    release(ctx, THEN)
    record_id = crm.ids()[0]
    set_only_number(crm, record_id, TWO_NUMBERS)
    sync(ctx, crm.name)
    assert numbers_of(ctx, record_id) == [INVENTED]
    return record_id


def numbers_of(ctx: Context, record_id: str) -> list[str]:
    c = contact_numbers.c
    query = sa.select(c.number).where(c.record_id == record_id).order_by(c.field, c.place)
    with ctx.store.read() as connection:
        return list(connection.scalars(query))


def former_of(ctx: Context, record_id: str) -> list[str]:
    f = former_readings.c
    with ctx.store.read() as connection:
        return sorted(connection.scalars(sa.select(f.number).where(f.record_id == record_id)))


def is_stopped(ctx: Context, number: str) -> bool:
    return bool(suppressions.list_suppressions(ctx, number))


class TestWhoSaidNo:
    @pytest.mark.parametrize("by_former_version", [True, False])
    @pytest.mark.parametrize("kind", ["opt_out", "complaint", "wrong_number"])
    def test_is_not_called_on_the_number_that_is_read_now(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str, kind: str,
        by_former_version: bool,
    ) -> None:  # fmt: skip
        store_report(ctx, kind, INVENTED, source="twilio sms")
        deliver_reports(ctx, crm.name)
        before = status(crm, contact_id)
        assert before in ("do_not_contact", "wrong_number")
        if by_former_version:
            forget_states(ctx)
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        assert numbers_of(ctx, contact_id) == list(MEANT)
        assert status(crm, contact_id) == before
        apply_pending(ctx)
        for number in (INVENTED, *MEANT):
            assert is_stopped(ctx, number)
        [report, *copies] = stored_reports(ctx, kind)
        assert [copy.number for copy in copies] == list(MEANT)
        assert all(f"said of {INVENTED}, which {crm.phone} was read as until" in copy.evidence
                   for copy in copies)  # fmt: skip
        assert report.number == INVENTED
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) == before
        assert len(stored_reports(ctx, kind)) == 3

    @pytest.mark.parametrize("order", list(itertools.permutations(["stop", "upgrade", "apply"])))
    def test_is_covered_in_whatever_order_things_happen(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str, order: tuple[str, ...]
    ) -> None:
        for step in order:
            if step == "stop":
                store_report(ctx, "opt_out", INVENTED)
            elif step == "upgrade":
                release(ctx, NOW)
                sync(ctx, crm.name, "everything")
            else:
                apply_pending(ctx)
        deliver_reports(ctx, crm.name)
        assert status(crm, contact_id) == "do_not_contact"
        assert all(is_stopped(ctx, number) for number in (INVENTED, *MEANT))

    def test_on_a_list_is_not_called(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        imported_lists.import_list(ctx, [INVENTED], "do not call", "call")
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        apply_pending(ctx)
        assert crm.get(contact_id, "do_not_call")
        assert [
            suppression.channels for suppression in suppressions.list_suppressions(ctx, MEANT[0])
        ] == ["call"]

    def test_on_a_list_that_is_imported_later_is_not_called(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        imported_lists.import_list(ctx, [INVENTED], "do not call", "call")
        deliver_reports(ctx, crm.name)
        assert crm.get(contact_id, "do_not_call")
        for number in MEANT:
            listed = suppressions.list_suppressions(ctx, number)
            assert [suppression.channels for suppression in listed] == ["call"]
        imported_lists.import_list(ctx, [INVENTED], "do not call", "call")
        apply_pending(ctx)
        assert len(suppressions.list_suppressions(ctx, MEANT[0])) == 1

    def test_on_a_list_that_is_imported_while_nothing_is_read_is_not_called(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        release(ctx, {TWO_NUMBERS: ()})
        sync(ctx, crm.name, "everything")
        imported_lists.import_list(ctx, [INVENTED], "do not call", "call")
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name)
        assert crm.get(contact_id, "do_not_call")

    def test_as_a_wrong_number_is_not_called_after_nothing_was_read(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        """While nothing is read there is no number that anybody could be given to call."""
        store_report(ctx, "wrong_number", INVENTED, source="twilio sms")
        deliver_reports(ctx, crm.name)
        release(ctx, {TWO_NUMBERS: ()})
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) in ("invalid", "unverified")
        assert not crm.get(contact_id, "best_phone")
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) == "wrong_number"

    def test_and_was_erased_is_not_called(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        erase_number(ctx, INVENTED, "an admin")
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) == "do_not_contact"
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        apply_pending(ctx)
        assert status(crm, contact_id) == "do_not_contact"
        assert all(is_stopped(ctx, number) for number in MEANT)
        kept = [str(tuple(row)) for row in stored_reports(ctx)]
        assert not any(number in row for row in kept for number in (INVENTED, *MEANT))

    def test_by_a_flag_is_not_called(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        crm.edit(contact_id, {"do_not_call": True})
        sync(ctx, crm.name)
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        assert crm.get(contact_id, "do_not_call")

    @pytest.mark.parametrize("by_former_version", [True, False])
    def test_stays_covered_while_nothing_is_read_and_once_it_is_again(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str, by_former_version: bool
    ) -> None:
        store_report(ctx, "opt_out", INVENTED)
        deliver_reports(ctx, crm.name)
        if by_former_version:
            forget_states(ctx)
        release(ctx, {TWO_NUMBERS: ()})
        sync(ctx, crm.name, "everything")
        assert numbers_of(ctx, contact_id) == []
        assert all(crm.get(contact_id, flag) for flag in STOP_FLAGS)
        assert status(crm, contact_id) == "do_not_contact"
        sync(ctx, crm.name, "everything")
        assert crm.get(contact_id, "do_not_contact")
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) == "do_not_contact"

    def test_of_what_is_no_number_any_more_is_covered_after_an_erasure(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out", INVENTED)
        deliver_reports(ctx, crm.name)
        erase_number(ctx, INVENTED, "an admin")
        release(ctx, THEN)
        sync(ctx, crm.name, "everything")  # the CRM has the contact still
        release(ctx, {TWO_NUMBERS: ()})
        sync(ctx, crm.name, "everything")
        assert crm.get(contact_id, "do_not_contact")

    def test_of_what_is_no_number_any_more_is_covered_also_later(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        """The text still stands in the CRM: somebody may dial it."""
        release(ctx, {TWO_NUMBERS: ()})
        sync(ctx, crm.name, "everything")
        store_report(ctx, "opt_out", INVENTED)
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name)
        assert all(crm.get(contact_id, flag) for flag in STOP_FLAGS)

    def test_of_what_is_no_number_any_more_may_opt_in_again(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out", INVENTED)
        deliver_reports(ctx, crm.name)
        release(ctx, {TWO_NUMBERS: ()})
        sync(ctx, crm.name, "everything")
        store_report(ctx, "opt_in", INVENTED)
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert not crm.get(contact_id, "do_not_contact")

    def test_by_a_number_that_was_never_meant_is_not_called_on_the_other_one(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        release(ctx, THEN)
        record_id = crm.ids()[0]
        set_only_number(crm, record_id, STEMS)
        sync(ctx, crm.name)
        store_report(ctx, "opt_out", MATE)
        deliver_reports(ctx, crm.name)
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        assert status(crm, record_id) == "do_not_contact"

    def test_is_covered_where_somebody_spelt_the_number_anew_meanwhile(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        set_only_number(crm, contact_id, "+43 43017285")
        sync(ctx, crm.name)
        store_report(ctx, "opt_out", INVENTED)
        deliver_reports(ctx, crm.name)
        set_only_number(crm, contact_id, "4301-7285")
        release(ctx, {"4301-7285": MEANT[:1]})
        sync(ctx, crm.name)
        assert status(crm, contact_id) == "do_not_contact"

    def test_is_covered_where_a_former_version_kept_no_state_and_the_text_has_other_digits(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        """That nobody touched the texts is told by the contact's fingerprint."""
        release(ctx, {"one eight hundred": (STEM,)})
        record_id = crm.ids()[0]
        set_only_number(crm, record_id, "one eight hundred")
        sync(ctx, crm.name)
        store_report(ctx, "opt_out", STEM)
        deliver_reports(ctx, crm.name)
        forget_states(ctx)
        release(ctx, {"one eight hundred": (THIRD,)})
        sync(ctx, crm.name, "everything")
        assert status(crm, record_id) == "do_not_contact"

    def test_stays_covered_when_a_dry_run_comes_first(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out", INVENTED)
        deliver_reports(ctx, crm.name)
        release(ctx, NOW)
        reports = len(stored_reports(ctx))
        sync(ctx, crm.name, "everything", dry_run=True)
        assert len(stored_reports(ctx)) == reports
        assert numbers_of(ctx, contact_id) == [INVENTED]
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) == "do_not_contact"


class TestWhoeverLiftsIt:
    def test_lifts_that_one_alone(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out", INVENTED)
        release(ctx, {TWO_NUMBERS: MEANT[:1]})
        sync(ctx, crm.name, "everything")
        apply_pending(ctx)
        [suppression] = suppressions.list_suppressions(ctx, MEANT[0])
        suppressions.lift(ctx, suppression.id, "an admin", "they said so")
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) != "do_not_contact"
        assert is_stopped(ctx, INVENTED)
        assert not is_stopped(ctx, MEANT[0])

    def test_before_the_reading_changed_has_lifted_it(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out", INVENTED)
        store_report(ctx, "opt_in", INVENTED)
        deliver_reports(ctx, crm.name)
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) != "do_not_contact"

    def test_of_the_new_number_before_has_not_lifted_it(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        store_report(ctx, "opt_out", INVENTED)
        store_report(ctx, "opt_in", MEANT[0])
        deliver_reports(ctx, crm.name)
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) == "do_not_contact"


class TestANumberThatAPersonReplaced:
    @pytest.mark.parametrize("with_a_release", [True, False])
    def test_takes_its_flag_along(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str, with_a_release: bool
    ) -> None:
        store_report(ctx, "wrong_number", INVENTED)
        deliver_reports(ctx, crm.name)
        assert status(crm, contact_id) == "wrong_number"
        set_only_number(crm, contact_id, THIRD)
        if with_a_release:
            release(ctx, NOW)
        sync(ctx, crm.name)
        assert status(crm, contact_id) == "valid"
        assert former_of(ctx, contact_id) == []

    @pytest.mark.parametrize("by_former_version", [True, False])
    def test_is_not_followed_to_one_whose_extension_supplies_a_digit(
        self, ctx: Context, crm: Crm, sync: Sync, by_former_version: bool
    ) -> None:
        """The digits of 415 558 3002 occur in the text in that order, and nobody sees it there."""
        record_id, neighbour = crm.ids()[:2]
        set_only_number(crm, record_id, "+1 415.558.3002")
        set_only_number(crm, neighbour, "+14155583005")
        sync(ctx, crm.name)
        store_report(ctx, "opt_out", "+14155583002", source="twilio sms")
        deliver_reports(ctx, crm.name)
        assert status(crm, record_id) == "do_not_contact"
        if by_former_version:
            forget_states(ctx)
        set_only_number(crm, record_id, "+1 415-558-3005 ext. 12")
        sync(ctx, crm.name)
        apply_pending(ctx)
        deliver_reports(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert not is_stopped(ctx, "+14155583005")
        assert former_of(ctx, record_id) == []
        for each in (record_id, neighbour):
            assert status(crm, each) == "valid"
            assert not any(crm.get(each, flag) for flag in STOP_FLAGS)

    def test_after_its_reading_changed_is_not_followed(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        release(ctx, NOW)
        sync(ctx, crm.name, "everything")
        assert former_of(ctx, contact_id) == [INVENTED]
        set_only_number(crm, contact_id, THIRD)
        sync(ctx, crm.name)
        store_report(ctx, "wrong_number", INVENTED)
        deliver_reports(ctx, crm.name)
        assert former_of(ctx, contact_id) == []
        assert status(crm, contact_id) == "valid"

    def test_that_it_was_corrected_to_is_not_wrong(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        store_report(ctx, "corrected", INVENTED, new_number=MEANT[0])
        deliver_reports(ctx, crm.name)
        release(ctx, {TWO_NUMBERS: MEANT[:1]})
        sync(ctx, crm.name, "everything")
        assert status(crm, contact_id) == "valid"


class TestAnUpgrade:
    def test_of_a_database_without_states_reads_as_before(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str
    ) -> None:
        forget_states(ctx)
        release(ctx, THEN)
        result: dict[str, Any] = sync(ctx, crm.name, "everything")
        assert result["contacts"]["written"] == 0
        assert former_of(ctx, contact_id) == []

    @pytest.mark.parametrize("by_former_version", [True, False])
    def test_brings_the_index_up_to_date_also_where_nothing_else_differs(
        self, ctx: Context, crm: Crm, sync: Sync, contact_id: str, by_former_version: bool
    ) -> None:
        """A report about the new number has to find the contact."""
        if by_former_version:
            forget_states(ctx)
        release(ctx, {TWO_NUMBERS: (THIRD,)})
        sync(ctx, crm.name, "everything")
        assert numbers_of(ctx, contact_id) == [THIRD]
        store_report(ctx, "opt_out", THIRD)
        deliver_reports(ctx, crm.name)
        assert all(crm.get(contact_id, flag) for flag in STOP_FLAGS)


class TestARewrite:
    @pytest.fixture
    def ctx(self, make_context: Callable[..., Context]) -> Context:
        return make_context("[sync]\nreading_changes_per_day = 2\n")

    @pytest.fixture
    def crm(self, sandbox: Sandbox) -> Crm:
        return Crm.all(sandbox)["hubspot"]

    @pytest.fixture
    def people(self, ctx: Context, crm: Crm, sync: Sync) -> list[str]:
        """Five contacts with a field that is read as another number by the next release."""
        ids = crm.ids()[:5]
        texts = {f"a line {place}": (f"+1415555267{place}",) for place in range(5)}
        release(ctx, texts)
        for record_id, text in zip(ids, texts, strict=True):
            set_only_number(crm, record_id, text)
        sync(ctx, crm.name)
        self.next_release = {
            text: (numbers[0][:-2] + "8" + numbers[0][-1],) for text, numbers in texts.items()
        }
        return ids

    def written(self, crm: Crm, people: list[str]) -> list[str]:
        return [
            record_id
            for record_id in people
            if str(crm.get(record_id, f"e164/{crm.phone}")).startswith("+1415555268")
        ]

    def test_is_made_of_so_many_contacts_a_day(
        self, ctx: Context, crm: Crm, sync: Sync, people: list[str]
    ) -> None:
        release(ctx, self.next_release)
        readings = sync(ctx, crm.name, "everything", dry_run=True)["readings"]
        assert readings == {"contacts": 5, "fields": 5, "numbers": 10, "waiting": 0}
        result = sync(ctx, crm.name, "everything")
        assert result["readings"] == {"contacts": 5, "fields": 5, "numbers": 10, "waiting": 3}
        assert len(self.written(crm, people)) == 2
        again = sync(ctx, crm.name, "everything")
        assert (again["readings"]["waiting"], again["contacts"]["written"]) == (3, 0)
        for written in (4, 5, 5):
            advance_clock(ctx, days=1)
            propagate(ctx, crm.name)
            assert len(self.written(crm, people)) == written
        assert sync(ctx, crm.name, "everything")["readings"]["waiting"] == 0

    def test_does_not_wait_with_a_stop(
        self, ctx: Context, crm: Crm, sync: Sync, people: list[str]
    ) -> None:
        release(ctx, self.next_release)
        sync(ctx, crm.name, "everything")
        [*late] = set(people) - set(self.written(crm, people))
        text = str(crm.get(late[0], f"phone/{crm.phone}"))
        store_report(ctx, "opt_out", self.next_release[text][0])
        deliver_reports(ctx, crm.name)
        assert status(crm, late[0]) == "do_not_contact"
        store_report(ctx, "opt_out", f"+1415555267{text[-1]}", key="late, of the former number")
        deliver_reports(ctx, crm.name)
        assert late[0] in self.written(crm, people)

    def test_does_not_wait_once_a_person_edits_the_record(
        self, ctx: Context, crm: Crm, sync: Sync, people: list[str]
    ) -> None:
        release(ctx, self.next_release)
        sync(ctx, crm.name, "everything")
        late = next(record_id for record_id in people if record_id not in self.written(crm, people))
        set_only_number(crm, late, THIRD)
        # A read of changes may leave out what changed within a second of our own writes, until it
        # reads all of it once more (`worker.sync.runs.own_writes`).
        sync(ctx, crm.name, "everything")
        assert crm.get(late, f"e164/{crm.phone}") == THIRD


class TestANewNumberOfAChangedReading:
    @pytest.fixture
    def crm(self, sandbox: Sandbox) -> Crm:
        return Crm.all(sandbox)["hubspot"]

    @pytest.fixture
    def paid(
        self, make_context: Callable[..., Context], sandbox: Sandbox
    ) -> Callable[[str], Context]:
        keys = {k: v for k, v in sandbox.env("twilio").items() if "HUBSPOT" not in k}
        quick = "\n[verification.providers.twilio]\nper_second = 5000\n"
        return lambda toml: make_context(toml + quick, **keys)

    @pytest.mark.parametrize("allowed", [False, True])
    def test_is_paid_for_only_if_the_setting_allows_it(
        self, paid: Callable[..., Context], crm: Crm, sync: Sync, allowed: bool
    ) -> None:
        ctx = paid(f"[verification]\npay_for_changed_readings = {str(allowed).lower()}\n")
        release(ctx, {"a line": (STEM,)})
        record_id = crm.ids()[0]
        set_only_number(crm, record_id, "a line")
        sync(ctx, crm.name)
        assert status(crm, record_id) == "valid"
        release(ctx, {"a line": (THIRD,)})
        forecast = sync(ctx, crm.name, "everything", dry_run=True)
        result = sync(ctx, crm.name, "everything")
        for run_result in (forecast, result):
            assert run_result["lookups"]["twilio"]["asked"] == (1 if allowed else 0)
        assert status(crm, record_id) == ("valid" if allowed else "unverified")
        reason = str(crm.get(record_id, "reason"))
        assert ("verification.pay_for_changed_readings" in reason) != allowed
        again = sync(ctx, crm.name, "everything")
        assert again["lookups"]["twilio"]["asked"] == 0
        crm.edit(record_id, {"recheck": True})
        assert sync(ctx, crm.name)["lookups"]["twilio"]["asked"] == 1
        assert status(crm, record_id) == "valid"
