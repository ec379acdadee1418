"""The recipient's page: over HTTP, and in a real Chromium with and without JavaScript."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
import sqlalchemy as sa
from accessibility import inaccessible
from admin_pages import toast_of
from clocks import advance_clock
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Serve, Sync

from worker.asking import links
from worker.context import Context
from worker.store.tables import ask_messages, feedback
from worker.suppression import confirm_links
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate
from worker.web.confirm.translations import TRANSLATIONS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}


@pytest.fixture
def contact(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A contact with NUMBER; its record id."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    return record_id


def token_for(ctx: Context, crm: Crm, record_id: str, days: float = 30) -> str:
    key = f"{crm.name}/{crm.object}/{record_id}"
    return confirm_links.create_token(ctx.keys, key, NUMBER, ctx.now(), timedelta(days=days))


@pytest.fixture
def link(serve: Serve, ctx: Context, crm: Crm, contact: str) -> str:
    return f"{serve()}/confirm/{token_for(ctx, crm, contact)}"


def reports(ctx: Context) -> list[Any]:
    with ctx.store.read() as connection:
        return list(connection.execute(sa.select(feedback).order_by(feedback.c.id)))


def answer(link: str, choice: str, **fields: str) -> requests.Response:
    nonce = re.search('name="nonce" value="([^"]+)"', requests.get(link).text)
    assert nonce is not None
    return requests.post(link, data={"answer": choice, "nonce": nonce.group(1), **fields})


class TestTheLink:
    def test_holds_nothing_personal(self, link: str) -> None:
        import base64

        token = link.rpartition("/")[2]
        part = token.partition(".")[0]
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")
        assert "415" not in decoded
        assert len(link) < 255

    def test_that_is_not_ours_shows_nothing(self, link: str) -> None:
        base, _, token = link.rpartition("/")
        flipped = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
        for odd in (flipped, token[:20], token + "x", token * 20, "x", "%00", "..%2f", "{{1}}"):
            shown = requests.get(f"{base}/{odd}")
            assert shown.status_code == 404, odd
            assert "••" not in shown.text

    def test_that_has_expired_shows_nothing(
        self, serve: Serve, ctx: Context, crm: Crm, contact: str
    ) -> None:
        token = token_for(ctx, crm, contact, days=-2)
        shown = requests.get(f"{serve()}/confirm/{token}")
        assert shown.status_code == 404
        assert "••" not in shown.text
        assert 'value="yes"' not in shown.text

    @pytest.mark.parametrize("given", ["stop", "stop_call", "stop_text"])
    def test_that_has_expired_takes_a_stop_and_nothing_else(
        self, serve: Serve, ctx: Context, crm: Crm, contact: str, given: str
    ) -> None:
        link = f"{serve()}/confirm/{token_for(ctx, crm, contact, days=-2)}"
        assert f'value="{given}"' in requests.get(link).text
        for other in ("yes", "no", "new"):
            said = requests.post(link, data={"answer": other, "number": OTHER})
            assert said.status_code == 404
        assert reports(ctx) == []
        assert requests.post(link, data={"answer": given}).status_code == 200
        assert [(row.kind, row.number) for row in reports(ctx)] == [("opt_out", NUMBER)]

    def test_ends_when_the_record_has_another_number(
        self, link: str, ctx: Context, crm: Crm, contact: str, sync: Sync
    ) -> None:
        crm.edit(contact, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name)
        assert requests.get(link).status_code == 404
        assert requests.post(link, data={"answer": "yes"}).status_code == 404

    def test_of_another_installation_is_not_ours(
        self, link: str, serve: Serve, ctx: Context
    ) -> None:
        from worker.store.pseudonyms import Keys

        other = Keys((b"another key",))
        token = confirm_links.create_token(
            other, "hubspot/contacts/1", NUMBER, ctx.now(), timedelta(days=9)
        )
        assert requests.get(f"{link.rpartition('/')[0]}/{token}").status_code == 404


class TestThePage:
    def test_shows_the_number_masked_and_nothing_of_the_person(
        self, link: str, crm: Crm, contact: str
    ) -> None:
        shown = requests.get(link).text
        assert "+1 ••••••••71" in shown
        assert NUMBER[-6:] not in shown
        record = crm.records()[contact]
        for name in ("FirstName", "LastName", "Email", "firstname", "lastname", "email"):
            if record.get(name):
                assert str(record[name]) not in shown

    def test_changes_nothing_when_it_is_opened(self, link: str, ctx: Context) -> None:
        for _ in range(3):
            assert requests.get(link, headers={"User-Agent": "LinkScanner/1.0"}).status_code == 200
        requests.head(link)
        assert reports(ctx) == []

    def test_follows_nobody(self, link: str) -> None:
        shown = requests.get(link)
        assert "set-cookie" not in shown.headers
        assert shown.headers["Referrer-Policy"] == "no-referrer"
        assert shown.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
        assert "<script" not in shown.text
        assert not re.search(r'(?:src|href)="https?:', shown.text)

    @pytest.mark.parametrize("language", TRANSLATIONS)
    def test_speaks_the_recipients_language(self, link: str, language: str) -> None:
        shown = requests.get(link, headers={"Accept-Language": f"{language},en;q=0.5"}).text
        assert f'<html lang="{language}">' in shown
        for text in (
            TRANSLATIONS[language].title,
            TRANSLATIONS[language].yes,
            TRANSLATIONS[language].stop,
        ):
            assert text.replace("'", "&#39;") in shown

    def test_says_who_asks(self, serve: Serve, ctx: Context, crm: Crm, contact: str) -> None:
        url = serve('[feedback]\ncompany = "Bluefin <Logistics>"')
        shown = requests.get(f"{url}/confirm/{token_for(ctx, crm, contact)}").text
        assert "Bluefin &lt;Logistics&gt; has this phone number on file:" in shown


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("choice", "kind", "canonical", "value"),
        [("no", "wrong_number", "wrong_number", True), ("stop", "opt_out", "do_not_contact", True),
         ("yes", "confirmed", "wrong_number", None)],
    )  # fmt: skip
    def test_reaches_the_crm(
        self, link: str, ctx: Context, crm: Crm, contact: str,
        choice: str, kind: str, canonical: str, value: bool | None,
    ) -> None:  # fmt: skip
        assert answer(link, choice).status_code == 200
        assert [row.kind for row in reports(ctx)] == [kind]
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert (crm.get(contact, canonical) or None) == value

    def test_sent_twice_counts_once(self, link: str, ctx: Context) -> None:
        nonce = re.search('name="nonce" value="([^"]+)"', requests.get(link).text)
        assert nonce is not None
        for _ in range(3):
            requests.post(link, data={"answer": "stop", "nonce": nonce.group(1)})
        assert len(reports(ctx)) == 1

    def test_can_be_changed(self, link: str, ctx: Context, crm: Crm, contact: str) -> None:
        answer(link, "no")
        answer(link, "yes")
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert not crm.get(contact, "wrong_number")

    def test_yes_does_not_lift_an_opt_out(
        self, link: str, ctx: Context, crm: Crm, contact: str
    ) -> None:
        answer(link, "stop")
        answer(link, "yes")
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(contact, "do_not_contact") is True

    def test_with_another_number_is_proposed_once_it_is_verified(
        self, link: str, ctx: Context, crm: Crm, contact: str
    ) -> None:
        shown = answer(link, "new", number="(415) 555-2672")
        assert shown.status_code == 200
        apply_pending(ctx)
        propagate(ctx, crm.name)
        assert crm.get(contact, "proposed_phone") == OTHER
        assert crm.get(contact, f"phone/{crm.phone}") == NUMBER

    def test_with_the_same_number_is_a_yes(self, link: str, ctx: Context) -> None:
        answer(link, "new", number=NUMBER)
        assert [row.kind for row in reports(ctx)] == ["confirmed"]

    @pytest.mark.parametrize("typed", ["", "12", "call me", "<script>alert(1)</script>", "9" * 500])
    def test_with_what_is_no_number_asks_again(self, link: str, ctx: Context, typed: str) -> None:
        shown = answer(link, "new", number=typed)
        assert shown.status_code == 400
        assert TRANSLATIONS["en"].bad_number in shown.text
        assert "<script" not in shown.text
        assert reports(ctx) == []

    def test_that_is_none_is_asked_for(self, link: str, ctx: Context) -> None:
        assert requests.post(link, data={"answer": "maybe"}).status_code == 400
        assert requests.post(link, data=b"\xff\xfe").status_code == 400
        assert reports(ctx) == []

    def test_too_often_is_put_off(self, link: str, ctx: Context) -> None:
        codes = [answer(link, "yes").status_code for _ in range(12)]
        assert codes == [200] * 10 + [429] * 2
        assert len(reports(ctx)) == 10

    def test_too_often_keeps_nobody_from_stopping(self, link: str, ctx: Context) -> None:
        for _ in range(11):
            answer(link, "yes")
        assert [answer(link, "stop").status_code for _ in range(5)] == [200] * 5
        assert [row.kind for row in reports(ctx)] == ["confirmed"] * 10 + ["opt_out"], (
            "counted once"
        )


class TestTheLinkInTheCrm:
    TOML = """
