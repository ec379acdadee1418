"""What people wrote beside the numbers of a phone field reaches the flags, and the number's other
records, as a tick would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from constants import NUMBER, OTHER
from crms import Crm
from reports import deliver_reports, report_kinds, store_report, stored_reports

from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback import reply_learning, review_queue
from worker.feedback.models import ReviewDecision
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle, report
from worker.sync.runs.model import RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.undo.undo import undo


@pytest.fixture(params=["salesforce", "hubspot"])
def crm(request: pytest.FixtureRequest, sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)[request.param]


@pytest.fixture
def record(crm: Crm) -> str:
    return crm.ids()[0]


def write(crm: Crm, record_id: str, text: str) -> None:
    crm.edit(record_id, {f"phone/{crm.phone}": text})


def sync(ctx: Context, crm: Crm, *records: str, dry_run: bool = False) -> dict[str, Any]:
    options = RunOptions(dry_run=dry_run)
    run = lifecycle.open_run(ctx, crm.name, Scope("ids", records), options)
    run_to_completion(ctx, run)
    return report.result(ctx, run)


def test_do_not_call_stops_the_calls_of_that_person(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(ctx, crm, record)
    assert crm.get(record, "do_not_call") is True
    assert not crm.get(record, "do_not_text")
    (said,) = stored_reports(ctx)
    assert (said.kind, said.channels, said.number) == ("opt_out", "call", NUMBER)
    assert "DO NOT CALL" in said.evidence
    assert said.source == f"{crm.name} field"


def test_it_holds_for_the_record_where_no_number_can_be_read(
    ctx: Context, crm: Crm, record: str
) -> None:
    write(crm, record, "DO NOT CONTACT")
    sync(ctx, crm, record)
    assert crm.get(record, "do_not_contact") is True


def test_a_wrong_number_is_wrong_in_the_other_crm_too(
    ctx: Context, sandbox: Sandbox, crm: Crm, record: str
) -> None:
    (other,) = (each for each in Crm.all(sandbox).values() if each.name != crm.name)
    same = other.ids()[0]
    write(other, same, NUMBER)
    sync(ctx, other, same)
    write(crm, record, f"{NUMBER} (wrong number)")
    sync(ctx, crm, record)
    assert crm.get(record, crm.status) == "wrong_number"
    deliver_reports(ctx)
    assert other.get(same, other.status) == "wrong_number"


def test_a_dead_line_is_unreachable(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} disconnected 3/14/2021")
    sync(ctx, crm, record)
    assert crm.get(record, crm.status) == "unreachable"


def test_the_same_words_count_once(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(ctx, crm, record)
    crm.edit(record, {"recheck": True})
    sync(ctx, crm, record)
    assert report_kinds(ctx) == ["opt_out"]


def test_who_clears_the_flag_is_not_overruled_by_the_words_that_still_stand(
    ctx: Context, crm: Crm, record: str
) -> None:
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(ctx, crm, record)
    cleared = dict.fromkeys(("do_not_contact", "do_not_call", "do_not_text"), False)
    crm.edit(record, cleared)
    sync(ctx, crm, record)
    crm.edit(record, {"recheck": True})
    sync(ctx, crm, record)
    assert not crm.get(record, "do_not_call")
    assert report_kinds(ctx).count("opt_out") == 1


def test_who_takes_the_words_away_does_not_take_the_stop_back(
    ctx: Context, crm: Crm, record: str
) -> None:
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(ctx, crm, record)
    write(crm, record, NUMBER)
    sync(ctx, crm, record)
    assert crm.get(record, "do_not_call") is True


def test_words_that_are_written_again_after_a_clearing_count_anew(
    ctx: Context, crm: Crm, record: str
) -> None:
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(ctx, crm, record)
    write(crm, record, NUMBER)
    crm.edit(record, {"do_not_call": False})
    sync(ctx, crm, record)
    assert not crm.get(record, "do_not_call")
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(ctx, crm, record)
    assert crm.get(record, "do_not_call") is True
    crm.edit(record, {"do_not_call": False})
    sync(ctx, crm, record)
    crm.edit(record, {"recheck": True})
    sync(ctx, crm, record)
    assert not crm.get(record, "do_not_call")


def test_words_that_stood_there_before_we_heeded_them_count(
    make_context: Callable[..., Context], crm: Crm, record: str
) -> None:
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(make_context("[feedback]\nfield_notes = false"), crm, record)
    assert not crm.get(record, "do_not_call")
    crm.edit(record, {"recheck": True})
    sync(make_context(""), crm, record)
    assert crm.get(record, "do_not_call") is True


def test_an_undo_makes_nobody_contactable(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} DO NOT CALL")
    first = sync(ctx, crm, record)
    undo(ctx, first["run"])
    assert crm.get(record, "do_not_call") is True


def test_a_dry_run_says_it_and_stores_nothing(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} DO NOT CONTACT")
    forecast = sync(ctx, crm, record, dry_run=True)
    assert forecast["fields"]["do_not_contact"] >= 1
    assert stored_reports(ctx) == []
    assert not crm.get(record, "do_not_contact")


def test_what_says_more_waits_for_a_person(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} do not call before 9am")
    sync(ctx, crm, record)
    assert report_kinds(ctx) == []
    (waiting,) = review_queue.open_reviews(ctx)
    assert waiting["number"] == NUMBER
    assert waiting["suggestion"] == "opt_out"
    assert (waiting["text"], waiting["note_in"]) == ("do not call before 9am", crm.name)
    review_queue.resolve_review(ctx, waiting["id"], ReviewDecision.OPT_OUT, "a person")
    (said,) = stored_reports(ctx)
    assert (said.kind, said.channels) == ("opt_out", "")
    assert "a note in the CRM, read by a person" in said.evidence


def test_nothing_is_learned_about_replies_from_a_note(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} do not call before 9am")
    sync(ctx, crm, record)
    (waiting,) = review_queue.open_reviews(ctx)
    review_queue.resolve_review(ctx, waiting["id"], ReviewDecision.OPT_OUT, "a person")
    assert reply_learning.decided(ctx) == []


def test_a_note_that_a_person_has_read_does_not_wait_again(
    ctx: Context, crm: Crm, record: str
) -> None:
    write(crm, record, f"{NUMBER} do not call before 9am")
    sync(ctx, crm, record)
    (waiting,) = review_queue.open_reviews(ctx)
    review_queue.resolve_review(ctx, waiting["id"], ReviewDecision.NOTHING, "a person")
    crm.edit(record, {"recheck": True})
    sync(ctx, crm, record)
    assert review_queue.open_reviews(ctx) == []


def test_of_several_numbers_a_person_says_which_one_is_wrong(
    ctx: Context, crm: Crm, record: str
) -> None:
    write(crm, record, f"{NUMBER} / {OTHER} wrong number")
    sync(ctx, crm, record)
    assert report_kinds(ctx) == []
    assert {each["number"] for each in review_queue.open_reviews(ctx)} == {NUMBER, OTHER}


def test_a_later_opt_in_is_not_overruled_by_old_words(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(ctx, crm, record)
    store_report(ctx, "opt_in")
    deliver_reports(ctx)
    crm.edit(record, {"recheck": True})
    sync(ctx, crm, record)
    assert not crm.get(record, "do_not_call")


def test_other_notes_change_nothing(ctx: Context, crm: Crm, record: str) -> None:
    write(crm, record, f"{NUMBER} ask for Kim, call after 5pm")
    sync(ctx, crm, record)
    assert crm.get(record, crm.status) == "valid"
    assert (stored_reports(ctx), review_queue.open_reviews(ctx)) == ([], [])


def test_it_can_be_turned_off(make_context: Callable[..., Context], crm: Crm, record: str) -> None:
    ctx = make_context("[feedback]\nfield_notes = false")
    write(crm, record, f"{NUMBER} DO NOT CALL")
    sync(ctx, crm, record)
    assert crm.get(record, crm.status) == "valid"
