"""The search box: what is found by which words, in one page, by keyboard, and never logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from admin_pages import NAMES, SIZES, admin_page, assert_well_made, text_of
from constants import NUMBER
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.context import Context
from worker.queries import search
from worker.segments import counters
from worker.store.bulk import insert
from worker.store.tables import contact_numbers, segment_counts
from worker.sync.runs import crm_quota

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LONDON = "+442079460018"  # Ofcom keeps these for drama


@pytest.fixture(params=SIZES, ids=NAMES)
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    with admin_page(chromium, ctx, *request.param) as opened:
        yield opened


def type_and_enter(page: Page, text: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(text)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")


def add_segment(ctx: Context, by: str, value: str, contacts: int = 10) -> None:
    row = {"by": by, "connector": "hubspot", "value": value, "contacts": contacts, "numbers": 10,
           "bad": 1, "statuses": {}, "reports": {}}  # fmt: skip
    with ctx.store.write() as connection:
        insert(connection, segment_counts, [row])


def hold(ctx: Context, number: str, records: int = 1) -> None:
    rows = [{"connector": "hubspot", "object": "contacts", "record_id": str(n), "field": "phone",
             "place": 0, "number": number, "extension": ""} for n in range(records)]  # fmt: skip
    with ctx.store.write() as connection:
        insert(connection, contact_numbers, rows)


def numbers_of(ctx: Context, text: str) -> list[str]:
    return [match.number for match in search.find(ctx, text).numbers]


class TestANumber:
    @pytest.mark.parametrize(
        "text", [NUMBER, "+1 (415) 555-2671", "001 415.555.2671", "14155552671", "tel:+14155552671"]
    )
    def test_with_its_country_is_one(self, ctx: Context, text: str) -> None:
        assert numbers_of(ctx, text) == [NUMBER]

    def test_without_its_country_is_tried_in_those_of_the_contacts(self, ctx: Context) -> None:
        assert numbers_of(ctx, "020 7946 0018") == []
        add_segment(ctx, "country", "GB")
        assert numbers_of(ctx, "020 7946 0018") == [LONDON]

    def test_without_its_country_is_tried_in_the_connectors_defaults(
        self, serve: Serve, ctx: Context
    ) -> None:
        url = serve('[connectors.hubspot]\ndefault_country = "United Kingdom"\n')
        answer = by_link(ctx).post(f"{url}/numbers", data={"q": "020 7946 0018"})
        assert LONDON in answer.text

    def test_of_several_countries_is_a_list_with_the_known_one_first(self, ctx: Context) -> None:
        add_segment(ctx, "country", "FR", 90)
        add_segment(ctx, "country", "IT", 80)
        add_segment(ctx, "country", "GB", 1)
        hold(ctx, LONDON, 2)
        matches = search.find(ctx, "02079460018").numbers
        assert matches[0] == search.NumberMatch(LONDON, "GB", 2)
        assert len(matches) > 1
        assert not any(match.holders for match in matches[1:])


class TestASegment:
    def test_is_found_by_part_of_its_name_the_largest_first(self, ctx: Context) -> None:
        add_segment(ctx, "source", "Purchased List", 5)
        add_segment(ctx, "list", "purchased in May", 50)
        add_segment(ctx, "country", "Purchased", 500)  # by no name that people type
        segments = search.find(ctx, "purchased").segments
        assert [segment.value for segment in segments] == ["purchased in May", "Purchased List"]

    def test_with_signs_that_sql_knows_is_taken_as_it_is_typed(self, ctx: Context) -> None:
        add_segment(ctx, "source", "100% match")
        add_segment(ctx, "source", "anything")
        assert [segment.value for segment in search.find(ctx, "0% m").segments] == ["100% match"]
        assert search.find(ctx, "%").segments[0].value == "100% match"
        assert len(search.find(ctx, "_").segments) == 0

    def test_that_is_misspelt_is_suggested(self, ctx: Context) -> None:
        add_segment(ctx, "source", "Purchased List")
        results = search.find(ctx, "Purchased Lst")
        assert not results.count
        assert [segment.value for segment in results.near] == ["Purchased List"]
        assert search.near_segments(ctx, "Purchased Lst", "salesforce", "source") == []


def test_a_run_is_found_by_the_beginning_of_its_id_and_by_its_address(
    ctx: Context, sync: Sync
) -> None:
    run = sync(ctx, "hubspot")["run"]
    for text in (
        run,
        run[:13],
        run[:8],  # its day alone, which may be a number as well
        f"http://127.0.0.1:8000/runs/{run}",
        f"https://x.example/runs/{run}/writes",
    ):
        assert [match.id for match in search.find(ctx, text).runs] == [run], text
    assert not search.find(ctx, "20010101-000000").runs


def test_a_record_is_found_by_its_email_without_asking_a_crm(
    ctx: Context, crm: Crm, sync: Sync, sandbox: Sandbox
) -> None:
    name = "Email" if crm.name == "salesforce" else "email"
    record_id = crm.ids()[0]
    crm.act(record_id, {"set": {name: "kim.lee@example.com"}})
    sync(ctx, crm.name)
    service = getattr(sandbox, crm.name)
    before = service.counters.total()
    results = search.find(ctx, "Kim.Lee@example.com")
    assert [(record.connector, record.id) for record in results.records] == [(crm.name, record_id)]
    assert results.person
    assert service.counters.total() == before


class TestPeople:
    def test_are_asked_of_each_crm_and_opened_by_keyboard(
        self, page: Page, serve: Serve, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crms = Crm.all(sandbox)
        for name, crm in crms.items():
            first, last = (
                ("FirstName", "LastName") if name == "salesforce" else ("firstname", "lastname")
            )
            crm.act(crm.ids()[0], {"set": {first: "Zephyrine", last: "O'Quill"}})
            sync(ctx, name)
        before = {name: crm_quota.calls_outside_runs(ctx, name) for name in crms}
        page.goto(f"{serve()}/")
        type_and_enter(page, "zeph o'quill")
        assert "quill" not in page.url
        text = text_of(page)
        assert text.count("Zephyrine O'Quill") == 2
        for name in crms:  # the overview's figure of the day's calls
            assert crm_quota.calls_outside_runs(ctx, name) > before[name]
        assert_well_made(page, "search-people")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.wait_for_url("**/contacts/**")
        assert "quill" not in page.url

    def test_whom_no_sync_has_read_open_in_the_crm(
        self, page: Page, serve: Serve, crm: Crm
    ) -> None:
        last = "LastName" if crm.name == "salesforce" else "lastname"
        crm.act(crm.ids()[0], {"set": {last: "Quillfeather"}})
        page.goto(f"{serve()}/")
        type_and_enter(page, "Quillfeather")
        assert "no sync has read this record yet" in text_of(page)
        link = page.locator(".result a").first.get_attribute("href") or ""
        assert crm.ids()[0] in link
        assert link.startswith("http")

    def test_of_a_crm_that_fails_are_missing_and_the_others_are_there(
        self, page: Page, serve: Serve, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What Salesforce answered stays in the log, without its text, which may quote the name."""
        crm = Crm.all(sandbox)["hubspot"]
        crm.act(crm.ids()[0], {"set": {"lastname": "Quillfeather"}})
        sandbox.salesforce.faults.append(
            Fault("POST .*parameterizedSearch.*", "status", status=400,
                  body=[{"errorCode": "MALFORMED_SEARCH", "message": "not today"}])
        )  # fmt: skip
        page.goto(f"{serve()}/")
        type_and_enter(page, "Quillfeather")
        text = text_of(page)
        assert "Salesforce refused this search. Try another part of the name, or the email." in text
        assert "MALFORMED_SEARCH" not in text
        assert "Quillfeather" in text
        (line,) = [r.getMessage() for r in caplog.records if "refused a search" in r.getMessage()]
        assert line == "salesforce refused a search: HTTP 400 MALFORMED_SEARCH"
        assert_well_made(page, "search-error")

    def test_are_neither_logged_nor_stored(
        self, serve: Serve, ctx: Context, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        session, url = by_link(ctx), serve()
        answer = session.post(f"{url}/numbers", data={"q": "Quillfeather"})
        csrf = answer.text.partition('name="csrf" value="')[2].partition('"')[0]
        form = {"q": "Quillfeather", "csrf": csrf}
        answer = session.post(f"{url}/search/people/hubspot", data=form)
        assert "has this name or email" in answer.text
        assert "uillfeather" not in caplog.text
        with ctx.store.read() as connection:
            for table in connection.dialect.get_table_names(connection):
                rows = connection.exec_driver_sql(f'SELECT * FROM "{table}"').all()
                assert "uillfeather" not in str(rows), table

    def test_are_asked_for_by_our_own_pages_alone(self, serve: Serve, ctx: Context) -> None:
        url = serve()
        answer = by_link(ctx).post(f"{url}/search/people/hubspot", data={"q": "Kim", "csrf": "x"})
        assert answer.status_code == 403


class TestTheResults:
    def test_are_grouped_by_kind(self, page: Page, serve: Serve, ctx: Context, sync: Sync) -> None:
        sync(ctx, "hubspot")
        counters.count(ctx)
        page.goto(f"{serve()}/")
        type_and_enter(page, "list")
        heads = page.locator("main h2").all_inner_texts()
        assert heads == ["Segments", "People in Salesforce", "People in HubSpot"]
        assert page.input_value("#find") == "list"
        assert_well_made(page, "search-results")
        name = page.locator(".result a").first.inner_text()
        page.locator(".result a").first.click()
        page.wait_for_url("**/segments/of?**")
        assert page.locator("h1").inner_text() == name

    def test_of_nothing_say_what_can_be_searched_and_suggest(
        self, page: Page, serve: Serve, ctx: Context
    ) -> None:
        add_segment(ctx, "source", "Purchased List")
        page.goto(f"{serve()}/")
        type_and_enter(page, "Purchased Lst")
        text = text_of(page)
        assert "Did you mean Purchased List" in text
        assert "What can be searched" in text
        assert_well_made(page, "search-near")
        type_and_enter(page, "12345")
        assert "Nothing found" in text_of(page)
        assert_well_made(page, "search-nothing")

    def test_of_a_records_id_come_before_numbers_that_nobody_has(
        self, serve: Serve, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        """Ids of HubSpot may be read as numbers of some country."""
        sync(ctx, "hubspot")
        add_segment(ctx, "country", "NL")
        typed = Crm.all(sandbox)["hubspot"].ids()[0]
        url, session = serve(), by_link(ctx)
        text = session.post(f"{url}/numbers", data={"q": typed}).text
        assert 0 < text.index(">Records<") < text.index(">Numbers<")
        hold(ctx, f"+31{typed}")
        text = session.post(f"{url}/numbers", data={"q": typed}).text
        assert 0 < text.index(">Numbers<") < text.index(">Records<")

    def test_of_several_countries_let_one_choose(
        self, page: Page, serve: Serve, ctx: Context
    ) -> None:
        for country in ("GB", "FR", "IT"):
            add_segment(ctx, "country", country)
        hold(ctx, LONDON)
        page.goto(f"{serve()}/")
        type_and_enter(page, "020 7946 0018")
        assert "choose the country" in text_of(page)
        assert_well_made(page, "search-countries")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator("h1").get_by_text(LONDON).wait_for()
