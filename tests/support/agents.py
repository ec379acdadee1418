"""People who log calls in the sandbox CRMs, and time that passes for the CRM and for us."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import requests
import sqlalchemy as sa
from constants import NUMBER
from crms import Crm

from sandbox.hubspot.portal import DISPOSITIONS
from sandbox.run import Sandbox
from worker.context import Context
from worker.store.tables import feedback

IDS = {label: key for key, label in DISPOSITIONS.items()}


def passing(ctx: Context, crm: Crm) -> Callable[..., None]:
    """Lets time pass, for the CRM and for us alike."""
    real, total = ctx.now, [timedelta(0)]
    ctx.now = lambda: real() + total[0]  # type: ignore[method-assign]

    def passed(**span: float) -> None:
        total[0] += timedelta(**span)
        crm.service.clock.skew = total[0]

    return passed


class Agent:
    """Logs calls as people do."""

    def __init__(self, sandbox: Sandbox, crm: Crm) -> None:
        self.sandbox, self.crm = sandbox, crm

    def logs(self, record_id: str, outcome: str, number: str = NUMBER) -> None:
        if self.crm.name == "salesforce":
            self.sandbox.salesforce.org.create(
                "Task",
                {"WhoId": record_id, "CallDisposition": outcome, "Subject": "Call",
                 "Status": "Completed", "TaskSubtype": "Call"},
            )  # fmt: skip
            return
        outcome_id = IDS.get(outcome, outcome)
        body = {
            "properties": {"hs_call_disposition": outcome_id, "hs_call_direction": "OUTBOUND",
                           "hs_call_to_number": number, "hs_timestamp": "2026-01-01T00:00:00Z"},
            "associations": [{"to": {"id": record_id}, "types": []}],
        }  # fmt: skip
        answer = requests.post(
            f"{self.sandbox.hubspot_url}/crm/objects/2026-09/calls",
            json=body,
            headers={"Authorization": "Bearer sandbox-private-app-token"},
        )
        assert answer.status_code == 201


def kinds(ctx: Context) -> list[str]:
    """What was reported, in order."""
    with ctx.store.read() as connection:
        return list(connection.scalars(sa.select(feedback.c.kind).order_by(feedback.c.id)))
