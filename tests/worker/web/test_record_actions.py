"""What is said on the page of a record reaches the CRM, also where no number can be read."""

from __future__ import annotations

import re

import pytest
import requests
import sqlalchemy as sa
from constants import NUMBER
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link
from reports import deliver_reports, report_kinds

from worker.access import users
from worker.context import Context
from worker.feedback import intake
from worker.feedback.sources.submitted_reports import ContactRef, Report, to_feedback
from worker.store.tables import writes
from worker.web.encrypted_numbers import encrypt_number

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


def give_number(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A record with this number, to which a sync has written."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{PHONES[crm.name][0]}": NUMBER})
    sync(ctx, crm.name)
    return record_id


def sync_run(ctx: Context, record_id: str) -> str:
    """The run that wrote to a record."""
    with ctx.store.read() as connection:
        query = sa.select(writes.c.run_id).where(writes.c.record_id == record_id)
        run: str = connection.scalars(query).one()
    return run


def number_page(ctx: Context) -> str:
    return f"/numbers/{encrypt_number(ctx.keys, NUMBER)}"


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


class TestTheWritesToARecord:
    def test_can_be_undone_from_its_page_and_that_of_its_number(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = give_number(ctx, crm, sync)
        url, session = serve(), by_link(ctx)
        undo = f"/runs/{sync_run(ctx, record_id)}/undo?id={record_id}"
        for page in (f"/contacts/{crm.name}/{crm.object}/{record_id}", number_page(ctx)):
            text = session.get(url + page).text
            assert f'href="{undo}"' in text
        asked = session.get(url + undo)
        assert "Only this record is restored" in asked.text
        begun = press(session, url + undo, url + undo.partition("?")[0], id=record_id)
        assert f"only {record_id}" in begun.text

    def test_are_undone_by_nobody_who_only_looks(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = give_number(ctx, crm, sync)
        users.upsert_user(ctx.store, "vera", "a long passphrase", "viewer", ctx.now())
        url, session = serve(), requests.Session()
        session.auth = ("vera", "a long passphrase")
        for page in (f"/contacts/{crm.name}/{crm.object}/{record_id}", number_page(ctx)):
            text = session.get(url + page).text
            assert "View run" in text
            assert "/undo?id=" not in text


@pytest.mark.parametrize(
    ("kind", "channels"), [("opt_out", ("call",)), ("wrong_number", ()), ("complaint", ())]
)
def test_the_page_of_a_number_that_must_not_be_called_says_so_whatever_the_hour(
    serve: Serve, ctx: Context, kind: str, channels: tuple[str, ...]
) -> None:
    url, session = serve(), by_link(ctx)
    said = Report(kind=kind, number=NUMBER, channels=channels)  # type: ignore[arg-type]
    assert "It may" in session.get(url + number_page(ctx)).text  # be called now, or not before
    intake.store_reports(ctx, to_feedback(ctx, said))
    # The second is what an open page asks for while it is looked at.
    for address in (number_page(ctx), number_page(ctx) + "/evidence"):
        text = session.get(url + address).text
        assert "It must not be called" in text
        assert "It may" not in text
