"""The HubSpot card in Chromium, compiled by TypeScript, on stand-ins of HubSpot's components.

What HubSpot gives it (components, properties, `hubspot.fetch`) are stand-ins, in
`crm/hubspot/check/stubs`: this shows that the card works, not how an account looks. That it uses
HubSpot's components as they are published, `tests/test_hubspot_project.py` checks by their types.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from constants import HUBSPOT_SECRET, NUMBER
from crms import Crm
from fixture_types import Serve, Sync
from skips import skip_without

from sandbox.hubspot.app_calls import AppCalls, signed_v3
from sandbox.run import Sandbox
from worker.context import Context
from worker.sync.propagate import propagate

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

PROJECT = Path(__file__).parents[3] / "crm" / "hubspot"
CHECK = PROJECT / "check"
URL, WORKER = "https://stand-in.example", "https://hygiene.example.com"
SHOW, RECHECK = "/webhooks/hubspot/card", "/webhooks/hubspot/card/recheck"
PROPERTIES = {
    "phone": "(415) 555-2671", "mobilephone": "+44 7700 900123",
    "hygiene_phone_status": "valid", "hygiene_mobilephone_status": "wrong_number",
    "hygiene_phone_line_type": "landline", "hygiene_mobilephone_line_type": "mobile",
    "hygiene_wrong_number": "true", "hygiene_do_not_contact": "false",
    "hygiene_do_not_call": None, "hygiene_do_not_text": "",
    "hygiene_reason": "Mobile phone reaches somebody else, by a reply of 3 May.",
    "hygiene_checked_at": "1777887000000", "hygiene_best_phone": NUMBER,
    "hygiene_proposed_phone": "",
}  # fmt: skip
HISTORY = [
    {"at": "2026-05-04T09:30:00+00:00", "kind": "write",
     "text": "Mobile phone reaches somebody else, by a reply of 3 May.",
     "changes": [{"key": "status/mobilephone", "from": "valid", "to": "wrong_number"},
                 {"key": "wrong_number", "from": False, "to": True}]},
    {"at": "2026-04-20T08:00:00+00:00", "kind": "write",
     "text": "Phone and mobile phone are valid numbers.",
     "changes": [{"key": "status/phone", "from": "unverified", "to": "valid"},
                 {"key": "line_type/phone", "from": None, "to": "landline"}]},
]  # fmt: skip
QUIET = {"known": True, "waiting": False, "recheckedAt": None, "problem": None, "history": HISTORY}
BUSY = {**QUIET, "waiting": True}
Show = Callable[..., "Page"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled card and its page."""
    if shutil.which("node") is None or not (CHECK / "node_modules").is_dir():
        skip_without("node", "apt-get install npm; npm ci --omit=optional in crm/*/check")
    out = tmp_path_factory.mktemp("card")
    subprocess.run(["node", CHECK / "page.mjs", PROJECT, out], check=True, timeout=120)
    return out


@pytest.fixture
def show(built: Path, chromium: Browser) -> Iterator[Show]:
    pages = []

    def answer(route: Route) -> None:
        path = built / route.request.url.removeprefix(URL).lstrip("/").partition("?")[0]
        kind = {".html": "text/html", ".css": "text/css"}.get(path.suffix, "text/javascript")
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type=f"{kind}; charset=utf-8")
        else:
            route.fulfill(status=404)

    def open_page(
        properties: dict[str, Any] | None = None, answers: dict[str, Any] | None = None,
        width: int = 900, variables: dict[str, str] | None = None, send: Any = None,
        record_id: int = 101, **portal: Any,
    ) -> Page:  # fmt: skip
        page = chromium.new_page(viewport={"width": width, "height": 700})
        pages.append(page)
        page.clock.install()
        page.route(f"{URL}/**", answer)
        if send is not None:
            page.expose_function("sendAsHubSpot", send)
        context = {
            "portal": {"id": 62515, "timezone": "UTC"},
            "variables": {"publicUrl": WORKER} if variables is None else variables,
            "crm": {"objectId": record_id, "objectTypeId": "0-1"}, "location": "crm.record.tab",
        }  # fmt: skip
        given = {
            "context": context, "permitted": [WORKER], "calls": [], "alerts": [], "refreshes": 0,
            "properties": dict(PROPERTIES if properties is None else properties),
            "answers": {SHOW: [{"body": QUIET}], **(answers or {})}, **portal,
        }  # fmt: skip
        page.add_init_script(f"window.portal = {json.dumps(given)}")
        page.goto(f"{URL}/index.html")
        page.locator("#card > *").first.wait_for()
        return page

    yield open_page
    for page in pages:
        page.close()


