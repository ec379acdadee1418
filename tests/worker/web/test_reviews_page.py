"""The page of replies to review, in Chromium: by keys, several at once, and undone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import requests
import sqlalchemy as sa
from accessibility import inaccessible
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link, let_in
from reports import store_report
from vendor_webhooks import receive_twilio_sms

from worker.context import Context
from worker.feedback import field_notes
from worker.store.bulk import insert
from worker.store.tables import feedback, reviews
from worker.suppression.apply_reports import apply_pending

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NUMBERS = tuple(f"+1415555012{digit}" for digit in range(4))
TEXTS = ("how do I unsubscribe?", "not interested", "my husband passed away",
         "yes, this is still my number")  # fmt: skip


@pytest.fixture(params=[1280, 390])
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    """A page with the site's own rules for scripts in force; nothing may stand in its console."""
    opened = chromium.new_page(viewport={"width": request.param, "height": 900})
    let_in(opened, ctx)
    problems: list[str] = []
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    opened.close()
    assert problems == []


def receive(ctx: Context) -> None:
    for place, text in enumerate(TEXTS):
        form = {"From": NUMBERS[place], "MessageSid": f"SM{place:032d}", "Body": text}
        receive_twilio_sms(ctx, form)


def decisions(ctx: Context) -> dict[str, str]:
    """text -> decision"""
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(reviews.c.text, reviews.c.decision)).all()
    return {row.text: row.decision for row in rows}


def current(page: Page) -> str:
    """The text of the reply that has the focus."""
    return str(page.evaluate("document.activeElement.querySelector('blockquote')?.textContent"))


class TestTheKeys:
    def test_move_decide_and_undo(self, serve: Serve, ctx: Context, page: Page) -> None:
        receive(ctx)
        page.goto(f"{serve()}/reviews")
        shown = page.locator("blockquote").all_text_contents()
        assert sorted(shown) == sorted(TEXTS)
        page.keyboard.press("j")
        assert current(page) == shown[0]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("j")
        assert current(page) == shown[2]
        page.keyboard.press("k")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("k")
        assert current(page) == shown[0]
        page.keyboard.press("j")
        page.keyboard.press("w")
        page.wait_for_selector("#decided")
        assert decisions(ctx)[shown[1]] == "wrong_number"
        assert current(page) == shown[2], "the next reply has taken its place"
        page.keyboard.press("u")
        page.wait_for_selector("text=put back")
        assert set(decisions(ctx).values()) == {""}

    def test_decide_what_is_selected(self, serve: Serve, ctx: Context, page: Page) -> None:
        receive(ctx)
        page.goto(f"{serve()}/reviews")
        shown = page.locator("blockquote").all_text_contents()
        for key in ("j", "x", "j", "j", "x"):
            page.keyboard.press(key)
        assert "2 selected" in page.inner_text("#count")
        page.keyboard.press("n")
        page.wait_for_selector("#decided")
        assert "2 replies decided: None of these." in page.inner_text("#decided")
        by_text = decisions(ctx)
        assert [by_text[text] for text in shown] == ["nothing", "", "nothing", ""]
        page.keyboard.press("u")
        page.wait_for_selector("text=2 replies put back")
        assert set(decisions(ctx).values()) == {""}

    def test_are_explained_and_do_nothing_while_somebody_chooses(
        self, serve: Serve, ctx: Context, page: Page
    ) -> None:
        receive(ctx)
        page.goto(f"{serve()}/reviews")
        assert not page.get_by_text("next reply").is_visible()
        page.keyboard.press("?")
        assert page.get_by_text("next reply").is_visible()
        page.focus("#meaning")
        page.keyboard.press("o")
        page.keyboard.press("Control+o")
        assert set(decisions(ctx).values()) == {""}


def test_the_page_tells_the_story_of_each_number(
    serve: Serve, ctx: Context, page: Page, crm: Crm, sync: Sync
) -> None:
    crm.edit(crm.ids()[0], {f"phone/{crm.phone}": NUMBERS[0]})
    sync(ctx, crm.name)
    store_report(ctx, "wrong_number", number=NUMBERS[1], source="agent")
    apply_pending(ctx)
    receive(ctx)
    page.goto(f"{serve()}/reviews")
    stories = {
        article.locator("blockquote").inner_text(): article.locator(".number-story").inner_text()
        for article in page.locator("article").all()
    }
    assert "1 contact." in stories[TEXTS[0]]
    assert "Verified" in stories[TEXTS[0]]
    assert "Not suppressed" in stories[TEXTS[0]]
    assert "wrong number since" in stories[TEXTS[1]]
    assert "Known since" in stories[TEXTS[1]]
    assert "0 contacts. Not verified yet." in stories[TEXTS[2]]
    page.keyboard.press("?")
    if shots := os.environ.get("SCREENSHOTS"):
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=f"{shots}/reviews-{crm.name}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible_and_fits(
    chromium: Browser, serve: Serve, ctx: Context, width: int
) -> None:
    receive(ctx)
    page = chromium.new_page(viewport={"width": width, "height": 900}, bypass_csp=True)
    let_in(page, ctx)
    page.goto(f"{serve()}/reviews")
    page.keyboard.press("?")
    for key in ("", "x", "n"):
        if key:
            page.keyboard.press(key)
        if key == "n":
            page.wait_for_selector("#decided")
        assert not inaccessible(page)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.close()


def test_without_a_script_several_are_decided_and_undone(serve: Serve, ctx: Context) -> None:
    receive(ctx)
    url, session = serve(), by_link(ctx)
    text = session.get(f"{url}/reviews").text
    csrf = text.partition('name="csrf" value="')[2].partition('"')[0]
    nobody = session.post(f"{url}/reviews", data={"csrf": csrf, "decision": "opt_out"})
    assert nobody.status_code == 422
    chosen = {"csrf": csrf, "id-1": "on", "id-2": "on", "id-x": "on", "id-999": "on"}
    answer = session.post(f"{url}/reviews", data={**chosen, "decision": "opt_out"})
    assert "2 replies decided: Opt-out." in answer.text
    assert "put back" in session.post(f"{url}/reviews/undo", data=chosen).text
    with ctx.store.read() as connection:
        kinds = list(connection.scalars(sa.select(feedback.c.kind)))
    assert kinds == ["opt_out", "opt_out"]  # an undo makes nobody contactable
    refused = requests.post(f"{url}/reviews", data={**chosen, "decision": "opt_out"})
    assert refused.status_code in (401, 403)
    assert session.post(f"{url}/reviews/undo", data={"id-1": "on"}).status_code == 403


class TestANote:
    """What a person has to read of a phone field waits among the replies, and is told from them."""

    def test_says_in_which_crm_it_stands(self, serve: Serve, ctx: Context, page: Page) -> None:
        receive(ctx)
        row = {
            "key": "note:x", "number": NUMBERS[0], "source": field_notes.source_of("salesforce"),
            "text": "do not call before 9am", "suggestion": "opt_out",
            "evidence": "do not call before 9am", "at": ctx.now(), "decision": "", "decided_by": "",
        }  # fmt: skip
        with ctx.store.write() as connection:
            insert(connection, reviews, [row])
        page.goto(f"{serve()}/reviews")
        note = page.get_by_role("article", name=f"Note on {NUMBERS[0]}")
        assert "note in Salesforce" in note.inner_text()
        assert page.get_by_text("note in Salesforce").count() == 1
        if folder := os.environ.get("SCREENSHOTS"):
            width = page.viewport_size["width"] if page.viewport_size else 0
            page.screenshot(path=f"{folder}/reviews-note-{width}.png")