[connectors.salesforce.fields]
confirm_link = "{0}"
[connectors.hubspot.fields]
confirm_link = "{1}"
"""

    def test_is_written_and_stays_as_long_as_it_is_good(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, serve: Serve
    ) -> None:
        for name in ("Phone_Confirm_Link__c", "hygiene_confirm_link"):
            crm.add_text_field(name)
        toml = self.TOML.format("Phone_Confirm_Link__c", "hygiene_confirm_link")
        ctx = make_context(toml, PUBLIC_URL="https://hygiene.example.com")
        record_id = crm.ids()[0]
        crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
        sync(ctx, crm.name)
        name = {"salesforce": "Phone_Confirm_Link__c", "hubspot": "hygiene_confirm_link"}[crm.name]
        address = crm.records()[record_id][name]
        assert address.startswith("https://hygiene.example.com/confirm/")
        assert sync(ctx, crm.name, "everything")["contacts"]["changed"] == 0
        shown = requests.get(serve(toml) + "/confirm/" + address.rpartition("/")[2])
        assert shown.status_code == 200
        advance_clock(ctx, days=150)
        sync(ctx, crm.name, "everything")
        assert crm.records()[record_id][name] != address


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
class TestInChromium:
    @pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
    def test_an_answer_is_a_press_of_a_button(
        self, chromium: Browser, link: str, ctx: Context, size: Any, script: bool
    ) -> None:
        page = chromium.new_page(viewport=size, java_script_enabled=script)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.goto(link)
        page.get_by_role("button", name="I am not this person").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Thank you"
        page.get_by_role("link", name="Change my answer").click()
        page.get_by_label("Your number").fill("+1 415 555 2672")
        page.get_by_role("button", name="Send my number").click()
        assert "check it before we use it" in toast_of(page)
        assert [row.kind for row in reports(ctx)] == ["wrong_number", "corrected"]
        assert problems == []
        page.close()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_it_can_be_used_by_everybody(
        self, chromium: Browser, link: str, size: Any, scheme: Any
    ) -> None:
        page = chromium.new_page(viewport=size, color_scheme=scheme, bypass_csp=True)
        shots = os.environ.get("SCREENSHOTS")
        for state, path in (("ask", "?lang=en"), ("uk", "?lang=uk"), ("gone", "x")):
            page.goto(link + path)
            assert not inaccessible(page)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"]
            if shots:
                page.screenshot(path=f"{shots}/confirm-{state}-{size['width']}-{scheme}.png")
        page.goto(link + "?lang=de")
        page.get_by_label("Ihre Nummer").fill("12")
        page.get_by_role("button", name="Nummer senden").click()
        assert not inaccessible(page)
        if shots:
            page.screenshot(path=f"{shots}/confirm-bad-{size['width']}-{scheme}.png")
        page.close()


def test_a_dead_link_says_what_to_do_next(serve: Serve) -> None:
    """Why, and then what: two sentences in each language, and the page shows both."""
    address = f"{serve()}/confirm/x"
    for language, words in TRANSLATIONS.items():
        why, _, what = words.gone_why.partition(". ")
        assert why, language
        assert what.endswith("."), language
        shown = requests.get(address, params={"lang": language})
        assert shown.status_code == 404
        assert what in html.unescape(shown.text)


class TestALinkOfAMessageAboutARecordOfAFormerAccount:
    """Nothing of the record is left in our index but the message (`worker.ops.account_change`)."""

    @pytest.fixture
    def link(self, serve: Serve, ctx: Context) -> str:
        row = {
            "campaign_id": 1, "connector": "hubspot@1", "object": "contacts", "record_id": "5",
            "recipient": "person:kim", "number": NUMBER, "state": "sent", "reason": "",
            "not_before": ctx.now(), "attempts": 1, "claimed_at": ctx.now(), "price": 0,
            "code_hash": links.code_hash("x" * 16), "vendor_id": "", "answer": "",
        }  # fmt: skip
        with ctx.store.write() as connection:
            connection.execute(sa.insert(ask_messages).values(**row))
        return f"{serve()}/confirm/{'x' * 16}"

    def test_still_takes_a_stop_and_no_other_word(self, ctx: Context, link: str) -> None:
        for choice in ("yes", "no"):
            assert answer(link, choice).status_code == 404
        assert reports(ctx) == []
        assert answer(link, "stop").status_code == 200
        [report] = reports(ctx)
        assert (report.kind, report.number, report.person) == ("opt_out", NUMBER, "kim")

    def test_still_unsubscribes(self, ctx: Context, link: str) -> None:
        said = {"List-Unsubscribe": "One-Click"}
        assert requests.post(f"{link}/unsubscribe", data=said).status_code == 200
        [report] = reports(ctx)
        assert (report.reach, report.person) == ("person", "kim")
