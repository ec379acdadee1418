"""The page /docs: every operation and schema, readable for all, under the strict policy."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from accessibility import inaccessible, too_little_contrast
from fixture_types import Serve
from logins import by_link, let_in

from worker.context import Context
from worker.web import openapi

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCUMENT = json.loads((Path(__file__).parents[3] / openapi.FILE).read_text("utf-8"))


def test_needs_a_login(serve: Serve) -> None:
    url = serve()
    answer, other = (
        requests.get(f"{url}/{name}", allow_redirects=False, timeout=10)
        for name in ("docs", "settings")
    )
    assert answer.status_code == other.status_code != 200
    assert "/api/" not in answer.text


def test_has_every_operation_and_schema_and_stays_small(serve: Serve, ctx: Context) -> None:
    answer = by_link(ctx).get(f"{serve()}/docs")
    assert answer.status_code == 200
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in answer.text
        assert f"<code>{path}</code>" in answer.text
    for name in DOCUMENT["components"]["schemas"]:
        assert f'id="schema-{name}"' in answer.text
    assert len(gzip.compress(answer.content)) < 150_000


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_fits_and_shows_an_example(
    chromium: Browser, serve: Serve, ctx: Context, width: int, scheme: Any
) -> None:
    url = serve()
    plain = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    let_in(plain, ctx)
    problems: list[str] = []
    plain.on("console", lambda message: problems.append(message.text))
    plain.on("pageerror", lambda error: problems.append(str(error)))
    plain.goto(f"{url}/docs")
    plain.get_by_text("Suppress a number", exact=True).click()
    example = plain.get_by_label("Example of POST /api/suppressions", exact=True)
    body = example.inner_text().partition("-d '")[2].removesuffix("'")
    assert json.loads(body) == {"number": "+14155550123"}
    over = plain.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert over <= 0
    plain.close()
    assert problems == []


def test_is_accessible_with_all_of_it_open(chromium: Browser, serve: Serve, ctx: Context) -> None:
    opened = chromium.new_page(
        viewport={"width": 1440, "height": 900}, color_scheme="light", bypass_csp=True,
        reduced_motion="reduce",
    )  # fmt: skip
    let_in(opened, ctx)
    opened.goto(f"{serve()}/docs")
    opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert not inaccessible(opened)
    opened.emulate_media(color_scheme="dark")
    assert not too_little_contrast(opened)
    opened.close()
