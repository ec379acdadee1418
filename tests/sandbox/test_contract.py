"""Every request that our connector makes, and every answer of the stand-in, against HubSpot's own
OpenAPI documents."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from constants import NUMBER
from crms import Crm
from openapi_schema_validator import OAS30Validator

from connectors import build
from connectors.records import Update
from sandbox.hubspot.portal import prop
from sandbox.hubspot.service import TOKEN
from sandbox.run import Sandbox
from worker.context import Context

DOCUMENTS = tuple(
    f"2026-09/{name}.json"
    for name in (
        "contacts",
        "properties",
        "lists",
        "calls",
        "associations",
        "accountInfo",
        "subscriptions",
    )
)
# The document of searches has `sorts` as texts, which cannot name a direction; HubSpot's guide has
# them as objects, and its client libraries were told so (hubspot-api-python issue 236).
SORTS = "'direction': 'DESCENDING'} is not of type 'string'"


WRONG_NUMBER = "17b47fee-58de-441e-a44c-c6300d46f273"


class Document:
    def __init__(self, path: Path) -> None:
        self.spec = json.loads(path.read_text(encoding="utf-8"))
        self.paths = {
            re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", template) + "$"): operations
            for template, operations in self.spec["paths"].items()
        }

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        # A literal path wins over one with a placeholder.
        matching = [ops for pattern, ops in self.paths.items() if pattern.match(path)]
        for operations in sorted(matching, key=lambda ops: str(ops).count("{")):
            if method.lower() in operations:
                return dict(operations[method.lower()])
        return None

    def problems(self, schema: dict[str, Any], value: Any) -> list[str]:
        """References are followed as the value needs them: branches of list filters hold branches,
        and written out they would have no end."""
        whole = {**self.followed(schema), "components": self.spec["components"]}
        return [error.message[:300] for error in OAS30Validator(whole).iter_errors(value)]

    def followed(self, node: dict[str, Any]) -> dict[str, Any]:
        """What a reference leads to."""
        while "$ref" in node:
            target: Any = self.spec
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node


def without_nulls(value: Any) -> Any:
    """HubSpot answers null for a property without a value, which its document does not say."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value


def check(documents: list[Document], seen: list[dict[str, Any]]) -> tuple[list[str], int]:
    problems, checked = [], 0
    for call in seen:
        name = f"{call['method']} {call['path']}"
        matches = [(d, op) for d in documents if (op := d.operation(call["method"], call["path"]))]
        if not matches:
            problems.append(f"{name}: not in any document")
            continue
        document, operation = matches[0]
        if call["request"] is not None:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            wrong = document.problems(schema, call["request"])
            problems += [f"{name} sent: {p}" for p in wrong if not p.endswith(SORTS)]
            checked += 1
        answers = operation["responses"]
        # Of a 207 only the guide on error handling tells: it is the answer of a batch, with errors.
        status = "200" if call["status"] == 207 else str(call["status"])
        answer = document.followed(answers.get(status, answers.get("default")) or {})
        content = answer.get("content", {})
        if call["response"] is not None and content:
            media = content.get("application/json") or next(iter(content.values()))
            value = without_nulls(call["response"])
            found_problems = document.problems(media["schema"], value)
            problems += [f"{name} -> {call['status']}: {p}" for p in found_problems]
            checked += 1
    return problems, checked


