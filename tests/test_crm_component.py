"""The Lightning component phoneHygiene in Chromium, compiled by Salesforce's own compiler.

What Lightning gives it (records, labels, base components) are stand-ins, in
`crm/salesforce/check/stubs`: this shows that the component works, not how an org looks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from constants import NUMBER
from skips import skip_without

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

ROOT = Path(__file__).parent.parent / "crm" / "salesforce"
CHECK = ROOT / "check"
URL = "https://stand-in.example"
LABELS = {
    "Phone": "Business Phone", "MobilePhone": "Mobile", "HomePhone": "Home Phone",
    "Phone_Status__c": "Phone Status",
}  # fmt: skip
CONTACT = {
    "Id": "003000000000001AAA", "Phone": "(415) 555-2671", "MobilePhone": "+44 7700 900123",
    "HomePhone": "555-0100", "OtherPhone": None, "Phone_Status__c": "valid",
    "MobilePhone_Status__c": "wrong_number", "HomePhone_Status__c": "unverified",
    "OtherPhone_Status__c": None, "Phone_Line_Type__c": "landline",
    "MobilePhone_Line_Type__c": "mobile", "HomePhone_Line_Type__c": None,
    "Best_Phone__c": NUMBER, "Proposed_Phone__c": None,
    "Phone_Hygiene_Reason__c": "MobilePhone reaches somebody else, by a reply of 3 May.",
    "Phone_Checked_At__c": "2026-05-04T09:30:00.000Z",
    "Phone_Hygiene_Run__c": "20260504-092955-1f2e3d", "Recheck_Phone__c": False,
    "Wrong_Number__c": True, "Phone_Do_Not_Contact__c": False, "Phone_Do_Not_Call__c": False,
    "Phone_Do_Not_Text__c": False,
}  # fmt: skip
HISTORY = [
    {"key": "1", "field": "Phone_Status__c", "oldValue": "unverified", "newValue": "valid",
     "changedBy": "Phone Hygiene", "changedAt": "2026-05-04T09:30:00.000Z"},
    {"key": "2", "field": "Phone", "oldValue": None, "newValue": "(415) 555-2671",
     "changedBy": "Kim Doe", "changedAt": "2026-05-01T08:00:00.000Z"},
]  # fmt: skip
# What a person reads of an element: its own text, and that of the components within it.
READ = """function read(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (node.tagName === 'STYLE') return '';
  const inside = (node.shadowRoot ?? node).childNodes;
  return [...(node.tagName === 'SLOT' ? node.assignedNodes() : inside)].map(read).join(' ');
}"""
Show = Callable[..., "Page"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled component and its page."""
    if shutil.which("node") is None or not (CHECK / "node_modules").is_dir():
        skip_without("node", "apt-get install npm; npm ci --omit=optional in crm/*/check")
    out = tmp_path_factory.mktemp("component")
    subprocess.run(["node", CHECK / "page.mjs", ROOT, out], check=True, timeout=120)
    return out


@pytest.fixture
def show(built: Path, chromium: Browser) -> Iterator[Show]:
    pages = []

    def answer(route: Route) -> None:
        path = built / route.request.url.removeprefix(URL).lstrip("/").partition("?")[0]
        kind = "text/html" if path.suffix == ".html" else "text/javascript"
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type=f"{kind}; charset=utf-8")
        else:
            route.fulfill(status=404)

    def open_page(
        record: dict[str, Any] | None = None, object_name: str = "Contact", width: int = 900,
        hide_history: bool = False, **org: Any,
    ) -> Page:  # fmt: skip
        page = chromium.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        page.route(f"{URL}/**", answer)
        page_of = {
            "recordId": "003000000000001AAA", "objectApiName": object_name,
            "hideHistory": hide_history,
        }  # fmt: skip
        given = {
            "record": dict(CONTACT if record is None else record), "labels": LABELS, "updates": [],
            "page": page_of, **org,
        }  # fmt: skip
        page.add_init_script(f"window.org = {json.dumps(given)}")
        page.goto(f"{URL}/index.html")
        page.wait_for_selector("body[data-ready]")
        page.locator("c-phone-hygiene h2").wait_for()
        return page

    yield open_page
    for page in pages:
        page.close()


