"""Contacts that share a number: the page in Chromium, its exports, the command and the API."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import sqlalchemy as sa
from admin_pages import NAMES, SIZES, admin_page, assert_well_made, text_of
from click.testing import CliRunner
from constants import NUMBER, OTHER, THIRD
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link
from openapi_document import schema_of
from openapi_schema_validator import OAS31Validator
from openpyxl import load_workbook

from sandbox.run import Sandbox
from worker.cli.main import main
from worker.context import Context
from worker.duplicates import grouping
from worker.store.tables import audit_log
from worker.suppression import suppressions

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FORMULA = "=HYPERLINK(0)"


@pytest.fixture
def shared(ctx: Context, sandbox: Sandbox, sync: Sync) -> Context:
    """The same person twice in HubSpot and once in Salesforce, one of them after a STOP on a number
    of its own; two of a family; and a switchboard."""
    hubspot, salesforce = (Crm.all(sandbox)[name] for name in ("hubspot", "salesforce"))
    ours, theirs = hubspot.ids(), salesforce.ids()
    kim: dict[str, Any] = {"firstname": "Kim", "lastname": FORMULA, "email": "kim@example.com"}
    hubspot.act(ours[0], {"set": {**kim, "phone": NUMBER, "mobilephone": ""}})
    hubspot.act(ours[1], {"set": {**kim, "phone": NUMBER, "mobilephone": THIRD}})
    salesforce.act(theirs[0], {"set": {"FirstName": "Kim", "LastName": FORMULA, "Phone": NUMBER,
                                       "Email": "kim@example.com"}})  # fmt: skip
    for record_id, first in ((ours[2], "Alex"), (ours[3], "Sam")):
        email = f"{first.lower()}@example.net"
        hubspot.act(record_id, {"set": {"firstname": first, "lastname": "Quill", "phone": OTHER,
                                        "mobilephone": "", "email": email}})  # fmt: skip
    for place in (4, 5, 6):
        text = f"+1 212 555 7890 ext. {place}"
        hubspot.act(ours[place], {"set": {"phone": text, "mobilephone": ""}})
    sync(ctx, "hubspot", "everything")
    sync(ctx, "salesforce", "everything")
    suppressions.add(ctx, THIRD, "opt_out", "", "STOP", "kim")
    grouping.count(ctx)
    return ctx


@pytest.mark.parametrize(("width", "scheme"), SIZES, ids=NAMES)
def test_the_page_shows_each_group_with_evidence_and_proposal_and_reads_names(
    chromium: Browser, shared: Context, serve: Serve, width: int, scheme: Any
) -> None:
    with admin_page(chromium, shared, width, scheme) as page:
        page.goto(f"{serve()}/segments")
        page.get_by_role("link", name="Duplicates").click()
        page.get_by_text("2 different people have the same last name.").wait_for()
        rows = {row.split()[0]: row for row in page.locator("tbody tr").all_inner_texts()}
        person, family, desk = rows[NUMBER], rows[OTHER], rows["+12125557890"]
        assert "same person" in person
        assert "All 3 contacts have the same email" in person
        assert "HubSpot" in person
        assert "Salesforce" in person
        assert "Set do not contact, do not call, do not text on it before you merge" in person
        assert "it has the strictest suppressions already" in person
        assert "do not contact" in person
        assert re.search(r"Set do not contact.* on 003\w+ \(Salesforce\) too", person)
        assert "family" in family
        assert "Alex Quill" in family
        assert "Keep the records apart" in family
        assert "switchboard" in desk
        assert "3 different extensions" in desk
        page.locator("#counts").get_by_text("Family").wait_for()
        assert re.search(r"Family\s*1", page.inner_text("#counts"))
        assert_well_made(page, "duplicates")
        page.get_by_label("Kind", exact=True).select_option("family")
        page.get_by_role("button", name="Show").click()
        page.wait_for_load_state()
        assert page.locator("tbody tr").count() == 1
        page.get_by_role("link", name=re.compile(r"^\+1415")).click()
        assert OTHER in text_of(page)


def csrf_of(session: requests.Session, url: str) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', session.get(f"{url}/duplicates/export").text)
    assert match is not None
    return match.group(1)


class TestTheExport:
    def test_has_a_row_for_each_contact_guards_formulas_and_is_audited(
        self, shared: Context, serve: Serve
    ) -> None:
        session, url = by_link(shared), serve()
        assert "3 contacts" not in session.get(f"{url}/duplicates/export?kind=same_person").text
        form = {"csrf": csrf_of(session, url), "why": "for the team", "names": "on",
                "kind": "same_person"}  # fmt: skip
        answer = session.post(f"{url}/duplicates/export.csv", form)
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["kind"] for row in rows] == ["same_person"] * 3
        assert {row["crm"] for row in rows} == {"hubspot", "salesforce"}
        assert all(row["name"] == "Kim '=HYPERLINK(0)" or "=" in row["name"] for row in rows)
        keep = next(row for row in rows if row["proposal"] == "keep")
        into = next(row for row in rows if row["proposal"].startswith("merge into"))
        assert "do_not_contact" in keep["must have"].split()
        assert into["must have"] == keep["must have"]
        assert into["proposal"] == f"merge into {keep['id']}"
        book = session.post(f"{url}/duplicates/export.xlsx", form)
        sheet = load_workbook(io.BytesIO(book.content)).active
        assert sheet is not None
        assert [row[0].value for row in sheet.iter_rows(min_row=2)] == [NUMBER] * 3
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
        with shared.store.read() as connection:
            noted = connection.execute(sa.select(audit_log)).all()
        of_export = [row for row in noted if row.action == "duplicates.export"]
        assert [row.why for row in of_export] == ["for the team"] * 2
        assert NUMBER not in str(of_export)

    def test_needs_an_admin_a_reason_and_the_token_of_the_form(
        self, shared: Context, serve: Serve
    ) -> None:
        session, url = by_link(shared), serve()
        assert session.post(f"{url}/duplicates/export.csv", {"why": "why"}).status_code == 403
        form = {"csrf": csrf_of(session, url)}
        assert session.post(f"{url}/duplicates/export.csv", form).status_code == 422
        assert session.post(f"{url}/duplicates/names", {"ref": "x"}).status_code == 403

    def test_of_an_address_that_cannot_be_meant_is_refused(
        self, ctx: Context, serve: Serve
    ) -> None:
        session, url = by_link(ctx), serve()
        assert session.get(f"{url}/duplicates?kind=twins").status_code == 422
        assert session.get(f"{url}/duplicates?after=zzz").status_code == 404
        form = {"csrf": csrf_of(session, url), "ref": "zzz"}
        assert session.post(f"{url}/duplicates/names", form).status_code == 200


class TestTheCommandAndTheApi:
    def test_say_the_same(
        self, shared: Context, sandbox: Sandbox, serve: Serve, tmp_path: Path
    ) -> None:
        env = {
            **sandbox.env(), "HYGIENE_HOME": str(shared.settings.home),
            "DATABASE_URL": shared.settings.database_url, "REDIS_URL": "", "COLUMNS": "200",
        }  # fmt: skip

        def hygiene(*args: str) -> str:
            result = CliRunner().invoke(main, args, env=env, prog_name="hygiene")
            assert result.exit_code == 0, result.output
            return str(result.stdout)

        listed = json.loads(hygiene("duplicates", "--kind", "same_person", "--json"))
        url = serve(ADMIN_TOKEN="secret")
        bearer = {"Authorization": "Bearer secret"}
        answer = requests.get(f"{url}/api/duplicates?kind=same_person", headers=bearer).json()
        OAS31Validator(schema_of("get", "/api/duplicates", 200)).validate(answer)
        assert answer["groups"] == listed
        assert answer["counts"]["switchboard"] == 1
        assert listed[0]["proposals"][0]["rule"] == "strictest"
        refused = requests.get(f"{url}/api/duplicates?after=zzz", headers=bearer)
        assert refused.status_code == 404
        shown = hygiene("duplicates", "--names", "--connector", "hubspot")
        assert "family" in shown
        assert "Quill" not in shown
        target = tmp_path / "out.xlsx"
        hygiene("duplicates", "-o", str(target))
        assert target.stat().st_mode & 0o077 == 0
        sheet = load_workbook(target).active
        assert sheet is not None
        assert sheet.max_row > 8