def test_what_passes_between_our_connector_and_the_stand_in(
    shared: Callable[[str], Path], make_context: Callable[..., Context], bare_sandbox: Sandbox,
    sync: Callable[..., dict[str, Any]],
) -> None:  # fmt: skip
    documents = [Document(shared(f"specs/hubspot/{name}")) for name in DOCUMENTS]
    service = bare_sandbox.hubspot
    service.scopes.add("crm.lists.write")
    service.seen = []
    ctx = make_context(**bare_sandbox.env())
    connector = build("hubspot", ctx.settings)
    assert all(step.done != "failed" for step in connector.provision())
    sync(ctx, "hubspot")
    sync(ctx, "hubspot")
    sync(ctx, "hubspot")
    crm = Crm.all(bare_sandbox)["hubspot"]
    gone, bad = crm.ids()[:2]
    crm.act(gone, {"delete": True})
    connector.apply_schema(connector.describe())
    connector.write([Update("contacts", record_id, {"reason": "x"}) for record_id in (gone, bad)])
    connector.write([Update("contacts", bad, {"status/phone": "nonsense"})])
    connector.fetch("contacts", [gone, bad])
    statuses = {call["status"] for call in service.seen}
    assert statuses >= {200, 201, 207, 400}
    # Of the limits of a plan there is no such document.
    seen = [call for call in service.seen if not call["path"].startswith("/crm/limits/")]
    problems, checked = check(documents, seen)
    assert checked >= 20
    assert problems == []


def test_what_passes_when_opt_outs_from_email_are_read(
    shared: Callable[[str], Path], make_context: Callable[..., Context], sandbox: Sandbox
) -> None:
    """One address after the other, and in batches; with opt-outs and without."""
    documents = [Document(shared(f"specs/hubspot/{name}")) for name in DOCUMENTS]
    service = sandbox.hubspot
    connector = make_context().connector("hubspot")
    [known, other] = list(Crm.all(sandbox)["hubspot"].records().values())[:2]
    addresses = [known["email"], other["email"], "nobody@example.com"]
    service.subscriptions.opt_out(other["email"], "7102")
    service.subscriptions.opt_out("nobody@example.com")
    service.seen = []
    expected = {other["email"]: "opted_out", "nobody@example.com": "opted_out"}
    assert connector.email_address_refusals(addresses) == expected
    service.scopes.add("communication_preferences.statuses.batch.read")
    batched = build("hubspot", make_context().settings)
    batched.apply_schema(batched.describe())
    assert batched.email_address_refusals(addresses) == expected
    assert batched.email_right_problems() == []
    assert {call["status"] for call in service.seen} == {200, 207, 403}
    problems, checked = check(documents, service.seen)
    assert checked >= 12
    assert problems == []


def test_what_passes_when_lists_are_made(
    shared: Callable[[str], Path], make_context: Callable[..., Context], sandbox: Sandbox
) -> None:
    """Both kinds of filter, a name that is taken, and a list that is read with its filters."""
    documents = [Document(shared(f"specs/hubspot/{name}")) for name in DOCUMENTS]
    service = sandbox.hubspot
    service.scopes.add("crm.lists.write")
    portal = service.portal
    for name in ("sms_out", "whatsapp_out"):
        portal.properties[name] = prop(
            name, name, "enumeration", "booleancheckbox", options=("true", "false"), own=False
        )
    ctx = make_context('[connectors.hubspot.fields]\ndo_not_text = "sms_out"\n')
    connector = build("hubspot", ctx.settings)
    service.seen = []
    list(connector.provision())
    list(connector.provision())
    assert [caution.prepared for caution in connector.cautions()] == [True]
    calls = [call for call in service.seen if call["path"] == "/crm/lists/2026-09"]
    assert {call["status"] for call in calls} == {200}
    kinds = re.findall(r'"operationType": "(\w+)"', json.dumps(calls))
    assert set(kinds) == {"BOOL", "ENUMERATION"}
    requests.post(
        f"{sandbox.hubspot_url}/crm/lists/2026-09", json=calls[0]["request"],
        headers={"Authorization": f"Bearer {TOKEN}"},
    )  # fmt: skip
    assert service.seen[-1]["status"] == 400
    seen = [call for call in service.seen if not call["path"].startswith("/crm/limits/")]
    problems, checked = check(documents, seen)
    assert checked >= 10
    assert problems == []