def text(page: Page, element: str = "#card") -> str:
    return " ".join(page.locator(element).first.inner_text().split())


def test_each_phone_has_number_status_and_line_in_words(show: Show) -> None:
    page = show()
    rows = page.locator("tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Phone number", "(415) 555-2671", "Valid", "Landline"],
        ["Mobile phone number", "+44 7700 900123", "Reaches somebody else", "Mobile"],
    ]
    page.get_by_text("History").wait_for()
    shown = text(page)
    for phrase in (
        "Wrong number", "Reason: Mobile phone reaches somebody else, by a reply of 3 May.",
        "Best phone: +14155552671", "Last checked: May 4, 2026, 9:30 AM",
    ):  # fmt: skip
        assert phrase in shown
    assert "Do not" not in shown
    assert "Proposed" not in shown


def test_the_history_is_in_words_the_newest_first(show: Show) -> None:
    page = show()
    page.get_by_text("Apr 20, 2026").wait_for()
    shown = text(page).partition("History")[2]
    assert "Mobile phone number: Valid → Reaches somebody else Wrong number: no → yes" in shown
    assert "Phone number: Not verified → Valid" in shown
    assert "Phone number, kind of line: (empty) → Landline" in shown
    assert shown.index("May 4, 2026") < shown.index("Apr 20, 2026")


def test_a_long_history_is_shown_on_demand(show: Show) -> None:
    many = [{**HISTORY[0], "at": f"2026-05-{day:02}T09:30:00+00:00"} for day in range(20, 10, -1)]
    page = show(answers={SHOW: [{"body": {**QUIET, "history": many}}]})
    page.get_by_role("button", name="Show all 10").click()
    assert text(page).count("Wrong number: no → yes") == 10
    assert page.get_by_role("button", name="Show all").count() == 0


def test_what_a_person_may_not_see_in_hubspot_is_not_in_the_history_either(show: Show) -> None:
    hidden = {"hygiene_wrong_number", "hygiene_mobilephone_status", "mobilephone"}
    page = show({name: value for name, value in PROPERTIES.items() if name not in hidden})
    page.get_by_text("Apr 20, 2026").wait_for()
    assert page.locator("tbody tr").count() == 1
    history = text(page).partition("History")[2]
    assert "Reaches somebody else" not in history
    assert "Wrong number" not in history
    assert "May 4" not in history


def test_the_worker_is_asked_about_this_record_and_nothing_else(show: Show) -> None:
    page = show(record_id=4711)
    page.get_by_text("Apr 20, 2026").wait_for()
    assert page.evaluate("portal.calls") == [
        {"url": f"{WORKER}{SHOW}", "method": "POST",
         "body": {"objectId": 4711, "objectTypeId": "0-1"}}
    ]  # fmt: skip


def test_the_button_asks_once_waits_and_shows_what_was_found(show: Show) -> None:
    properties = {"hygiene_mobilephone_status": "valid", "hygiene_wrong_number": "false"}
    looks = [{"body": QUIET}, {"body": BUSY}, {"body": QUIET, "properties": properties}]
    page = show(answers={SHOW: looks, RECHECK: [{"body": BUSY}]})
    page.get_by_role("button", name="Re-check now").click()
    button = page.get_by_role("button", name="Checking…")
    button.wait_for()
    assert button.is_disabled()
    page.wait_for_function("portal.alerts.length > 0")
    assert page.evaluate("portal.alerts.map((one) => one.type)") == ["success"]
    for _ in range(2):
        page.clock.run_for(5_100)
    page.get_by_role("button", name="Re-check now").wait_for()
    page.wait_for_function("portal.refreshes === 1")
    assert page.locator("tbody tr").last.inner_text().split("\t")[2] == "Valid"
    paths = page.evaluate("portal.calls.map((one) => new URL(one.url).pathname)")
    assert paths == [SHOW, RECHECK, SHOW, SHOW]


