"""The relay that the README of the example connector to Pipedrive shows, run as it stands there."""

from __future__ import annotations

import base64
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
from crms import Crm
from fixture_types import Serve

from sandbox.run import Sandbox
from worker.access import tokens
from worker.context import Context
from worker.store.tables import changed_records

README = Path(__file__).parents[3] / "examples" / "phone-hygiene-pipedrive" / "README.md"
BASIC = "Basic " + base64.b64encode(b"relay:a long password").decode()


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    """Stands for Pipedrive, which is no part of this installation."""
    return Crm.all(sandbox)["hubspot"]


@pytest.fixture
def relay(ctx: Context, serve: Serve, crm: Crm) -> Any:
    found = re.search(r"```python\n(def webhook\(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    token, _ = tokens.make(ctx.store, "relay", ["recheck"], "adam", ctx.now())
    names: dict[str, Any] = {
        "hmac": hmac, "json": json, "requests": requests, "EXPECTED_BASIC": BASIC,
        "HYGIENE": serve(), "TOKEN": token,
    }  # fmt: skip
    exec(found[1].replace('"pipedrive"', f'"{crm.name}"'), names)
    return names["webhook"]


def event(record_id: str, **meta: Any) -> bytes:
    """A webhook of version 2, as the guide shows it."""
    about = {"action": "change", "entity": "person", "entity_id": record_id, **meta}
    return json.dumps({"data": {"id": record_id}, "previous": {}, "meta": about}).encode()


def waiting(ctx: Context) -> set[str]:
    with ctx.store.read() as connection:
        return {row.record_id for row in connection.execute(changed_records.select())}


def test_asks_for_a_look_at_the_person(ctx: Context, crm: Crm, relay: Any) -> None:
    record_id = crm.ids()[0]
    assert relay({"Authorization": BASIC}, event(record_id)) == 200
    assert waiting(ctx) == {record_id}


@pytest.mark.parametrize("given", ["", "Basic x", "Basic é"])
def test_lets_nobody_else_in(ctx: Context, crm: Crm, relay: Any, given: str) -> None:
    assert relay({"Authorization": given}, event(crm.ids()[0])) == 401
    assert not waiting(ctx)


def test_leaves_alone_what_is_about_nobody(ctx: Context, crm: Crm, relay: Any) -> None:
    for meta in ({"entity": "deal"}, {"action": "delete"}):
        assert relay({"Authorization": BASIC}, event(crm.ids()[0], **meta)) == 200
    assert not waiting(ctx)


def test_has_pipedrive_try_again_what_did_not_reach_us(relay: Any, crm: Crm) -> None:
    relay.__globals__["TOKEN"] = "another"
    assert relay({"Authorization": BASIC}, event(crm.ids()[0])) == 503
    relay.__globals__["HYGIENE"] = "http://127.0.0.1:9"
    assert relay({"Authorization": BASIC}, event(crm.ids()[0])) == 503
