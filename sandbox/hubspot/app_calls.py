"""What HubSpot calls for an installed app: a step of a workflow, and what a card fetches; and what
the app asks or tells HubSpot in return.

Payloads and answers are those of HubSpot's guide to custom workflow actions ("Execution",
"Asynchronous custom action execution"), signatures those of its page on request validation, paths
and scope those of its API document of 2026-09 (Actions V4). What HubSpot answers to
the completion of an execution that waits for nothing is not documented; here it is a 404.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import time
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.events import APP_ID, PORTAL_ID
from sandbox.service import Allowed

VERSION = "2026-09"
_DECODED = {"%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
            "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";"}  # fmt: skip


class AppCalls:
    """`waiting`: executions that a workflow waits for; `completed`: how others ended."""

    def __init__(self, portal_id: int = PORTAL_ID) -> None:
        self.portal_id = portal_id
        self.waiting: set[str] = set()
        self.completed: dict[str, dict[str, str]] = {}
        self.completions = 0  # calls that completed something
        self._executions = itertools.count(1)

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        callbacks = f"/automation/actions/callbacks/{VERSION}/complete"
        return [web.post(callbacks, allowed("automation", self.complete))]

    async def complete(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        for completion in body["inputs"]:
            wrong = not isinstance(completion.get("typedOutputs"), dict) or any(
                not isinstance(value, str) for value in completion["outputFields"].values()
            )
            if wrong or completion["outputFields"].get("hs_execution_state") not in _FINAL:
                return error("Invalid input JSON", "VALIDATION_ERROR")
        unknown = [
            completion["callbackId"]
            for completion in body["inputs"]
            if completion["callbackId"] not in self.waiting
        ]
        if unknown:
            return error("No execution waits for that callback", "OBJECT_NOT_FOUND", 404)
        for completion in body["inputs"]:
            self.waiting.discard(completion["callbackId"])
            self.completed[completion["callbackId"]] = completion["outputFields"]
        self.completions += 1
        return web.Response(status=204)

    # -- what HubSpot sends ----------------------------------------------------------------

    def step(self, contact: str, phone: str = "all", **fields: Any) -> dict[str, Any]:
        """The body of one execution of our action for an enrolled contact."""
        execution = next(self._executions)
        return {
            "callbackId": f"ap-{self.portal_id}-56776413549-7-{execution}",
            "origin": {
                "portalId": self.portal_id, "actionDefinitionId": 10646377,
                "actionDefinitionVersion": 1,
            },
            "context": {"source": "WORKFLOWS", "workflowId": 192814114},
            "object": {"objectId": int(contact), "properties": {}, "objectType": "CONTACT"},
            "inputFields": {"phone": phone},
            **fields,
        }  # fmt: skip

    def answered(self, step: Mapping[str, Any], response: Mapping[str, Any]) -> None:
        """What the workflow does with the answer to an execution."""
        outputs = response["outputFields"]
        if outputs.get("hs_execution_state") == "BLOCK":
            self.waiting.add(step["callbackId"])
        else:
            self.completed[step["callbackId"]] = outputs

    def card_query(self, user: int = 4711, email: str = "kim%40example.com") -> str:
        """What is added to the address that a card fetches."""
        return f"?userId={user}&portalId={self.portal_id}&userEmail={email}&appId={APP_ID}"


_FINAL = ("SUCCESS", "FAIL_CONTINUE")


def signed_v3(
    secret: str, url: str, body: bytes, method: str = "POST", ago: float = 0.0
) -> dict[str, str]:
    """Headers of a request that HubSpot signs today; `ago`: seconds since then."""
    stamp = str(int((time.time() - ago) * 1000))
    written = re.sub("|".join(_DECODED), lambda match: _DECODED[match.group().upper()], url,
                     flags=re.IGNORECASE)  # fmt: skip
    text = f"{method}{written}{body.decode()}{stamp}"
    signature = base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))
    return {
        "X-HubSpot-Signature-v3": signature.decode(), "X-HubSpot-Request-Timestamp": stamp,
        "Content-Type": "application/json",
    }  # fmt: skip


def signed_v2(secret: str, url: str, body: bytes, method: str = "POST") -> dict[str, str]:
    """Headers of a request as steps of workflows are documented to be signed."""
    signature = hashlib.sha256(f"{secret}{method}{url}{body.decode()}".encode()).hexdigest()
    return {
        "X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "v2",
        "Content-Type": "application/json",
    }  # fmt: skip


def encoded(body: Any) -> bytes:
    """As HubSpot writes it: no spaces, and letters as they are."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
