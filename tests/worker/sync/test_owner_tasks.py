"""A task for the owner of a record when a number of it goes bad: by setting, and nothing else
depends on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from reports import deliver_reports, store_report

from sandbox.hubspot.tasks import OWNERS
from sandbox.salesforce.schema import ADMIN
from sandbox.service import Fault
from worker.context import Context
from worker.store.tables import owner_tasks as rows
from worker.sync import owner_tasks
from worker.sync.runs import lifecycle
from worker.sync.undo.undo import undo

ON = "\n".join(
    f"[connectors.{name}.owner_tasks]\nenabled = true\nper_run = 3\n"
    for name in ("salesforce", "hubspot")
)
BAD = "+1 415 555 26"  # too short for a number
CREATE = {
    "salesforce": r"POST /services/data/v[\d.]+/composite/sobjects",
    "hubspot": r"POST .*/tasks/batch/create",
}
ANSWERS_LOST: list[dict[str, Any]] = [
    {"kind": "drop_after"}, {"kind": "truncate"}, {"kind": "status", "status": 502},
]  # fmt: skip


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(ON)


class Tasks:
    """The tasks of a CRM's stand-in, in the same words for both."""

    def __init__(self, crm: Crm) -> None:
        self.crm = crm
        self.by_salesforce = crm.name == "salesforce"

    def give_owner(self, record_id: str) -> None:
        if not self.by_salesforce:  # an owner is there from the start
            self.crm.act(record_id, {"set": {"hubspot_owner_id": OWNERS[0]}})

    def all(self) -> list[dict[str, Any]]:
        """What says our subjects; those that are deleted are left out."""
        if self.by_salesforce:
            return [
                {"id": task["Id"], "who": [task["WhoId"]], "owner": task["OwnerId"],
                 "subject": task["Subject"], "text": task["Description"]}
                for task in self.crm.service.org.tables["Task"].after_id(None)
                if not task["IsDeleted"] and str(task.get("Subject")).startswith("Phone: ")
            ]  # fmt: skip
        return [
            {"id": task["id"], "who": task["contacts"],
             "owner": task["properties"]["hubspot_owner_id"],
             "subject": task["properties"]["hs_task_subject"],
             "text": task["properties"]["hs_task_body"]}
            for task in self.crm.service.tasks.by_id.values() if not task["archived"]
        ]  # fmt: skip

    def close(self, task_id: str) -> None:
        values = {"Status": "Completed"} if self.by_salesforce else {"hs_task_status": "COMPLETED"}
        name = "Task" if self.by_salesforce else "tasks"
        self.crm.service.act(name, task_id, {"set": values})

    @property
    def owner(self) -> str:
        return ADMIN if self.by_salesforce else OWNERS[0]


@pytest.fixture
def tasks(crm: Crm) -> Tasks:
    return Tasks(crm)


@pytest.fixture
def contact_ids(ctx: Context, crm: Crm, tasks: Tasks, sync: Sync) -> list[str]:
    """Contacts with a number each, in sync."""
    ids = crm.ids()[:5]
    for place, record_id in enumerate(ids):
        crm.edit(record_id, {f"phone/{crm.phone}": f"{NUMBER[:-1]}{place}"})
        tasks.give_owner(record_id)
    sync(ctx, crm.name)
    assert tasks.all() == []  # numbers that were bad before us are no news
    return ids


def spoil(crm: Crm, *record_ids: str) -> None:
    for record_id in record_ids:
        crm.edit(record_id, {f"phone/{crm.phone}": BAD})


def counts(ctx: Context) -> dict[str, int]:
    return owner_tasks.counts_of(ctx, lifecycle.recent(ctx)[0].id)


