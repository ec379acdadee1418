"""Registries on their pages: how old each is, what it holds, and what its files did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from admin_pages import admin_page, assert_well_made, text_of
from captures import serving, settings_for
from logins import by_link

from worker.context import Context
from worker.registries import imports
from worker.registries.imports import ImportRefusedError, ImportRequest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TOML = """
[registries.us-dnc]
authority = "FTC"
countries = ["US"]
[registries.litigators]
channels = ["call", "text"]
column = "Phone"
"""


@pytest.fixture
def served(tmp_path: Path, database_url: str) -> Iterator[tuple[str, Context]]:
    settings = settings_for(tmp_path, database_url, TOML)
    with serving(settings) as running:
        yield running


def load(ctx: Context, folder: Path, count: int) -> None:
    """Import a list of so many numbers, forty days ago."""
    path = folder / "list.csv"
    path.write_text("Phone\n" + "".join(f"+1202555{n:04}\n" for n in range(count)))
    at = ctx.now() - timedelta(days=40)
    imports.import_files(ctx, ImportRequest("litigators", (path,), "whole", "kim", at), ())


def test_a_registry_that_was_never_imported_says_so(served: tuple[str, Context]) -> None:
    url, ctx = served
    text = by_link(ctx).get(f"{url}/registries", timeout=10).text
    assert "us-dnc" in text
    assert "never imported" in text
    assert requests.get(f"{url}/registries", timeout=10).status_code == 403
    assert by_link(ctx).get(f"{url}/registries/none", timeout=10).status_code == 404


def test_a_file_that_stopped_at_the_guard_is_a_question(
    served: tuple[str, Context], tmp_path: Path, chromium: Browser
) -> None:
    url, ctx = served
    load(ctx, tmp_path, 100)
    with pytest.raises(ImportRefusedError):
        load(ctx, tmp_path, 40)
    with admin_page(chromium, ctx, 1440, "light") as page:
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{url}/suppressions")
            page.get_by_role("link", name="Registries").click()
            assert "100" in text_of(page)
            assert "40 days old" in text_of(page)
            assert_well_made(page, "registries")
            page.get_by_role("link", name="litigators", exact=True).click()
            shown = text_of(page)
            assert "Calls and texts" in shown
            assert "A question. The last import stopped, and the list is unchanged" in shown
            assert "60 of 100 numbers" in shown
            assert "hygiene registries import litigators FILE... --replace" in shown
            assert_well_made(page, "registry")
    load(ctx, tmp_path, 101)
    assert "A question." not in by_link(ctx).get(f"{url}/registries/litigators").text
