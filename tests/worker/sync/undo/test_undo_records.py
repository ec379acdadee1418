"""An undo may be limited to some records of its run."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from constants import NUMBER
from crms import Crm
from fixture_types import Sync

from connectors.errors import ConnectorError
from worker.context import Context
from worker.store.states import WriteState
from worker.store.tables import writes
from worker.store.unanswered_writes import ORPHANED, SENT_AGAIN, UNANSWERED
from worker.sync.runs import lifecycle, report
from worker.sync.undo import undo as undoing
from worker.sync.undo.undo import undo


def written(crm: Crm) -> list[str]:
    return [record_id for record_id in crm.ids() if crm.get(record_id, crm.status) is not None]


def test_puts_back_the_records_that_are_named_alone(ctx: Context, crm: Crm, sync: Sync) -> None:
    run = sync(ctx, crm.name)["run"]
    target, *others = written(crm)
    done = undo(ctx, run, only=[target])
    assert done.records == 1
    assert crm.get(target, crm.status) is None
    assert {*others} <= {*written(crm)}


def test_says_of_which_run_and_how_many_records_it_is(ctx: Context, crm: Crm, sync: Sync) -> None:
    run = sync(ctx, crm.name)["run"]
    done = undo(ctx, run, only=written(crm)[:2])
    (shown,) = report.summaries(ctx, [lifecycle.load(ctx, done.run)])
    assert shown["scope"] == f"undo of {run}, 2 records"


def test_that_was_stopped_goes_on_with_the_same_records(ctx: Context, crm: Crm, sync: Sync) -> None:
    run = sync(ctx, crm.name)["run"]
    target, *others = written(crm)
    undo_id = undoing.begin(ctx, run, only=[target])
    lifecycle.stop(ctx, undo_id)
    undoing.execute(ctx, lifecycle.resume(ctx, undo_id).id)
    assert crm.get(target, crm.status) is None
    assert {*others} <= {*written(crm)}


def test_of_a_record_that_the_run_did_not_write_is_refused(
    ctx: Context, crm: Crm, sync: Sync
) -> None:
    run = sync(ctx, crm.name)["run"]
    with pytest.raises(ConnectorError, match="has written nothing to nobody"):
        undoing.begin(ctx, run, only=["nobody"])


def test_is_nothing_that_a_release_without_such_a_limit_takes_for_all_of_the_run(
    ctx: Context, crm: Crm, sync: Sync
) -> None:
    """That one loads the run by the first value of the scope."""
    run = sync(ctx, crm.name)["run"]
    scope = lifecycle.load(ctx, undoing.begin(ctx, run, only=written(crm)[:1])).scope
    with pytest.raises(lifecycle.NoSuchRunError):
        lifecycle.load(ctx, scope.values[0])


def test_leaves_what_a_later_run_wrote_though_it_is_what_the_undone_run_wrote(
    ctx: Context, crm: Crm, sync: Sync
) -> None:
    """A number went bad and came back: its status has been changed since, twice."""
    record = crm.ids()[0]
    crm.edit(record, {f"phone/{crm.phone}": NUMBER})
    first = sync(ctx, crm.name)["run"]
    later = []
    for text in ("123", NUMBER):
        crm.edit(record, {f"phone/{crm.phone}": text})
        later.append(sync(ctx, crm.name)["run"])
    done = undo(ctx, first, only=[record])
    assert crm.get(record, crm.status) == "valid"
    assert crm.status in {skipped.field for skipped in done.kept}
    for run in reversed(later):
        undo(ctx, run, only=[record])
    undo(ctx, first, only=[record])
    assert crm.get(record, crm.status) is None


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (ORPHANED, WriteState.FAILED),
        (SENT_AGAIN, WriteState.FAILED),
        (UNANSWERED, WriteState.NOT_APPLIED),
    ],
)
@pytest.mark.parametrize("came", [False, True])
def test_a_later_write_that_may_have_come_counts_where_the_record_holds_what_it_wrote(
    ctx: Context, crm: Crm, sync: Sync, message: str, state: WriteState, came: bool
) -> None:
    """A run that wrote to the record after it got no answer: of a worker that was frozen, or of a
    CRM that was away. What the record holds tells whether that has come."""
    record = crm.ids()[0]
    crm.edit(record, {f"phone/{crm.phone}": NUMBER})
    run = sync(ctx, crm.name)["run"]
    status = f"status/{crm.phone}"
    row = {
        "run_id": "later", "connector": crm.name, "object": crm.object, "record_id": record,
        "before": {status: "valid"}, "after": {status: "valid" if came else "invalid"},
        "state": state, "message": message, "at": ctx.now(), "settled_at": ctx.now(),
    }  # fmt: skip
    with ctx.store.write() as connection:
        connection.execute(sa.insert(writes).values(row))
    undo(ctx, run, only=[record])
    assert crm.get(record, crm.status) == ("valid" if came else None)


@pytest.mark.parametrize("key", ["checked_at", "wrong_number"])
def test_a_first_try_that_came_after_the_second_is_undone_but_for_flags(
    ctx: Context, crm: Crm, sync: Sync, key: str
) -> None:
    """The run wrote twice to a record, and the CRM carried the first write out last. A flag may as
    well be a person's."""
    record = crm.ids()[0]
    crm.edit(record, {f"phone/{crm.phone}": NUMBER})
    run = sync(ctx, crm.name)["run"]
    first, last = {"checked_at": ("2026-11-01T10:00:00Z", "2026-11-01T10:00:09Z"),
                   "wrong_number": (True, False)}[key]  # fmt: skip
    tries = [(first, WriteState.NOT_APPLIED, UNANSWERED), (last, WriteState.DONE, None)]
    with ctx.store.write() as connection:
        connection.execute(sa.delete(writes).where(writes.c.record_id == record))
        for value, state, message in tries:
            row = {
                "run_id": run, "connector": crm.name, "object": crm.object, "record_id": record,
                "before": {key: None}, "after": {key: value}, "state": state, "message": message,
                "at": ctx.now(), "settled_at": ctx.now(),
            }  # fmt: skip
            connection.execute(sa.insert(writes).values(row))
    crm.edit(record, {key: first})
    undo(ctx, run, only=[record])
    assert bool(crm.get(record, key)) == (key == "wrong_number")