class TestANumberThatGoesBad:
    def test_gives_the_owner_one_task_that_names_no_number(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        spoil(crm, contact_ids[0])
        calls = sync(ctx, crm.name)["api_calls"]["write"]
        [task] = tasks.all()
        assert (task["who"], task["owner"]) == ([contact_ids[0]], tasks.owner)
        assert "415" not in task["subject"] + task["text"]
        assert crm.phone in task["text"]
        assert calls == 2  # the record, and the task
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert tasks.all() == [task]

    def test_gives_one_for_a_wrong_number_that_is_reported(
        self, ctx: Context, crm: Crm, tasks: Tasks, contact_ids: list[str]
    ) -> None:
        store_report(ctx, "wrong_number", f"{NUMBER[:-1]}0")
        deliver_reports(ctx, crm.name)
        assert [(task["who"], task["subject"]) for task in tasks.all()] == [
            ([contact_ids[0]], "Phone: wrong number, ask for the right one")
        ]

    def test_gives_no_second_one_for_the_reason_while_the_first_is_open(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        def go_bad_again() -> None:
            crm.edit(contact_ids[0], {f"phone/{crm.phone}": NUMBER})
            sync(ctx, crm.name)
            spoil(crm, contact_ids[0])
            sync(ctx, crm.name)

        go_bad_again()
        [task] = tasks.all()
        go_bad_again()
        assert (tasks.all(), counts(ctx)) == ([task], {"open": 1})
        tasks.close(task["id"])
        go_bad_again()
        assert len(tasks.all()) == 2

    def test_gives_none_by_default(
        self, make_context: Callable[..., Context], crm: Crm, tasks: Tasks, sync: Sync,
        contact_ids: list[str],
    ) -> None:  # fmt: skip
        spoil(crm, contact_ids[0])
        sync(make_context(), crm.name)
        assert tasks.all() == []

    def test_is_counted_where_nobody_owns_the_record(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        owner = "OwnerId" if crm.name == "salesforce" else "hubspot_owner_id"
        crm.act(contact_ids[0], {"set": {owner: "00G000000000001" if tasks.by_salesforce else ""}})
        spoil(crm, contact_ids[0])
        sync(ctx, crm.name)
        assert (tasks.all(), counts(ctx)) == ([], {"no_owner": 1})


class TestARun:
    def test_makes_no_more_tasks_than_its_limit_and_says_so(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        spoil(crm, *contact_ids)
        assert sync(ctx, crm.name)["owner_tasks"] == {"created": 3, "over_limit": 2}
        sync(ctx, crm.name)
        assert len(tasks.all()) == 3

    def test_that_is_dry_makes_none_and_says_how_many_it_would(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        spoil(crm, *contact_ids[:2])
        assert sync(ctx, crm.name, dry_run=True)["owner_tasks"] == {"asked": 2}
        assert tasks.all() == []

    def test_writes_everything_though_the_crm_refuses_the_tasks(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        route = "POST .*(composite/sobjects|tasks/batch/create)"
        crm.service.faults.append(Fault(route, "status", times=50))
        spoil(crm, contact_ids[0])
        result = sync(ctx, crm.name)
        crm.service.faults.clear()
        assert (result["state"], tasks.all()) == ("done", [])
        assert crm.get(contact_ids[0], f"status/{crm.phone}") == "invalid"
        advance_clock(ctx, minutes=3)
        sync(ctx, crm.name)  # it was not lost either
        assert [task["who"] for task in tasks.all()] == [[contact_ids[0]]]

    def test_that_is_undone_takes_back_the_tasks_that_nobody_has_touched(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        spoil(crm, *contact_ids[:2])
        run = sync(ctx, crm.name)["run"]
        touched, _ = tasks.all()
        tasks.close(touched["id"])
        done = undo(ctx, run)
        assert (done.tasks_deleted, done.tasks_kept) == (1, 1)
        assert [task["id"] for task in tasks.all()] == [touched["id"]]

    def test_does_not_make_a_task_twice_whose_answer_was_lost(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        spoil(crm, contact_ids[0])
        sync(ctx, crm.name)
        with ctx.store.write() as connection:  # as a worker leaves it that died over the answer
            lost = {"state": "sending", "task_id": "", "lease_expires_at": ctx.now()}
            connection.execute(rows.update().values(**lost))
        sync(ctx, crm.name)
        [task] = tasks.all()
        with ctx.store.read() as connection:
            [row] = connection.execute(rows.select()).all()
        assert (row.state, row.task_id) == ("created", task["id"])

    @pytest.mark.parametrize("fault", ANSWERS_LOST, ids=lambda fault: fault["kind"])
    def test_does_not_make_it_again_before_it_has_looked_for_it(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str],
        fault: dict[str, Any],
    ) -> None:  # fmt: skip
        """The call was carried out, or it will be, and no answer came."""
        spoil(crm, contact_ids[0])
        crm.service.faults.append(Fault(CREATE[crm.name], **fault))
        sync(ctx, crm.name)
        assert counts(ctx) == {"waiting": 1}
        sync(ctx, crm.name)
        assert len(tasks.all()) <= 1, "what was sent may still be under way"
        advance_clock(ctx, minutes=3)
        sync(ctx, crm.name)
        [task] = tasks.all()
        with ctx.store.read() as connection:
            [row] = connection.execute(rows.select()).all()
        assert (row.state, row.task_id) == ("created", task["id"])

    def test_makes_it_again_at_once_where_it_was_turned_away(
        self, ctx: Context, crm: Crm, tasks: Tasks, sync: Sync, contact_ids: list[str]
    ) -> None:
        spoil(crm, contact_ids[0])
        busy = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
        turned_away: dict[str, dict[str, Any]] = {
            "hubspot": {"status": 429},
            "salesforce": {
                "status": 403, "body": [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": busy}],
            },
        }  # fmt: skip
        crm.service.faults.append(Fault(CREATE[crm.name], "status", **turned_away[crm.name]))
        sync(ctx, crm.name)
        assert len(tasks.all()) == 1
