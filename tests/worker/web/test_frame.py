"""The frame of every admin page: menu, search, times, errors, and the files that it is made of."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from constants import NUMBER
from fixture_types import Serve, Sync
from logins import by_link, let_in

import worker.web
from sandbox.run import Sandbox
from worker.context import Context
from worker.store.bulk import insert
from worker.store.tables import alerts, reviews

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STATIC = Path(worker.web.__file__).parent / "static"
VENDOR = STATIC / "vendor"
CHECKSUMS = {
    "htmx/LICENSE": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    "htmx/htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "tabler/ICONS-LICENSE": "b740a1d46122672da62833e97f7e7c8a13fa85cbc7445b584b297cc00dde93db",
    "tabler/LICENSE": "ffc9291d43c87e66c3a2bfb209831b404fa44ec5bdf089bfeae2fcffa14f6fb1",
    "tabler/icons.svg": "bbaad6e0fd3189a8ec52eb332e5a5b94dc3b351cb79ecd6e223d7f4fd8f70f1d",
    "tabler/tabler.min.css": "09c0ad77d135f90fd8cbc583824b2fdbd247adbc001234d27a36f284bfecab5e",
    "uplot/LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    "uplot/uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
FIRST_LOAD = 400_000  # bytes, compressed


def waiting_reply(number: int, at: object) -> dict[str, object]:
    return {
        "key": f"r{number}", "number": NUMBER, "source": "twilio", "text": "hm", "at": at,
        "suggestion": "", "evidence": "", "decision": "", "decided_by": "",
    }  # fmt: skip


@pytest.fixture
def page(chromium: Browser, ctx: Context) -> Page:
    context = chromium.new_context(timezone_id="America/New_York")
    opened = context.new_page()
    let_in(opened, ctx)
    return opened


class TestTheMenu:
    def test_marks_where_one_is_and_what_waits(
        self, page: Page, serve: Serve, ctx: Context
    ) -> None:
        now = ctx.now()
        raised = {"key": "a", "kind": "stale", "text": "t", "path": "/", "at": now}
        with ctx.store.write() as connection:
            insert(connection, reviews, [waiting_reply(n, now) for n in range(120)])
            insert(connection, alerts, [raised | {"resolved_at": None}])
            insert(connection, alerts, [raised | {"key": "b", "resolved_at": now}])
        page.goto(f"{serve()}/runs")
        menu = page.get_by_role("navigation", name="Main")
        assert menu.locator("[aria-current=page]").inner_text().strip() == "Runs"
        assert menu.get_by_role("link", name="Reviews").inner_text().split() == ["Reviews", "99+"]
        assert menu.get_by_role("link", name="Alerts").inner_text().split() == ["Alerts", "1"]

    def test_opens_on_a_phone(self, page: Page, serve: Serve) -> None:
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto(f"{serve()}/")
        runs = page.get_by_role("link", name="Runs", exact=True)
        assert not runs.is_visible()
        button = page.get_by_role("button", name="Menu")
        button.click()
        assert button.get_attribute("aria-expanded") == "true"
        runs.click()
        page.locator("h1").get_by_text("Runs").wait_for()


class TestTheTheme:
    """Light, dark, or as the system has it; `page` is of a light system."""

    def test_follows_the_system_until_one_chooses(self, page: Page, serve: Serve) -> None:
        page.goto(f"{serve()}/runs")
        assert page.get_by_label("Theme").input_value() == "system"
        light = background(page)
        page.emulate_media(color_scheme="dark")
        assert background(page) != light

    def test_that_was_chosen_stays_on_every_page(self, page: Page, serve: Serve) -> None:
        url = serve()
        page.goto(f"{url}/runs")
        light = background(page)
        page.get_by_label("Theme").select_option("dark")
        dark = background(page)
        assert dark != light
        page.goto(f"{url}/alerts")
        assert page.get_by_label("Theme").input_value() == "dark"
        assert background(page) == dark
        page.get_by_label("Theme").select_option("light")
        page.emulate_media(color_scheme="dark")
        assert background(page) == light
        page.get_by_label("Theme").select_option("system")
        assert page.evaluate("localStorage.length") == 0
        assert background(page) == dark

    def test_is_set_before_anything_is_drawn(self, page: Page, serve: Serve) -> None:
        """Its script blocks, and comes before the styles, so that nothing flashes."""
        url = serve()
        page.goto(f"{url}/runs")
        page.get_by_label("Theme").select_option("dark")
        head = page.request.get(f"{url}/runs").text().partition("</head>")[0]
        script = '<script src="/static/theme.js"></script>'
        assert head.index(script) < head.index("stylesheet")
        page.add_init_script(
            "document.addEventListener('DOMContentLoaded', () => {"
            "  window.schemeAtFirst = document.documentElement.dataset.scheme; }, true)"
        )
        page.reload()
        assert page.evaluate("window.schemeAtFirst") == "dark"

    def test_is_in_the_menu_of_a_phone(self, page: Page, serve: Serve) -> None:
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto(f"{serve()}/runs")
        assert not page.get_by_label("Theme").is_visible()
        page.get_by_role("button", name="Menu").click()
        page.get_by_label("Theme").select_option("dark")
        assert page.evaluate("document.documentElement.dataset.scheme") == "dark"

    def test_holds_for_the_page_where_the_browser_keeps_nothing(
        self, page: Page, serve: Serve
    ) -> None:
        page.add_init_script(
            "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })"
        )
        page.goto(f"{serve()}/runs")
        light = background(page)
        page.get_by_label("Theme").select_option("dark")
        assert background(page) != light


def background(page: Page) -> str:
    page.wait_for_load_state()
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_a_row_of_a_table_becomes_a_block_of_lines_on_a_phone(
    page: Page, serve: Serve, sync: Sync, ctx: Context
) -> None:
    sync(ctx, "hubspot")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{serve()}/runs")
    page.wait_for_load_state()
    region = page.get_by_role("region", name="Runs")
    assert region.evaluate("one => one.scrollWidth <= one.clientWidth")
    labels = (
        region.locator("tbody tr")
        .first.locator("td")
        .evaluate_all("cells => cells.map(cell => cell.dataset.label)")
    )
    assert labels == ["Started", "CRM", "Scope", "State", "Read", "Changed", "Failed", "Duration"]


def test_the_search_box_is_reached_by_its_key_but_not_while_typing(
    page: Page, serve: Serve
) -> None:
    page.goto(f"{serve()}/runs/new")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.get_by_label("Why").focus()
    page.keyboard.press("/")
    assert page.get_by_label("Why").input_value() == "/"


def test_times_are_the_viewers_with_the_exact_one_on_hover(
    page: Page, serve: Serve, ctx: Context, sync: Sync
) -> None:
    run = sync(ctx, "hubspot")["run"]
    page.goto(f"{serve()}/runs")
    time = page.get_by_role("link").locator("time").first
    exact = time.get_attribute("title") or ""
    assert re.fullmatch(r"\d\d \w{3} \d{4}, \d\d:\d\d:\d\d UTC", exact), run
    assert time.inner_text() not in exact  # New York is never at UTC
    assert "America/New_York" in page.inner_text("body")


class TestAnErrorPage:
    @pytest.mark.parametrize(
        ("path", "status"), [("/nowhere", 404), ("/runs?before=x", 422), ("/numbers/x", 404)]
    )
    def test_has_the_menu_for_who_is_logged_in(
        self, serve: Serve, ctx: Context, path: str, status: int
    ) -> None:
        answer = by_link(ctx).get(f"{serve()}{path}")
        assert answer.status_code == status
        assert 'aria-label="Main"' in answer.text

    def test_shows_nobody_else_what_waits(self, serve: Serve) -> None:
        answer = requests.get(f"{serve(ADMIN_PASSWORD='fictional')}/nowhere")
        assert answer.status_code == 404
        assert 'aria-label="Main"' not in answer.text


def test_an_unknown_word_in_the_address_says_nothing(serve: Serve, ctx: Context) -> None:
    answer = by_link(ctx).get(f"{serve()}/runs?done=<b>you+won</b>")
    assert 'role="status"' not in answer.text


class TestFilesOfOthers:
    def test_are_the_ones_that_were_published(self) -> None:
        checksums = {
            path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in VENDOR.glob("*/*")
        }
        assert checksums == CHECKSUMS

    def test_are_listed_with_version_and_licence(self) -> None:
        listed = (VENDOR / "README.md").read_text()
        for folder in (path for path in VENDOR.iterdir() if path.is_dir()):
            assert f"`{folder.name}/" in listed
            assert (folder / "LICENSE").is_file()

    def test_load_nothing_from_elsewhere(self) -> None:
        for path in [*STATIC.rglob("*.css"), *(STATIC / "vendor").rglob("*.svg")]:
            for address in re.findall(
                r"(?:url\(|@import|href=)\s*[\"']?([^\"')]+)", path.read_text()
            ):
                assert address.startswith(("data:", "#")), f"{path.name}: {address[:60]}"

    def test_come_compressed_and_are_small_together(self, page: Page, serve: Serve) -> None:
        loaded: dict[str, int] = {}

        def note(response: object) -> None:
            body = response.body()  # type: ignore[attr-defined]
            packed = "gzip" in response.headers.get("content-encoding", "")  # type: ignore[attr-defined]
            loaded[response.url] = len(gzip.compress(body, 6)) if packed else len(body)  # type: ignore[attr-defined]

        page.on("response", note)
        page.goto(f"{serve()}/")
        page.wait_for_load_state("networkidle")
        assert any("tabler.min.css" in url for url in loaded)
        assert sum(loaded.values()) < FIRST_LOAD, loaded


def test_pages_themselves_are_not_compressed_since_they_hold_secrets(
    serve: Serve, ctx: Context, sandbox: Sandbox
) -> None:
    session = by_link(ctx)
    url = serve(**sandbox.env("twilio"))
    packed = {"Accept-Encoding": "gzip"}
    assert "Content-Encoding" not in session.get(f"{url}/settings", headers=packed).headers
    files = session.get(f"{url}/static/app.css", headers=packed)
    assert files.headers["Content-Encoding"] == "gzip"


def test_what_somebody_typed_turns_no_text_around_it(page: Page, serve: Serve) -> None:
    """A control that turns the direction of text ends with the value that holds it."""
    page.goto(f"{serve()}/alerts")
    after = page.evaluate(
        """() => {
            const list = document.createElement("dl"), value = document.createElement("dd");
            const typed = document.createElement("s");
            typed.textContent = "typed \u202eeman";
            value.append(typed, " \u2192 new");
            list.append(value);
            document.querySelector("main").append(list);
            const range = document.createRange();
            range.setStart(value.lastChild, 3);
            range.setEnd(value.lastChild, 6);
            return range.getBoundingClientRect().left - typed.getBoundingClientRect().right;
        }"""
    )
    assert after > 0