def test_a_recheck_that_takes_long_is_not_waited_for_for_ever(show: Show) -> None:
    page = show(answers={SHOW: [{"body": BUSY}]})
    page.get_by_role("button", name="Checking…").wait_for()
    for _ in range(30):
        page.clock.run_for(5_100)
    page.get_by_text("It takes longer than usual.").wait_for()
    assert page.get_by_role("button", name="Re-check now").is_enabled()
    calls = page.evaluate("portal.calls.length")
    page.clock.run_for(60_000)
    assert page.evaluate("portal.calls.length") == calls < 30


@pytest.mark.parametrize(
    ("answer", "message"),
    [({"status": 403}, "It answered 403."), ({"error": "Request timed out"}, "Request timed out")],
)
def test_without_the_worker_it_shows_what_hubspot_has(
    show: Show, answer: dict[str, Any], message: str
) -> None:
    page = show(answers={SHOW: [answer], RECHECK: [answer]})
    page.get_by_text(message).wait_for()
    assert page.locator("tbody tr").count() == 2
    assert "The history could not be read." in text(page)
    page.get_by_role("button", name="Re-check now").click()
    page.get_by_role("button", name="Re-check now").wait_for()
    assert page.evaluate("portal.alerts") == []


def test_a_project_without_its_profile_is_told(show: Show) -> None:
    page = show(variables={})
    page.get_by_text("Upload the project with --profile.").wait_for()
    assert page.evaluate("portal.calls") == []


def test_missing_properties_break_nothing(show: Show) -> None:
    assert "properties of phone hygiene are missing" in text(show({"phone": "1"}))
    bare = show({"phone": "(415) 555-2671", "hygiene_phone_status": None})
    assert "Not checked yet" in text(bare, "tbody")
    empty = show({"phone": "", "mobilephone": None, "hygiene_phone_status": None})
    assert "no phone number" in text(empty)
    assert empty.get_by_role("button", name="Re-check now").is_disabled()
    assert "could not be read no access" in text(show(propertiesError="no access"))


def test_a_failed_write_is_told(show: Show) -> None:
    problem = "a rule of the account refuses it"
    failed = {"at": "2026-05-05T09:30:00+00:00", "kind": "failed", "text": problem, "changes": []}
    body = {**QUIET, "problem": problem, "history": [failed, *HISTORY]}
    page = show(answers={SHOW: [{"body": body}]})
    page.get_by_text("The last check could not be written").wait_for()
    assert f"Could not be written: {problem}" in text(page)


@pytest.mark.parametrize("width", [1000, 390])
def test_nothing_runs_out_of_the_page(show: Show, width: int, tmp_path: Path) -> None:
    page = show(width=width)
    page.get_by_text("Apr 20, 2026").wait_for()
    page.screenshot(path=tmp_path / f"hubspot-card-{width}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width


def test_with_a_real_worker_the_button_verifies_and_the_history_tells(
    show: Show, serve: Serve, ctx: Context, sandbox: Sandbox, sync: Sync
) -> None:
    crm = Crm.all(sandbox)["hubspot"]
    record_id = crm.ids()[0]
    crm.edit(record_id, {"phone/phone": NUMBER, "phone/mobilephone": ""})
    sync(ctx, "hubspot")
    worker, app_calls = serve(PUBLIC_URL=WORKER, HUBSPOT_CLIENT_SECRET=HUBSPOT_SECRET), AppCalls()

    def send(url: str, body: str) -> dict[str, Any]:
        """What HubSpot does between the card and the worker."""
        called = url + app_calls.card_query()
        headers = signed_v3(HUBSPOT_SECRET, called, body.encode())
        answer = requests.post(called.replace(WORKER, worker), data=body, headers=headers)
        return {"status": answer.status_code, "text": answer.text}

    page = show(crm.records()[record_id], record_id=int(record_id), send=send)
    page.get_by_text("Phone number: (empty) → Valid").wait_for()
    page.get_by_role("button", name="Re-check now").click()
    page.get_by_role("button", name="Checking…").wait_for()
    assert propagate(ctx, "hubspot") == 1
    page.clock.run_for(5_100)
    page.get_by_role("button", name="Re-check now").wait_for()
    assert page.evaluate("portal.refreshes") == 1
