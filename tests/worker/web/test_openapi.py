"""The OpenAPI document: checked in, complete, and true of real answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from constants import NUMBER
from crms import Crm
from fixture_types import Serve, Sync
from openapi_document import DOCUMENT, FILE, schema_of
from openapi_schema_validator import OAS31Validator
from vendor_webhooks import receive_twilio_sms

from config.settings import Settings
from worker.context import Context
from worker.segments import counters, isolation
from worker.suppression import imported_lists, suppressions
from worker.suppression.apply_reports import apply_pending
from worker.web import openapi

ROUTES = [
    (method, path, route)
    for path, methods in DOCUMENT["paths"].items()
    if path.startswith("/api/")
    for method, route in methods.items()
]


def test_the_checked_in_document_is_current(make_settings: Callable[..., Settings]) -> None:
    text = openapi.document(make_settings())
    assert text == FILE.read_text(encoding="utf-8"), "run: python -m worker.web.openapi"


class TestTheCommand:
    """`python -m worker.web.openapi`."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    def test_explains_itself_and_writes_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            openapi.main(["--help"])
        assert ended.value.code == 0
        assert "docs/openapi.json" in capsys.readouterr().out
        assert [*tmp_path.iterdir()] == []

    @pytest.mark.parametrize("arguments", [["--no-such-option"], ["a.json", "b.json"]])
    def test_refuses_what_it_does_not_know(self, arguments: list[str], tmp_path: Path) -> None:
        with pytest.raises(SystemExit) as ended:
            openapi.main(arguments)
        assert ended.value.code == 2
        assert [*tmp_path.iterdir()] == []

    def test_says_in_which_folder_to_run_it(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            openapi.main([])
        assert ended.value.code == 2
        assert "there is no folder docs" in capsys.readouterr().err
        assert [*tmp_path.iterdir()] == []

    @pytest.mark.slow  # it makes a database
    def test_writes_the_file_that_is_named(self, tmp_path: Path) -> None:
        openapi.main(["here.json"])
        assert (tmp_path / "here.json").read_text("utf-8") == FILE.read_text("utf-8")


@pytest.mark.parametrize(("method", "path", "route"), ROUTES, ids=lambda value: str(value)[:60])
def test_every_route_describes_its_answer_and_its_errors(
    method: str, path: str, route: dict[str, Any]
) -> None:
    (done,) = [status for status in route["responses"] if status.startswith("2")]
    if path != "/api/suppressions/export":  # CSV
        assert schema_of(method, path, int(done)).get("$ref"), "the answer has no schema"
    for status in ("401", "403", "422"):
        schema = route["responses"][status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Error"}


def test_real_answers_are_as_described(serve: Serve, ctx: Context, crm: Crm, sync: Sync) -> None:
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    run = sync(ctx, crm.name)["run"]
    suppressions.add(ctx, NUMBER, "opt_out", "", "by letter", "kim")
    imported_lists.import_list(ctx, [NUMBER], "a list")
    receive_twilio_sms(
        ctx, {"From": NUMBER, "MessageSid": "SM" + "2" * 32, "Body": "not interested"}
    )
    apply_pending(ctx)
    dry_run = sync(ctx, crm.name, "everything", dry_run=True)["run"]
    counters.count(ctx)
    session = requests.Session()
    session.headers["Authorization"] = "Bearer secret"
    url = serve(ADMIN_TOKEN="secret")

    def check(method: str, path: str, body: Any = None, of: str = "", status: int = 200) -> Any:
        answer = session.request(method, f"{url}/api{path}", json=body)
        assert answer.status_code == status, answer.text
        schema = schema_of(method, f"/api{of or path.partition('?')[0]}", status)
        OAS31Validator(schema).validate(answer.json())
        return answer.json()

    for path in ("/runs", "/removals", "/reviews", "/suppressions?active=false", "/overview",
                 "/spend", "/settings", "/alerts", "/segments/shared", "/tokens", "/audit",
                 "/segments?by=campaign", "/duplicates"):  # fmt: skip
        check("get", path)
    for run_id in (run, dry_run):
        check("get", f"/runs/{run_id}", of="/runs/{run_id}")
        check("get", f"/runs/{run_id}/writes", of="/runs/{run_id}/writes")
    for path in ("/numbers/lookup", "/numbers/timeline", "/numbers/evidence"):
        check("post", path, {"number": NUMBER})
    of = "/contacts/{connector}/{object_name}/{record_id}"
    check("get", f"/contacts/{crm.name}/{crm.object}/{record_id}", of=of)
    worst = check("get", "/segments")["segments"][0]
    isolated = isolation.isolate(ctx, crm.name, "source", worst["value"], "bought", who="kim")
    assert isolated is not None
    check("get", "/isolations")
    check("get", "/overview")
    token = check("post", "/tokens", {"name": "a dialer", "scopes": ["read"]}, status=201)
    check("delete", f"/tokens/{token['id']}", of="/tokens/{token_id}")
    OAS31Validator(schema_of("get", "/api/runs/{run_id}", 404)).validate(
        session.get(f"{url}/api/runs/none").json()
    )
