"""Make tasks for the owners of Salesforce records, and delete them again.

Sources: Object Reference, "Task" (`WhoId` of a contact or lead, `WhatId` of an account, a case or a
custom object that allows activities, `OwnerId`, `Subject` up to 255
characters, `ActivityDate` is the due date, `IsClosed` follows from `Status`; `Status` and
`Priority` are filled by the org's defaults); REST API Developer Guide, "Create Multiple Records"
and "Delete Multiple Records" (200 in a call, by `ids`, `allOrNone`). The owner of a lead may be a
queue, which no task is made for: whether an org lets queues own tasks is a setting of the org.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import UnansweredError
from connectors.http import unanswered
from connectors.http.response_guard import guards_response
from connectors.owner_tasks import NewTask, TaskResult
from connectors.salesforce import person_accounts
from connectors.salesforce.call import Call
from connectors.salesforce.queries import Queries
from connectors.salesforce.record_ids import is_record_id
from connectors.salesforce.soql import listed

_USER = "005"  # begins the ids of users
_COLUMNS = ("Id", "WhoId", "OwnerId", "Subject", "Description", "ActivityDate", "IsClosed",
            "CreatedById", "LastModifiedById")  # fmt: skip


class SalesforceOwnerTasks:
    """Tasks of one org."""

    name = "salesforce"
    batch_size = 200

    def __init__(self, call: Call, person_accounts_read: bool = False) -> None:
        """`person_accounts_read`: whether accounts are read for the people among them."""
        self._call = call
        self._person_accounts = person_accounts_read
        self._rows = Queries(call).rows

    @guards_response
    def create(self, tasks: Sequence[NewTask]) -> list[TaskResult]:
        link = self._link(tasks[0].object)
        people = self._people(tasks)
        there = self._open_tasks([who for who, _owner in people.values()], tasks, link)
        results: dict[int, TaskResult] = {}
        records: dict[int, dict[str, Any]] = {}
        for place, task in enumerate(tasks):
            who, owner = people.get(task.record_id, ("", ""))
            if task_id := there.get((who, task.subject)):
                results[place] = TaskResult("open", task_id)
            elif not who or not owner.startswith(_USER):
                results[place] = TaskResult("no_owner")
            else:
                records[place] = _record(task, link, who, owner)
        if records:
            answers = self._collection([*records.values()])
            results |= dict(zip(records, answers, strict=True))
        return [results[place] for place in range(len(tasks))]

    @guards_response
    def delete_untouched(self, tasks: Sequence[tuple[str, NewTask]]) -> set[str]:
        made = {task_id: task for task_id, task in tasks if is_record_id(task_id)}
        if not made:
            return set()
        soql = f"SELECT {', '.join(_COLUMNS)} FROM Task WHERE Id IN {listed(made)}"
        rows = {row["Id"]: row for row in self._rows(soql, among=made)}
        ids = [task_id for task_id, row in rows.items() if _is_untouched(row, made[task_id])]
        gone = made.keys() - rows.keys()
        if ids:
            params = {"ids": ",".join(ids), "allOrNone": "false"}
            answer = self._call("write", "composite/sobjects", method="DELETE", params=params)
            entries = answer if isinstance(answer, list) else []
            gone |= {str(entry.get("id")) for entry in entries if entry.get("success") is True}
        return set(gone)

    def _link(self, object_name: str) -> str:
        """Return the field of a task that names whom, or what, it is about."""
        of_people = {"Contact", "Lead", *(("Account",) if self._person_accounts else ())}
        return "WhoId" if object_name in of_people else "WhatId"

    def _people(self, tasks: Sequence[NewTask]) -> dict[str, tuple[str, str]]:
        """Map each record to whom a task is about, and who owns it. A person account's tasks name
        the contact that the org keeps beside it."""
        name = tasks[0].object
        of_person = name == "Account" and self._person_accounts
        who = person_accounts.CONTACT_ID if of_person else "Id"
        columns = dict.fromkeys(("Id", who, "OwnerId"))
        ids = sorted({task.record_id for task in tasks})
        soql = f"SELECT {', '.join(columns)} FROM {name} WHERE Id IN {listed(ids)}"
        return {
            row["Id"]: (str(row.get(who) or ""), str(row.get("OwnerId") or ""))
            for row in self._rows(soql, among=ids)
        }

    def _open_tasks(
        self, people: Sequence[str], tasks: Sequence[NewTask], link: str
    ) -> dict[tuple[str, str], str]:
        """Return the open tasks about these people with one of these subjects."""
        named = [who for who in people if who]
        if not named:
            return {}
        subjects = listed(sorted({task.subject for task in tasks}))
        soql = (
            f"SELECT Id, {link}, Subject FROM Task WHERE {link} IN {listed(named)} "
            f"AND IsClosed = false AND Subject IN {subjects}"
        )
        return {(row[link], row["Subject"]): row["Id"] for row in self._rows(soql)}

    def _collection(self, records: Sequence[Mapping[str, Any]]) -> Iterator[TaskResult]:
        body = {"allOrNone": False, "records": list(records)}
        try:
            with unanswered.not_repeated():
                answer = self._call("write", "composite/sobjects", method="POST", json=body)
        except UnansweredError:
            return iter([TaskResult("unknown")] * len(records))
        if not isinstance(answer, list) or len(answer) != len(records):
            return iter([TaskResult("unknown")] * len(records))
        return map(_result, answer)


def _record(task: NewTask, link: str, who: str, owner: str) -> dict[str, Any]:
    return {
        "attributes": {"type": "Task"},
        link: who,
        "OwnerId": owner,
        "Subject": task.subject,
        "Description": task.body,
        "ActivityDate": task.due.isoformat(),
    }


def _result(entry: Mapping[str, Any]) -> TaskResult:
    if entry.get("success") is True and entry.get("id"):
        return TaskResult("created", str(entry["id"]))
    problem = (entry.get("errors") or [{}])[0]
    return TaskResult("refused", "", f"{problem.get('statusCode', '')}: {problem.get('message')}")


def _is_untouched(row: Mapping[str, Any], task: NewTask) -> bool:
    """Whether a task is as it was made: open, and last changed by whoever made it."""
    return (
        row["IsClosed"] is False
        and row["LastModifiedById"] == row["CreatedById"]
        and row["Subject"] == task.subject
        and row["Description"] == task.body
        and str(row["ActivityDate"])[:10] == task.due.isoformat()
    )
