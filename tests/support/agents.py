"""People who log calls in the sandbox CRMs."""

from __future__ import annotations

import requests
from constants import NUMBER
from crms import Crm

from sandbox.hubspot.portal import DISPOSITIONS
from sandbox.run import Sandbox

OUTCOME_IDS = {label: key for key, label in DISPOSITIONS.items()}


class Agent:
    """An agent who logs calls."""

    def __init__(self, sandbox: Sandbox, crm: Crm) -> None:
        self.sandbox, self.crm = sandbox, crm

    def log_call(self, record_id: str, outcome: str, number: str = NUMBER) -> None:
        if self.crm.name == "salesforce":
            self.sandbox.salesforce.org.create(
                "Task",
                {"WhoId": record_id, "CallDisposition": outcome, "Subject": "Call",
                 "Status": "Completed", "TaskSubtype": "Call"},
            )  # fmt: skip
            return
        outcome_id = OUTCOME_IDS.get(outcome, outcome)
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
