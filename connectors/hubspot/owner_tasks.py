"""Make tasks for the owners of HubSpot contacts, and delete them again.

Sources: HubSpot's guide "Tasks" (`hs_timestamp`, required, is the due date; `hs_task_subject`,
`hs_task_body`, `hs_task_status` NOT_STARTED or COMPLETED, `hs_task_type`, `hubspot_owner_id`;
association types are from a task to a contact, company, deal or ticket); OpenAPI
documents `objects` and `associations` of 2026-09 (100 inputs in a batch, `objectWriteTraceId` comes
back with each result).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from connectors.errors import UnansweredError
from connectors.http import unanswered
from connectors.http.response_guard import guards_response
from connectors.hubspot.batches import BATCH, MERGED_IDS, batch_read
from connectors.hubspot.client import Client
from connectors.hubspot.errors import RefusedCallError, RefusedValuesError
from connectors.hubspot.object_types import object_type
from connectors.owner_tasks import NewTask, TaskResult

_TASKS = "tasks"
_OWNER = "hubspot_owner_id"
_PROPERTIES = ("hs_task_subject", "hs_task_body", "hs_task_status", "hs_timestamp")
_OPEN = "NOT_STARTED"


class HubSpotOwnerTasks:
    """Tasks of one account."""

    name = "hubspot"
    batch_size = BATCH

    def __init__(self, client: Client) -> None:
        self._client = client

    @guards_response
    def create(self, tasks: Sequence[NewTask]) -> list[TaskResult]:
        of_type = object_type(tasks[0].object)
        if of_type.task is None:
            text = f"hubspot: tasks cannot be made for {of_type.name}"
            return [TaskResult("refused", "", text)] * len(tasks)
        owners = self._owners(of_type.name, sorted({task.record_id for task in tasks}))
        there = self._open_tasks(of_type.name, [*owners], {task.subject for task in tasks})
        results: dict[int, TaskResult] = {}
        inputs: dict[int, dict[str, Any]] = {}
        for place, task in enumerate(tasks):
            if task_id := there.get((task.record_id, task.subject)):
                results[place] = TaskResult("open", task_id)
            elif not (owner := owners.get(task.record_id, "")):
                results[place] = TaskResult("no_owner")
            else:
                inputs[place] = _input(task, owner, str(place))
        results |= self._send(inputs)
        return [results[place] for place in range(len(tasks))]

    @guards_response
    def delete_untouched(self, tasks: Sequence[tuple[str, NewTask]]) -> set[str]:
        made = {task_id: task for task_id, task in tasks if task_id.isdigit()}
        if not made:
            return set()
        there = self._read([*made])
        ids = [task_id for task_id, now in there.items() if _is_untouched(now, made[task_id])]
        if ids:
            inputs = [{"id": task_id} for task_id in ids]
            path = self._client.paths.objects(_TASKS, "batch/archive")
            self._client.post("write", path, {"inputs": inputs})
        return set(ids) | (made.keys() - there.keys())

    def _owners(self, object_name: str, ids: Sequence[str]) -> dict[str, str]:
        answer = batch_read(self._client, object_name, ids, [_OWNER, MERGED_IDS])
        return {
            str(entry["id"]): str(entry["properties"].get(_OWNER) or "")
            for entry in answer["results"]
        }

    def _open_tasks(
        self, object_name: str, contacts: Sequence[str], subjects: set[str]
    ) -> dict[tuple[str, str], str]:
        """Return the open tasks of these contacts with one of these subjects. By associations: a
        search would find what was made just now late."""
        contact_of: dict[str, list[str]] = {}
        path = self._client.paths.associations(object_name, _TASKS, "batch/read")
        inputs: list[dict[str, str]] = [{"id": contact} for contact in contacts]
        while inputs:
            answer = self._client.post("read", path, {"inputs": inputs})
            inputs = []
            for entry in answer["results"]:
                contact = str(entry["from"]["id"])
                for link in entry["to"]:
                    contact_of.setdefault(str(link["toObjectId"]), []).append(contact)
                if after := ((entry.get("paging") or {}).get("next") or {}).get("after"):
                    inputs.append({"id": contact, "after": str(after)})
        found: dict[tuple[str, str], str] = {}
        ids = sorted(contact_of)
        for start in range(0, len(ids), BATCH):
            for task_id, now in self._read(ids[start : start + BATCH]).items():
                subject = str(now.get("hs_task_subject") or "")
                if now.get("hs_task_status") != "COMPLETED" and subject in subjects:
                    found |= {(contact, subject): task_id for contact in contact_of[task_id]}
        return found

    def _read(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        body = {
            "properties": list(_PROPERTIES),
            "propertiesWithHistory": [],
            "inputs": [{"id": task_id} for task_id in ids],
        }
        path = self._client.paths.objects(_TASKS, "batch/read")
        answer = self._client.post("read", path, body, {"archived": False})
        return {str(entry["id"]): entry["properties"] for entry in answer["results"]}

    def _send(self, inputs: Mapping[int, dict[str, Any]]) -> dict[int, TaskResult]:
        """One task that HubSpot refuses may refuse the whole batch, and no refusal tells which it
        means: send the halves, until it stands alone."""
        if not inputs:
            return {}
        path = self._client.paths.objects(_TASKS, "batch/create")
        try:
            with unanswered.not_repeated():
                answer = self._client.post("write", path, {"inputs": [*inputs.values()]})
        except UnansweredError:
            return dict.fromkeys(inputs, TaskResult("unknown"))
        except (RefusedValuesError, RefusedCallError) as error:
            if len(inputs) == 1:
                return dict.fromkeys(inputs, TaskResult("refused", "", str(error)))
            places = [*inputs]
            middle = len(places) // 2
            halves = places[:middle], places[middle:]
            first, second = ({place: inputs[place] for place in half} for half in halves)
            return self._send(first) | self._send(second)
        made = {
            str(entry.get("objectWriteTraceId")): str(entry["id"]) for entry in answer["results"]
        }
        refused: dict[str, str] = {}
        for problem in answer.get("errors") or ():
            for mark in (problem.get("context") or {}).get("objectWriteTraceId") or ():
                refused[str(mark)] = f"{problem.get('category')}: {problem.get('message')}"
        return {place: _result(str(place), made, refused) for place in inputs}


def _input(task: NewTask, owner: str, mark: str) -> dict[str, Any]:
    return {
        "properties": {
            "hs_timestamp": _due(task),
            "hs_task_subject": task.subject,
            "hs_task_body": task.body,
            "hs_task_status": _OPEN,
            "hs_task_type": "TODO",
            _OWNER: owner,
        },
        "associations": [{"to": {"id": task.record_id}, "types": [_to(task.object)]}],
        "objectWriteTraceId": mark,
    }


def _to(object_name: str) -> dict[str, Any]:
    """Return the association from a task to a record of an object."""
    association = object_type(object_name).task
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": association}


def _result(mark: str, made: Mapping[str, str], refused: Mapping[str, str]) -> TaskResult:
    if mark in made:
        return TaskResult("created", made[mark])
    return TaskResult("refused", "", refused[mark]) if mark in refused else TaskResult("unknown")


def _due(task: NewTask) -> str:
    """The due time: noon in UTC, which is on that day nearly everywhere."""
    return datetime.combine(task.due, time(12), UTC).isoformat().replace("+00:00", "Z")


def _is_untouched(now: Mapping[str, Any], task: NewTask) -> bool:
    """Whether a task is open and says what it was made with. HubSpot tells of no change besides."""
    return (
        now.get("hs_task_status") == _OPEN
        and now.get("hs_task_subject") == task.subject
        and now.get("hs_task_body") == task.body
        and str(now.get("hs_timestamp"))[:10] == task.due.isoformat()
    )
