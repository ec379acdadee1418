"""Registries on their pages: how old each is, what it holds, and what its files did."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import sqlalchemy as sa
from admin_pages import admin_page, assert_well_made, text_of
from captures import serving, settings_for
from clocks import advance_clock
from full_disks import full_disk
from logins import by_link

from worker.access import audit, users
from worker.context import Context
from worker.ops import retention
from worker.registries import imports, uploads
from worker.registries.imports import ImportRefusedError, ImportRequest
from worker.registries.model import load_one
from worker.web.pages import registries as pages

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
PAGE = "/registries/litigators"


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
            assert "Check this file. The last import stopped, and the list is unchanged" in shown
            assert "60 of 100 numbers" in shown
            assert "(60%; the limit is 5%)" in shown
            assert "more than 5% of the list" in shown
            assert "hygiene registries import litigators FILE... --replace" in shown
            assert_well_made(page, "registry")
    load(ctx, tmp_path, 101)
    assert "Check this file." not in by_link(ctx).get(f"{url}/registries/litigators").text


def csrf_of(session: requests.Session, url: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', session.get(f"{url}{PAGE}", timeout=10).text)
    assert found is not None
    return found[1]


def numbers_file(count: int, note: bytes = b"") -> bytes:
    return b"Phone,Note\r\n" + b"".join(b"+1202555%04d,%b\r\n" % (n, note) for n in range(count))


def upload(
    session: requests.Session, url: str, content: bytes, name: str = "list.csv", **fields: str
) -> requests.Response:
    """Send the form as a browser does: its fields first, in their order, then the file."""
    form = {"csrf": csrf_of(session, url), "kind": "whole", "as_of": ""} | fields
    parts: dict[str, Any] = {key: (None, value) for key, value in form.items()}
    return session.post(
        f"{url}{PAGE}/upload", files=parts | {"file": (name, content)}, timeout=20,
        allow_redirects=False,
    )  # fmt: skip


def kept_files(ctx: Context) -> list[Path]:
    return [path for path in (ctx.settings.home / "uploads").rglob("*") if path.is_file()]


def in_force(ctx: Context) -> int:
    with ctx.store.read() as connection:
        return load_one(connection, ctx.settings, "litigators").numbers


class TestAnUpload:
    def test_is_loaded_by_a_worker_and_then_deleted(self, served: tuple[str, Context]) -> None:
        url, ctx = served
        admin = by_link(ctx)
        content = numbers_file(10_000, b"-" * 200)  # more than is held at once
        assert upload(admin, url, content, as_of="2026-01-02").status_code == 303
        (path,) = kept_files(ctx)
        assert path.read_bytes() == content
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert "list.csv waits for a worker" in admin.get(f"{url}{PAGE}", timeout=10).text
        assert uploads.any_due(ctx)
        assert upload(admin, url, numbers_file(1)).status_code == 409  # one at a time
        assert uploads.load_due(ctx, ()) == 1
        assert (in_force(ctx), kept_files(ctx), uploads.any_due(ctx)) == (10_000, [], False)
        assert audit.entries(ctx.store)[0]["action"] == "registry.upload"

    def test_that_stopped_at_the_guard_is_loaded_once_an_admin_says_so(
        self, served: tuple[str, Context], tmp_path: Path
    ) -> None:
        url, ctx = served
        load(ctx, tmp_path, 100)
        admin = by_link(ctx)
        upload(admin, url, numbers_file(40))
        assert uploads.load_due(ctx, ()) == 0
        text = admin.get(f"{url}{PAGE}", timeout=10).text
        assert "60 of 100 numbers" in text
        found = re.search(r'name="upload" value="([0-9a-f]+)"', text)
        assert found is not None
        form = {"csrf": csrf_of(admin, url), "upload": found[1], "why": "they shortened it"}

        def accept(**other: str) -> int:
            answer = admin.post(
                f"{url}{PAGE}/accept", data=form | other, timeout=10, allow_redirects=False
            )
            return int(answer.status_code)

        assert accept(csrf="x") == 403
        assert accept(why="") == 422
        assert accept(upload="0" * 32) == 409
        assert in_force(ctx) == 100
        assert accept() == 303
        assert uploads.load_due(ctx, ()) == 1
        assert (in_force(ctx), kept_files(ctx)) == (40, [])
        entry = audit.entries(ctx.store)[0]
        assert (entry["action"], entry["why"]) == ("registry.accept", "they shortened it")
        assert "60 of 100 numbers" in entry["target"]
        assert accept() == 409

    def test_is_not_confirmed_for_a_list_that_has_changed_since(
        self, served: tuple[str, Context], tmp_path: Path
    ) -> None:
        url, ctx = served
        load(ctx, tmp_path, 100)
        upload(by_link(ctx), url, numbers_file(40))
        uploads.load_due(ctx, ())
        load(ctx, tmp_path, 101)
        with ctx.store.read() as connection:
            asked = uploads.of(connection, "litigators")
        assert asked is not None
        with pytest.raises(uploads.UploadError, match="has changed since"):
            uploads.accept(ctx, "litigators", asked.id, "kim")
        assert 'name="upload"' not in by_link(ctx).get(f"{url}{PAGE}", timeout=10).text
        advance_clock(ctx, days=8)
        uploads.load_due(ctx, ())
        assert kept_files(ctx) == []

    def test_of_a_worker_that_died_is_taken_up_by_the_next(
        self, served: tuple[str, Context]
    ) -> None:
        url, ctx = served
        upload(by_link(ctx), url, numbers_file(30))
        with ctx.store.read() as connection:
            waiting = uploads.of(connection, "litigators")
        assert waiting is not None
        elsewhere = replace(ctx, owner="another-machine:1:0")
        assert uploads._claim(elsewhere, "litigators", waiting.id) is not None  # it is killed here
        assert uploads.load_due(ctx, ()) == 0
        advance_clock(ctx, hours=7)
        assert uploads.load_due(ctx, ()) == 1
        assert in_force(ctx) == 30

    def test_that_the_disk_had_no_room_for_says_so_and_makes_room(
        self, served: tuple[str, Context]
    ) -> None:
        url, ctx = served
        admin = by_link(ctx)
        upload(admin, url, numbers_file(10))
        assert uploads.load_due(ctx, ()) == 1
        upload(admin, url, numbers_file(10_000))
        with full_disk(ctx.store, 5):
            assert uploads.load_due(ctx, ()) == 0
            assert kept_files(ctx) == []
        text = admin.get(f"{url}{PAGE}", timeout=10).text
        assert "its disk is full: free some space" in text
        assert "the list is unchanged" in text
        assert in_force(ctx) == 10
        assert upload(admin, url, numbers_file(10_000)).status_code == 303
        assert uploads.load_due(ctx, ()) == 1
        assert in_force(ctx) == 10_000

    def test_waits_for_a_database_that_is_away(
        self, served: tuple[str, Context], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url, ctx = served
        upload(by_link(ctx), url, numbers_file(10))

        def away(*_: object) -> None:
            raise sa.exc.TimeoutError

        with monkeypatch.context() as database:
            database.setattr(imports, "import_files", away)
            with pytest.raises(sa.exc.TimeoutError):
                uploads.load_due(ctx, ())
        assert len(kept_files(ctx)) == 1
        assert uploads.load_due(ctx, ()) == 1

    def test_that_meets_a_fault_of_ours_is_not_tried_for_ever(
        self, served: tuple[str, Context], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url, ctx = served
        admin = by_link(ctx)
        upload(admin, url, numbers_file(10))
        with monkeypatch.context() as broken:
            broken.setattr(imports, "import_files", lambda *_: {}["no such key"])
            with pytest.raises(KeyError):
                uploads.load_due(ctx, ())
        assert not uploads.any_due(ctx)
        assert "whose log says more (KeyError" in admin.get(f"{url}{PAGE}", timeout=10).text

    def test_whose_web_process_was_killed_while_it_arrived_is_deleted_after_a_day(
        self, served: tuple[str, Context]
    ) -> None:
        url, ctx = served
        upload(by_link(ctx), url, numbers_file(10))
        orphan = uploads.store(ctx, "half.csv", io.BytesIO(b"Phone\r\n+1202"))
        advance_clock(ctx, hours=20)
        assert retention.purge_expired(ctx)["uploads"] == 0
        advance_clock(ctx, hours=5)
        assert retention.purge_expired(ctx)["uploads"] == 1
        assert not orphan.parent.exists()
        assert [path.name for path in kept_files(ctx)] == ["list.csv"]

    def test_that_no_worker_can_see_says_so(self, served: tuple[str, Context]) -> None:
        url, ctx = served
        admin = by_link(ctx)
        upload(admin, url, numbers_file(30))
        uploads.discard(kept_files(ctx)[0])
        assert uploads.load_due(ctx, ()) == 0
        text = admin.get(f"{url}{PAGE}", timeout=10).text
        assert "no worker found the file" in text
        assert upload(admin, url, numbers_file(30)).status_code == 303

    def test_is_refused_before_anything_is_kept(
        self, served: tuple[str, Context], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url, ctx = served
        admin = by_link(ctx)
        users.upsert_user(ctx.store, "vic", "a long password", "viewer", ctx.now())
        viewer, stranger = requests.Session(), requests.Session()
        viewer.auth = ("vic", "a long password")
        fields: dict[str, Any] = {"csrf": (None, "x"), "kind": (None, "whole"), "file": ("a", b"1")}
        for session in (viewer, stranger, admin):
            answer = session.post(f"{url}{PAGE}/upload", files=fields, timeout=10)
            assert answer.status_code in (401, 403), session.auth
        monkeypatch.setattr(pages, "LARGEST_UPLOAD", 1000)
        assert upload(admin, url, numbers_file(100)).status_code == 413
        for wrong in ({"kind": ""}, {"as_of": "soon"}, {"as_of": "2999-01-01"}, {"name": ""}):
            assert upload(admin, url, numbers_file(10), **wrong).status_code == 422
        assert upload(admin, url, b"").status_code == 422
        assert upload(admin, url, numbers_file(10), name="../../x").status_code == 303
        (path,) = kept_files(ctx)
        assert path.name == "x"
        plain = admin.post(f"{url}{PAGE}/upload", data={"csrf": csrf_of(admin, url)}, timeout=10)
        assert plain.status_code == 422