def test_what_passes_when_the_account_is_probed(
    shared: Callable[[str], Path], make_context: Callable[..., Context], sandbox: Sandbox
) -> None:
    documents = [Document(shared(f"specs/hubspot/{name}")) for name in DOCUMENTS]
    service = sandbox.hubspot
    connector = build("hubspot", make_context().settings)
    target = Crm.all(sandbox)["hubspot"].ids()[0]
    service.seen = []
    list(connector.probe(target))
    older = ("/crm/limits/", "/oauth/", "/calling/")
    # A list without a name is refused for that: what is sent there is wrong on purpose.
    seen = [call for call in service.seen if not call["path"].startswith(older)]
    seen = [call for call in seen if call["request"] != {}]
    problems, checked = check(documents, seen)
    assert checked >= 20
    assert problems == []


def test_what_passes_when_calls_are_read(
    shared: Callable[[str], Path], make_context: Callable[..., Context], bare_sandbox: Sandbox
) -> None:
    """The list of outcomes is an older API, of which there is no such document."""
    documents = [Document(shared(f"specs/hubspot/{name}")) for name in DOCUMENTS]
    service = bare_sandbox.hubspot
    record_id = Crm.all(bare_sandbox)["hubspot"].ids()[0]
    properties = {"hs_call_disposition": WRONG_NUMBER, "hs_timestamp": "2026-01-01T00:00:00Z",
            "hs_call_to_number": NUMBER, "hs_call_direction": "OUTBOUND"}  # fmt: skip
    kinds = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}]
    for to in ([{"to": {"id": record_id}, "types": kinds}], []):
        requests.post(
            f"{bare_sandbox.hubspot_url}/crm/objects/2026-09/calls",
            json={"properties": properties, "associations": to},
            headers={"Authorization": f"Bearer {TOKEN}"},
        ).raise_for_status()
    service.seen = []
    connector = build("hubspot", make_context(**bare_sandbox.env()).settings)
    outcomes = list(connector.call_outcomes(datetime(2020, 1, 1, tzinfo=UTC)) or ())
    assert [(outcome.outcome, outcome.record_id) for outcome in outcomes] == [
        ("Wrong number", record_id), ("Wrong number", "")]  # fmt: skip
    seen = [call for call in service.seen if not call["path"].startswith("/calling/")]
    problems, checked = check(documents, seen)
    assert checked == 4
    assert problems == []


def test_what_passes_when_the_names_of_outcomes_are_refused(
    shared: Callable[[str], Path], make_context: Callable[..., Context], bare_sandbox: Sandbox
) -> None:
    """The names are options of a property then; and the calls are more than one page."""
    documents = [Document(shared(f"specs/hubspot/{name}")) for name in DOCUMENTS]
    service = bare_sandbox.hubspot
    crm = Crm.all(bare_sandbox)["hubspot"]
    for _ in range(201):
        service.calls.log({"hs_call_disposition": WRONG_NUMBER}, crm.ids()[:1])
    crm.fault("GET /calling/v1/dispositions", "status", status=403, times=9)
    service.seen = []
    connector = build("hubspot", make_context(**bare_sandbox.env()).settings)
    outcomes = list(
        connector.call_outcomes(datetime(2020, 1, 1, tzinfo=UTC), only=WRONG_NUMBER) or ()
    )
    assert len(outcomes) == 201
    problems, checked = check(documents, service.seen)
    assert checked == 2 * 2 + 1 + 3 * 2  # searches, the property, contacts
    assert problems == []


def test_the_check_finds_what_is_wrong(shared: Callable[[str], Path]) -> None:
    documents = [Document(shared("specs/hubspot/2026-09/contacts.json"))]
    call = {
        "method": "POST", "path": "/crm/objects/2026-09/contacts/batch/update", "status": 200,
        "request": {"inputs": [{"properties": "x"}]}, "response": {"status": "DONE"},
    }  # fmt: skip
    problems, _ = check(documents, [call])
    assert len(problems) >= 2


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_are_there_to_check_against(shared: Callable[[str], Path], name: str) -> None:
    assert Document(shared(f"specs/hubspot/{name}")).paths
