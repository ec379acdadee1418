"""Carry out a workflow's step: verify a contact's numbers again.

The request's form is HubSpot's:
https://developers.hubspot.com/docs/api-reference/automation-actions-v4-v4/custom-action-reference
("Execution", "Asynchronous custom action execution"). The step is answered at once, the outputs
follow (`worker.sync.workflow_callbacks`). An answer from 500 on, and 429, is tried again for up to
three days.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, Field

from config.connectors import ConnectorSettings
from worker.context import Context
from worker.feedback import rechecks
from worker.feedback.rechecks import Recheck
from worker.sync import workflow_callbacks
from worker.web.hubspot.requests import Id

ALL_FIELDS = "all"  # what the workflow's step says for every phone field
CONTACT_TYPES = ("CONTACT", "0-1")
_WAIT = "PT1H"  # until HubSpot lets a workflow go on by itself
_MAX_KEY = 148  # characters of a key with HubSpot's id of a step


class Origin(BaseModel):
    portalId: Id | None = None


class Enrolled(BaseModel):
    objectId: Id
    objectType: str = Field("CONTACT", max_length=80)


class InputFields(BaseModel):
    phone: str = Field(ALL_FIELDS, max_length=80)


class StepContext(BaseModel):
    workflowId: Id | None = None


class Step(BaseModel):
    """A step of a workflow that HubSpot carries out for one contact."""

    callbackId: str = Field(min_length=1, max_length=255)
    object: Enrolled
    origin: Origin = Origin()
    context: StepContext = StepContext()
    inputFields: InputFields = InputFields()


def execute(ctx: Context, step: Step, connector: str) -> tuple[dict[str, Any], bool]:
    """Request the re-check; return the answer to HubSpot, and whether the request is new."""
    problem = _problem(ctx, step, connector)
    if problem:
        return {"outputFields": workflow_callbacks.failed(problem)}, False
    workflow = step.context.workflowId or "(of unknown id)"
    recheck = Recheck(
        _key(connector, step.callbackId),
        connector,
        "contacts",
        step.object.objectId,
        f"HubSpot workflow {workflow}",
        "" if step.inputFields.phone == ALL_FIELDS else step.inputFields.phone,
        step.callbackId,
    )
    with ctx.store.write() as connection:
        is_new = rechecks.add(connection, recheck, ctx.now())
        row = rechecks.find(connection, recheck.key)
    if row is not None and row.done_at is not None:
        outputs = workflow_callbacks.outputs(ctx, connector, "contacts", row.record_id, row.field)
        return {"outputFields": outputs}, is_new
    wait = {"hs_execution_state": "BLOCK", "hs_expiration_duration": _WAIT}
    return {"outputFields": wait}, is_new


def _problem(ctx: Context, step: Step, connector: str) -> str:
    """Return why a step cannot be carried out; "" where it can."""
    if connector not in ctx.settings.active_connectors:
        return "HubSpot is not connected to Phone Hygiene."
    if step.object.objectType not in CONTACT_TYPES:
        return "This action is for contacts."
    phones = _phone_properties(ctx, connector)
    if step.inputFields.phone not in (ALL_FIELDS, *phones):
        return (
            f"Phone Hygiene does not watch that phone property. It watches {', '.join(phones)} "
            f"(connectors.{connector}.objects.contacts.phones)."
        )
    return ""


def _phone_properties(ctx: Context, connector: str) -> tuple[str, ...]:
    section = ctx.settings.section(connector)
    objects = section.objects if isinstance(section, ConnectorSettings) else {}
    return tuple(objects["contacts"].phones) if "contacts" in objects else ()


def _key(connector: str, callback: str) -> str:
    """Return the key by which a step counts once: HubSpot's id of it, where that is short."""
    if len(f"{connector}:{callback}") > _MAX_KEY:
        callback = hashlib.blake2b(callback.encode(), digest_size=16).hexdigest()
    return f"{connector}:{callback}"
