"""The contacts behind a figure: lists, names from the CRM, exports, and what is done with them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import requests
import sqlalchemy as sa
from admin_pages import Console, assert_well_made, text_of
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link, let_in
from openpyxl import load_workbook
from reports import store_report

from connectors.labels import crm_name
from sandbox.run import Sandbox
from worker.context import Context
from worker.queries import contacts as listing
from worker.queries.contact_filter import ContactFilter
from worker.segments import counters
from worker.store.tables import app_state, audit_log, contacts, feedback, isolations, runs
from worker.suppression.apply_reports import apply_pending
from worker.sync.runs import crm_quota
from worker.web.encrypted_numbers import encrypt_number

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(params=[(1440, "light"), (390, "dark")], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    width, scheme = request.param
    opened = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    let_in(opened, ctx)
    console = Console(opened)
    yield opened
    opened.close()
    assert console.problems() == []


def csrf_of(session: requests.Session, url: str) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', session.get(f"{url}/contacts").text)
    assert match is not None
    return match.group(1)


def listed(ctx: Context, **wanted: Any) -> list[listing.ListedContact]:
    return [
        contact
        for batch in listing.every_contact(ctx, ContactFilter(**wanted))
        for contact in batch
    ]


class TestFromAFigure:
    def test_a_segments_bad_contacts_are_exported_in_four_clicks(
        self, page: Page, serve: Serve, ctx: Context, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        counters.count(ctx)
        page.goto(f"{serve()}/segments")  # the first click, by the menu
        row = page.locator("tbody tr").first
        figure = row.locator("td").nth(3).get_by_role("link")
        bad = int(figure.inner_text().replace(",", ""))
        figure.click()
        assert f"{bad:,} bad phone field" in text_of(page)
        page.get_by_role("link", name="Export…").click()
        page.get_by_label("Why").fill("for the team that calls them")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
        bad_fields = [
            status
            for row in rows
            for status in row["statuses"].split("; ")
            if status.rpartition(": ")[2] in ("invalid", "unreachable", "wrong_number")
        ]
        assert len(bad_fields) == bad > 0

    def test_each_figure_of_the_overview_and_of_a_run_leads_to_as_many(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        run = sync(ctx, crm.name, "everything")["run"]
        counters.count(ctx)
        session, url = by_link(ctx), serve()
        links = 0
        for path in ("/", f"/runs/{run}", "/segments?by=country", "/segments/shared"):
            figures = re.findall(
                r'<a href="(/contacts\?[^"]*)" title="[^"]*">([\d,]+)</a>',
                session.get(url + path).text,
            )
            links += len(figures)
            for target, figure in figures:
                answer = session.get(url + target.replace("&amp;", "&"))
                assert answer.status_code == 200, target
                total = re.search(r'id="total">(.*?)</p>', answer.text, re.DOTALL)
                assert total is not None, target
                totals = re.findall(r"<b>([\d,]+)</b>", total.group(1))
                assert figure in totals, (path, target, figure, totals)
        assert links >= 10


class TestNames:
    def test_come_after_the_page_and_are_counted(
        self, page: Page, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": "+1 415 555 2671 (ask for Kim)"})
        sync(ctx, crm.name)
        page.goto(f"{serve()}/contacts?number={encrypt_number(ctx.keys, NUMBER)}")
        page.get_by_text("+1 415 555 2671 (ask for Kim)").wait_for()
        record = crm.records()[record_id]
        first = record.get("FirstName") or record.get("firstname") or ""
        assert str(first) in text_of(page)
        assert crm_quota.calls_outside_runs(ctx, crm.name) >= 1
        with ctx.store.read() as connection:
            stored = str(connection.execute(sa.select(app_state)).all())
            stored += str(connection.execute(sa.select(contacts)).all())
        assert "ask for Kim" not in stored

    def test_that_cannot_be_had_leave_a_page_that_says_so(
        self, page: Page, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        url = serve()
        crm.fault(".*", "status", status=503, times=999)
        page.goto(f"{url}/contacts?connector={crm.name}")
        page.get_by_text("Names could not be read from").wait_for()
        assert page.locator("tbody tr").count() > 10

    def test_are_not_asked_for_when_only_the_reserve_is_left(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        quota = f'{{"remaining": 3, "limit": 1000, "at": "{ctx.now().isoformat()}"}}'
        with ctx.store.write() as connection:
            connection.execute(sa.delete(app_state).where(app_state.c.name == f"quota: {crm.name}"))
            row = {"name": f"quota: {crm.name}", "value": quota}
            connection.execute(sa.insert(app_state).values(**row))
        session, url = by_link(ctx), serve()
        contact = listed(ctx, connector=crm.name)[0]
        form = {"csrf": csrf_of(session, url), "id": contact.key}
        answer = session.post(f"{url}/contacts/names", form)
        assert "reserved for others" in answer.text
        assert crm_quota.calls_outside_runs(ctx, crm.name) == 0

    def test_need_the_token_of_the_form(self, serve: Serve, ctx: Context, sync: Sync) -> None:
        sync(ctx, "hubspot")
        contact = listed(ctx)[0]
        answer = by_link(ctx).post(f"{serve()}/contacts/names", {"id": contact.key})
        assert answer.status_code == 403


class TestFilters:
    def test_are_put_on_taken_off_and_explained_when_nothing_is_left(
        self, page: Page, serve: Serve, ctx: Context, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        sync(ctx, "salesforce")
        page.goto(f"{serve()}/contacts")
        page.get_by_label("CRM", exact=True).select_option("hubspot")
        page.get_by_label("Status", exact=True).select_option("valid")
        page.get_by_role("button", name="Show").click()
        assert len(listed(ctx, connector="hubspot", status="valid")) > 0
        page.wait_for_load_state()
        assert "Salesforce" not in page.inner_text("tbody")
        page.get_by_label("Object", exact=True).select_option("Lead")
        page.get_by_role("button", name="Show").click()
        assert "No matching contacts" in text_of(page)
        page.locator(".empty").get_by_role("link", name="CRM: HubSpot").click()
        page.wait_for_load_state()
        assert "Lead" in page.inner_text("tbody")
        page.get_by_role("link", name="Remove the filter object: Lead").click()
        page.get_by_role("link", name="Remove the filter status: valid").click()
        page.wait_for_load_state()
        assert page.locator(".chips").count() == 0

    def test_pages_hold_each_contact_once(
        self, page: Page, serve: Serve, ctx: Context, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        sync(ctx, "salesforce")
        page.goto(f"{serve()}/contacts?sort=status")
        seen = [*page.locator("tbody input[name=id]").evaluate_all("all => all.map(e => e.value)")]
        while page.get_by_role("link", name="Next page").count():
            with page.expect_navigation():
                page.get_by_role("link", name="Next page").click()
            seen += page.locator("tbody input[name=id]").evaluate_all(
                "all => all.map(e => e.value)"
            )
        assert sorted(seen) == sorted(contact.key for contact in listed(ctx))

    @pytest.mark.parametrize("query", ["status=good", "after=%00", "sort=name", "by=person",
                                       "flag=x&run=%00", "after=W10"])  # fmt: skip
    def test_that_cannot_be_meant_are_refused_in_words(
        self, serve: Serve, ctx: Context, query: str
    ) -> None:
        assert by_link(ctx).get(f"{serve()}/contacts?{query}").status_code == 422


class TestASelection:
    def test_is_rechecked_with_its_cost_told_first(
        self, page: Page, serve: Serve, ctx: Context, crm: Crm, sync: Sync, sandbox: Sandbox
    ) -> None:
        sync(ctx, crm.name)
        page.goto(f"{serve(working=True, **sandbox.env('twilio'))}/contacts?connector={crm.name}")
        for box in page.locator("tbody input[name=id]").all()[:3]:
            box.check()
        page.get_by_role("button", name="Recheck…").click()
        text = text_of(page)
        assert "3 contacts" in text
        assert "at most" in text
        assert "USD" in text
        page.get_by_label("Why").fill("they say it rings again")
        page.get_by_role("button", name="Recheck", exact=True).click()
        assert "3 contacts are being verified again" in text_of(page)
        page.locator("main .alert a").first.click()
        page.locator(".pill.done").first.wait_for()
        with ctx.store.read() as connection:
            scope = connection.scalar(sa.select(runs.c.scope).where(runs.c.kind == "rescan"))
        assert len(scope["values"]) == 3

    def test_of_all_that_match_is_suppressed_and_reaches_the_crm(
        self, page: Page, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        page.goto(f"{serve(working=True)}/contacts?number={encrypt_number(ctx.keys, NUMBER)}")
        page.get_by_label("all 1 that match").check()
        page.get_by_role("button", name="Suppress…").click()
        assert "1 contact: all that match" in text_of(page)
        page.get_by_label("Why").fill("they asked us at the fair")
        page.get_by_role("button", name="Suppress", exact=True).click()
        assert "1 contact suppressed" in text_of(page)
        for _ in range(100):
            if crm.get(record_id, "do_not_contact"):
                break
            page.wait_for_timeout(100)
        assert crm.get(record_id, "do_not_contact")
        with ctx.store.read() as connection:
            (entry,) = connection.execute(
                sa.select(audit_log).where(audit_log.c.action == "contacts.opt_out")
            ).all()
        assert entry.target.startswith("1 contacts: ")
        assert NUMBER not in entry.target
        assert entry.why == "they asked us at the fair"

    def test_that_was_suppressed_by_mistake_is_lifted_by_a_button(
        self, page: Page, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        mistaken, said_no = crm.ids()[:2]
        crm.edit(mistaken, {f"phone/{crm.phone}": NUMBER})
        crm.edit(said_no, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name)
        store_report(ctx, "opt_out", OTHER, source="twilio_sms", channels="text")
        apply_pending(ctx)
        page.goto(f"{serve(working=True)}/contacts?connector={crm.name}")
        for record_id in (mistaken, said_no):
            page.locator(f"tbody input[name=id][value$='/{record_id}']").check()
        page.get_by_role("button", name="Suppress…").click()
        page.get_by_label("Why").fill("the wrong list")
        page.get_by_role("button", name="Suppress", exact=True).click()
        assert "2 contacts suppressed. Each CRM is being updated" in text_of(page)
        assert_well_made(page, "contacts-suppressed")
        wait_for(lambda: crm.get(mistaken, "do_not_contact"))
        page.get_by_role("button", name="Undo…").click()
        panel = page.locator("dialog[open]")
        panel.get_by_label("Why").fill("I took the wrong rows")
        colour = "element => getComputedStyle(element).color"
        assert panel.evaluate(colour) == page.locator("h1").evaluate(colour), "not the notice's"
        assert_well_made(page, "contacts-undo")
        panel.get_by_role("button", name="Undo", exact=True).click()
        text = text_of(page)
        assert "1 contact is no longer suppressed" in text
        assert "1 stays suppressed because of another report" in text
        assert_well_made(page, "contacts-undone")
        wait_for(lambda: not crm.get(mistaken, "do_not_contact"))
        assert crm.get(said_no, "do_not_contact")
        with ctx.store.read() as connection:
            query = sa.select(audit_log).where(audit_log.c.action == "contacts.undo")
            (entry,) = connection.execute(query).all()
        assert (entry.target, entry.why) == ("1 contacts lifted, 1 kept", "I took the wrong rows")
        page.go_back()
        assert page.get_by_role("button", name="Undo…").count() == 0

    def test_marked_right_stays_suppressed(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        """Nobody who said no becomes contactable by a mark on a whole list."""
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        session, url = by_link(ctx), serve(working=True)
        (contact,) = listed(ctx, number=NUMBER)
        act(session, url, "opt_out", contact.key)
        wait_for(lambda: crm.get(record_id, "do_not_contact"))
        act(session, url, "wrong", contact.key)
        wait_for(lambda: crm.get(record_id, "wrong_number"))
        act(session, url, "right", contact.key)
        wait_for(lambda: not crm.get(record_id, "wrong_number"))
        assert crm.get(record_id, "do_not_contact")

    def test_that_changed_meanwhile_is_shown_again(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        session, url = by_link(ctx), serve()
        form = {"csrf": csrf_of(session, url), "filter": f"connector={crm.name}", "all": "on",
                "what": "opt_out", "why": "all of them"}  # fmt: skip
        shown = session.post(f"{url}/contacts/confirm", form).text
        with ctx.store.write() as connection:
            newest = sa.select(sa.func.max(contacts.c.record_id)).scalar_subquery()
            connection.execute(sa.delete(contacts).where(contacts.c.record_id == newest))
        answer = session.post(f"{url}/contacts/act", {**form, "digest": digest_in(shown)})
        assert answer.status_code == 409
        assert "has changed since" in answer.text
        with ctx.store.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(feedback)) == 0
        answer = session.post(f"{url}/contacts/act", {**form, "digest": digest_in(answer.text)})
        assert answer.status_code == 200
        with ctx.store.read() as connection:
            reported = set(connection.scalars(sa.select(feedback.c.contact)))
        assert reported == {contact.key for contact in listed(ctx, connector=crm.name)}
        assert {contact.key for contact in listed(ctx, report="opt_out")} <= reported

    def test_of_a_segment_can_be_isolated(
        self, page: Page, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        counters.count(ctx)
        page.goto(f"{serve()}/contacts?connector={crm.name}&by=source&value=Web")
        if not listed(ctx, connector=crm.name, by="source", value="Web"):
            source = next(
                contact.source for contact in listed(ctx, connector=crm.name) if contact.source
            )
            page.get_by_label("Segment name").fill(source)
            page.get_by_role("button", name="Show").click()
        page.get_by_role("button", name="Isolate segment…").click()
        panel = page.locator("dialog[open]")
        panel.get_by_label("Why it should be isolated").fill("bought from a stranger")
        panel.get_by_role("button", name="Isolate").click()
        assert "bought from a stranger" in text_of(page)
        with ctx.store.read() as connection:
            assert connection.execute(sa.select(isolations)).one().by == "source"


def act(session: requests.Session, url: str, what: str, key: str) -> None:
    form = {"csrf": csrf_of(session, url), "filter": "", "what": what, "id": key,
            "why": "said so on the phone"}  # fmt: skip
    shown = session.post(f"{url}/contacts/confirm", form).text
    assert session.post(f"{url}/contacts/act", {**form, "digest": digest_in(shown)}).ok


def digest_in(text: str) -> str:
    match = re.search(r'name="digest" value="([^"]+)"', text)
    assert match is not None
    return match.group(1)


def wait_for(reached: Any) -> None:
    import time

    for _ in range(150):
        if reached():
            return
        time.sleep(0.1)
    raise AssertionError("it was not reached in time")


class TestAnExport:
    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_holds_what_the_list_does_guards_formulas_and_is_audited(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync, kind: str
    ) -> None:
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": "+1 415 555 2671 =cmd()"})
        sync(ctx, crm.name)
        hostile = sa.update(contacts).where(contacts.c.record_id == record_id)
        with ctx.store.write() as connection:
            connection.execute(hostile.values(source="=1+1"))
        session, url = by_link(ctx), serve()
        asked = session.get(f"{url}/contacts/export?connector={crm.name}").text
        assert "API call" in asked
        form = {"csrf": csrf_of(session, url), "filter": f"connector={crm.name}",
                "why": "for the sales team", "names": "on"}  # fmt: skip
        rows = rows_of(session.post(f"{url}/contacts/export.{kind}", form))
        expected = {contact.id: contact for contact in listed(ctx, connector=crm.name)}
        assert {row["id"] for row in rows} == expected.keys()
        (row,) = (row for row in rows if row["id"] == record_id)
        assert row["source"] == "'=1+1"
        assert "+1 415 555 2671" in row["phones as typed"]
        assert all(row["name"] or row["note"] for row in rows)
        assert row["link"] == ctx.open(crm.name).record_url(crm.object, record_id)
        assert crm_quota.calls_outside_runs(ctx, crm.name) >= 1
        before = crm_quota.calls_outside_runs(ctx, crm.name)
        del form["names"]
        rows = rows_of(session.post(f"{url}/contacts/export.{kind}", form))
        assert "name" not in rows[0]
        assert crm_quota.calls_outside_runs(ctx, crm.name) == before
        with ctx.store.read() as connection:
            entries = connection.execute(
                sa.select(audit_log.c.target, audit_log.c.why)
                .where(audit_log.c.action == "contacts.export").order_by(audit_log.c.id)
            ).all()  # fmt: skip
        assert [tuple(entry) for entry in entries] == [
            (f"{kind} with names: CRM: {crm_name(crm.name)}", "for the sales team"),
            (f"{kind}: CRM: {crm_name(crm.name)}", "for the sales team"),
        ]

    def test_without_a_reason_or_the_token_is_refused(
        self, serve: Serve, ctx: Context, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        session, url = by_link(ctx), serve()
        form = {"csrf": csrf_of(session, url), "filter": ""}
        assert session.post(f"{url}/contacts/export.csv", form).status_code == 422
        form = {"filter": "", "why": "just so"}
        assert session.post(f"{url}/contacts/export.csv", form).status_code == 403


def rows_of(answer: requests.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    if "csv" in answer.headers["content-type"]:
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    sheet = load_workbook(io.BytesIO(answer.content), read_only=True).active
    assert sheet is not None
    rows = [[str(cell or "") for cell in row] for row in sheet.iter_rows(values_only=True)]
    return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
