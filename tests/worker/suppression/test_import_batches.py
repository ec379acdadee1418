"""A list is imported as one batch; its undo lifts what it added, and nothing that anybody said."""

from __future__ import annotations

import pytest
from constants import NUMBER, OTHER
from reports import store_report

from worker.access import audit
from worker.context import Context
from worker.events import feed
from worker.suppression import import_batches, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_number
from worker.suppression.import_batches import NoSuchImportError
from worker.suppression.imported_lists import import_list
from worker.suppression.undo_action import NothingToUndoError


@pytest.fixture
def ctx(make_context: object, either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)  # type: ignore[operator,no-any-return]


def active(ctx: Context) -> list[tuple[str, str]]:
    return [(entry.number, entry.reason) for entry in suppressions.list_suppressions(ctx)]


def test_an_undo_lifts_what_the_import_added(ctx: Context) -> None:
    import_list(ctx, [NUMBER], "registry")
    wrong = import_list(ctx, [NUMBER, OTHER], "registry", by="ann")
    done = import_batches.undo(ctx, wrong.batch, "ben", "the wrong file")
    assert (done.stored, done.lifted, done.name) == (1, 1, "registry")
    assert active(ctx) == [(NUMBER, "list")]
    [entry] = [row for row in audit.entries(ctx.store) if row["action"] == "import.undo"]
    assert (entry["who"], entry["why"]) == ("ben", "the wrong file")


def test_an_undo_tells_whoever_follows_the_changes(ctx: Context) -> None:
    done = import_list(ctx, [NUMBER], "registry")
    import_batches.undo(ctx, done.batch, "ben", "the wrong file")
    changes, _last = feed.read_some(ctx, "", 10)
    kinds = [feed.change_as_json(change)["type"] for change in changes]
    assert kinds == ["number.suppressed", "number.lifted"]


def test_an_undo_leaves_what_a_person_said(ctx: Context) -> None:
    store_report(ctx, "opt_out")
    apply_pending(ctx)
    done = import_list(ctx, [NUMBER], "registry")
    import_batches.undo(ctx, done.batch, "ben", "the wrong file")
    assert active(ctx) == [(NUMBER, "opt_out")]


def test_an_undo_leaves_another_list(ctx: Context) -> None:
    done = import_list(ctx, [NUMBER], "registry")
    import_list(ctx, [NUMBER], "another registry")
    import_batches.undo(ctx, done.batch, "ben", "the wrong file")
    assert [entry.source for entry in suppressions.list_suppressions(ctx)] == ["another registry"]


def test_the_list_counts_again_when_it_is_imported_again(ctx: Context) -> None:
    done = import_list(ctx, [NUMBER], "registry")
    import_batches.undo(ctx, done.batch, "ben", "too early")
    again = import_list(ctx, [NUMBER], "registry")
    assert (again.added, active(ctx)) == (1, [(NUMBER, "list")])


def test_an_erasure_of_a_number_that_was_imported_twice_works(ctx: Context) -> None:
    done = import_list(ctx, [NUMBER], "registry")
    import_batches.undo(ctx, done.batch, "ben", "too early")
    import_list(ctx, [NUMBER], "registry")
    erase_number(ctx, NUMBER, "ann")
    assert suppressions.list_suppressions(ctx, NUMBER)


def test_an_import_is_undone_once(ctx: Context) -> None:
    done = import_list(ctx, [NUMBER], "registry")
    import_batches.undo(ctx, done.batch, "ben", "the wrong file")
    with pytest.raises(NothingToUndoError):
        import_batches.undo(ctx, done.batch, "ben", "once more")
    with pytest.raises(NoSuchImportError):
        import_batches.undo(ctx, "none", "ben", "which one")


def test_imports_are_listed_with_the_latest_first(ctx: Context) -> None:
    import_list(ctx, [NUMBER], "one", by="ann")
    import_list(ctx, [OTHER], "two", by="ann")
    assert [(batch.name, batch.by) for batch in import_batches.list_imports(ctx)] == [
        ("two", "ann"), ("one", "ann"),
    ]  # fmt: skip
