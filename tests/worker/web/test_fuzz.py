"""Whatever fits, or nearly fits, the OpenAPI document gets an answer, and never a fault of ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from crms import Crm
from fixture_types import Serve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from vendor_cases import CASES

from sandbox.run import Sandbox
from worker.context import Context
from worker.segments import counters

HEADERS = {"Authorization": "Bearer secret"}
# Without the secrets of a sender its webhooks say 503, on purpose.
ENV = {
    "ADMIN_TOKEN": "secret", "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "fictional",
    "HUBSPOT_CLIENT_SECRET": "fictional", "PUBLIC_URL": "https://hygiene.example",
    **{name: value for case in CASES for name, value in case.env.items()},
}  # fmt: skip


@pytest.fixture
def document(
    either_database_url: str, serve: Serve, make_context: Callable[..., Context],
    sandbox: Sandbox, sync: Callable[..., dict[str, Any]],
) -> Any:  # fmt: skip
    """Of a server with something in its tables."""
    ctx = make_context(DATABASE_URL=either_database_url)
    sync(ctx, Crm.all(sandbox)["hubspot"].name)
    counters.count(ctx)
    url = serve(DATABASE_URL=either_database_url, **ENV)
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


# Longer by hand: FUZZ=500 pytest tests/worker/web/test_fuzz.py
@settings(
    max_examples=int(os.environ.get("FUZZ", "10")), deadline=None, derandomize=True, database=None,
    phases=[Phase.generate], suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.data())
def ask(operation: Any, data: st.DataObject) -> None:
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    mode = data.draw(st.sampled_from(modes))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    answer = case.call(headers=HEADERS, timeout=30)
    assert answer.status_code < 500, (case.as_curl_command(), answer.text)
    assert "Traceback" not in answer.text


def test_the_api_answers_whatever_it_is_asked(document: Any) -> None:
    asked = 0
    for operation in document.get_all_operations():
        ask(operation.ok())
        asked += 1
    assert asked > 25
