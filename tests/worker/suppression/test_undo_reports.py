"""A file of reports is one batch. Its undo leaves all that anybody else has said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from constants import NUMBER, OTHER
from reports import store_report, stored_reports

from worker.context import Context
from worker.events import feed
from worker.feedback import intake, report_log
from worker.feedback.consent_state import evaluate
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind
from worker.ops import person_export
from worker.store.tables import deliveries, undone_reports
from worker.suppression import import_batches, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number
from worker.suppression.imported_lists import import_list


@pytest.fixture
def ctx(make_context: object, either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)  # type: ignore[operator,no-any-return]


def import_reports(ctx: Context, batch: str, *reports: tuple[str, str], channels: str = "") -> int:
    """Import (kind, number) as a file of the name of its batch does; how many were new."""
    import_batches.begin(ctx, batch, "reports", batch, "ann")
    made = [
        Feedback(f"api:{kind}:{number}", FeedbackKind(kind), number, "file", ctx.now(), channels)
        for kind, number in reports
    ]
    new = intake.store_reports(ctx, made, batch)
    apply_pending(ctx)
    return new


def undo(ctx: Context, batch: str) -> tuple[int, int]:
    done = import_batches.undo(ctx, batch, "ben", "the wrong file")
    apply_pending(ctx)
    return done.lifted, done.kept


def active(ctx: Context) -> list[tuple[str, str]]:
    return [(entry.number, entry.reason) for entry in suppressions.list_suppressions(ctx)]


def state(ctx: Context, number: str = NUMBER) -> tuple[Sequence[str], bool, bool, bool]:
    """Channels that are closed; and whether it is wrong, confirmed, unreachable."""
    with ctx.store.read() as connection:
        reports = report_log.load(connection, [number], ctx.keys).about(number)
    found = evaluate(reports, ContactIdentity("salesforce/Contact/1"))
    closed = sorted(found.suppressed)
    return closed, bool(found.wrong), found.confirmed, bool(found.unreachable)


NOTHING = ([], False, False, False)


def test_whatever_the_reports_said_is_as_if_they_had_never_come(ctx: Context) -> None:
    for kind in ("opt_out", "complaint", "wrong_number", "confirmed", "opt_in"):
        import_reports(ctx, f"batch {kind}", (kind, NUMBER))
        assert undo(ctx, f"batch {kind}") == (1, 0)
        assert (state(ctx), active(ctx)) == (NOTHING, []), kind


def test_what_somebody_else_has_said_of_the_number_stays(ctx: Context) -> None:
    store_report(ctx, "opt_out")
    import_reports(ctx, "one", ("opt_out", NUMBER), ("wrong_number", NUMBER), ("opt_out", OTHER))
    assert undo(ctx, "one") == (3, 0)
    assert active(ctx) == [(NUMBER, "opt_out")]
    assert state(ctx) == (["any", "call", "text"], False, False, False)


@pytest.mark.parametrize("by_another_import", [True, False])
def test_a_report_that_was_sent_by_another_as_well_stays(
    ctx: Context, by_another_import: bool
) -> None:
    import_reports(ctx, "one", ("opt_out", NUMBER))
    if by_another_import:
        assert import_reports(ctx, "two", ("opt_out", NUMBER)) == 0
    else:
        store_report(ctx, "opt_out", key=f"api:opt_out:{NUMBER}")
    assert undo(ctx, "one") == (0, 1)
    assert active(ctx) == [(NUMBER, "opt_out")]
    if by_another_import:
        assert undo(ctx, "two") == (1, 0)
        assert active(ctx) == []


def test_a_report_that_came_before_the_file_is_not_the_files_to_take_back(ctx: Context) -> None:
    store_report(ctx, "opt_out", key=f"api:opt_out:{NUMBER}")
    import_reports(ctx, "one", ("opt_out", NUMBER))
    assert undo(ctx, "one") == (0, 0)
    assert active(ctx) == [(NUMBER, "opt_out")]


def test_a_stop_that_an_opt_in_of_the_file_had_lifted_stands_again(ctx: Context) -> None:
    store_report(ctx, "opt_out")
    import_list(ctx, [NUMBER], "registry")
    import_reports(ctx, "one", ("opt_in", NUMBER))
    assert active(ctx) == []
    undo(ctx, "one")
    assert sorted(active(ctx)) == [(NUMBER, "list"), (NUMBER, "opt_out")]


def test_a_channel_that_an_opt_in_of_the_file_had_opened_on_a_list_is_closed_again(
    ctx: Context,
) -> None:
    import_list(ctx, [NUMBER], "registry")
    import_reports(ctx, "one", ("opt_in", NUMBER), channels="text")
    undo(ctx, "one")
    assert [entry.channels for entry in suppressions.list_suppressions(ctx)] == ["call text"]


def test_the_file_counts_again_and_is_told_to_the_crms_again(ctx: Context) -> None:
    import_reports(ctx, "one", ("opt_out", NUMBER))
    undo(ctx, "one")
    assert import_reports(ctx, "two", ("opt_out", NUMBER)) == 1
    assert active(ctx) == [(NUMBER, "opt_out")]
    with ctx.store.read() as connection:
        causes = [row.cause for row in connection.execute(deliveries.select())]
    by_number = {row.id for row in stored_reports(ctx) if row.number == NUMBER}
    assert {f"feedback:{report}" for report in by_number} <= set(causes)
    assert len(set(causes)) == 3  # the first, its undo, and the one of the file that came again


def test_whoever_follows_the_changes_is_told(ctx: Context) -> None:
    import_reports(ctx, "one", ("opt_out", NUMBER))
    undo(ctx, "one")
    changes, _last = feed.read_some(ctx, "", 10)
    kinds = [feed.change_as_json(change)["type"] for change in changes]
    assert kinds == ["number.suppressed", "number.lifted"]


def test_an_erased_person_stays_as_they_are(ctx: Context) -> None:
    import_reports(ctx, "one", ("opt_out", NUMBER))
    erase_number(ctx, NUMBER, "ann")
    before = active(ctx)
    assert undo(ctx, "one") == (0, 1)
    assert active(ctx) == before


def test_what_was_taken_back_is_part_of_what_a_person_is_given_and_is_erased(ctx: Context) -> None:
    import_reports(ctx, "one", ("opt_out", NUMBER))
    undo(ctx, "one")
    given = person_export.export(ctx, person_export.person_by_number(ctx, NUMBER))
    [row] = next(part for part in given["held"] if part["table"] == "undone_reports")["rows"]
    assert (row["kind"], row["undone_by"], row["undone_why"]) == ("opt_out", "ben",
                                                                  "the wrong file")  # fmt: skip
    erase_number(ctx, NUMBER, "ann")
    with ctx.store.read() as connection:
        assert connection.execute(undone_reports.select()).first() is None
