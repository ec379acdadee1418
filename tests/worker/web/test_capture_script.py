"""The script that a form of another site includes: it warns, and never holds the form up."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from captures import add_key, serving, settings_for
from limits import lower_limits

from worker.capture.snippet import snippet
from worker.context import Context
from worker.web.capture_script import script

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FORM = """<!doctype html><html lang="{lang}"><head><title>Order</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{line}</head><body><main>
<h1>Order</h1><form action="/sent" method="get">
<p><label for="phone">Phone</label> <input id="phone" name="phone" type="tel"
  aria-describedby="why"> <span id="why">We call you once.</span></p>
<p><label>Country <select name="country"><option>US</option><option>DE</option></select></label></p>
<p><label>Fax <input name="fax" type="tel" data-hygiene="off"></label></p>
<button>Order</button></form></main></body></html>"""


@contextmanager
def shop(pages: dict[str, str], policy: str) -> Iterator[str]:
    """Another site with a form, which allows no more than the script needs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path.partition("?")[0], "<title>Thanks</title>Thanks").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def served(tmp_path: Path, database_url: str) -> Iterator[tuple[str, Context]]:
    with serving(settings_for(tmp_path, database_url)) as running:
        yield running


def hint_of(page: Page) -> str:
    return page.locator("#phone + .hygiene-hint").inner_text()


def wait_for_hint(page: Page, text: str) -> None:
    page.wait_for_function(
        "text => document.querySelector('#phone + .hygiene-hint').textContent.includes(text)",
        arg=text,
    )


def test_it_warns_of_a_typo_and_blocks_nothing(
    served: tuple[str, Context], chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower_limits(monkeypatch, capture_give_up=20.0)
    url, ctx = served
    pages: dict[str, str] = {}
    policy = f"default-src 'none'; script-src {url}; connect-src {url}; form-action 'self'"
    with shop(pages, policy) as site:
        key = add_key(ctx, origins=(site,), per_address=100)
        line = snippet(ctx.settings, key).replace(
            f"http://127.0.0.1:{ctx.settings.port}", url
        ).replace('data-country=""', 'data-country-field="country"')  # fmt: skip
        for name, lang in (("en", "en-US"), ("de", "de")):
            pages[f"/{name}"] = FORM.format(lang=lang, line=line)
        pages["/down"] = FORM.format(lang="en", line=line.replace(url, "http://127.0.0.1:9"))
        page = chromium.new_page(viewport={"width": 390, "height": 800})
        page.set_default_timeout(10_000)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.url) if "/api/" in r.url else None)

        page.goto(f"{site}/en")
        field = page.locator("#phone")
        # While it is typed, without leaving the field; and the number is in no address.
        field.press_sequentially("415 555 267")
        wait_for_hint(page, "seems too short")
        assert field.get_attribute("aria-describedby") == "why hygiene-hint-1"
        note = page.locator("#phone + .hygiene-hint")
        assert note.get_attribute("role") == "status"
        assert field.get_attribute("aria-invalid") is None
        field.press_sequentially("1")
        page.keyboard.press("Tab")
        page.wait_for_function("!document.querySelector('.hygiene-hint').textContent")
        assert field.get_attribute("aria-describedby") == "why"
        # A number that may be meant is put in by one press, which sends nothing.
        field.fill("145 555 2671")
        page.keyboard.press("Tab")
        wait_for_hint(page, "Did you mean +14155552671?")
        from axe_playwright_python.sync_playwright import Axe

        session = page.context.new_cdp_session(page)
        session.send("Page.setBypassCSP", {"enabled": True})
        results = Axe().run(page, options={"preload": False})
        assert not results.violations_count, results.generate_report()
        session.send("Page.setBypassCSP", {"enabled": False})
        note.get_by_role("button").click()
        assert field.input_value() == "+14155552671"
        assert page.url == f"{site}/en"
        # The form's own country counts.
        field.fill("030 22732152")
        page.keyboard.press("Tab")
        wait_for_hint(page, "seems too long")
        page.select_option("select", "DE")
        field.focus()
        page.keyboard.press("Tab")
        page.wait_for_function("!document.querySelector('.hygiene-hint').textContent")
        # It hears no submit: a number with a warning is sent as it stands.
        field.fill("99999 1")
        page.keyboard.press("Tab")
        wait_for_hint(page, "check this phone number")
        page.get_by_role("button", name="Order").click()
        page.wait_for_url(f"{site}/sent?phone=99999+1&country=DE&fax=")
        # A field that is marked is left alone, and another language is spoken.
        page.goto(f"{site}/de")
        before = len(asked)
        page.locator("[name=fax]").fill("12345")
        field.fill("415 555 267")
        page.keyboard.press("Tab")
        wait_for_hint(page, "scheint zu kurz")
        assert len(asked) == before + 1
        assert not any("415" in address.partition("/api/")[2] for address in asked)
        assert problems == []
        # Without us the form is as without the script.
        page.goto(f"{site}/down")
        field.fill("415 555 267")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site}/sent?phone=415+555+267&country=US&fax=")
        page.close()


def test_a_service_that_fails_while_somebody_types_is_not_noticed(
    served: tuple[str, Context], chromium: Browser
) -> None:
    url, ctx = served
    pages: dict[str, str] = {}
    with shop(pages, f"default-src 'none'; script-src {url}; connect-src {url}") as site:
        line = snippet(ctx.settings, add_key(ctx, origins=("https://elsewhere.example",)))
        pages["/"] = FORM.format(
            lang="en", line=line.replace(f"http://127.0.0.1:{ctx.settings.port}", url)
        )
        page = chromium.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{site}/")
        with page.expect_event("requestfailed"):  # refused: of another origin
            page.locator("#phone").fill("415 555 267")
            page.keyboard.press("Tab")
        assert hint_of(page) == ""
        assert errors == []
        page.close()


class TestItsAddress:
    def test_is_kept_for_an_hour_and_asked_for_by_its_mark(
        self, served: tuple[str, Context]
    ) -> None:
        answer = requests.get(f"{served[0]}/capture.js", timeout=10)
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Cache-Control"].startswith("public, max-age=3600")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        mark = {"If-None-Match": answer.headers["ETag"]}
        again = requests.get(f"{served[0]}/capture.js", headers=mark, timeout=10)
        assert (again.status_code, again.content) == (304, b"")

    def test_of_exactly_this_script_never_changes(self, served: tuple[str, Context]) -> None:
        answer = requests.get(served[0] + script().path, timeout=10)
        digest = base64.b64encode(hashlib.sha384(answer.content).digest()).decode()
        assert script().integrity == f"sha384-{digest}"
        assert "immutable" in answer.headers["Cache-Control"]
        assert requests.get(f"{served[0]}/capture.0123456789ab.js", timeout=10).status_code == 404
