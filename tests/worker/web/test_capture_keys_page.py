"""Capture keys on their pages: added, changed, paused, rotated, removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import sqlalchemy as sa
from admin_pages import admin_page, assert_well_made, text_of
from captures import ORIGIN, add_key, serving, settings_for
from logins import by_link

from worker.access import users
from worker.capture import keys
from worker.capture.model import CaptureKeyState
from worker.context import Context
from worker.store.tables import audit_log

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FORM = {
    "name": "shop", "origins": f"{ORIGIN}\r\nhttps://www.example.com", "per_minute": "60",
    "per_address": "6", "day_budget": "2", "month_budget": "20.50",
}  # fmt: skip


@pytest.fixture
def served(tmp_path: Path, database_url: str) -> Iterator[tuple[str, Context]]:
    with serving(settings_for(tmp_path, database_url)) as running:
        yield running


class Admin:
    """Somebody at the pages, who sends forms."""

    def __init__(self, url: str, ctx: Context) -> None:
        self.session, self.url = by_link(ctx), url

    def get(self, path: str) -> str:
        return self.session.get(self.url + path, timeout=10).text

    def post(self, path: str, status: int = 200, **form: str) -> requests.Response:
        match = re.search(r'name="csrf" value="([^"]+)"', self.get("/capture-keys"))
        assert match is not None
        answer = self.session.post(
            self.url + path, data={"csrf": match.group(1), **form}, timeout=10
        )
        assert answer.status_code == status, answer.text
        return answer


def noted(ctx: Context) -> list[str]:
    with ctx.store.read() as connection:
        return list(connection.scalars(sa.select(audit_log.c.action).order_by(audit_log.c.id)))


def test_a_key_from_its_first_day_to_its_last(served: tuple[str, Context]) -> None:
    url, ctx = served
    admin = Admin(url, ctx)
    assert "No capture keys yet" in admin.get("/capture-keys")
    added = admin.post("/capture-keys", **FORM)
    key = keys.find(ctx, "shop")
    assert added.url == f"{url}/capture-keys/shop?done=key-added"
    assert f"data-key=&#34;{key.key}&#34;" in added.text
    assert key.origins == (ORIGIN, "https://www.example.com")
    assert (str(key.day_budget), str(key.month_budget)) == ("2", "20.5")
    admin.post("/capture-keys/shop/change", **FORM | {"per_minute": "61"})
    assert keys.find(ctx, "shop").per_minute == 61
    wrong = admin.post("/capture-keys/shop/change", 422, **FORM | {"day_budget": "9"})
    assert "over capture.budget.day (5)" in wrong.text
    assert 'value="9"' in wrong.text
    admin.post("/capture-keys/shop/pause")
    assert keys.find(ctx, "shop").state == CaptureKeyState.PAUSED
    admin.post("/capture-keys/shop/resume")
    admin.post("/capture-keys/shop/rotate", keep="48", former=key.key)
    admin.post("/capture-keys/shop/rotate", 409, keep="48", former=key.key)  # sent twice
    assert keys.shown(ctx, key.key) == keys.find(ctx, "shop") != key
    admin.post("/capture-keys/shop/remove")
    assert keys.all_keys(ctx) == []
    words = ("add", "change", "pause", "resume", "rotate", "remove")
    assert noted(ctx) == [f"capture_key.{word}" for word in words]
    assert "gave a new text to the capture key" in admin.get("/audit")


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"name": "Big Name!"}, "name: use a-z"),
        ({"origins": "http://shop.example.com"}, "is not https"),
        ({"origins": " "}, "origins: name at least one"),
        ({"per_minute": "many"}, "per_minute: write a number"),
        ({"day_budget": "NaN"}, "day_budget: write an amount"),
        ({"month_budget": "0"}, "one for the day and one for the month"),
    ],
)
def test_a_mistake_is_named_and_what_was_typed_is_kept(
    served: tuple[str, Context], form: dict[str, str], problem: str
) -> None:
    url, ctx = served
    answer = Admin(url, ctx).post("/capture-keys", 422, **FORM | form)
    assert problem in answer.text
    assert 'value="6"' in answer.text
    assert keys.all_keys(ctx) == []


def test_a_viewer_changes_nothing(served: tuple[str, Context]) -> None:
    url, ctx = served
    add_key(ctx)
    users.upsert_user(ctx.store, "lee", "a long and fictional one", "viewer", ctx.now())
    session = requests.Session()
    session.auth = ("lee", "a long and fictional one")
    page = session.get(f"{url}/capture-keys/shop", timeout=10).text
    assert "shop" in page
    assert "<form" not in page.partition("<main")[2]
    for action in ("change", "pause", "rotate", "remove"):
        refused = session.post(f"{url}/capture-keys/shop/{action}", timeout=10)
        assert refused.status_code == 403
    assert session.get(f"{url}/capture-keys/none", timeout=10).status_code == 404


def test_the_pages_are_well_made(served: tuple[str, Context], chromium: Browser) -> None:
    url, ctx = served
    with admin_page(chromium, ctx, 1440, "light") as page:
        page.goto(f"{url}/capture-keys")
        page.get_by_role("button", name="Add a capture key").click()
        page.get_by_label("Name").fill("shop")
        page.get_by_label("Origins").fill(ORIGIN)
        assert_well_made(page, "capture-keys-add")
        page.get_by_role("button", name="Add", exact=True).click()
        assert "<script src=" in text_of(page)
        assert "The capture key was added" in page.inner_text("body")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{url}/capture-keys/shop")
            assert_well_made(page, "capture-key")
            page.goto(f"{url}/capture-keys")
            assert "no lookups" in text_of(page)
            assert_well_made(page, "capture-keys")