def text(page: Page, element: str = "c-phone-hygiene") -> str:
    return " ".join(page.locator(element).first.evaluate(READ).split())


def test_each_number_has_a_status_in_words(show: Show) -> None:
    page = show(history=HISTORY)
    rows = [text(page, f".phone >> nth={place}") for place in range(page.locator(".phone").count())]
    assert rows == [
        "Business Phone (415) 555-2671 ✔ Valid, landline",
        "Mobile +44 7700 900123 ✖ Reaches somebody else, mobile",
        "Home Phone 555-0100 ▲ Not verified",
    ]
    shown = text(page)
    for phrase in (
        "Wrong number", "Best phone +14155552671", "by a reply of 3 May", "May 4, 2026, 09:30 AM",
        "20260504-092955-1f2e3d",
    ):  # fmt: skip
        assert phrase in shown
    assert "Do not contact" not in shown


def test_history_is_that_of_the_org_and_an_empty_one_says_how_to_turn_it_on(show: Show) -> None:
    shown = text(show(history=HISTORY))
    assert "Phone Status Not verified → Valid May 4, 2026, 09:30 AM by Phone Hygiene" in shown
    assert "Business Phone (empty) → (415) 555-2671" in shown
    shown = text(show())
    assert "Set History Tracking" in shown
    assert "Contact › Fields" in shown
    assert "could not be read: no access" in text(show(historyError="no access"))
    assert "History" not in text(show(hide_history=True))


def test_the_button_ticks_recheck_and_says_so(show: Show) -> None:
    page = show()
    page.get_by_role("button", name="Re-check").click()
    page.get_by_role("button", name="Re-check requested").wait_for()
    assert page.get_by_role("button").is_disabled()
    assert page.evaluate("org.updates") == [{"Id": "003000000000001AAA", "Recheck_Phone__c": True}]
    assert page.evaluate("toasts.map((one) => one.variant)") == ["success"]


def test_a_refused_tick_is_told_in_the_words_of_salesforce(show: Show) -> None:
    page = show(updateError="insufficient access rights")
    page.get_by_role("button", name="Re-check").click()
    page.wait_for_function("toasts.length == 1")
    assert page.evaluate("toasts[0].message") == "insufficient access rights"
    assert page.get_by_role("button", name="Re-check").is_enabled()


def test_missing_fields_break_nothing(show: Show) -> None:
    kept = {"Id", "Phone", "Phone_Status__c", "MobilePhone"}
    page = show({name: value for name, value in CONTACT.items() if name in kept})
    assert page.locator(".phone").count() == 2
    assert "Not checked yet" in text(page)
    assert page.get_by_role("button").count() == 0
    assert "permission set Phone Hygiene User" in text(show({"Id": "1", "Phone": "1"}))
    assert "could not be read: gone" in text(show(recordError="gone"))


def test_leads_and_person_accounts_have_their_own_phones(show: Show) -> None:
    lead = show(object_name="Lead")
    assert lead.locator(".phone").count() == 2
    person = {
        "Id": "1", "IsPersonAccount": True, "Phone": "1", "PersonMobilePhone": "2",
        "PersonMobilePhone_Status__c": "invalid",
    }  # fmt: skip
    for name in ("Account", "PersonAccount"):
        assert "PersonMobilePhone 2 ✖ Invalid number" in text(show(person, name))
    assert "is a company" in text(show({**person, "IsPersonAccount": False}, "Account"))


@pytest.mark.parametrize("width", [900, 390])
def test_nothing_runs_out_of_the_page(show: Show, width: int, tmp_path: Path) -> None:
    page = show(history=HISTORY, width=width)
    page.screenshot(path=tmp_path / f"component-{width}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
