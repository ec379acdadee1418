"""What is said on the page of a record reaches the CRM, also where no number can be read."""

from __future__ import annotations

import re

import pytest
import requests
from constants import NUMBER
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link
from reports import deliver_reports, report_kinds

from worker.context import Context
from worker.feedback import intake
from worker.feedback.sources.submitted_reports import ContactRef, Report, to_feedback

PHONES = {
    "salesforce": ("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
    "hubspot": ("phone", "mobilephone"),
}


def without_phones(crm: Crm, ctx: Context, sync: Sync) -> str:
    """A record whose phone fields hold nothing."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{name}": None for name in PHONES[crm.name]})
    sync(ctx, crm.name)
    return record_id


def press(session: requests.Session, page: str, action: str, **form: str) -> requests.Response:
    match = re.search(r'name="csrf" value="([^"]+)"', session.get(page).text)
    assert match is not None
    return session.post(action, data={"csrf": match[1], "why": "they called us", **form})


class TestARecordWithoutANumber:
    def test_that_is_not_to_be_contacted_is_flagged(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = without_phones(crm, ctx, sync)
        page = f"{serve()}/contacts/{crm.name}/{crm.object}/{record_id}"
        assert press(by_link(ctx), page, f"{page}/opt_out").status_code == 200
        assert report_kinds(ctx) == ["opt_out"]
        deliver_reports(ctx)
        sync(ctx, crm.name)
        assert crm.get(record_id, "do_not_contact")

    def test_that_is_selected_in_a_list_is_flagged_as_well(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = without_phones(crm, ctx, sync)
        url, session = serve(), by_link(ctx)
        key = f"{crm.name}/{crm.object}/{record_id}"
        chosen = {"what": "opt_out", "filter": f"connector={crm.name}", "id": key}
        asked = press(session, f"{url}/contacts", f"{url}/contacts/confirm", **chosen).text
        digest = re.search(r'name="digest" value="([^"]+)"', asked)
        assert digest is not None
        done = press(session, f"{url}/contacts", f"{url}/contacts/act", **chosen, digest=digest[1])
        assert done.status_code == 200
        assert "no readable number" not in done.text
        deliver_reports(ctx)
        sync(ctx, crm.name)
        assert crm.get(record_id, "do_not_contact")

    @pytest.mark.parametrize(
        ("kind", "code"), [("opt_out", ""), ("complaint", ""), ("undeliverable", "21610")]
    )
    def test_that_another_system_reports_is_flagged_as_well(
        self, ctx: Context, crm: Crm, sync: Sync, kind: str, code: str
    ) -> None:
        record_id = without_phones(crm, ctx, sync)
        ref = ContactRef(connector=crm.name, object=crm.object, id=record_id)
        reports = to_feedback(ctx, Report(kind=kind, contact=ref, code=code))  # type: ignore[arg-type]
        assert intake.store_reports(ctx, reports) == 1
        deliver_reports(ctx)
        phone = f"phone/{PHONES[crm.name][0]}"
        crm.edit(record_id, {phone: NUMBER})
        sync(ctx, crm.name)
        assert crm.get(record_id, "do_not_contact")

    @pytest.mark.parametrize("action", ["wrong", "right"])
    def test_has_none_that_could_be_wrong_or_right_and_the_page_says_so(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync, action: str
    ) -> None:
        record_id = without_phones(crm, ctx, sync)
        page = f"{serve()}/contacts/{crm.name}/{crm.object}/{record_id}"
        answer = press(by_link(ctx), page, f"{page}/{action}")
        assert answer.status_code == 409
        assert "no number that can be read" in answer.text
        assert report_kinds(ctx) == []
