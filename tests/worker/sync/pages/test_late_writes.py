"""A write that the CRM did not answer, and that it carries out after a person has changed the
record: what it brings is not taken for that person's word, and nobody becomes callable by it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from clocks import a_later_second, advance_clock
from constants import NUMBER
from crms import Crm
from reports import deliver_reports

from config import stopping
from connectors.errors import UnavailableError
from worker.context import Context
from worker.feedback import intake
from worker.feedback.sources.submitted_reports import Report, to_feedback
from worker.store.tables import feedback
from worker.suppression.apply_reports import apply_pending
from worker.sync.pages import runner
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope
from worker.sync.undo import undo


def report(ctx: Context, kind: str) -> None:
    submitted = Report(kind=kind, number=NUMBER, at=ctx.now())  # type: ignore[arg-type]
    intake.store_reports(ctx, to_feedback(ctx, submitted))


def run(ctx: Context, crm: Crm) -> None:
    runner.run_to_completion(ctx, lifecycle.open_run(ctx, crm.name, Scope("everything")))


def write_without_an_answer(ctx: Context, crm: Crm, kind: str) -> str:
    """A run whose write the CRM never answers: carried out (`drop_after`) or not (`drop`)."""
    crm.fault(crm.write_call, kind, times=999)
    run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
    with pytest.raises(UnavailableError):
        runner.run_to_completion(ctx, run_id)
    crm.service.faults.clear()
    return run_id


def told_to_stop(_seconds: float) -> None:
    raise stopping.Stopped


def resume(ctx: Context, run_id: str) -> None:
    runner.run_to_completion(ctx, lifecycle.resume(ctx, run_id).id)


def sources(ctx: Context, kind: str) -> set[str]:
    with ctx.store.read() as connection:
        return {*connection.scalars(sa.select(feedback.c.source).where(feedback.c.kind == kind))}


def edit(crm: Crm, record_id: str, flag: str, value: bool) -> None:
    a_later_second(crm)
    crm.edit(record_id, {flag: value})


@pytest.fixture
def record(ctx: Context, crm: Crm) -> str:
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    run(ctx, crm)
    return record_id


def person_answers_an_unanswered_write(
    ctx: Context, crm: Crm, record: str, fault: str, flag: str, persons: bool
) -> None:
    """A report makes us write the flag, and the CRM does not answer. The write is sent again at
    once, or the run goes on later; and a person sets the flag to what they know."""
    if fault.endswith("once"):
        crm.fault(crm.write_call, fault.removesuffix("_once"))
        run(ctx, crm)
        edit(crm, record, flag, persons)
        run(ctx, crm)
        assert bool(crm.get(record, flag)) is persons
        return
    run_id = write_without_an_answer(ctx, crm, fault)
    if fault == "drop_after":  # it was carried out: the person sees it at once
        edit(crm, record, flag, persons)
        resume(ctx, run_id)
    else:
        resume(ctx, run_id)
        edit(crm, record, flag, persons)
        run(ctx, crm)
    assert bool(crm.get(record, flag)) is persons


FAULTS = ["drop", "drop_after", "drop_once", "drop_after_once"]


@pytest.mark.parametrize("fault", FAULTS)
class TestAFlagThatALateWriteSets:
    """A reply says "wrong number"; a person knows better, and clears the flag."""

    @pytest.fixture
    def set_late(self, ctx: Context, crm: Crm, record: str, fault: str) -> str:
        report(ctx, "wrong_number")
        person_answers_an_unanswered_write(ctx, crm, record, fault, "wrong_number", False)
        assert sources(ctx, "confirmed") == {f"{crm.name} user"}
        edit(crm, record, "wrong_number", True)  # what comes late
        return record

    def test_is_no_persons_word(self, ctx: Context, crm: Crm, set_late: str) -> None:
        run(ctx, crm)
        assert sources(ctx, "wrong_number") == {"api", crm.name}

    def test_stays_set(self, ctx: Context, crm: Crm, set_late: str) -> None:
        run(ctx, crm)
        deliver_reports(ctx)
        assert crm.get(set_late, "wrong_number")

    def test_goes_when_it_is_cleared_once_more(self, ctx: Context, crm: Crm, set_late: str) -> None:
        """As docs/crm-users.md says."""
        run(ctx, crm)
        deliver_reports(ctx)
        assert crm.get(set_late, "wrong_number")
        a_later_second(crm)
        edit(crm, set_late, "wrong_number", False)
        for _ in range(2):
            run(ctx, crm)
            deliver_reports(ctx)
        assert not crm.get(set_late, "wrong_number")

    def test_is_a_persons_word_once_no_write_can_be_under_way(
        self, ctx: Context, crm: Crm, set_late: str
    ) -> None:
        advance_clock(ctx, minutes=11)
        run(ctx, crm)
        assert sources(ctx, "wrong_number") == {"api", f"{crm.name} user"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_flag_that_a_late_write_clears_is_set_again(
    ctx: Context, crm: Crm, record: str, fault: str
) -> None:
    """Somebody opts in; a person ticks "do not contact" all the same; then the write of the opt-in
    is carried out late."""
    report(ctx, "opt_out")
    run(ctx, crm)
    assert crm.get(record, "do_not_contact")
    a_later_second(crm)
    report(ctx, "opt_in")
    person_answers_an_unanswered_write(ctx, crm, record, fault, "do_not_contact", True)
    edit(crm, record, "do_not_contact", False)  # what comes late
    run(ctx, crm)
    assert crm.get(record, "do_not_contact")
    assert f"{crm.name} user" not in sources(ctx, "opt_in")


class TestAnUndo:
    """An undo clears a flag that no report demands any more, and the CRM does not answer."""

    @pytest.fixture
    def flagged_by(self, ctx: Context, crm: Crm, record: str) -> str:
        """The run that flagged the record for an opt-out which was taken back since."""
        report(ctx, "opt_out")
        run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
        runner.run_to_completion(ctx, run_id)
        assert crm.get(record, "do_not_contact")
        a_later_second(crm)
        report(ctx, "opt_in")
        apply_pending(ctx)
        return run_id

    def person_ticks_and_the_undo_comes_late(self, ctx: Context, crm: Crm, record: str) -> None:
        edit(crm, record, "do_not_contact", True)
        run(ctx, crm)
        assert f"{crm.name} user" in sources(ctx, "opt_out")
        edit(crm, record, "do_not_contact", False)  # what comes late
        run(ctx, crm)

    def assert_the_tick_stands(self, ctx: Context, crm: Crm, record: str) -> None:
        assert crm.get(record, "do_not_contact")
        assert f"{crm.name} user" not in sources(ctx, "opt_in")

    @pytest.fixture
    def failed(self, ctx: Context, crm: Crm, flagged_by: str, fault: str) -> None:
        crm.fault(crm.write_call, fault, times=999)
        with pytest.raises(UnavailableError):
            undo.undo(ctx, flagged_by)
        crm.service.faults.clear()

    @pytest.mark.parametrize("fault", ["drop_after"])
    def test_that_failed_takes_back_no_persons_word(
        self, ctx: Context, crm: Crm, record: str, failed: None
    ) -> None:
        self.person_ticks_and_the_undo_comes_late(ctx, crm, record)
        self.assert_the_tick_stands(ctx, crm, record)

    @pytest.mark.parametrize("fault", ["drop"])
    def test_that_failed_is_no_persons_word(
        self, ctx: Context, crm: Crm, record: str, failed: None
    ) -> None:
        edit(crm, record, "do_not_contact", False)  # what comes late
        run(ctx, crm)
        assert sources(ctx, "opt_in") == {"api"}

    @pytest.mark.parametrize("fault", ["drop", "drop_after"])
    def test_that_was_sent_again_at_once_is_no_persons_word(
        self, ctx: Context, crm: Crm, record: str, flagged_by: str, fault: str
    ) -> None:
        crm.fault(crm.write_call, fault)
        undo.undo(ctx, flagged_by)
        self.person_ticks_and_the_undo_comes_late(ctx, crm, record)
        self.assert_the_tick_stands(ctx, crm, record)

    @pytest.mark.parametrize("fault", ["drop", "drop_after"])
    def test_that_a_second_worker_went_on_with_is_no_persons_word(
        self,
        ctx: Context,
        crm: Crm,
        record: str,
        flagged_by: str,
        fault: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        undo_id = undo.begin(ctx, flagged_by)
        crm.fault(crm.write_call, fault, times=999)
        with monkeypatch.context() as patch:
            patch.setattr(stopping, "sleep", told_to_stop)  # while it waits to call again
            with pytest.raises(stopping.Stopped):
                undo.execute(ctx, undo_id)
        crm.service.faults.clear()
        undo.execute(ctx, undo_id)
        self.person_ticks_and_the_undo_comes_late(ctx, crm, record)
        self.assert_the_tick_stands(ctx, crm, record)
